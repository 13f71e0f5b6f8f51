package sheet

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/event/record"
)

func node(id string, took time.Duration, headline map[string]event.Number) record.Node {
	return record.Node{ID: id, State: "done", Took: took, Headline: headline}
}

// sweep is a run that trains at three rates, scores each model and the one before.
func sweep(id string) *record.Run {
	curve := []record.Curve{{Metric: "loss", Points: []record.Point{{Step: 1, Value: 9}, {Step: 2, Value: 4}}}, {Metric: "lr", Points: []record.Point{{Step: 1, Value: 0.1}}}}
	with := node("tuned[lr=2,mode=lora]", 3*time.Second, map[string]event.Number{"final_loss": 0.25})
	with.Curves = curve
	return &record.Run{ID: id, Nodes: []record.Node{
		node("text", time.Second, nil),
		node("before", time.Second, map[string]event.Number{"acc": 0.25}),
		node("tuned[lr=1,mode=lora]", 2*time.Second, map[string]event.Number{"final_loss": 0.5}),
		with,
		node("tuned[lr=3,mode=lora]", time.Second, map[string]event.Number{"final_loss": event.Number(math.NaN())}),
		node("after[lr=1,mode=lora]", time.Second, map[string]event.Number{"acc": 0.75}),
		node("after[lr=2,mode=lora]", time.Second, map[string]event.Number{"acc": 1}),
	}}
}

// text is a sheet as a person would write it down.
func text(s Sheet) string {
	var b strings.Builder
	fmt.Fprintln(&b, s.Stages, s.Axes, s.Metrics)
	for _, r := range s.Rows {
		fmt.Fprint(&b, r.Run, r.Cell)
		for _, m := range s.Metrics {
			v, ok := r.Values[m]
			if !ok {
				fmt.Fprint(&b, " -")
				continue
			}
			fmt.Fprint(&b, " ", float64(v))
		}
		fmt.Fprintln(&b)
	}
	return b.String()
}

func TestStagesWithTheSameAxesShareATable(t *testing.T) {
	t.Parallel()
	all := Of([]*record.Run{sweep("r")}, Options{})
	if len(all) != 2 {
		t.Fatalf("%d sheets, want 2", len(all))
	}
	want := "[before] [] [acc took]\nr[] 0.25 1\n" +
		"[tuned after] [lr mode] [tuned.final_loss after.acc]\nr[1 lora] 0.5 0.75\nr[2 lora] 0.25 1\nr[3 lora] NaN -\n"
	if d := cmp.Diff(want, text(all[0])+text(all[1])); d != "" {
		t.Error(d)
	}
	s := all[1]
	if s.Best("tuned.final_loss") != 1 || s.Best("after.acc") != 1 || s.Best("none") != -1 {
		t.Errorf("best: %d, %d", s.Best("tuned.final_loss"), s.Best("after.acc"))
	}
	equal := Sheet{Rows: []Row{{Values: map[string]event.Number{"acc": 1}}, {Values: map[string]event.Number{"acc": 1}}, {}}}
	if equal.Best("acc") != -1 {
		t.Error("one of equal values is the best")
	}
	if d := cmp.Diff([]string{"tuned[lr=1,mode=lora]", "after[lr=1,mode=lora]"}, s.Rows[0].Nodes); d != "" {
		t.Error(d)
	}
}

func TestRunsStandBelowOneAnother(t *testing.T) {
	t.Parallel()
	s := Of([]*record.Run{sweep("a"), sweep("b")}, Options{Stage: "tuned"})
	if len(s) != 1 {
		t.Fatalf("%d sheets, want 1", len(s))
	}
	if !s[0].Sort("final_loss") || s[0].Sort("none") {
		t.Error("sorting")
	}
	want := "[tuned] [lr mode] [final_loss took]\na[2 lora] 0.25 3\nb[2 lora] 0.25 3\na[1 lora] 0.5 2\nb[1 lora] 0.5 2\na[3 lora] NaN 1\nb[3 lora] NaN 1\n"
	if d := cmp.Diff(want, text(s[0])); d != "" {
		t.Error(d)
	}
}

func TestACurveIsAskedForByName(t *testing.T) {
	t.Parallel()
	s := Of([]*record.Run{sweep("a")}, Options{Stage: "tuned[lr=2,mode=lora]", Metrics: []string{"loss", "tuned.lr"}})
	if d := cmp.Diff("[tuned] [lr mode] [loss lr]\na[2 lora] 4 0.1\n", text(s[0])); d != "" {
		t.Error(d)
	}
	bare := sweep("a")
	bare.Nodes[3].Headline = nil
	s = Of([]*record.Run{bare}, Options{Stage: "tuned[lr=2,mode=lora]"})
	if d := cmp.Diff("[tuned] [lr mode] [loss lr took]\na[2 lora] 4 0.1 3\n", text(s[0])); d != "" {
		t.Error(d)
	}
	if s := Of([]*record.Run{sweep("a")}, Options{Metrics: []string{"none"}}); len(s) != 0 {
		t.Errorf("have %v", s)
	}
}

func TestAFreshInstanceTookWhatItTookToMake(t *testing.T) {
	t.Parallel()
	n := node("x", time.Millisecond, map[string]event.Number{"acc": 1})
	n.State, n.Made = "fresh", &record.Making{Took: time.Minute}
	if s := Of([]*record.Run{{Nodes: []record.Node{n}}}, Options{}); s[0].Rows[0].Values[Took] != 60 {
		t.Errorf("have %v", s[0].Rows[0].Values)
	}
}

func TestALearningRateHasNoBest(t *testing.T) {
	t.Parallel()
	for m, want := range map[string][2]bool{"final_loss": {true, true}, "a.perplexity": {true, true}, "acc": {false, true}, "took": {true, true}, "x.took": {true, true}, "lr": {false, false}, "tuned.lr": {false, false}} {
		if LessIsBetter(m) != want[0] || Compared(m) != want[1] {
			t.Errorf("%s: %v, %v", m, LessIsBetter(m), Compared(m))
		}
	}
	b, err := json.Marshal(Sheet{})
	if err != nil || !strings.Contains(string(b), `"axes":[]`) {
		t.Errorf("%s, %v", b, err)
	}
}
