package preprocess

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/belay-ml/belay/stages/corpus"
)

// spoolMost is how many numbers samples have in memory before they move to the disk: 96 MiB.
const spoolMost = 24 << 20

var spoolNames = []string{"spool_ids", "spool_labels"}

// spool keeps samples, ids and labels, until all are known. They stay in memory while they are few. Beyond that, and with
// the first mark, they move to two token indexes in the working directory, in which a document is a record and labels are
// as labelRuns has them.
type spool struct {
	*target
	most int // numbers in memory
	size int64
	runs []int32

	held   held
	disk   *writers // nil as long as samples are held
	opened []*corpus.Index
}

func newSpool(t *target, from *written) (*spool, error) {
	s := &spool{target: t, most: spoolMost}
	if from == nil || len(from.Marks) == 0 {
		return s, nil
	}
	if err := s.open(from); err != nil {
		return nil, err
	}
	s.size = s.disk.size()
	return s, nil
}

func (s *spool) open(from *written) error {
	w, err := s.target.open(s.work, spoolNames, corpus.I32, from)
	if err != nil {
		return fmt.Errorf("spool samples: %w", err)
	}
	s.disk = &w
	return nil
}

// add takes a sample and says how many of its ids are learned.
func (s *spool) add(ids, labels []int32) (learned int, err error) {
	s.runs, learned = appendRuns(s.runs[:0], ids, labels)
	s.size += int64(len(ids))
	if s.disk == nil && s.held.size+len(ids)+len(s.runs) > s.most {
		if err := s.move(); err != nil {
			return 0, err
		}
	}
	if s.disk == nil {
		s.held.add(ids, s.runs)
		return learned, nil
	}
	return learned, s.write(ids, s.runs)
}

// endRecord ends a record, whether it had samples or not.
func (s *spool) endRecord() {
	if s.disk == nil {
		s.held.endRecord()
		return
	}
	for _, w := range s.disk.all {
		w.EndDocument()
	}
}

func (s *spool) write(ids, runs []int32) error {
	for i, what := range [][]int32{ids, runs} {
		if err := s.disk.all[i].Add(what); err != nil {
			return fmt.Errorf("spool samples: %w", err)
		}
	}
	return nil
}

// move takes the samples from memory to the disk.
func (s *spool) move() error {
	if err := s.open(nil); err != nil {
		return err
	}
	next := 0
	for _, end := range s.held.ends {
		for ; next < end; next++ {
			if err := s.write(s.held.ids(next), s.held.runs(next)); err != nil {
				return err
			}
		}
		s.endRecord()
	}
	for ; next < len(s.held.samples); next++ { // of the record that has not ended
		if err := s.write(s.held.ids(next), s.held.runs(next)); err != nil {
			return err
		}
	}
	s.held = held{}
	return nil
}

func (s *spool) mark() (written, error) {
	if s.disk == nil {
		if err := s.move(); err != nil {
			return written{}, err
		}
	}
	return s.disk.mark()
}

// finish ends the adding; samples are read from then on.
func (s *spool) finish(ctx context.Context) error {
	if s.disk == nil {
		return nil
	}
	if _, err := s.disk.close(ctx); err != nil {
		return fmt.Errorf("spool samples: %w", err)
	}
	for _, name := range spoolNames {
		x, err := corpus.Open(filepath.Join(s.work, name))
		if err != nil {
			return fmt.Errorf("spool samples: %w", err)
		}
		s.opened = append(s.opened, x)
	}
	return nil
}

func (s *spool) abort() {
	if s.disk != nil {
		s.disk.abort()
	}
	for _, x := range s.opened {
		x.Close()
	}
	s.opened = nil
}

// samples is how many there are.
func (s *spool) samples() int {
	if s.disk == nil {
		return len(s.held.samples)
	}
	return s.opened[0].Sequences()
}

// records is how many were ended.
func (s *spool) records() int {
	if s.disk == nil {
		return len(s.held.ends)
	}
	return s.opened[0].Documents()
}

// record is the range of samples of a record.
func (s *spool) record(i int) (from, to int) {
	if s.disk == nil {
		return s.held.record(i)
	}
	return s.opened[0].Document(i)
}

// length is the number of ids of a sample.
func (s *spool) length(i int) int {
	if s.disk == nil {
		return len(s.held.ids(i))
	}
	return s.opened[0].Len(i)
}

// ids are those of a sample, as many as there is room for.
func (s *spool) ids(dst []int32, i int) error {
	if s.disk == nil {
		copy(dst, s.held.ids(i))
		return nil
	}
	_, err := s.opened[0].AppendRange(dst[:0], i, 0, len(dst))
	return err
}

// labels are those of a sample; runs is memory to work in, which comes back.
func (s *spool) labels(dst []int32, i int, runs []int32) ([]int32, error) {
	if err := s.ids(dst, i); err != nil {
		return runs, err
	}
	if s.disk == nil {
		return runs, applyRuns(dst, s.held.runs(i))
	}
	var err error
	if runs, err = s.opened[1].Append(runs[:0], i); err != nil {
		return runs, err
	}
	return runs, applyRuns(dst, runs)
}

// forget gives back the memory of what was read of the disk.
func (s *spool) forget() {
	for _, x := range s.opened {
		x.Forget()
	}
}
