package preprocess

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"

	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/stages/preprocess/record"
)

// item is a record on its way to a worker, or why there is none.
type item struct {
	raw     record.Raw
	decoded record.Record // of a record that was looked into already
	source  int
	left    bool  // filter does not let it through
	err     error // a record.Mistake
}

// place is where the record stands.
func (it *item) place() record.Place {
	if it.decoded.Fields != nil {
		return it.decoded.Place
	}
	return it.raw.Place
}

// stream reads the records of a source as often as its weight says. Whole passes take every record. What is left
// of the weight takes round(rest*n) of the n records, in their order, every such choice being as likely as any
// other (selection sampling); it depends on the seed and on the source's place in the list alone.
type stream struct {
	*source
	index int
	rand  *rand.Rand
	looks bool // whether it must know what filter lets through

	full  int64 // whole passes to come
	rest  float64
	count int64 // records of one pass; -1 until counted

	file  *record.File
	next  int   // of files
	taken int64 // of this pass
	read  int64 // bytes of files that are done with
	part  *part // the last pass, when it takes some of the records only
	ahead *item // what done found

	align    bool  // records that become nothing do not count (compat)
	passes   int   // ended ones, counting included
	filtered int64 // records that filter left out, in the first pass
}

// part takes want of left records.
type part struct{ want, left int64 }

func newStream(s *source, index int, weight float64, seed int64) *stream {
	whole, rest := math.Modf(weight)
	return &stream{
		source: s, index: index, full: int64(whole), rest: rest, count: -1, looks: s.change.Filters() && (s.limit > 0 || rest > 0),
		rand: rand.New(rand.NewPCG(uint64(seed), uint64(index))),
	}
}

// take is the next record of all passes; io.EOF ends the stream.
func (s *stream) take(ctx context.Context) (item, error) {
	if s.ahead != nil {
		it := *s.ahead
		s.ahead = nil
		return it, nil
	}
	for {
		if s.full == 0 && s.part == nil {
			if err := s.last(ctx); err != nil {
				return item{}, err
			}
		}
		it, err := s.pass(ctx)
		switch {
		case errors.Is(err, io.EOF) && s.full > 0:
			s.full--
			s.count = s.taken
			s.rewind()
		case errors.Is(err, io.EOF):
			s.part.want = 0
			return item{}, io.EOF
		case err != nil:
			return item{}, err
		case (s.part == nil || s.part.takes(s.rand)) && s.aligned(&it):
			return it, nil
		}
	}
}

// aligned says whether the reference would take a record into a mix: it sorts out those of which the handler makes
// nothing before it counts.
func (s *stream) aligned(it *item) bool {
	if !s.align || it.err != nil {
		return true
	}
	if it.decoded.Fields == nil {
		if it.decoded, it.err = record.Decode(it.raw, s.options); it.err != nil {
			return true
		}
		it.raw = record.Raw{Place: it.raw.Place}
	}
	doc, err := s.handler.Encode(it.decoded, nil)
	return err != nil || doc.Dropped == ""
}

// last begins the pass that takes a part of the records; io.EOF when there is none.
func (s *stream) last(ctx context.Context) error {
	if s.rest == 0 {
		return io.EOF
	}
	if s.count < 0 {
		n := int64(0)
		for {
			_, err := s.pass(ctx)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return err
			}
			n++
		}
		s.count = n
		s.rewind()
	}
	s.part = &part{want: int64(math.Round(s.rest * float64(s.count))), left: s.count}
	return nil
}

// takes says whether the next of the records is among those wanted.
func (p *part) takes(r *rand.Rand) bool {
	p.left--
	if p.want == 0 || r.Int64N(p.left+1) >= p.want {
		return false
	}
	p.want--
	return true
}

// done says whether nothing is left to take. It may have to read ahead.
func (s *stream) done(ctx context.Context) (bool, error) {
	if s.ahead != nil {
		return false, nil
	}
	it, err := s.take(ctx)
	if errors.Is(err, io.EOF) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	s.ahead = &it
	return false, nil
}

// again starts from the beginning, for one pass.
func (s *stream) again() {
	s.full, s.rest, s.part = 1, 0, nil
	s.rewind()
}

func (s *stream) rewind() {
	s.close()
	s.next, s.taken = 0, 0
	s.passes++
}

// pass is the next record of one pass over the files, after filter where the stream has to count what it lets through.
func (s *stream) pass(ctx context.Context) (item, error) {
	if s.limit > 0 && s.taken >= s.limit {
		return item{}, io.EOF
	}
	if s.part != nil && s.part.want == 0 {
		return item{}, io.EOF
	}
	for {
		if s.taken&63 == 0 && ctx.Err() != nil {
			return item{}, ctx.Err()
		}
		it, err := s.record()
		if err != nil {
			return item{}, err
		}
		if !s.looks || it.err != nil {
			s.taken++
			return it, nil
		}
		keep := false
		if it.decoded, it.err = record.Decode(it.raw, s.options); it.err == nil {
			it.raw = record.Raw{Place: it.raw.Place}
			keep, it.err = s.change.Apply(it.decoded)
		}
		if keep || it.err != nil {
			s.taken++
			return it, nil
		}
		if s.passes == 0 {
			s.filtered++
		}
		if ctx.Err() != nil {
			return item{}, ctx.Err()
		}
	}
}

// record is the next record of the files.
func (s *stream) record() (item, error) {
	for {
		if s.file == nil {
			if s.next == len(s.files) {
				return item{}, io.EOF
			}
			f, err := record.Open(s.files[s.next], s.options)
			if err != nil {
				return item{}, fault.Wrap(fault.Data, err)
			}
			s.file = f
			s.next++
		}
		raw, err := s.file.Next()
		switch {
		case err == nil:
			return item{raw: raw, source: s.index}, nil
		case record.Skippable(err):
			return item{err: err, source: s.index}, nil
		case !errors.Is(err, io.EOF):
			return item{}, fault.Wrap(fault.Data, err)
		}
		s.close()
	}
}

// offset is how many bytes were read.
func (s *stream) offset() int64 {
	if s.file == nil {
		return s.read
	}
	return s.read + s.file.Offset()
}

func (s *stream) close() {
	if s.file != nil {
		s.read += s.file.Offset()
		s.file.Close()
		s.file = nil
	}
}

// empty is the error of a source without records.
func (s *source) empty() error { return fault.New(fault.Data, "read input %s: no records", s.name) }

// passes is how often the files are read: counting is one more.
func (s *source) passes() float64 {
	if s.weight > 0 && s.weight < 1 {
		return 2
	}
	return math.Ceil(s.weight)
}

func (s *source) size() (int64, error) {
	total := int64(0)
	for _, f := range s.files {
		info, err := os.Stat(f)
		if err != nil {
			return 0, fmt.Errorf("find input: %w", err)
		}
		total += info.Size()
	}
	return int64(float64(total) * s.passes()), nil
}
