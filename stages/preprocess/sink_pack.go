package preprocess

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/models/chat"
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
	if err := s.spool.occupy(doc.Samples); err != nil {
		return err
	}
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

// gatherIDs is how many ids of packs are gathered before they are written.
const gatherIDs = 256 << 10

// packer gathers packs and writes them, the fields side by side.
type packer struct {
	*packSink
	to    writers
	first int       // sample that the packs' numbers begin at
	idle  sync.Pool // of *gathered
}

// gathered are some packs.
type gathered struct {
	ids     []int32 // limit for each pack
	packs   []pack
	samples []packedSample
	labels  chat.Labels
	users   atomic.Int32 // fields that have not written them
}

// pack is one of gathered packs: its ids that are not padding, and its samples, up to the end of both.
type pack struct{ used, samples int }

// packedSample is the number of ids and where the labels end.
type packedSample struct{ ids, labels int }

// write writes all packs that come.
func (p *packer) write(ctx context.Context, packs iter.Seq[[]int32]) error {
	g, ctx := errgroup.WithContext(ctx)
	fields := make([]chan *gathered, len(p.to.all))
	for f := range fields {
		fields[f] = make(chan *gathered, 2)
		g.Go(func() error {
			w := fieldWriter{packer: p, to: p.to.all[f], field: f}
			for some := range fields[f] {
				if err := w.write(some); err != nil {
					return err
				}
				if some.users.Add(-1) == 0 {
					p.idle.Put(some)
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
		return p.gather(packs, func(some *gathered) error {
			some.users.Store(int32(len(fields)))
			for _, c := range fields {
				select {
				case c <- some:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return nil
		})
	})
	return g.Wait()
}

// gather reads the samples of packs.
func (p *packer) gather(packs iter.Seq[[]int32], emit func(*gathered) error) error {
	var some *gathered
	for numbers := range packs {
		if some == nil {
			if some, _ = p.idle.Get().(*gathered); some == nil {
				some = &gathered{}
			}
			some.ids, some.packs, some.samples, some.labels = some.ids[:0], some.packs[:0], some.samples[:0], some.labels[:0]
		}
		at := len(some.ids)
		some.ids = slices.Grow(some.ids, p.limit)
		row := some.ids[at:at]
		for _, i := range numbers {
			one, err := p.spool.sample(p.first + int(i))
			if err != nil {
				return err
			}
			row, some.labels = append(row, one.IDs...), append(some.labels, one.Labels...)
			some.samples = append(some.samples, packedSample{len(one.IDs), len(some.labels)})
		}
		some.ids = some.ids[:at+p.limit]
		some.packs = append(some.packs, pack{len(row), len(some.samples)})
		if len(some.ids) >= gatherIDs {
			if err := emit(some); err != nil {
				return err
			}
			some = nil
		}
	}
	if some == nil {
		return nil
	}
	return emit(some)
}

// fieldWriter writes one field of packs: ids, mask, labels or lengths.
type fieldWriter struct {
	*packer
	to    *corpus.Writer
	field int
}

func (w *fieldWriter) write(some *gathered) error {
	labels, first := 0, 0 // where the pack's labels and samples begin
	for k, pack := range some.packs {
		ids, samples, n := some.ids[k*w.limit:][:pack.used], some.samples[first:pack.samples], w.limit
		if w.field == 3 {
			n = len(samples)
		}
		err := w.to.Fill(n, func(row []int32) error { return w.row(row, ids, samples, some.labels, labels) })
		if err != nil {
			return err
		}
		w.to.EndDocument()
		if len(samples) > 0 {
			labels = samples[len(samples)-1].labels
		}
		first = pack.samples
	}
	return nil
}

// row fills in a field of a pack, up to the limit; the labels of its first sample begin at a place of all. The reference
// copies the ids into mask and labels too.
func (w *fieldWriter) row(row, ids []int32, samples []packedSample, all chat.Labels, from int) error {
	pad := w.pad
	switch {
	case w.field == 3:
		for k, one := range samples {
			row[k] = int32(one.ids)
		}
		return nil
	case w.compat:
		pad = [...]int32{0, 1, corpus.Ignored}[w.field]
		copy(row, ids)
	case w.field == 1:
		pad = 0
		copy(row, handler.Mask(len(ids)))
	case w.field == 2:
		pad = corpus.Ignored
		rest := row[:copy(row, ids)]
		for _, one := range samples {
			if err := all[from:one.labels].Apply(rest[:one.ids]); err != nil {
				return err
			}
			rest, from = rest[one.ids:], one.labels
		}
	default:
		copy(row, ids)
	}
	if w.field == 0 {
		w.stats.tokens(ids) // not in add: they are another processor's there
	}
	for i := len(ids); i < len(row); i++ {
		row[i] = pad
	}
	return nil
}
