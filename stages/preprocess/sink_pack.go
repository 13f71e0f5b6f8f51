package preprocess

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/stages/corpus"
	"github.com/belay-ml/belay/stages/preprocess/handler"
)

// packSink spools samples and writes them in packs when all are known. The spool is a pair of token
// indexes, ids and labels, in the working directory, in which a document is a record.
type packSink struct {
	*target
	compat bool
	writers
	opened []*corpus.Index
}

func newPackSink(t *target, compat bool, from *written) (*packSink, error) {
	w, err := t.open(t.work, []string{"spool_ids", "spool_labels"}, corpus.I32, from)
	if err != nil {
		return nil, fmt.Errorf("spool samples: %w", err)
	}
	return &packSink{target: t, compat: compat, writers: w}, nil
}

func (s *packSink) abort() {
	s.writers.abort()
	for _, x := range s.opened {
		x.Close()
	}
	s.opened = nil
}

func (s *packSink) add(doc handler.Document) error {
	row := s.all[0].Documents()
	if s.compat || s.fit(doc) {
		for k, ids := range doc.Sequences[0] {
			if err := s.spool(row, ids, doc.Sequences[2][k]); err != nil {
				return err
			}
		}
	}
	for _, w := range s.all {
		w.EndDocument()
	}
	return nil
}

// spool writes one sample of a record.
func (s *packSink) spool(row int, ids, labels []int32) error {
	if s.compat {
		switch {
		case len(ids) > s.limit:
			s.stats.drop(fmt.Sprintf("longer than seq_length %d", s.limit))
			return nil
		case len(ids) == s.limit:
			return fault.New(fault.Data, "pack record %d: a sample has exactly seq_length (%d) tokens, and the reference never ends on one", row+1, s.limit).
				WithHint("leave compat out, or change seq_length")
		}
	}
	s.stats.add(ids, labels)
	for i, what := range [][]int32{ids, labels} {
		if err := s.all[i].Add(what); err != nil {
			return fmt.Errorf("spool samples: %w", err)
		}
	}
	return nil
}

func (s *packSink) close(ctx context.Context) (out []corpus.IndexSummary, err error) {
	defer s.abort()
	if _, err := s.writers.close(ctx); err != nil {
		return nil, fmt.Errorf("spool samples: %w", err)
	}
	for _, name := range s.names {
		x, err := corpus.Open(filepath.Join(s.work, name))
		if err != nil {
			return nil, fmt.Errorf("spool samples: %w", err)
		}
		s.opened = append(s.opened, x)
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
		packs, err := corpus.Packs(g[1]-g[0], func(i int) int { return s.opened[0].Len(g[0] + i) }, capacity)
		if err != nil {
			return nil, err
		}
		for pack := range packs {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if err := p.write(pack, g[0]); err != nil {
				return nil, err
			}
		}
	}
	return w.close(ctx)
}

// groups are the ranges of samples that are packed apart: the records in n_subs equal parts, and those
// that are left over.
func (s *packSink) groups() ([][2]int, error) {
	spool := s.opened[0]
	if s.subsets <= 1 {
		return [][2]int{{0, spool.Sequences()}}, nil
	}
	rows := spool.Documents()
	gap := rows / s.subsets
	if gap == 0 {
		return nil, fault.New(fault.Data, "pack: n_subs %d is more than the %d records", s.subsets, rows)
	}
	var out [][2]int
	for from := 0; from < rows; from += gap {
		first, _ := spool.Document(from)
		_, end := spool.Document(min(from+gap, rows) - 1)
		out = append(out, [2]int{first, end})
	}
	return out, nil
}

// forgetEvery is how many ids are read of the spool before its memory is given back.
const forgetEvery = 2 << 20

// packer writes packs; it keeps its rows from one to the next.
type packer struct {
	*packSink
	to                         writers
	read                       int // ids, since the spool's memory was given back
	ids, labels, mask, lengths []int32
}

// write writes a pack of samples, numbered from first, filled up to the limit. The reference copies the ids into mask
// and labels too.
func (p *packer) write(pack []int32, first int) (err error) {
	p.ids, p.labels, p.mask, p.lengths = p.ids[:0], p.labels[:0], p.mask[:0], p.lengths[:0]
	for _, i := range pack {
		at := len(p.ids)
		if p.ids, err = p.opened[0].Append(p.ids, first+int(i)); err != nil {
			return err
		}
		if p.labels, err = p.opened[1].Append(p.labels, first+int(i)); err != nil {
			return err
		}
		p.lengths = append(p.lengths, int32(len(p.ids)-at))
	}
	// Packs read all over the spool: without this its pages would count as this process's memory.
	if p.read += len(p.ids); p.read >= forgetEvery {
		p.opened[0].Forget()
		p.opened[1].Forget()
		p.read = 0
	}
	for range p.ids {
		p.mask = append(p.mask, 1)
	}
	pad, padMask := p.pad, int32(0)
	if p.compat {
		p.mask, p.labels = append(p.mask[:0], p.ids...), append(p.labels[:0], p.ids...)
		pad, padMask = 0, 1
	}
	for len(p.ids) < p.limit {
		p.ids, p.mask, p.labels = append(p.ids, pad), append(p.mask, padMask), append(p.labels, corpus.Ignored)
	}
	for f, row := range [][]int32{p.ids, p.mask, p.labels, p.lengths} {
		if f == len(p.to.all) {
			break // the reference has no lengths
		}
		if err := p.to.all[f].Add(row); err != nil {
			return err
		}
		p.to.all[f].EndDocument()
	}
	return nil
}
