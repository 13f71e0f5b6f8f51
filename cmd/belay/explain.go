package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/event/record"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/key"
	"github.com/belay-ml/belay/engine/sched"
	"github.com/belay-ml/belay/engine/store"
)

func newExplain(a *app) *cobra.Command {
	var f recipeFlags
	c := &cobra.Command{
		Use:   "explain RECIPE [STAGE | STAGE.PARAMETER]...",
		Short: "Show what a stage's key is made of, and what changed since its last success",
		Long: `Show every component of a stage's key, those that changed since its last success first: parameters with the old and the
new value and where it was written, inputs with their files, and the root cause where a stage upstream made other bytes. Without
STAGE all stages that a run would or might execute are explained.

Of a parameter (written as in --set) it tells what it means, its type, its default, its value and where that comes from.`,
		Example: `  belay explain recipe.yaml sft
  belay explain recipe.yaml sft.lora.r`,
		Args: cobra.MinimumNArgs(1),

		ValidArgsFunction: completeExplained,
		RunE: func(c *cobra.Command, args []string) error {
			p, err := a.project(c.Context(), args[0], f)
			if err != nil {
				return err
			}
			st, err := a.store(p.space)
			if err != nil {
				return err
			}
			defer st.Close()
			planned, err := a.plannedIn(c.Context(), p, st, runFlags{}.options(nil))
			if err != nil {
				return err
			}
			e := explainer{app: a, ctx: c.Context(), graph: p.graph, plan: planned, store: st}
			return e.explain(args[1:])
		},
	}
	f.register(c)
	f.registerLocked(c)
	return c
}

// explainer is a plan and what it was made from.
type explainer struct {
	*app
	ctx   context.Context
	graph *engine.Graph
	plan  *sched.Planned
	store *store.Store
}

// explanation is one stage of `belay explain --json`.
type explanation struct {
	planJSON
	Parts  []partJSON  `json:"parts"`
	Inputs []inputJSON `json:"inputs,omitempty"`
	Pins   []string    `json:"pins,omitempty"` // by belay.lock
}

// partJSON is one component of a key as it is now.
type partJSON struct {
	Part    key.Part `json:"part"`
	Path    string   `json:"path,omitempty"`
	Value   string   `json:"value"`
	Pos     string   `json:"pos,omitempty"` // empty for a default
	Changed bool     `json:"changed,omitempty"`
}

// inputJSON is an input.
type inputJSON struct {
	Path   string          `json:"path"`
	From   string          `json:"from"`
	Digest artifact.Digest `json:"digest,omitempty"` // empty when it depends on results that are not there yet
	Count  int             `json:"count,omitempty"`  // of its files
	Files  []fileJSON      `json:"files,omitempty"`  // the first maxFiles
}

type fileJSON struct {
	Path   string          `json:"path"`
	Bytes  int64           `json:"bytes"`
	Digest artifact.Digest `json:"digest"`
}

// Bounds on what explain lists: files in JSON, and lines of them for a person.
const (
	maxFiles  = 1000
	fewFiles  = 8
	someFiles = 20
)

// explain tells about the named stages or parameters; about all stages that would or might run when there are no names.
func (e explainer) explain(names []string) error {
	var params []string
	for _, name := range names {
		if slices.ContainsFunc(e.graph.Nodes, func(n engine.Node) bool { return n.Called(name) }) {
			continue
		}
		if stage, _ := e.cut(name); stage == "" {
			return fault.New(fault.Usage, "%s has no stage %q", e.graph.Recipe, name).WithHint("belay plan lists the stages")
		}
		params = append(params, name)
	}
	switch {
	case len(params) == 0:
		return e.stages(names)
	case len(params) < len(names):
		return fault.New(fault.Usage, "explain stages or parameters, not both at once")
	}
	return e.params(params)
}

// stages tells about the named stages; about all that would or might run when there are no names.
func (e explainer) stages(names []string) error {
	out := []explanation{}
	for i := range e.plan.Nodes {
		n := &e.plan.Nodes[i]
		switch {
		case len(names) == 0 && (n.Status == sched.Fresh || n.Status == sched.Off):
			continue
		case len(names) > 0 && !slices.ContainsFunc(names, func(name string) bool { return e.graph.Nodes[i].Called(name) }):
			continue
		}
		out = append(out, e.one(i))
	}
	return e.print(out, func(w io.Writer) error {
		if len(out) == 0 {
			_, err := fmt.Fprintln(w, totals(e.plan))
			return err
		}
		for i, x := range out {
			if i > 0 {
				fmt.Fprintln(w)
			}
			if err := e.write(w, x); err != nil {
				return err
			}
		}
		return nil
	})
}

func (e explainer) one(i int) explanation {
	n, node := &e.plan.Nodes[i], &e.graph.Nodes[i]
	x := explanation{planJSON: planOf(e.graph, n), Parts: []partJSON{}}
	if x.Made != nil {
		x.Made.Run = madeBy(filepath.Dir(e.store.RunDir("x")), n.Key)
	}
	for _, pin := range n.Pins {
		x.Pins = append(x.Pins, pin.String())
	}
	changed := map[string]bool{}
	for _, c := range n.Reason.Changes {
		changed[c.Name()] = true
	}
	for _, p := range partsIn(n.Parts) {
		p.Changed = changed[(key.Change{Part: p.Part, Path: p.Path}).Name()]
		if p.Part == key.PartParam || p.Part == key.PartInput {
			p.Pos = sched.Origin(node, n.Pins, p.Path)
		}
		for _, pin := range n.Pins {
			if p.Part == key.PartParam && p.Path == pin.Param {
				p.Pos = pin.At
			}
		}
		x.Parts = append(x.Parts, p)
	}
	for _, path := range notYet(n) {
		x.Inputs = append(x.Inputs, inputJSON{Path: path, From: n.Last.Inputs[path].Label})
	}
	for _, path := range slices.Sorted(maps.Keys(n.Inputs)) {
		in := inputJSON{Path: path, From: n.Inputs[path].Label, Digest: n.Inputs[path].Digest}
		files, _ := e.store.Listing(n.Inputs[path])
		in.Count = len(files)
		for _, f := range files[:min(len(files), maxFiles)] {
			in.Files = append(in.Files, fileJSON{f.Path, f.Size, f.Digest})
		}
		x.Inputs = append(x.Inputs, in)
	}
	return x
}

// notYet are the inputs of the last success of which this plan does not know the content yet.
func notYet(n *sched.NodePlan) []string {
	if n.Last == nil || n.Key != "" {
		return nil
	}
	return slices.Sorted(func(yield func(string) bool) {
		for path := range n.Last.Inputs {
			if _, known := n.Inputs[path]; !known && !yield(path) {
				return
			}
		}
	})
}

// madeBy is the run that made a key's result, "" when its record is gone.
func madeBy(runs string, k key.Key) string {
	entries, err := os.ReadDir(runs) // sorted by name, and so by time
	if err != nil {
		return ""
	}
	for _, e := range slices.Backward(entries) {
		run, err := record.Load(filepath.Join(runs, e.Name()))
		if err != nil {
			continue // `belay runs` names the damaged ones
		}
		if record.Made([]record.Run{*run}, string(k)) != nil {
			return run.ID
		}
	}
	return ""
}

// partsIn takes a key apart, in the order in which Diff tells changes.
func partsIn(p key.Parts) []partJSON {
	if p.Stage == "" {
		return nil
	}
	out := []partJSON{
		{Part: key.PartFormat, Value: fmt.Sprint(p.Format)}, {Part: key.PartStage, Value: p.Stage}, {Part: key.PartVersion, Value: fmt.Sprint(p.Version)},
	}
	for _, n := range slices.Sorted(maps.Keys(p.Params)) {
		out = append(out, partJSON{Part: key.PartParam, Path: n, Value: p.Params[n]})
	}
	for _, n := range slices.Sorted(maps.Keys(p.Inputs)) {
		out = append(out, partJSON{Part: key.PartInput, Path: n, Value: string(p.Inputs[n])})
	}
	for _, n := range slices.Sorted(maps.Keys(p.Env)) {
		out = append(out, partJSON{Part: key.PartEnv, Path: n, Value: p.Env[n]})
	}
	if p.Backend != "" {
		out = append(out, partJSON{Part: key.PartBackend, Value: p.Backend})
	}
	return out
}

// write shows one stage to a person.
func (e explainer) write(w io.Writer, x explanation) error {
	ink := e.ink()
	fmt.Fprintf(w, "%s (%s, %s): %s\n", ink.bold(x.ID), x.Kind, x.Pos, ink.status(sched.Status(x.Status)))
	if x.Why != "" && !slices.ContainsFunc(x.Gates, func(t gateJSON) bool { return t.Says == x.Why }) {
		fmt.Fprintf(w, "  why: %s\n", x.Why)
	}
	for _, t := range x.Gates {
		fmt.Fprintf(w, "  when: %s%s\n", t.Text, ink.dim("  ("+t.Pos+")"))
		fmt.Fprintf(w, "  %s\n", t.Says)
		for _, r := range t.Numbers {
			fmt.Fprintf(w, "      %s: %s is %s\n", r.From, r.Name, engine.NumberText(float64(r.Value)))
		}
	}
	for _, pin := range x.Pins {
		fmt.Fprintf(w, "  %s\n", pin)
	}
	if m := x.Made; m != nil {
		text := m.At.Local().Format(time.DateTime) + ", took " + about(time.Duration(x.Seconds*float64(time.Second)))
		for _, p := range [][2]string{{" on ", m.Host}, {" by run ", m.Run}, {" of recipe ", m.Recipe}, {", stage ", m.Stage}} {
			if p[1] != "" {
				text += p[0] + p[1]
			}
		}
		fmt.Fprintf(w, "  made: %s\n", text)
	}
	if l := x.Last; l != nil {
		fmt.Fprintf(w, "  last success: %s, took %s\n", l.At.Local().Format(time.DateTime), about(time.Duration(l.Seconds*float64(time.Second))))
	}
	if x.Key != "" {
		fmt.Fprintf(w, "  key: %s\n", x.Key)
	} else if x.Status != string(sched.Off) {
		fmt.Fprintln(w, "  key: depends on results that are not there yet")
	}
	if len(x.Changes) > 0 {
		fmt.Fprintln(w, "  changed since then:")
	}
	for _, c := range x.Changes {
		text := c.Name() + c.What()
		if c.Pos != "" {
			text += ink.dim("  (" + c.Pos + ")")
		}
		fmt.Fprintf(w, "  %s %s\n", ink.warm("*"), text)
		for _, f := range c.Files[:min(len(c.Files), someFiles)] {
			if f.Path != "" {
				fmt.Fprintf(w, "      %s\n", f)
			}
		}
		if more := len(c.Files) - someFiles; more > 0 {
			fmt.Fprintf(w, "      and %d more\n", more)
		}
		if c.Because != "" {
			fmt.Fprintf(w, "      because of %s\n", c.Because)
		}
	}
	if len(x.Parts) == 0 {
		return nil
	}
	fmt.Fprintln(w, "  its key is made of:")
	return table(w, e.rows(x))
}

// rows are the components of a stage's key, and the files of its inputs.
func (e explainer) rows(x explanation) [][]string {
	ink := e.ink()
	inputs := map[string]inputJSON{}
	for _, in := range x.Inputs {
		inputs[in.Path] = in
	}
	var rows [][]string
	for _, p := range x.Parts {
		mark, pos := " ", p.Pos
		if p.Changed {
			mark = ink.warm("*")
		}
		if p.Part == key.PartParam && pos == "" {
			pos = "default"
		}
		value := p.Value
		in := inputs[p.Path]
		if p.Part == key.PartInput {
			value = in.From + "  " + in.Digest.Short()
			if in.Count > 1 {
				value += fmt.Sprintf(", %d files", in.Count)
			}
		}
		rows = append(rows, []string{"  " + mark + " " + (key.Change{Part: p.Part, Path: p.Path}).Name(), clipped(value), ink.dim(pos)})
		if p.Part != key.PartInput || in.Count < 2 {
			continue
		}
		for _, f := range in.Files[:min(len(in.Files), fewFiles)] {
			rows = append(rows, []string{"", clipped("  " + f.Path + "  " + size(f.Bytes))})
		}
		if more := in.Count - fewFiles; more > 0 {
			rows = append(rows, []string{"", fmt.Sprintf("  and %d more", more)})
		}
	}
	for _, in := range x.Inputs {
		if in.Digest == "" {
			rows = append(rows, []string{"    " + (key.Change{Part: key.PartInput, Path: in.Path}).Name(), in.From + "  not known yet"})
		}
	}
	return rows
}

// clipped keeps a long value from spoiling a table; --json has all of it.
func clipped(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		return strings.TrimSpace(string(r[:most])) + "..."
	}
	return s
}
