package preprocess

import (
	"context"
	"fmt"
	"slices"

	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/stages/corpus"
	"github.com/belay-ml/belay/stages/preprocess/handler"
	"golang.org/x/sync/errgroup"
)

// packSink spools samples and writes them in packs when all are known.
type packSink struct {
	*target
	compat bool
	spool  *spool
}

func newPackSink(t *target, compat bool, from *written) (*packSink, error) {
	s, err := newSpool(t, from)
	return &packSink{target: t, compat: compat, spool: s}, err
}

func (s *packSink) size() int64            { return s.spool.size }
func (s *packSink) mark() (written, error) { return s.spool.mark() }
func (s *packSink) abort()                 { s.spool.abort() }

func (s *packSink) add(doc handler.Document) error {
	if s.compat || s.fit(doc) {
		for k, ids := range doc.Sequences[0] {
			if err := s.addSample(ids, doc.Sequences[2][k]); err != nil {
				return err
			}
		}
	}
	s.spool.endRecord()
	return nil
}

// addSample spools one sample of a record.
func (s *packSink) addSample(ids, labels []int32) error {
	if s.compat {
		switch {
		case len(ids) > s.limit:
			s.stats.drop(fmt.Sprintf("longer than seq_length %d", s.limit))
			return nil
		case len(ids) == s.limit:
			return fault.New(fault.Data, "pack record %d: a sample has exactly seq_length (%d) tokens, and the reference never ends on one", s.stats.Records, s.limit).
				WithHint("leave compat out, or change seq_length")
		}
	}
	learned, err := s.spool.add(ids, labels)
	if err != nil {
		return err
	}
	s.stats.count(ids, learned)
	s.stats.show(ids, labels)
	return nil
}

func (s *packSink) close(ctx context.Context) (out []corpus.IndexSummary, err error) {
	defer s.abort()
	if err := s.spool.finish(ctx); err != nil {
		return nil, err
	}
	groups, err := s.groups()
	if err != nil {
		return nil, err
	}
	w, err := s.outputs(nil)
	if err != nil {
		return nil, err
	}
	defer w.abort()
	if !s.compat {
		lengths, err := s.open(s.dir, []string{corpus.LengthsPrefix(s.prefix)}, corpus.I32, nil)
		if err != nil {
			return nil, err
		}
		w.names, w.all = append(w.names, lengths.names...), append(w.all, lengths.all...)
	}
	capacity := s.limit
	if s.compat {
		capacity--
	}
	p := packer{packSink: s, to: w}
	for _, g := range groups {
		p.first = g[0]
		packs, err := corpus.Packs(g[1]-g[0], func(i int) int { return s.spool.length(g[0] + i) }, capacity)
		if err != nil {
			return nil, err
		}
		for pack := range packs {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if err := p.add(pack); err != nil {
				return nil, err
			}
		}
		if err := p.flush(); err != nil {
			return nil, err
		}
	}
	return w.close(ctx)
}

// groups are the ranges of samples that are packed apart: the records in n_subs equal parts, and those
// that are left over.
func (s *packSink) groups() ([][2]int, error) {
	if s.subsets <= 1 {
		return [][2]int{{0, s.spool.samples()}}, nil
	}
	rows := s.spool.records()
	gap := rows / s.subsets
	if gap == 0 {
		return nil, fault.New(fault.Data, "pack: n_subs %d is more than the %d records", s.subsets, rows)
	}
	var out [][2]int
	for from := 0; from < rows; from += gap {
		first, _ := s.spool.record(from)
		_, end := s.spool.record(min(from+gap, rows) - 1)
		out = append(out, [2]int{first, end})
	}
	return out, nil
}

const (
	// forgetEvery is how many ids are read of the spool before its memory is given back.
	forgetEvery = 2 << 20
	// packsAtOnce is how many packs are written together, the fields side by side.
	packsAtOnce = 64
)

// packer writes packs; it keeps its rows from one to the next.
type packer struct {
	*packSink
	to    writers
	first int // sample that the packs' numbers begin at
	packs [][]int32
	rows  [4][]int32
	runs  []int32
	read  int // ids, since the spool's memory was given back
}

// add takes a pack of samples.
func (p *packer) add(pack []int32) error {
	if n := len(p.packs); n < cap(p.packs) {
		p.packs = p.packs[:n+1]
		p.packs[n] = append(p.packs[n][:0], pack...)
	} else {
		p.packs = append(p.packs, slices.Clone(pack))
	}
	if len(p.packs) < packsAtOnce {
		return nil
	}
	return p.flush()
}

// flush writes the packs that were added.
func (p *packer) flush() error {
	var g errgroup.Group
	for f := range p.to.all {
		g.Go(func() error {
			for _, pack := range p.packs {
				row, err := p.row(f, pack)
				if err != nil {
					return err
				}
				if err := p.to.all[f].Add(row); err != nil {
					return err
				}
				p.to.all[f].EndDocument()
			}
			return nil
		})
	}
	err := g.Wait()
	// Packs read all over the spool: without this its pages would count as this process's memory.
	if p.read += len(p.packs) * p.limit; p.read >= forgetEvery {
		p.spool.forget()
		p.read = 0
	}
	p.packs = p.packs[:0]
	return err
}

// row is a field of a pack, filled up to the limit: ids, mask, labels or lengths. The reference copies the ids into mask
// and labels too.
func (p *packer) row(f int, pack []int32) (row []int32, err error) {
	row = p.rows[f][:0]
	defer func() { p.rows[f] = row }()
	pad := p.pad
	for _, i := range pack {
		i := p.first + int(i)
		switch {
		case f == 3:
			row = append(row, int32(p.spool.length(i)))
		case f == 0 || p.compat:
			row, err = p.spool.appendIDs(row, i)
		case f == 1:
			row = append(row, handler.Mask(p.spool.length(i))...)
		default:
			row, p.runs, err = p.spool.appendLabels(row, i, p.runs)
		}
		if err != nil {
			return row, err
		}
	}
	switch {
	case f == 3:
		return row, nil
	case p.compat:
		pad = [...]int32{0, 1, corpus.Ignored}[f]
	case f == 1:
		pad = 0
	case f == 2:
		pad = corpus.Ignored
	}
	for len(row) < p.limit {
		row = append(row, pad)
	}
	return row, nil
}
