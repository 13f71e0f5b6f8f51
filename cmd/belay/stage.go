package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/belay-ml/belay/dsl/compile"
	"github.com/belay-ml/belay/dsl/foreign/mindspeed"
	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/param"
	"github.com/belay-ml/belay/engine/sched"
	"github.com/belay-ml/belay/engine/store"
)

func newStage(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "stage KIND --PARAMETER value ... --out DIR",
		Short: "Run one stage by itself",
		Long:  "Run one stage by itself, outside a recipe: the same checks and the same code. belay stage KIND --help lists its parameters.",
		Args:  cobra.ArbitraryArgs,
	}
	var kinds []string
	for _, s := range stageList() {
		kinds = append(kinds, s.Describe().Name)
		c.AddCommand(newStageKind(a, s))
	}
	c.RunE = func(_ *cobra.Command, args []string) error {
		if len(args) > 0 {
			return unknown("stage kind", args[0], kinds, "belay stage --help lists them")
		}
		return fault.New(fault.Usage, "which stage?").WithHint("belay stage --help lists them")
	}
	return c
}

func newStageKind(a *app, s engine.Stage) *cobra.Command {
	spec := s.Describe()
	schema, err := param.Of(spec.Params)
	if err != nil {
		panic(fmt.Sprintf("stage %s: %v", spec.Name, err))
	}
	c := &cobra.Command{
		Use:               spec.Name,
		Short:             spec.Doc,
		Long:              spec.Doc + "\n\n" + parameterHelp(spec, schema),
		Args:              cobra.ArbitraryArgs, // the words of flags that take several
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	line := newStageLine(c, spec.Name, schema)
	c.RunE = func(c *cobra.Command, words []string) error {
		if err := line.read(words); err != nil {
			return err
		}
		given, err := line.given()
		var notes []string
		if mindspeed.ProgramOf(spec.Name) != "" && (!line.own() || line.out == "") {
			given, notes, err = line.foreign()
		}
		if err != nil {
			return err
		}
		if line.out == "" {
			return fault.New(fault.Usage, `required flag "out" is not set`).WithHint("see belay stage %s --help", spec.Name)
		}
		for _, n := range notes {
			a.say(n)
		}
		return a.stage(c.Context(), spec.Name, given, line.out, line.cpus)
	}
	return c
}

// parameterHelp lists a stage's parameters and outputs.
func parameterHelp(spec engine.Spec, schema param.Schema) string {
	var b strings.Builder
	b.WriteString("Parameters, each a flag (--seq-length 512, --seq_length=512) and a name for --with (--with seq_length=512):\n")
	for _, f := range schema.Fields {
		fmt.Fprintf(&b, "  %-26s %s", f.Name, f.Doc)
		switch {
		case f.Required:
			b.WriteString(" (required)")
		case f.Default != nil && f.Default != "":
			fmt.Fprintf(&b, " (default %v)", f.Default)
		}
		if len(f.Enum) > 0 {
			fmt.Fprintf(&b, " [%s]", strings.Trim(strings.Join(f.Enum, "|"), "|"))
		}
		if len(f.Aliases) > 0 {
			fmt.Fprintf(&b, " (also %s)", strings.Join(f.Aliases, ", "))
		}
		b.WriteByte('\n')
	}
	if program := mindspeed.ProgramOf(spec.Name); program != "" {
		fmt.Fprintf(&b, "\nThe flags of MindSpeed-LLM's %s are taken too, with their meaning there.\n", program)
	}
	if len(spec.Outputs) > 0 {
		b.WriteString("\nOutputs:\n")
		for _, p := range spec.Outputs {
			fmt.Fprintf(&b, "  %-26s %s (%s)\n", p.Name, p.Doc, p.Kind)
		}
	}
	return b.String()
}

// stage runs one stage in a store of its own beside out, and moves what it made there.
func (a *app) stage(ctx context.Context, kind string, with []compile.Given, out string, cpus int) error {
	opt, err := a.options(recipeFlags{})
	if err != nil {
		return err
	}
	g, found := compile.Stage(kind, with, opt)
	if err := a.diagnose(found); err != nil {
		return err
	}
	if g == nil {
		return reported(fault.Recipe)
	}
	if entries, err := os.ReadDir(out); err == nil && len(entries) > 0 {
		return fault.New(fault.Usage, "%s is not empty", out).WithHint("choose another --out, or remove it")
	}
	st, remove, err := store.OpenFleeting(filepath.Dir(filepath.Clean(out)), !a.json, a.warn) // JSON tells the digests of the results
	if err != nil {
		return err
	}
	defer remove()
	sink, finish := a.progress(nil)
	res, err := sched.Run(ctx, g, st, sched.Options{CPU: cpus, Backend: backendClass, Belay: version()}, event.Tee(sink))
	finish()
	if err != nil {
		return err
	}
	rec := res.Nodes[0].Record
	if err := writable(rec.Root); err != nil {
		return err
	}
	if err := os.Remove(out); err != nil && !os.IsNotExist(err) {
		return err
	}
	if err := os.Rename(rec.Root, out); err != nil {
		return err
	}
	for _, p := range rec.PortNames() {
		a.say(fmt.Sprintf("  %s: %s (%s)", p, filepath.Join(out, filepath.FromSlash(rec.Ports[p].Path)), describe(rec.Ports[p])))
	}
	return a.print(rec.Manifest, func(io.Writer) error { return nil })
}

func describe(c artifact.PortContent) string {
	if c.Kind == "" {
		return size(c.Bytes)
	}
	return string(c.Kind) + ", " + size(c.Bytes)
}

// writable gives the owner back what the store took: an output of a single stage is the person's own.
func writable(root string) error {
	return filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.Type()&os.ModeSymlink != 0 {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return os.Chmod(path, info.Mode().Perm()|0o200)
	})
}
