package chat

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// labelsAre are labels that are known one by one.
func labelsAre(ids, labels []int32) Labels {
	var l Labels
	for i, label := range labels {
		switch label {
		case Ignored:
			l = l.Ignore(1)
		case ids[i]:
			l = l.Learn(1)
		default:
			l = l.Own(label)
		}
	}
	return l
}

func TestLabelsComeOutOfTheirRuns(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		ids := rapid.SliceOfN(rapid.Int32Range(0, 5), 0, 40).Draw(r, "ids")
		labels := make([]int32, len(ids))
		learned := 0
		for i, id := range ids {
			labels[i] = rapid.SampledFrom([]int32{Ignored, Ignored, Ignored, id, id, id, 3, -1, -2}).Draw(r, "label")
			if labels[i] != Ignored {
				learned++
			}
		}
		apply := func(l Labels, ids []int32) []int32 {
			out := slices.Clone(ids)
			if err := l.Apply(out); err != nil {
				r.Fatalf("%v: %v", l, err)
			}
			return out
		}
		l := labelsAre(ids, labels)
		if l.Learned() != learned {
			r.Fatalf("%d of %v are learned, want %d", l.Learned(), labels, learned)
		}
		if diff := cmp.Diff(labels, apply(l, ids)); diff != "" {
			r.Fatal(diff)
		}
		for _, bad := range []Labels{append(slices.Clone(l), 2), append(slices.Clone(l), ownLabel), append(slices.Clone(l), -6)} {
			if bad.Apply(slices.Clone(ids)) == nil {
				r.Fatalf("%d ids have the labels %v, not only %v", len(ids), bad, l)
			}
		}
		n := rapid.IntRange(0, len(ids)).Draw(r, "n")
		if n < len(ids) && l.Apply(slices.Clone(ids[:n])) == nil {
			r.Fatalf("%d ids have the labels of %d", n, len(ids))
		}
		if diff := cmp.Diff(labels[:n], apply(slices.Clone(l).Cut(n), ids[:n])); diff != "" {
			r.Fatalf("cut to %d: %s", n, diff)
		}
		if len(l) > 2*len(ids) {
			r.Fatalf("%d numbers for %d ids", len(l), len(ids))
		}
	})
}

func TestNeighbouringRunsAreOne(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff(Labels{10, 7}, Labels(nil).Ignore(2).Ignore(0).Ignore(3).Learn(1).Learn(2)); diff != "" {
		t.Error(diff)
	}
}
