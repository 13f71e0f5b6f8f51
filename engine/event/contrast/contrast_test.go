package contrast

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/event/record"
)

func trained(id, lr string, loss float64, took time.Duration) record.Node {
	return record.Node{
		ID: id, State: "done", Took: took, Key: strings.Repeat(lr[:1], 64), Made: &record.Making{Belay: "1", Host: "box"},
		Params:   []record.Param{{Name: "lr", Value: lr}, {Name: "iters", Value: "10"}},
		Parts:    []record.Part{{Name: "stage", Value: "pretrain version 1"}, {Name: "parameter lr", Value: lr}, {Name: "input data", Value: strings.Repeat("d", 64)}},
		Outputs:  []record.Output{{Port: "checkpoint", Digest: strings.Repeat(lr[:1], 64)}},
		Headline: map[string]event.Number{"final_loss": event.Number(loss)},
	}
}

// lines are rows as text; those that are the same stand in brackets.
func lines(rows []Row) string {
	var b strings.Builder
	for _, r := range rows {
		s := fmt.Sprintf("%s|%s|%s|%s|%s|%s", r.Stage, r.Section, r.What, r.A, r.B, r.Delta)
		if r.Same {
			s = "(" + s + ")"
		}
		b.WriteString(s + "\n")
	}
	return b.String()
}

func TestTwoRunsStandSideBySide(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	a := &record.Run{
		ID: "a", Recipe: "x", Belay: "1", Host: "box", Started: at, Finished: at.Add(10 * time.Second), Params: map[string]any{"lr": "1e-3"},
		Nodes: []record.Node{{ID: "gone", State: "done"}, trained("sft", "1e-3", 0.5, 4*time.Second), {ID: "text", State: "fresh", Took: time.Millisecond}},
	}
	b := &record.Run{
		ID: "b", Recipe: "x", Belay: "2", Host: "box", Started: at, Finished: at.Add(5 * time.Second), Exit: 40, Error: "NaN", Params: map[string]any{"lr": "2e-3", "n": 1},
		Nodes: []record.Node{trained("sft", "2e-3", 0.25, 5*time.Second), {ID: "text", State: "done", Took: time.Second}, {ID: "new", State: "failed"}},
	}
	want := `(|run|recipe|x|x|)
|run|belay|1|2|
(|run|host|box|box|)
|run|state|done|failed|
|run|exit|0|40|
|run|error||NaN|
|run|took|10s|5s|-5s (-50%)
|parameter|params.lr|1e-3|2e-3|
|parameter|params.n||1|
gone|state|state|done||
(sft|state|state|done|done|)
(sft|state|made by belay|1|1|)
(sft|state|made on|box|box|)
sft|time|took|4s|5s|+1s (+25%)
sft|parameter|lr|1e-3|2e-3|
(sft|parameter|iters|10|10|)
sft|key|key|111111111111|222222222222|
(sft|key|stage|pretrain version 1|pretrain version 1|)
(sft|key|input data|dddddddddddd|dddddddddddd|)
sft|result|final_loss|0.5|0.25|-0.25
sft|result|output checkpoint|111111111111|222222222222|
text|state|state|fresh|done|
new|state|state||failed|
`
	if d := cmp.Diff(want, lines(Runs(a, b))); d != "" {
		t.Error(d)
	}
	for _, r := range Runs(a, a) {
		if !r.Same {
			t.Errorf("a run differs from itself: %+v", r)
		}
	}
}

func TestTwoCellsAreComparedByWhatTheyShare(t *testing.T) {
	t.Parallel()
	a, b := trained("sft[seed=1]", "1e-3", 0.5, time.Second), trained("sft[seed=2]", "1e-3", 0.75, time.Second)
	a.Params = append(a.Params, record.Param{Name: "only", Value: "here"})
	var differ []Row
	for _, r := range Nodes(&a, &b) {
		if !r.Same {
			differ = append(differ, r)
		}
	}
	want := "|parameter|only|here||\n|result|final_loss|0.5|0.75|+0.25\n"
	if d := cmp.Diff(want, lines(differ)); d != "" {
		t.Error(d)
	}
}
