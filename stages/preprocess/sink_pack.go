package preprocess

import (
	"context"
	"fmt"
	"iter"
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
func (s *packSink) keeps() bool            { return s.spool.keeps() }

func (s *packSink) add(doc handler.Document) error {
	if s.compat || s.fit(doc) {
		for _, one := range doc.Samples {
			if err := s.addSample(one); err != nil {
				return err
			}
		}
	}
	s.spool.endRecord()
	return nil
}

// addSample spools one sample of a record.
func (s *packSink) addSample(one handler.Sample) error {
	if s.compat {
		switch {
		case len(one.IDs) > s.limit:
			s.stats.drop(fmt.Sprintf("longer than seq_length %d", s.limit))
			return nil
		case len(one.IDs) == s.limit:
			return fault.New(fault.Data, "pack record %d: a sample has exactly seq_length (%d) tokens, and the reference never ends on one", s.stats.Records, s.limit).
				WithHint("leave compat out, or change seq_length")
		}
	}
	s.stats.addLength(one)
	return s.spool.add(one)
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
		if err := p.write(ctx, packs); err != nil {
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
	// packsAtOnce is how many packs go to the fields' writers together.
	packsAtOnce = 64
)

// packer writes packs, the fields side by side.
type packer struct {
	*packSink
	to    writers
	first int // sample that the packs' numbers begin at
}

// write writes all packs that come.
func (p *packer) write(ctx context.Context, packs iter.Seq[[]int32]) error {
	g, ctx := errgroup.WithContext(ctx)
	fields := make([]chan [][]int32, len(p.to.all))
	for f := range fields {
		fields[f] = make(chan [][]int32, 2)
		g.Go(func() error {
			w := fieldWriter{packer: p, to: p.to.all[f], field: f}
			for packs := range fields[f] {
				if err := w.write(packs); err != nil {
					return err
				}
			}
			return nil
		})
	}
	g.Go(func() error {
		defer func() {
			for _, c := range fields {
				close(c)
			}
		}()
		send := func(some [][]int32) error {
			for _, c := range fields {
				select {
				case c <- some:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return nil
		}
		var some [][]int32
		for pack := range packs {
			if some = append(some, slices.Clone(pack)); len(some) == packsAtOnce {
				if err := send(some); err != nil {
					return err
				}
				some = nil
			}
		}
		return send(some)
	})
	return g.Wait()
}

// fieldWriter writes one field of packs: ids, mask, labels or lengths.
type fieldWriter struct {
	*packer
	to    *corpus.Writer
	field int
	runs  []int32
	read  int // ids, since the spool's memory was given back
}

func (w *fieldWriter) write(packs [][]int32) error {
	for _, pack := range packs {
		n := w.limit
		if w.field == 3 {
			n = len(pack)
		}
		if err := w.to.Fill(n, func(ids []int32) error { return w.row(ids, pack) }); err != nil {
			return err
		}
		w.to.EndDocument()
	}
	// Packs read all over the spool: without this its pages would count as this process's memory.
	if w.read += len(packs) * w.limit; w.read >= forgetEvery {
		w.spool.forget()
		w.read = 0
	}
	return nil
}

// row fills in a field of a pack, up to the limit. The reference copies the ids into mask and labels too.
func (w *fieldWriter) row(row, pack []int32) (err error) {
	pad := w.pad
	for k, i := range pack {
		i := w.first + int(i)
		n := w.spool.length(i)
		switch {
		case w.field == 3:
			row[k] = int32(n)
			continue
		case w.field == 0 || w.compat:
			err = w.spool.ids(row[:n], i)
		case w.field == 1:
			copy(row, handler.Mask(n))
		default:
			w.runs, err = w.spool.labels(row[:n], i, w.runs)
		}
		if err != nil {
			return err
		}
		if w.field == 0 {
			w.stats.tokens(row[:n]) // not in add: they are another processor's there
		}
		row = row[n:]
	}
	switch {
	case w.field == 3:
		return nil
	case w.compat:
		pad = [...]int32{0, 1, corpus.Ignored}[w.field]
	case w.field == 1:
		pad = 0
	case w.field == 2:
		pad = corpus.Ignored
	}
	for i := range row {
		row[i] = pad
	}
	return nil
}
