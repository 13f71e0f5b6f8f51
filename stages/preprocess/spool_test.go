package preprocess

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/belay-ml/belay/models/chat"
	"github.com/belay-ml/belay/models/tok/toktest"
	"github.com/belay-ml/belay/stages/preprocess/handler"
)

// randomLabels are labels of ids in runs, with some that are other ids.
func randomLabels(random *rand.Rand, ids []int32) []int32 {
	labels := make([]int32, len(ids))
	kind := 0
	for i, id := range ids {
		if random.IntN(5) == 0 {
			kind = random.IntN(3)
		}
		labels[i] = [...]int32{chat.Ignored, id, random.Int32N(100)}[kind]
	}
	return labels
}

func TestSpooledSamplesAreTheSameInMemoryAndOnDisk(t *testing.T) {
	t.Parallel()
	random := seeded(t)
	for _, most := range []int{1 << 30, 0, 5000} { // never, from the first sample on, in the middle
		s, err := newSpool(&target{work: t.TempDir()}, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer s.abort()
		s.most = most
		var ids, labels [][]int32
		var records [][2]int
		total := int64(0)
		for range 300 {
			from := len(ids)
			for range random.IntN(4) {
				one := make([]int32, random.IntN(60))
				for i := range one {
					one[i] = random.Int32N(100)
				}
				ids, labels = append(ids, one), append(labels, randomLabels(random, one))
				total += int64(len(one))
				sample := handler.Sample{IDs: one, Labels: chat.LabelsOf(one, labels[len(labels)-1])}
				if err := errors.Join(s.occupy([]handler.Sample{sample}), s.add(sample)); err != nil {
					t.Fatal(err)
				}
			}
			s.endRecord()
			records = append(records, [2]int{from, len(ids)})
		}
		if onDisk := s.disk != nil; onDisk != (most < 1<<30) || onDisk == s.keeps() {
			t.Fatalf("at most %d numbers in memory: on disk %v", most, onDisk)
		}
		if err := s.finish(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s.samples() != len(ids) || s.records() != len(records) || s.size != total {
			t.Fatalf("%d samples of %d records with %d ids, want %d, %d and %d", s.samples(), s.records(), s.size, len(ids), len(records), total)
		}
		for i, want := range records {
			if from, to := s.record(i); from != want[0] || to != want[1] {
				t.Fatalf("record %d is [%d, %d), want %v", i, from, to, want)
			}
		}
		for i := range ids {
			one, err := s.sample(i)
			if err != nil {
				t.Fatal(err)
			}
			gotIDs, gotLabels := one.IDs, slices.Clone(one.IDs)
			err = one.Labels.Apply(gotLabels)
			if err != nil || fmt.Sprint(gotIDs, gotLabels) != fmt.Sprint(ids[i], labels[i]) {
				t.Fatalf("sample %d is %v %v, want %v %v, error %v", i, gotIDs, gotLabels, ids[i], labels[i], err)
			}
		}
	}
}

func TestSamplesThatAreDroppedCountAsMemory(t *testing.T) {
	t.Parallel()
	s, err := newPackSink(&target{work: t.TempDir(), limit: 10, stats: newStats(toktest.New())}, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.abort()
	s.spool.most = 1000
	for range 200 {
		ids := make([]int32, 11)
		if err := s.add(handler.Document{Samples: []handler.Sample{{IDs: ids, Labels: chat.LabelsOf(ids, ids)}}}); err != nil {
			t.Fatal(err)
		}
	}
	if s.keeps() || s.size() != 0 {
		t.Errorf("memory of dropped samples is kept: %v, %d ids", s.keeps(), s.size())
	}
}
