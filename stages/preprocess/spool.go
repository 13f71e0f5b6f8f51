package preprocess

import (
	"context"
	"fmt"
	"path/filepath"
	"sync/atomic"

	"github.com/belay-ml/belay/models/chat"
	"github.com/belay-ml/belay/stages/corpus"
	"github.com/belay-ml/belay/stages/preprocess/handler"
)

// spoolMost is how many numbers samples have in memory before they move to the disk: 128 MiB, as many as a run may lose.
const spoolMost = checkpointEvery

// headNumbers is the memory of a sample beside its own numbers.
const headNumbers = 14

var spoolNames = []string{"spool_ids", "spool_labels"}

// spool keeps samples until all are known. They stay in memory, where they are, while they are few. Beyond that, and with the
// first mark, they move to two token indexes in the working directory, in which a document is a record and labels are runs.
type spool struct {
	*target
	most int   // numbers in memory
	size int64 // ids of samples

	occupied int // numbers in memory, those of samples that were not added included: they lie beside the others

	held   held
	disk   *writers // nil as long as samples are held
	moved  atomic.Bool
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
	s.moved.Store(true)
	return nil
}

// keeps says whether samples must stay as they are after add. Any goroutine may ask.
func (s *spool) keeps() bool { return !s.moved.Load() }

// occupy says that samples lie in memory that stays as it is, whether they are added then or not.
func (s *spool) occupy(samples []handler.Sample) error {
	for _, one := range samples {
		s.occupied += headNumbers + len(one.IDs) + len(one.Labels)
	}
	if s.disk == nil && s.occupied > s.most {
		return s.move()
	}
	return nil
}

func (s *spool) add(one handler.Sample) error {
	s.size += int64(len(one.IDs))
	if s.disk == nil {
		s.held.samples = append(s.held.samples, one)
		return nil
	}
	return s.write(one)
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

func (s *spool) write(one handler.Sample) error {
	for i, what := range [][]int32{one.IDs, one.Labels} {
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
			if err := s.write(s.held.samples[next]); err != nil {
				return err
			}
		}
		s.endRecord()
	}
	for ; next < len(s.held.samples); next++ { // of the record that has not ended
		if err := s.write(s.held.samples[next]); err != nil {
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
	for i, open := range []func(prefix string) (*corpus.Index, error){corpus.OpenUnmapped, corpus.Open} {
		x, err := open(filepath.Join(s.work, spoolNames[i]))
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
		return len(s.held.samples[i].IDs)
	}
	return s.opened[0].Len(i)
}

// ids are those of a sample, as many as there is room for.
func (s *spool) ids(dst []int32, i int) error {
	if s.disk == nil {
		copy(dst, s.held.samples[i].IDs)
		return nil
	}
	_, err := s.opened[0].AppendRange(dst[:0], i, 0, len(dst))
	return err
}

// labels are those of a sample, in dst if they have to be read.
func (s *spool) labels(dst chat.Labels, i int) (chat.Labels, error) {
	if s.disk == nil {
		return s.held.samples[i].Labels, nil
	}
	return s.opened[1].Append(dst[:0], i)
}

// forget gives back the memory of what was read of the disk.
func (s *spool) forget() {
	for _, x := range s.opened {
		x.Forget()
	}
}

// held are samples in memory.
type held struct {
	samples []handler.Sample
	ends    []int // of each record: the samples up to its end
}

func (h *held) endRecord() { h.ends = append(h.ends, len(h.samples)) }

func (h *held) record(i int) (from, to int) {
	if i > 0 {
		from = h.ends[i-1]
	}
	return from, h.ends[i]
}
