package record

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/fault"
)

// folder is a runs directory with a run.json for every ID.
func folder(t *testing.T, text map[string]string) string {
	t.Helper()
	runs := t.TempDir()
	for id, s := range text {
		if err := os.MkdirAll(filepath.Join(runs, id), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(runs, id, RunFile), []byte(s), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return runs
}

func TestRunsAreFoundByWhatAPersonWrites(t *testing.T) {
	t.Parallel()
	runs := folder(t, map[string]string{"20260101-1": "", "20260102-1": "", "20260102-12": "", "20260203-1": ""})
	for text, want := range map[string]string{
		"": "20260203-1", "last": "20260203-1", "last~0": "20260203-1", "last~1": "20260102-12", "last~3": "20260101-1",
		"202602": "20260203-1", "20260102-1": "20260102-1", "20260101": "20260101-1",
	} {
		if dir, err := Find(runs, text); err != nil || filepath.Base(dir) != want {
			t.Errorf("%q: have %s, %v, want %s", text, filepath.Base(dir), err, want)
		}
	}
	for text, want := range map[string]string{
		"last~4": "runs there are: 4", "last~x": "want last", "last1": "want last", "last~-1": "want last", "20260102": "2 runs begin", "1999": "no run begins",
	} {
		if _, err := Find(runs, text); err == nil || !strings.Contains(err.Error(), want) || fault.CodeOf(err) != fault.Usage {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	if _, err := Find(filepath.Join(runs, "none"), "last"); err == nil || fault.HintOf(err) == "" {
		t.Errorf("no runs: %v", err)
	}
}

func TestAListOfRunsReadsNoNodes(t *testing.T) {
	t.Parallel()
	runs := folder(t, map[string]string{
		"1": `{"format":1,"id":"1","nodes":[{"id":"a","state":"done","headline":{"acc":0.5}},{"id":"b","state":"fresh"}]}`, // as before Brief
		"2": `{"format":1,"id":"2","exit":40,"brief":{"states":{"failed":1}},"nodes":[ this is never looked at`,
		"3": `{"format":99}`,
		"4": "",
	})
	var have []string
	for r, err := range Heads(runs) {
		switch {
		case err != nil:
			have = append(have, "bad")
		default:
			have = append(have, fmt.Sprintln(r.ID, r.Exit, r.Brief.States, r.Brief.Results, len(r.Nodes)))
		}
	}
	want := []string{"bad", "bad", "2 40 map[failed:1] [] 0\n", "1 0 map[done:1 fresh:1] [{a acc 0.5}] 0\n"}
	if d := cmp.Diff(want, have); d != "" {
		t.Error(d)
	}
}

func TestARecordBeginsWithItsBrief(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "r")
	nodes := []Node{{ID: "off", State: "skipped"}}
	for i := range MaxResults + 5 {
		nodes = append(nodes, Node{ID: fmt.Sprint(i), State: "done", Headline: map[string]event.Number{"acc": event.Number(math.NaN())}})
	}
	r, err := New(dir, Run{ID: "r", Recipe: "x", Started: start(), Params: map[string]any{"lr": "1"}, Nodes: nodes})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Finish(start().Add(time.Minute), nil); err != nil {
		t.Fatal(err)
	}
	h, err := Head(dir)
	if err != nil {
		t.Fatal(err)
	}
	if h.Nodes != nil || len(h.Brief.Results) != MaxResults || h.Brief.States["done"] != MaxResults+5 || h.Took() != time.Minute || h.Params["lr"] != "1" || h.State() != "done" {
		t.Errorf("have %+v", h)
	}
}

func TestTheStateOfARunIsItsEnd(t *testing.T) {
	t.Parallel()
	for want, r := range map[string]Run{
		"running": {}, "done": {Finished: start()}, "failed": {Finished: start(), Exit: 40}, "cancelled": {Finished: start(), Exit: 130},
	} {
		if have := r.State(); have != want {
			t.Errorf("have %s, want %s", have, want)
		}
	}
}

func TestCellsAreReadFromIDs(t *testing.T) {
	t.Parallel()
	for id, want := range map[string][]Axis{
		"sft": nil, "sft[seed=1]": {{"seed", "1"}}, `sft[seed=1,mode="a,b=[c]",lr=1e-05]`: {{"seed", "1"}, {"mode", "a,b=[c]"}, {"lr", "1e-05"}},
		"sft[seed=]": {{"seed", ""}}, "sft[": nil, "sft[]": nil, "sft[a]": nil, "sft[a=1,]": nil, `sft[a="x"y]`: nil, `sft[a="x]`: {{"a", `"x`}},
		"part[a=1].sft[b=2]": nil, "part[a=1]/sft[b=2]": {{"a", "1"}, {"b", "2"}}, `part[a="x]/y"]/sft`: {{"a", "x]/y"}}, "part/sft": nil, "part[a=1]/": {{"a", "1"}},
	} {
		n := Node{ID: id}
		if d := cmp.Diff(want, n.Cell()); d != "" {
			t.Errorf("%s: %s", id, d)
		}
	}
	for id, want := range map[string]string{"sft[a=1]": "sft", `part[a="x]/y"]/sft[b=1]`: "part/sft", "a/b": "a/b", "a[": "a["} {
		if have := StageOf(id); have != want {
			t.Errorf("%s: have %s, want %s", id, have, want)
		}
	}
	n := Node{ID: "part[a=1]/sft[b=2]"}
	if !n.Called("part") || !n.Called("part/sft") || n.Called("sft") || n.Stage() != "part/sft" {
		t.Errorf("what %s is called", n.ID)
	}
}

func BenchmarkListingRuns(b *testing.B) {
	runs := b.TempDir()
	nodes := strings.Repeat(`{"id":"x","curves":[{"metric":"loss","points":[[1,2.5],[2,2.25]]}]},`, 2000)
	for i := range 1000 {
		dir := filepath.Join(runs, fmt.Sprintf("%05d", i))
		if err := os.Mkdir(dir, 0o755); err != nil {
			b.Fatal(err)
		}
		text := fmt.Sprintf(`{"format":1,"id":"%05d","brief":{"states":{"done":1}},"nodes":[%s]}`, i, nodes)
		if err := os.WriteFile(filepath.Join(dir, RunFile), []byte(text), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		n := 0
		for _, err := range Heads(runs) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != 1000 {
			b.Fatal(n)
		}
	}
}
