package corpus

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// packsOf lists the packs of samples of these lengths.
func packsOf(lengths []int32, capacity int) ([][]int32, error) {
	packs, err := Packs(len(lengths), func(i int) int { return int(lengths[i]) }, capacity)
	if err != nil {
		return nil, err
	}
	var out [][]int32
	for p := range packs {
		out = append(out, slices.Clone(p))
	}
	return out, nil
}

func TestPacksHoldEverySampleOnceAndNeverTooMuch(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		capacity := rapid.IntRange(1, 200).Draw(r, "capacity")
		lengths := rapid.SliceOfN(rapid.Int32Range(0, int32(capacity)), 0, 80).Draw(r, "lengths")
		packs, err := packsOf(lengths, capacity)
		if err != nil {
			r.Fatal(err)
		}
		var seen []int32
		for _, pack := range packs {
			sum := int32(0)
			for _, i := range pack {
				sum += lengths[i]
			}
			if int(sum) > capacity {
				r.Fatalf("pack %v holds %d of %d", pack, sum, capacity)
			}
			seen = append(seen, pack...)
		}
		slices.Sort(seen)
		for i := range lengths {
			if i >= len(seen) || seen[i] != int32(i) {
				r.Fatalf("samples %v of %d", seen, len(lengths))
			}
		}
	})
}

func TestPacksTakeTheLongestThatFitsAndTheLastOfEquals(t *testing.T) {
	t.Parallel()
	got, err := packsOf([]int32{3, 5, 3, 2, 8}, 8)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]int32{{4}, {1, 2}, {0, 3}}, got); diff != "" {
		t.Errorf("packs (-want +got):\n%s", diff)
	}
	if _, err := packsOf([]int32{9}, 8); err == nil {
		t.Error("a sample larger than a pack is accepted")
	}
}

func TestCollatorShiftsLabelsAndKeepsPackedSamplesApart(t *testing.T) {
	t.Parallel()
	c := Collator{SeqLength: 8, PadID: 99}
	got, err := c.Collate([]Instruction{
		{IDs: []int32{1, 2, 3, 4, 5}, Mask: []int32{1, 1, 1, 1, 1}, Labels: []int32{-100, 2, 3, 4, 5}, Lengths: []int32{3, 2}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := Batch{
		B: 1, T: 8, Trained: 3, Tokens: 5,
		IDs:       []int32{1, 2, 3, 4, 5, 99, 99, 99},
		Labels:    []int32{2, 3, -100, 5, -100, -100, -100, -100}, // the label at 2 would cross into the next sample
		Positions: []int32{0, 1, 2, 0, 1, 0, 1, 2},
		CuSeqlens: []int32{0, 3, 5, 8},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("batch (-want +got):\n%s", diff)
	}
	c.Whole = true
	got, err = c.Collate([]Instruction{{IDs: []int32{1, 2, 3}, Mask: []int32{1, 1, 1}, Labels: []int32{1, 2, 3}, Lengths: []int32{2, 1}}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int32{2, 3, -100, -100, -100, -100, -100, -100}, got.Labels); diff != "" {
		t.Errorf("labels of a pack in one piece (-want +got):\n%s", diff)
	}
}

func TestCollatorPadsToAMultiple(t *testing.T) {
	t.Parallel()
	one := func(n int) Instruction {
		return Instruction{IDs: make([]int32, n), Mask: make([]int32, n), Labels: make([]int32, n), Lengths: []int32{int32(n)}}
	}
	for _, c := range []struct {
		name    string
		lengths []int
		want    int
	}{
		{"the longest decides", []int{3, 9}, 16},
		{"an exact multiple stays", []int{8}, 8},
		{"an empty sample makes one block", []int{0}, 8},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var samples []Instruction
			for _, n := range c.lengths {
				samples = append(samples, one(n))
			}
			b, err := Collator{SeqLength: 64, Multiple: 8}.Collate(samples)
			if err != nil || b.T != c.want {
				t.Errorf("length %d, %v; want %d", b.T, err, c.want)
			}
		})
	}
	if _, err := (Collator{SeqLength: 4}).Collate([]Instruction{one(5)}); err == nil {
		t.Error("a sample over seq_length is accepted")
	}
}

func TestCollatorEndsDocumentsAtEODWhenLengthsAreNotKnown(t *testing.T) {
	t.Parallel()
	c := Collator{SeqLength: 6, PadID: 99, ResetAtEOD: true, EOD: 7}
	one := Instruction{IDs: []int32{1, 7, 2, 7, 3}, Mask: []int32{1, 1, 1, 1, 1}, Labels: []int32{1, 7, 2, 7, 3}, Lengths: []int32{5}}
	got, err := c.Collate([]Instruction{one})
	if err != nil {
		t.Fatal(err)
	}
	want := Batch{
		B: 1, T: 6, Tokens: 5, Trained: 2,
		IDs: []int32{1, 7, 2, 7, 3, 99}, Labels: []int32{7, -100, 7, -100, -100, -100},
		Positions: []int32{0, 1, 0, 1, 0, 0}, CuSeqlens: []int32{0, 2, 4, 5, 6},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("batch (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int32{2, 4, 5, 6}, got.ActualSeqLen()); diff != "" {
		t.Errorf("actual_seq_len (-want +got):\n%s", diff)
	}
}

func TestCollatorPadsOnTheLeftWhenAsked(t *testing.T) {
	t.Parallel()
	c := Collator{SeqLength: 8, Multiple: 4, PadID: 99, PadLeft: true}
	got, err := c.Collate([]Instruction{
		{IDs: []int32{1, 2}, Mask: []int32{1, 1}, Labels: []int32{-100, 2}, Lengths: []int32{2}},
		{IDs: []int32{3, 4, 5, 6}, Mask: []int32{1, 1, 1, 1}, Labels: []int32{-100, -100, 5, 6}, Lengths: []int32{4}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := Batch{
		B: 2, T: 4, Tokens: 6, Trained: 3,
		IDs: []int32{99, 99, 1, 2, 3, 4, 5, 6}, Labels: []int32{-100, -100, 2, -100, -100, 5, 6, -100},
		Positions: []int32{0, 1, 0, 1, 0, 1, 2, 3}, CuSeqlens: []int32{0, 2, 4, 8},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("batch (-want +got):\n%s", diff)
	}
}
