package finetune

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/stages/corpus"
)

func TestSequencesLeaveOutHiddenEnds(t *testing.T) {
	t.Parallel()
	s := &samples{}
	item := corpus.Instruction{
		IDs: []int32{0, 0, 11, 12, 13, 0}, Mask: []int32{0, 0, 1, 1, 1, 0}, Labels: []int32{-100, -100, -100, 12, 13, -100},
	}
	if err := s.add(item, 0, 6); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([][]int32{{11, 12, 13}, {12, 13, -100}, {0, 1, 2}}, [][]int32{s.input.IDs, s.input.Targets, s.input.Pos}); d != "" {
		t.Error(d)
	}
	item.Mask[3] = 0
	if err := s.add(item, 0, 6); err == nil || !strings.Contains(err.Error(), "hides token 3") {
		t.Errorf("error %v", err)
	}
	clear(item.Mask)
	before := len(s.input.CuSeqlens)
	if err := s.add(item, 0, 6); err != nil || len(s.input.CuSeqlens) != before {
		t.Errorf("a sample that is all padding: error %v, sequences %v", err, s.input.CuSeqlens)
	}
}

func TestNoSampleOfAPackPredictsTheNext(t *testing.T) {
	t.Parallel()
	s := &samples{}
	item := corpus.Instruction{IDs: []int32{1, 2, 3, 4}, Mask: []int32{1, 1, 1, 1}, Labels: []int32{1, 2, 3, 4}}
	for _, end := range []int{2, 4} {
		if err := s.add(item, end-2, end); err != nil {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff([][]int32{{2, -100, 4, -100}, {0, 1, 0, 1}, {2, 4}}, [][]int32{s.input.Targets, s.input.Pos, s.input.CuSeqlens}); d != "" {
		t.Error(d)
	}
}
