package preprocess

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync/atomic"

	"github.com/belay-ml/belay/stages/corpus"
	"github.com/belay-ml/belay/stages/preprocess/handler"
)

// spoolMost is how many numbers samples have in memory before they move to the disk: 96 MiB. The collector of garbage lets a
// process grow to twice that.
const spoolMost = 24 << 20

// headNumbers is the memory of a sample beside its own numbers.
const headNumbers = 14

const spoolName = "spool"

// spool keeps samples until all are known. They stay in memory, where they are, while they are few. Beyond that, and with the
// first mark, they move to a token index in the working directory, in which a document is a record and a sample two sequences,
// ids and labels.
type spool struct {
	*target
	most int   // numbers in memory
	size int64 // ids of samples

	occupied int // numbers in memory, those of samples that were not added included: they lie beside the others

	held  held
	disk  *writers // nil as long as samples are held
	moved atomic.Bool
	*scattered
}

func newSpool(t *target, from *written) (*spool, error) {
	s := &spool{target: t, most: spoolMost}
	if from == nil || len(from.Marks) == 0 {
		return s, nil
	}
	if err := s.open(from); err != nil {
		return nil, err
	}
	s.size = from.Samples
	return s, nil
}

func (s *spool) open(from *written) error {
	w, err := s.target.open(s.work, []string{spoolName}, corpus.I32, from)
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
	s.disk.all[0].EndDocument()
}

func (s *spool) write(one handler.Sample) error {
	w := s.disk.all[0]
	if err := errors.Join(w.Add(one.IDs), w.Add(one.Labels)); err != nil {
		return fmt.Errorf("spool samples: %w", err)
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
	out, err := s.disk.mark()
	out.Samples = s.size
	return out, err
}

// finish ends the adding; samples are read from then on.
func (s *spool) finish(ctx context.Context) error {
	if s.disk == nil {
		return nil
	}
	_, err := s.disk.close(ctx)
	if err == nil {
		s.scattered, err = openScattered(filepath.Join(s.work, spoolName))
	}
	if err != nil {
		return fmt.Errorf("spool samples: %w", err)
	}
	return nil
}

func (s *spool) abort() {
	if s.disk != nil {
		s.disk.abort()
	}
	if s.scattered != nil {
		s.index.Close()
		s.scattered = nil
	}
}

// samples is how many there are.
func (s *spool) samples() int {
	if s.disk == nil {
		return len(s.held.samples)
	}
	return s.index.Sequences() / 2
}

// records is how many were ended.
func (s *spool) records() int {
	if s.disk == nil {
		return len(s.held.ends)
	}
	return s.index.Documents()
}

// record is the range of samples of a record.
func (s *spool) record(i int) (from, to int) {
	if s.disk == nil {
		return s.held.record(i)
	}
	from, to = s.index.Document(i)
	return from / 2, to / 2
}

// length is the number of ids of a sample.
func (s *spool) length(i int) int {
	if s.disk == nil {
		return len(s.held.samples[i].IDs)
	}
	return int(s.lengths[2*i])
}

// sample is a sample until the next call, by one goroutine.
func (s *spool) sample(i int) (handler.Sample, error) {
	if s.disk == nil {
		return s.held.samples[i], nil
	}
	return s.read(i)
}

// placesApart is how many samples stand between two whose places are kept.
const placesApart = 64

// scattered reads samples in any order. Maps of a large spool, each page with its neighbours, would count as memory, and so
// would its list of places: of these there is a part.
type scattered struct {
	index   *corpus.Index
	lengths []uint32 // of all sequences
	places  []int64  // of some samples
	buf     []int32
}

func openScattered(prefix string) (*scattered, error) {
	x, err := corpus.OpenUnmapped(prefix)
	if err != nil {
		return nil, err
	}
	s := &scattered{index: x, lengths: make([]uint32, 0, x.Sequences())}
	at := int64(0)
	for n := range x.Lengths() {
		if len(s.lengths)%(2*placesApart) == 0 {
			s.places = append(s.places, at)
		}
		s.lengths = append(s.lengths, uint32(n))
		at += int64(n)
	}
	x.Forget()
	return s, nil
}

func (s *scattered) read(i int) (handler.Sample, error) {
	at := s.places[i/placesApart]
	for _, n := range s.lengths[i/placesApart*2*placesApart : 2*i] {
		at += int64(n)
	}
	ids := int(s.lengths[2*i])
	n := ids + int(s.lengths[2*i+1])
	s.buf = slices.Grow(s.buf[:0], n)[:n]
	if err := s.index.ReadAt(s.buf, at); err != nil {
		return handler.Sample{}, err
	}
	return handler.Sample{IDs: s.buf[:ids], Labels: s.buf[ids:]}, nil
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
