package enginetest

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/metric"
	"github.com/belay-ml/belay/engine/param"
	"github.com/belay-ml/belay/engine/sched"
	"github.com/belay-ml/belay/engine/store"
)

// cancelLimit is how long a stage may take to end once it is cancelled.
const cancelLimit = 2 * time.Second

// Case is one set of parameters to run a stage with.
type Case struct {
	Name   string
	Values map[string]any // inputs are engine.Source
	Env    map[string]string
	// Varies says that two runs need not give the same bytes.
	Varies bool
	// Check looks at the result, if set.
	Check func(t *testing.T, r *store.Record)
}

// Stage checks that a stage keeps its promises to the engine.
func Stage(t *testing.T, s engine.Stage, cases ...Case) {
	t.Helper()
	t.Run("describes itself", func(t *testing.T) { describes(t, s) })
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			before := statInputs(t, c.Values)
			// Other cores, another workspace: the result must not depend on either.
			first := once(t, s, c, 1)
			second := once(t, s, c, 3)
			if c.Check != nil {
				c.Check(t, first)
			}
			if d := cmp.Diff(first.Ports, second.Ports); d != "" && !c.Varies {
				t.Errorf("two runs differ:\n%s", d)
			}
			if d := cmp.Diff(before, statInputs(t, c.Values)); d != "" {
				t.Errorf("the stage changed its inputs:\n%s", d)
			}
		})
		t.Run(c.Name+", cancelled", func(t *testing.T) { cancelled(t, s, c) })
	}
}

func describes(t *testing.T, s engine.Stage) {
	spec := s.Describe()
	if !regexp.MustCompile(`^[a-z][a-z0-9-]*$`).MatchString(spec.Name) {
		t.Errorf("name %q: want lower-case words joined by -", spec.Name)
	}
	if spec.Version < 1 || spec.Doc == "" {
		t.Errorf("version %d, doc %q: want both", spec.Version, spec.Doc)
	}
	schema, err := param.Of(spec.Params)
	if err != nil {
		t.Fatal(err)
	}
	documented(t, "", schema.Fields)
	_, shaped := s.(engine.Shaper)
	if len(spec.Outputs) == 0 && !shaped {
		t.Error("no output ports")
	}
	seen := map[string]bool{}
	for _, p := range spec.Outputs {
		if p.Name == "" || seen[p.Name] || p.Kind == artifact.Unspecified || p.Doc == "" || !filepath.IsLocal(p.Rel()) {
			t.Errorf("port %+v: want a name of its own, a kind, a doc and a path inside the output", p)
		}
		seen[p.Name] = true
	}
}

func documented(t *testing.T, prefix string, fields []param.Field) {
	for i := range fields {
		f := &fields[i]
		if f.Doc == "" {
			t.Errorf("parameter %s%s has no doc", prefix, f.Name)
		}
		documented(t, prefix+f.Name+".", f.Fields)
	}
}

// once runs the case in a workspace of its own.
func once(t *testing.T, s engine.Stage, c Case, cpu int) *store.Record {
	t.Helper()
	ws := t.TempDir()
	st, err := store.Open(ws, func(text string) { t.Error(text) })
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	res, err := sched.Run(context.Background(), caseGraph(s, c), st, caseOptions(c, cpu), nil)
	if err != nil {
		t.Fatal(err)
	}
	left := list(t, ws)
	for _, p := range left {
		t.Errorf("written outside the output directory: %s", p)
	}
	rec := res.Nodes[0].Record
	numbers(t, s, rec)
	return rec
}

// numbers checks that ports hold the numbers that they are declared to hold: conditions of recipes are checked by them.
func numbers(t *testing.T, s engine.Stage, rec *store.Record) {
	t.Helper()
	for _, p := range s.Describe().Outputs {
		if p.Metrics == nil {
			continue
		}
		set, err := metric.Read(rec.Path(p.Name))
		if d := cmp.Diff(slices.Sorted(slices.Values(p.Metrics)), set.Names()); d != "" || err != nil {
			t.Errorf("port %s: %v, numbers declared and written:\n%s", p.Name, err, d)
		}
	}
}

func caseGraph(s engine.Stage, c Case) *engine.Graph {
	return &engine.Graph{Recipe: "conformance", Nodes: []engine.Node{{ID: "stage", Name: "stage", Stage: s, Params: c.Values}}}
}

func caseOptions(c Case, cpu int) sched.Options {
	return sched.Options{CPU: cpu, Host: "test", Env: func(name string) (string, bool) {
		v, ok := c.Env[name]
		return v, ok
	}}
}

// list names everything in a workspace but the store.
func list(t *testing.T, ws string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(ws, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == ws {
			return err
		}
		if d.Name() == store.Dir {
			return fs.SkipDir
		}
		out = append(out, path)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// cancelled cancels the run as soon as the stage runs, and again after its first sign of life.
func cancelled(t *testing.T, s engine.Stage, c Case) {
	for _, when := range []string{"running", "its first event"} {
		st, err := store.Open(t.TempDir(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer st.Close()
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		var at time.Time
		var once sync.Once
		sink := sinkFunc(func(e event.Event) {
			now := e.State != nil && e.State.To == "running" && when == "running" || e.State == nil && when != "running"
			if now {
				once.Do(func() { at = time.Now(); cancel() })
			}
		})
		res, err := sched.Run(ctx, caseGraph(s, c), st, caseOptions(c, 2), sink)
		switch {
		case at.IsZero(): // it said nothing
		case time.Since(at) > cancelLimit:
			t.Errorf("cancelled at %s: ended after %s, want at most %s", when, time.Since(at), cancelLimit)
		case err == nil && res.Nodes[0].State != sched.Done, err != nil && res.Nodes[0].State != sched.Cancelled:
			t.Errorf("cancelled at %s: state %s, error %v", when, res.Nodes[0].State, err)
		}
	}
}

type sinkFunc func(event.Event)

func (f sinkFunc) Emit(e event.Event) { f(e) }

// statInputs takes the state of every file that the case reads.
func statInputs(t *testing.T, values map[string]any) map[string]string {
	t.Helper()
	out := map[string]string{}
	var visit func(v any)
	visit = func(v any) {
		switch x := v.(type) {
		case engine.Source:
			entries, _, err := artifact.Walk(x.Path, artifact.FollowOutside)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				out[e.Abs] = fmt.Sprintf("%s %+v", e.Mode, e.Stat)
			}
		case map[string]any:
			for _, item := range x {
				visit(item)
			}
		case []any:
			for _, item := range x {
				visit(item)
			}
		}
	}
	visit(values)
	return out
}
