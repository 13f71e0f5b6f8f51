package report

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/event/record"
)

// falling is a curve of n points that ends at last.
func falling(n int, last float64) []record.Point {
	var out []record.Point
	for i := range n {
		out = append(out, record.Point{Step: int64(i), Value: event.Number(last + 1/float64(i+1))})
	}
	return out
}

func plotSVG(t *testing.T, p Plot) string {
	t.Helper()
	var b bytes.Buffer
	if err := p.SVG(&b); err != nil {
		t.Fatal(err)
	}
	wellFormed(t, "plot", b.String())
	return b.String()
}

func TestEveryLineOfAPlotHasItsOwnLook(t *testing.T) {
	t.Parallel()
	p := Plot{Metric: "loss"}
	for i := range maxLines {
		p.Lines = append(p.Lines, Line{fmt.Sprintf("sft[seed=%d]", i), falling(40, float64(i))})
	}
	svg := plotSVG(t, p)
	looks := map[string]bool{}
	for i := range maxLines {
		looks[style(i)] = true
		if !strings.Contains(svg, fmt.Sprintf(">sft[seed=%d] <", i)) {
			t.Errorf("the legend lacks line %d", i)
		}
	}
	if len(looks) != maxLines {
		t.Errorf("%d looks for %d lines", len(looks), maxLines)
	}
	shapes := map[string]bool{}
	for i := range tones {
		shapes[marker(i, 0, 0)] = true
	}
	if len(shapes) != tones {
		t.Errorf("%d markers for %d colours", len(shapes), tones)
	}
}

func TestOfTooManyLinesTheEndsAreDrawn(t *testing.T) {
	t.Parallel()
	p := Plot{Metric: "loss"}
	for i := range 1000 {
		p.Lines = append(p.Lines, Line{fmt.Sprintf("c%d", i), falling(500, float64((i*7919)%1000))})
	}
	p.Lines[3].Points = []record.Point{{Step: 1, Value: event.Number(math.NaN())}}
	lines, left := p.shown()
	if len(lines) != maxLines || left != 1000-maxLines {
		t.Fatalf("%d lines, %d left out", len(lines), left)
	}
	low, nan := false, false
	for _, l := range lines {
		low, nan = low || l.Name == "c0", nan || l.Name == "c3"
	}
	if !low || !nan {
		t.Error("the lowest or the broken line is not drawn")
	}
	svg := plotSVG(t, p)
	if !strings.Contains(svg, "976 more") || len(svg) > 400_000 {
		t.Errorf("%d bytes", len(svg))
	}
}

func TestSmoothingIsAChoice(t *testing.T) {
	t.Parallel()
	pts := falling(100, 1)
	for smooth, want := range map[int]bool{0: false, 1: false, 10: true, SmoothAuto: true} {
		svg := plotSVG(t, Plot{Metric: "loss", Lines: []Line{{"a", pts}}, Smooth: smooth})
		if have := strings.Contains(svg, "smoothed"); have != want {
			t.Errorf("%d: smoothed %v, want %v", smooth, have, want)
		}
	}
	if svg := plotSVG(t, Plot{Metric: "lr", Lines: []Line{{"a", pts}}, Smooth: SmoothAuto}); strings.Contains(svg, "smoothed") {
		t.Error("a learning rate is smoothed")
	}
}

func TestALogarithmOfNothingIsRefused(t *testing.T) {
	t.Parallel()
	p := Plot{Metric: "reward", Scale: ScaleLog, Lines: []Line{{"sft[seed=1]", []record.Point{{Step: 1, Value: 2}, {Step: 7, Value: 0}}}}}
	err := p.SVG(&bytes.Buffer{})
	if err == nil || !strings.Contains(err.Error(), "sft[seed=1] is 0 at step 7") {
		t.Error(err)
	}
}

func TestLinesOfSeveralRunsAreCalledByTheirRun(t *testing.T) {
	t.Parallel()
	a := &record.Run{ID: "r1", Nodes: []record.Node{{ID: "sft[n=1]", Name: "sft", Curves: []record.Curve{{Metric: "lr", Points: falling(2, 1)}, {Metric: "loss", Points: falling(2, 1)}}}}}
	b := &record.Run{ID: "r2", Nodes: []record.Node{{ID: "sft[n=1]", Name: "sft", Curves: []record.Curve{{Metric: "loss", Points: falling(2, 1)}}}, {ID: "pre", Curves: []record.Curve{{Metric: "loss", Points: falling(2, 1)}}}}}
	runs := []*record.Run{a, b}
	if l := LinesOf(runs, "sft", "loss"); len(l) != 2 || l[1].Name != "r2:sft[n=1]" {
		t.Errorf("have %v", l)
	}
	if l := LinesOf(runs[:1], "", "loss"); len(l) != 1 || l[0].Name != "sft[n=1]" {
		t.Errorf("have %v", l)
	}
	if m := CurveMetrics(runs, "sft"); len(m) != 2 || m[0] != "loss" {
		t.Errorf("have %v", m)
	}
}
