package preprocess

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/belay-ml/belay/models/chat"
	"github.com/belay-ml/belay/models/tok/toktest"
	"github.com/belay-ml/belay/stages/preprocess/handler"
)

// randomLabels are labels of n ids.
func randomLabels(random *rand.Rand, n int) chat.Labels {
	var l chat.Labels
	for range n {
		switch random.IntN(8) {
		case 0:
			l = l.Own(random.Int32N(100))
		case 1, 2, 3:
			l = l.Learn(1)
		default:
			l = l.Ignore(1)
		}
	}
	return l
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
		var samples []handler.Sample
		var records [][2]int
		total := int64(0)
		for range 300 {
			from := len(samples)
			for range random.IntN(4) {
				one := make([]int32, random.IntN(60))
				for i := range one {
					one[i] = random.Int32N(100)
				}
				total += int64(len(one))
				sample := handler.Sample{IDs: one, Labels: randomLabels(random, len(one))}
				samples = append(samples, sample)
				if err := errors.Join(s.occupy([]handler.Sample{sample}), s.add(sample)); err != nil {
					t.Fatal(err)
				}
			}
			s.endRecord()
			records = append(records, [2]int{from, len(samples)})
		}
		if onDisk := s.disk != nil; onDisk != (most < 1<<30) || onDisk == s.keeps() {
			t.Fatalf("at most %d numbers in memory: on disk %v", most, onDisk)
		}
		if err := s.finish(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s.samples() != len(samples) || s.records() != len(records) || s.size != total {
			t.Fatalf("%d samples of %d records with %d ids, want %d, %d and %d", s.samples(), s.records(), s.size, len(samples), len(records), total)
		}
		for i, want := range records {
			if from, to := s.record(i); from != want[0] || to != want[1] {
				t.Fatalf("record %d is [%d, %d), want %v", i, from, to, want)
			}
		}
		for i, want := range samples {
			got, err := s.sample(i)
			if err != nil || s.length(i) != len(want.IDs) || fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("sample %d of %d ids is %v, want %v, error %v", i, s.length(i), got, want, err)
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
		if err := s.add(handler.Document{Samples: []handler.Sample{{IDs: ids, Labels: chat.Labels(nil).Learn(len(ids))}}}); err != nil {
			t.Fatal(err)
		}
	}
	if s.keeps() || s.size() != 0 {
		t.Errorf("memory of dropped samples is kept: %v, %d ids", s.keeps(), s.size())
	}
}
