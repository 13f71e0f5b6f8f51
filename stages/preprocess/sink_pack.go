package preprocess

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/stages/corpus"
	"github.com/belay-ml/belay/stages/preprocess/handler"
)

// packSink spools samples and writes them in packs when all are known. The spool is a pair of token
// indexes, ids and labels, in the working directory.
type packSink struct {
	*target
	compat bool
	spool  [2]*corpus.Writer
	opened []*corpus.Index

	lengths []int32
	rows    []int32 // row of each sample, when there are several subsets
	row     int32
}

var spoolNames = [2]string{"spool_ids", "spool_labels"}

func newPackSink(t *target, compat bool) (*packSink, error) {
	s := &packSink{target: t, compat: compat}
	if err := os.MkdirAll(t.work, 0o755); err != nil {
		return nil, fmt.Errorf("spool samples: %w", err)
	}
	for i, name := range spoolNames {
		w, err := corpus.Create(filepath.Join(t.work, name), corpus.I32)
		if err != nil {
			s.abort()
			return nil, fmt.Errorf("spool samples: %w", err)
		}
		s.spool[i] = w
	}
	return s, nil
}

func (s *packSink) abort() {
	for i, w := range s.spool {
		if w != nil {
			w.Abort()
		}
		for _, ext := range []string{".bin", ".idx"} {
			os.Remove(filepath.Join(s.work, spoolNames[i]+ext))
		}
	}
	for _, x := range s.opened {
		x.Close()
	}
	s.opened = nil
}

func (s *packSink) add(doc handler.Document) error {
	row := s.row
	s.row++
	if !s.compat && !s.fit(doc) {
		return nil
	}
	for k, ids := range doc.Sequences[0] {
		labels := doc.Sequences[2][k]
		if s.compat {
			switch {
			case len(ids) > s.limit:
				s.stats.drop(fmt.Sprintf("longer than seq_length %d", s.limit))
				continue
			case len(ids) == s.limit:
				return fault.New(fault.Data, "pack record %d: a sample has exactly seq_length (%d) tokens, and the reference never ends on one", row+1, s.limit).
					WithHint("leave compat out, or change seq_length")
			}
		}
		s.stats.add(ids, labels)
		if err := s.spool[0].Add(ids); err != nil {
			return err
		}
		if err := s.spool[1].Add(labels); err != nil {
			return err
		}
		s.lengths = append(s.lengths, int32(len(ids)))
		if s.subsets > 1 {
			s.rows = append(s.rows, row)
		}
	}
	return nil
}

func (s *packSink) close() (out []corpus.IndexSummary, err error) {
	defer s.abort() // of the spool, once it is read
	groups, err := s.groups()
	if err != nil {
		return nil, err
	}
	for i, w := range s.spool {
		if err := w.Close(); err != nil {
			return nil, fmt.Errorf("spool samples: %w", err)
		}
		x, err := corpus.Open(filepath.Join(s.work, spoolNames[i]))
		if err != nil {
			return nil, fmt.Errorf("spool samples: %w", err)
		}
		s.opened = append(s.opened, x)
	}
	w, err := s.create(s.dir, s.name)
	if err != nil {
		return nil, err
	}
	defer w.abort()
	var lengths *corpus.Writer
	if !s.compat {
		if lengths, err = corpus.Create(corpus.LengthsPrefix(filepath.Join(s.dir, s.prefix)), corpus.I32); err != nil {
			return nil, err
		}
		defer lengths.Abort()
	}
	capacity := s.limit
	if s.compat {
		capacity--
	}
	for _, g := range groups {
		packs, err := corpus.Packs(s.lengths[g[0]:g[1]], capacity)
		if err != nil {
			return nil, err
		}
		for _, pack := range packs {
			for i := range pack {
				pack[i] += int32(g[0])
			}
			if err := s.write(&w, lengths, pack); err != nil {
				return nil, err
			}
		}
	}
	if out, err = w.close(); err != nil || lengths == nil {
		return out, err
	}
	if err := lengths.Close(); err != nil {
		return nil, err
	}
	return append(out, summary(corpus.LengthsPrefix(s.prefix), lengths)), nil
}

// groups are the ranges of samples that are packed apart: the rows in n_subs equal parts, and those
// that are left over.
func (s *packSink) groups() ([][2]int, error) {
	if s.subsets <= 1 {
		return [][2]int{{0, len(s.lengths)}}, nil
	}
	gap := s.row / int32(s.subsets)
	if gap == 0 {
		return nil, fault.New(fault.Data, "pack: n_subs %d is more than the %d records", s.subsets, s.row)
	}
	var out [][2]int
	for from, at := int32(0), 0; from < s.row; from += gap {
		to := at
		for to < len(s.rows) && s.rows[to] < from+gap {
			to++
		}
		out = append(out, [2]int{at, to})
		at = to
	}
	return out, nil
}

// write writes one pack, filled up to the limit. The reference copies the ids into mask and labels too.
func (s *packSink) write(w *writers, lengths *corpus.Writer, pack []int32) (err error) {
	ids, labels := make([]int32, 0, s.limit), make([]int32, 0, s.limit)
	var sizes []int32
	for _, i := range pack {
		if ids, err = s.opened[0].Append(ids, int(i)); err != nil {
			return err
		}
		if labels, err = s.opened[1].Append(labels, int(i)); err != nil {
			return err
		}
		sizes = append(sizes, s.lengths[i])
	}
	n := len(ids)
	mask := make([]int32, n, s.limit)
	for i := range mask {
		mask[i] = 1
	}
	pad, padMask := s.pad, int32(0)
	if s.compat {
		mask, labels = append(mask[:0], ids...), append(labels[:0], ids...)
		pad, padMask = 0, 1
	}
	for len(ids) < s.limit {
		ids, mask, labels = append(ids, pad), append(mask, padMask), append(labels, corpus.Ignored)
	}
	for f, row := range [][]int32{ids, mask, labels} {
		if err := w.all[f].Add(row); err != nil {
			return err
		}
		w.all[f].EndDocument()
	}
	if lengths == nil {
		return nil
	}
	if err := lengths.Add(sizes); err != nil {
		return err
	}
	lengths.EndDocument()
	return nil
}
