package decoder_test

import (
	"slices"
	"testing"

	"github.com/belay-ml/belay/models/decoder"
)

func TestASlotDoesNotDependOnItsCompany(t *testing.T) {
	t.Parallel()
	cfg := small()
	cfg.SlidingWindow = 4
	m := build(t, cfg, 4)
	vary(m)
	v := cfg.Vocab
	feeds := [][]decoder.Chunk{
		{{Slot: 2, IDs: []int32{1, 2, 3, 4, 5, 6, 7}}, {Slot: 0, IDs: []int32{9}}},
		{{Slot: 0, IDs: []int32{8, 8}}, {Slot: 1, IDs: []int32{3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5}}, {Slot: 2, IDs: []int32{10}}},
		{{Slot: 1, IDs: []int32{11}}, {Slot: 2, IDs: []int32{12}}},
	}
	s, err := m.NewSession(decoder.SessionOptions{Slots: 3, MaxLen: 20, MaxRows: 12})
	if err != nil {
		t.Fatal(err)
	}
	alone := map[int]*decoder.Session{}
	history := map[int][]int32{}
	for i, chunks := range feeds {
		got, err := s.Feed(chunks)
		if err != nil {
			t.Fatal(err)
		}
		for j, c := range chunks {
			if alone[c.Slot] == nil {
				if alone[c.Slot], err = m.NewSession(decoder.SessionOptions{Slots: 1, MaxLen: 20, MaxRows: 12}); err != nil {
					t.Fatal(err)
				}
			}
			want, err := alone[c.Slot].Feed([]decoder.Chunk{{IDs: c.IDs}})
			if err != nil {
				t.Fatal(err)
			}
			// Products of few and of many rows may add up in another order; no more than that.
			if d := maxDiff(got[j*v:(j+1)*v], want); d > 2e-6 {
				t.Errorf("feed %d: slot %d differs from itself alone by %g", i, c.Slot, d)
			}
			// The same as a forward pass over the whole history.
			history[c.Slot] = append(history[c.Slot], c.IDs...)
			h := history[c.Slot]
			b := batch(t, m, decoder.Options{MaxTokens: len(h)})
			if err := b.Forward(decoder.Input{IDs: h}); err != nil {
				t.Fatal(err)
			}
			row := make([]float32, v)
			if err := b.Logits(row, []int32{int32(len(h) - 1)}); err != nil {
				t.Fatal(err)
			}
			if d := maxDiff(row, want); d > 2e-5 {
				t.Errorf("feed %d: slot %d differs from a whole pass by %g", i, c.Slot, d)
			}
		}
	}
}

func TestForkAndTruncateContinueFromTheCopiedPast(t *testing.T) {
	t.Parallel()
	m := build(t, small(), 4)
	vary(m)
	s, err := m.NewSession(decoder.SessionOptions{Slots: 2, MaxLen: 8})
	if err != nil {
		t.Fatal(err)
	}
	feed := func(slot int, ids ...int32) []float32 {
		out, err := s.Feed([]decoder.Chunk{{Slot: slot, IDs: ids}})
		if err != nil {
			t.Fatal(err)
		}
		return slices.Clone(out)
	}
	feed(0, 1, 2, 3)
	s.Fork(1, 0)
	want := feed(0, 4)
	feed(1, 9)
	s.Truncate(1, 3)
	if got := feed(1, 4); !slices.Equal(got, want) || s.Len(1) != 4 {
		t.Errorf("the fork differs by %g, length %d", maxDiff(got, want), s.Len(1))
	}
	if _, err := s.Feed([]decoder.Chunk{{Slot: 1, IDs: []int32{1, 2, 3, 4, 5}}}); err == nil {
		t.Error("a slot took more than its length")
	}
}
