package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/fault"
)

func start() time.Time { return time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC) }

// clocked emits events a second apart.
type clocked struct {
	r  *Recorder
	at time.Time
}

func (c *clocked) emit(e event.Event) {
	c.at = c.at.Add(time.Second)
	e.Time, e.Run = c.at, "r1"
	c.r.Emit(e)
}

func TestARunIsReadBackAsItWas(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "r1")
	r, err := New(dir, Run{ID: "r1", Recipe: "quick", Started: start(), Params: map[string]any{"lr": 0.1}, Nodes: []Node{{ID: "a", Kind: "pretrain"}, {ID: "b", Reads: []string{"a"}}}})
	if err != nil {
		t.Fatal(err)
	}
	c := &clocked{r, start()}
	c.emit(event.Event{Stage: "a", State: &event.State{To: "running", Why: "never ran"}})
	for i := range 3 {
		c.emit(event.Event{Stage: "a", Point: &event.Point{Step: int64(i), Values: map[string]float64{"loss": 3 - float64(i), "gnorm": math.NaN()}}})
	}
	c.emit(event.Event{Stage: "a", Table: &event.Table{Title: "MMLU", Columns: []string{"s", "acc"}, Rows: [][]string{{"x", "0.5"}}, Headline: map[string]float64{"acc": 0.5}}})
	c.emit(event.Event{Stage: "a", Log: &event.Log{Level: "warn", Text: "look", Data: map[string]any{"e": errors.New("x")}}})
	c.emit(event.Event{Stage: "a", Log: &event.Log{Level: "debug", Text: "not kept"}})
	c.emit(event.Event{Stage: "a", State: &event.State{To: "done", Key: "k1", Took: 7 * time.Second}})
	r.Update("a", func(n *Node) { n.Outputs = []Output{{Port: "checkpoint", Size: 10, Files: 2}} })
	c.emit(event.Event{Stage: "b", State: &event.State{To: "failed", Why: "boom"}})
	if err := r.Finish(c.at, fault.New(40, "loss is NaN").WithHint("lower lr")); err != nil {
		t.Fatal(err)
	}
	have, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	live := r.Run()
	same := cmp.Comparer(func(a, b event.Number) bool { return a == b || math.IsNaN(float64(a)) && math.IsNaN(float64(b)) })
	if d := cmp.Diff(&live, have, cmpopts.EquateEmpty(), same); d != "" {
		t.Errorf("what was read differs from what was recorded:\n%s", d)
	}
	a := have.Node("a")
	if have.Exit != 40 || have.Hint != "lower lr" || a.State != "done" || a.Key != "k1" || a.Why != "never ran" || a.Started != start().Add(time.Second) ||
		have.Node("b").Error != "boom" || len(a.Logs) != 1 || a.Headline["acc"] != 0.5 || a.Curve("loss").Points[2] != (Point{2, 1}) || !math.IsNaN(float64(a.Curve("gnorm").Points[0].Value)) {
		t.Errorf("have %+v", a)
	}
	f, err := os.Open(filepath.Join(dir, EventsFile))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := 0
	for e, err := range Events(f) {
		if err != nil || e.Time.IsZero() {
			t.Errorf("event %d: %v", n, err)
		}
		n++
	}
	if n != 9 {
		t.Errorf("%d events, want 9", n)
	}
	r.Emit(event.Event{Stage: "late"}) // after the end: dropped
}

func TestARunThatIsKilledLeavesItsRecord(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r, err := New(dir, Run{ID: "r1", Started: start(), Nodes: []Node{{ID: "a"}}})
	if err != nil {
		t.Fatal(err)
	}
	c := &clocked{r, start()}
	c.emit(event.Event{Stage: "a", State: &event.State{To: "running"}})
	for i := range 6 { // past the saving interval
		c.emit(event.Event{Stage: "a", Progress: &event.Progress{Done: int64(i), Total: 10, Unit: "steps"}})
	}
	have, err := Load(dir) // no Finish
	if err != nil {
		t.Fatal(err)
	}
	if n := have.Node("a"); n.State != "running" || n.Progress == nil || n.Progress.Done < 3 || !have.Finished.IsZero() || have.Took() != 0 {
		t.Errorf("have %+v", n)
	}
}

func TestCurvesStayShortAndKeepTheirEnds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 5*MaxPoints).Draw(rt, "points")
		var c Curve
		var th thin
		for i := range n {
			th.add(&c, Point{Step: int64(i), Value: event.Number(i)})
			if i%7 != 0 && i != n-1 {
				continue
			}
			if len(c.Points) > MaxPoints || c.Points[0].Step != 0 || c.Points[len(c.Points)-1].Step != int64(i) {
				rt.Fatalf("after %d: %d points from %d to %d", i, len(c.Points), c.Points[0].Step, c.Points[len(c.Points)-1].Step)
			}
		}
		if n >= MaxPoints && len(c.Points) < MaxPoints/2 {
			rt.Fatalf("%d of %d points are left", len(c.Points), n)
		}
		for i := 2; i < len(c.Points)-1; i++ {
			if c.Points[i].Step-c.Points[i-1].Step != c.Points[1].Step {
				rt.Fatalf("uneven at %d", i)
			}
		}
	})
}

func TestLogsKeepTheLastLines(t *testing.T) {
	t.Parallel()
	r, err := New(t.TempDir(), Run{ID: "r"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range MaxLogs + 50 {
		r.Emit(event.Event{Stage: "a", Log: &event.Log{Level: "info", Text: fmt.Sprint(i)}})
	}
	run := r.Run()
	if n := run.Node("a"); len(n.Logs) != MaxLogs || n.Dropped != 50 || n.Logs[0].Text != "50" {
		t.Errorf("%d lines, %d dropped, first %q", len(n.Logs), n.Dropped, n.Logs[0].Text)
	}
}

func TestDamagedRecordsAreErrors(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"empty": "", "cut": `{"format":1,"nodes":[{"id":"a"`, "a later format": `{"format":99}`, "no format": `{}`,
		"a doubled node": `{"format":1,"nodes":[{"id":"a"},{"id":"a"}]}`, "a node without a name": `{"format":1,"nodes":[{}]}`,
		"a bad number": `{"format":1,"nodes":[{"id":"a","headline":{"x":"many"}}]}`, "a bad point": `{"format":1,"nodes":[{"id":"a","curves":[{"points":[[1]]}]}]}`,
	} {
		if _, err := Read(strings.NewReader(text)); err == nil {
			t.Errorf("%s: read", name)
		}
	}
	if _, err := read(strings.NewReader(`{"format":1}   `), 14); err == nil {
		t.Error("read without a limit")
	}
}

func TestEventsGoOnAfterABadLine(t *testing.T) {
	t.Parallel()
	good := `{"time":"2026-01-01T00:00:00Z","log":{"level":"info","text":"x"}}`
	text := good + "\nnonsense\n" + strings.Repeat("y", maxLine+10) + "\n" + good + "\n" + good[:20]
	var ok, bad int
	for _, err := range Events(strings.NewReader(text)) {
		if err != nil {
			bad++
		} else {
			ok++
		}
	}
	if ok != 2 || bad != 2 {
		t.Errorf("%d good, %d bad, want 2 and 2", ok, bad)
	}
}

func TestAFreshStageShowsWhatMadeIt(t *testing.T) {
	t.Parallel()
	runs := []Run{
		{Nodes: []Node{{ID: "old", Key: "k", State: "done", Headline: map[string]event.Number{"acc": 1}}}},
		{Nodes: []Node{{ID: "made", Key: "k", State: "done", Headline: map[string]event.Number{"acc": 2}}}},
		{Nodes: []Node{{ID: "again", Key: "k", State: "fresh"}, {ID: "bad", Key: "b", State: "failed"}, {State: "done"}}},
	}
	n := Node{ID: "x"}
	n.Adopt(Made(runs, "k"))
	if n.ID != "x" || n.Headline["acc"] != 2 {
		t.Errorf("have %+v", n)
	}
	if Made(runs, "b") != nil || Made(runs, "") != nil {
		t.Error("found what nobody made")
	}
	n.Adopt(nil)
}

func TestRunNamesSortByTime(t *testing.T) {
	t.Parallel()
	last := ""
	for _, after := range []time.Duration{0, time.Millisecond, 2 * time.Millisecond, 998 * time.Millisecond, time.Second, time.Hour} {
		id := NewID(start().Add(after))
		if id <= last || len(id) != len("20260506-070809-abcdef") {
			t.Errorf("%s comes after %s", id, last)
		}
		last = id
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"format":1,"id":"r","started":"2026-01-01T00:00:00Z","nodes":[{"id":"a","took_ns":5,"curves":[{"metric":"loss","points":[[1,"NaN"],[2,3.5]]}],"notes":{"x":[1]}}]}`))
	f.Add([]byte(`{"format":1,"id":"r","brief":{"states":{"done":1},"results":[{"node":"a","metric":"acc","value":"NaN"}]},"nodes":[{"id":"a[x=\"1,2\",y=3]"}],"later":{}}`))
	f.Add([]byte(`{"format":1,"nodes":[{"id":"a","progress":{"done":1},"logs":[{"data":{"a":null}}]}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		head, herr := readHead(bytes.NewReader(b))
		run, err := Read(bytes.NewReader(b))
		if err != nil {
			return
		}
		if herr == nil && head.ID != run.ID && !bytes.Contains(bytes.ToLower(b), []byte(`"nodes"`)) {
			t.Errorf("the head says %q, the whole %q", head.ID, run.ID)
		}
		for i := range run.Nodes {
			run.Nodes[i].Cell()
		}
		out, err := json.Marshal(run)
		if err != nil {
			t.Skip() // a time zone that RFC 3339 cannot write
		}
		if _, err := Read(bytes.NewReader(out)); err != nil {
			t.Errorf("read, written, and not read again: %v", err)
		}
		for range Events(bytes.NewReader(b)) {
			continue
		}
	})
}

func TestTheEndOfAStageIsWrittenSoonAlsoWhenNothingFollows(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r, err := New(dir, Run{ID: "r", Started: start(), Nodes: []Node{{ID: "a"}, {ID: "b"}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"a", "b"} {
		r.Emit(event.Event{Time: start(), Stage: id, State: &event.State{To: "running"}})
		r.Emit(event.Event{Time: start(), Stage: id, State: &event.State{To: "done"}})
	}
	for ends := time.Now().Add(time.Minute); ; {
		run, err := Load(dir)
		if err == nil && run.Node("a").State == "done" && run.Node("b").State == "done" {
			break
		}
		if time.Now().After(ends) {
			t.Fatalf("run.json still lacks the ends: %+v, %v", run, err)
		}
		runtime.Gosched()
	}
	if err := r.Finish(start(), nil); err != nil {
		t.Fatal(err)
	}
}
