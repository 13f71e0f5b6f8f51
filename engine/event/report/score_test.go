package report

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/event/record"
)

// measured is a node that scored metric on a task of one subject and a total.
func measured(id, metric string, v float64, reads ...string) record.Node {
	name, _, _ := strings.Cut(id, "[")
	text := fmt.Sprint(v)
	return record.Node{ID: id, Name: name, State: "done", Reads: reads, Tables: []record.Table{{
		Title: "exam", Columns: []string{"subject", "n", metric, metric + "_stderr"},
		Rows:     [][]string{{"sums", "40", text, "0.05"}, {"total", "40", text, "0"}},
		Headline: map[string]event.Number{metric: event.Number(v)},
	}}}
}

func node(id string, reads ...string) record.Node { return record.Node{ID: id, Name: id, Reads: reads} }

func TestScoresAreComparedWithTheStageThatComesBeforeTraining(t *testing.T) {
	t.Parallel()
	run := &record.Run{Nodes: []record.Node{ // after stands before `before` in the recipe
		node("base"), node("tuned", "base"), measured("after[m=a]", "acc", 0.75, "tuned"), measured("after[m=b]", "acc", 1, "tuned"), measured("before", "acc", 0.25, "base"),
	}}
	cards := scoreCards(run)
	if len(cards) != 1 {
		t.Fatalf("%d cards, want 1", len(cards))
	}
	c := cards[0]
	if c.First == nil || c.First.Name != "before" || c.Best.Name != "after[m=b]" || c.Best.Delta != "+75 points" || c.Best.Tone != "up" {
		t.Errorf("from %+v to %+v", c.First, c.Best)
	}
	if d := cmp.Diff([]string{"subject", "n", "before", "after[m=a]", "after[m=b]"}, c.Table.Head); d != "" {
		t.Error(d)
	}
	want := []cell{
		{Text: "sums"},
		{Text: "40", Right: true},
		{Text: "25 %", Err: "±5", Right: true, Bar: true, Percent: 25},
		{Text: "75 %", Err: "±5", Delta: "+50", Tone: "up", Right: true, Bar: true, Percent: 75},
		{Text: "100 %", Err: "±5", Delta: "+75", Tone: "up", Right: true, Bar: true, Percent: 100},
	}
	if d := cmp.Diff(want, c.Table.Rows[0]); d != "" {
		t.Error(d)
	}
	if !c.Table.Sum[1] || c.Table.Sum[0] {
		t.Errorf("rows that sum up: %v", c.Table.Sum)
	}
}

func TestCellsOfAMatrixHaveNoBefore(t *testing.T) {
	t.Parallel()
	run := &record.Run{Nodes: []record.Node{node("base"), measured("score[m=a]", "acc", 0.5, "base"), measured("score[m=b]", "acc", 0.4, "base")}}
	c := scoreCards(run)[0]
	if c.First != nil || c.Best.Name != "score[m=a]" || c.Bars[1].Delta != "" {
		t.Errorf("have %+v", c)
	}
}

func TestLessPerplexityIsBetter(t *testing.T) {
	t.Parallel()
	run := &record.Run{Nodes: []record.Node{measured("before", "perplexity", 20), measured("after", "perplexity", 5, "before")}}
	c := scoreCards(run)[0]
	if c.Best.Name != "after" || c.Best.Value != "5" || c.Best.Delta != "−15" || c.Best.Tone != "up" {
		t.Errorf("have %+v", c.Best)
	}
}

func TestALossOfTrainingIsNoScore(t *testing.T) {
	t.Parallel()
	n := measured("tuned", "final_loss", 0.2)
	n.Curves = []record.Curve{{Metric: "loss", Points: []record.Point{{Step: 1, Value: 2}}}}
	run := &record.Run{Nodes: []record.Node{n}}
	if c := scoreCards(run); len(c) != 0 {
		t.Errorf("have %+v", c)
	}
	if tab := training(run); len(tab) != 1 || tab[0].Head[0] != "stage" || tab[0].Rows[0][0].Text != "tuned" {
		t.Errorf("have %+v", tab)
	}
}

func TestTablesWithoutAScoreColumnAreStillShown(t *testing.T) {
	t.Parallel()
	n := measured("x", "acc", 0.5)
	n.Tables[0].Headline = map[string]event.Number{"other": 1}
	if f := findings(&record.Run{Nodes: []record.Node{n}}); len(f) != 1 || f[0].Note != "x" {
		t.Errorf("have %+v", f)
	}
}

func TestAnswersToTheSamePromptsStandSideBySide(t *testing.T) {
	t.Parallel()
	say := func(id string, rows ...[]string) record.Node {
		return record.Node{ID: id, Tables: []record.Table{{Title: "answers", Columns: []string{"prompt", "answer"}, Rows: rows}}}
	}
	same := &record.Run{Nodes: []record.Node{say("a", []string{"2+2?", "4"}), say("b", []string{"2+2?", "5"})}}
	f := findings(same)
	if len(f) != 1 || f[0].Rows[0][1].Text != "4" || f[0].Rows[0][2].Text != "5" || f[0].Spans[2].Name != "b" {
		t.Errorf("have %+v", f)
	}
	other := &record.Run{Nodes: []record.Node{say("a", []string{"2+2?", "4"}), say("b", []string{"3+3?", "6"}, []string{})}}
	if f := findings(other); len(f) != 2 || f[1].Note != "b" {
		t.Errorf("have %+v", f)
	}
}

func TestSteepCurvesGetALogarithmicAxis(t *testing.T) {
	t.Parallel()
	pts := []record.Point{{Step: 1, Value: 10}, {Step: 2, Value: 0.01}}
	if a, _ := newAxes("loss", ScaleAuto, []Line{{"s", pts}}); !a.log || len(a.yTicks) < 2 || a.py(10) >= a.py(0.01) {
		t.Errorf("have %+v", a)
	}
	if a, _ := newAxes("lr", ScaleAuto, []Line{{"s", pts}}); a.log {
		t.Error("a learning rate is drawn on a logarithmic axis")
	}
	if a, _ := newAxes("lr", ScaleLog, []Line{{"s", pts}}); !a.log {
		t.Error("the scale that was asked for is not taken")
	}
	if a, _ := newAxes("loss", ScaleLinear, []Line{{"s", pts}}); a.log {
		t.Error("the scale that was asked for is not taken")
	}
	for _, lo := range []float64{0, -1, 5e-324, 1e-99, 1, 1e99, 1e300, math.MaxFloat64} {
		for _, hi := range []float64{1e-300, 1, 1e90, math.MaxFloat64} {
			svg := Plot{Metric: "loss", Lines: []Line{{"s", []record.Point{{Step: 1, Value: event.Number(lo)}, {Step: 2, Value: event.Number(hi)}}}}}.chartSVG()
			wellFormed(t, fmt.Sprint(lo, hi), svg)
			if strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
				t.Errorf("%g to %g: not a coordinate in %s", lo, hi, svg)
			}
		}
	}
}

func TestTimeLinesSurviveOddTimes(t *testing.T) {
	t.Parallel()
	for _, took := range []time.Duration{1, time.Second, 40 * time.Hour, math.MaxInt64} {
		run := sampleRun()
		run.Nodes[2].Started, run.Nodes[2].Took = run.Started, took
		wellFormed(t, took.String(), timelineSVG(run))
	}
}
