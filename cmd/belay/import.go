package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"github.com/belay-ml/belay/dsl/ast"
	"github.com/belay-ml/belay/dsl/compile"
	"github.com/belay-ml/belay/dsl/diag"
	"github.com/belay-ml/belay/dsl/foreign"
	"github.com/belay-ml/belay/dsl/foreign/llamafactory"
	"github.com/belay-ml/belay/dsl/foreign/mindspeed"
	"github.com/belay-ml/belay/dsl/foreign/shell"
	"github.com/belay-ml/belay/dsl/pos"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/models/chat"
)

// importFlags are those of belay import.
type importFlags struct {
	out, root     string
	strict, force bool
	bundle        bundleFlags
}

func newImport(a *app) *cobra.Command {
	var f importFlags
	c := &cobra.Command{
		Use:   "import FILE...",
		Short: "Take in other programs' scripts and configurations as a recipe, or a bundle of belay export",
		Long: `What a file is, its content tells. Of scripts and configurations one recipe is made; a bundle that belay export has
written is taken apart.

Make one recipe of launch scripts of MindSpeed-LLM (bash that runs preprocess_data.py, convert_ckpt.py, pretrain_gpt.py,
posttrain_gpt.py, inference.py, evaluation.py) and of configurations of LLaMA-Factory (YAML or JSON). Nothing is executed.

Stages are joined where one reads a path that another writes. What belay has no parameter for is listed with its place and the
reason, in the report and as comments in the recipe; --strict makes it an error. Without -o the recipe goes to stdout.

Take a bundle apart: its files into a folder, which becomes a workspace, and its results into the store there. belay run then
finds everything done, without a network. Every byte is checked before anything is written, and a file of the folder that differs
is left alone unless --force is given.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			for _, path := range args {
				if err := readable(path); err != nil {
					return err
				}
			}
			isOne := slices.ContainsFunc(args, isBundle)
			if err := f.check(c, isOne, args); err != nil {
				return err
			}
			if isOne {
				f.bundle.force = f.force
				return importBundle(c.Context(), a, args[0], f.bundle)
			}
			return a.imports(args, f)
		},
	}
	f.bundle.register(c)
	c.Flags().StringVarP(&f.out, "out", "o", "", "scripts: recipe to write; it must not exist")
	c.Flags().StringVar(&f.root, "root", ".", "scripts: folder that relative paths in the files begin at")
	c.Flags().BoolVar(&f.strict, "strict", false, "scripts: fail when anything is left out of the recipe, and write nothing")
	c.Flags().BoolVar(&f.force, "force", false, "overwrite the recipe, or files that a bundle has other ones for")
	return c
}

// check refuses flags that mean nothing for what is imported.
func (f *importFlags) check(c *cobra.Command, isBundle bool, args []string) error {
	if isBundle && len(args) > 1 {
		return fault.New(fault.Usage, "a bundle is imported by itself").WithHint("import the files one by one")
	}
	others, what := []string{"into", "dry-run"}, "a script or configuration"
	if isBundle {
		others, what = []string{"out", "root", "strict"}, "a bundle"
	}
	for _, name := range others {
		if c.Flags().Changed(name) {
			return fault.New(fault.Usage, "--%s means nothing for %s", name, what)
		}
	}
	return nil
}

// source is a file given to belay import, and what it is.
type source struct {
	*pos.File
	kind sourceKind
}

type sourceKind uint8

const (
	unknownSource sourceKind = iota
	recipeSource             // a recipe of belay's own
	shellSource
	factorySource
)

// maxSource is how much of a file is read: more than any kind of text that is imported may have.
const maxSource = ast.MaxBytes + 1

func (a *app) imports(paths []string, f importFlags) error {
	var sources []source
	for _, p := range paths {
		s, err := openSource(p)
		if err != nil {
			return err
		}
		sources = append(sources, s)
	}
	return a.importRecipe(sources, f) // a kind that is no part of a recipe branches off before this
}

// readable says what is wrong with a path that is no file to read, before what it is decides which flags it takes.
func readable(path string) error {
	in, err := os.Open(path)
	if err != nil {
		err := fault.New(fault.Data, "import: %w", err)
		if errors.Is(err, fs.ErrNotExist) {
			return err.WithHint("give the path of a script, a configuration or a bundle")
		}
		return err
	}
	return in.Close()
}

// openSource reads a file and recognises it by its content.
func openSource(path string) (source, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return source{}, err
	}
	in, err := os.Open(path)
	if err != nil {
		return source{}, fault.New(fault.Data, "import: %w", err)
	}
	defer in.Close()
	text, err := io.ReadAll(io.LimitReader(in, maxSource))
	if err != nil {
		return source{}, fault.New(fault.Data, "import %s: %w", path, err)
	}
	return source{File: pos.NewFile(path, abs, filepath.Dir(abs), string(text)), kind: recognise(text)}, nil
}

// scriptLine is the first line of a script for a shell.
var scriptLine = regexp.MustCompile(`^#!\s*\S*(/env\s+(-S\s+)?|/)(ba|da|z|k)?sh\b`)

// recognise says what a file is by its content.
func recognise(text []byte) sourceKind {
	switch {
	case scriptLine.Match(text):
		return shellSource
	case llamafactory.Recognise(string(text)):
		return factorySource
	case bytes.HasPrefix(text, []byte("belay:")) || bytes.Contains(text, []byte("\nbelay:")):
		return recipeSource
	case mindspeed.Recognise(string(text)):
		return shellSource
	}
	return unknownSource
}

// importRecipe makes one recipe of all files.
func (a *app) importRecipe(sources []source, f importFlags) error {
	root, err := filepath.Abs(f.root)
	if err != nil {
		return err
	}
	opt := foreign.Options{Stages: stageList(), Root: root, Dir: root, Templates: chat.Names(), Name: recipeName(sources[0].Name)}
	opt.Exists = func(path string) bool {
		_, err := os.Stat(path)
		return err == nil
	}
	if f.out != "" {
		abs, err := filepath.Abs(f.out)
		if err != nil {
			return err
		}
		if _, err := os.Lstat(abs); err == nil && !f.force {
			return fault.New(fault.Usage, "%s exists", f.out).WithHint("choose another -o, or overwrite it with --force")
		}
		opt.Dir, opt.Name = filepath.Dir(abs), recipeName(f.out)
	}
	for _, s := range sources {
		opt.Files = append(opt.Files, s.Name)
	}
	jobs, left, found, err := gather(sources, opt)
	if err != nil {
		return err
	}
	if err := a.diagnose(found); err != nil {
		return err
	}
	if found.HasErrors() {
		return reported(fault.Data)
	}
	if len(jobs) == 0 {
		a.sayLeft(left)
		err := fault.New(fault.Data, "import %s: nothing in it is a stage", strings.Join(opt.Files, ", "))
		if slices.ContainsFunc(sources, func(s source) bool { return s.kind == shellSource }) {
			err = err.WithHint("stages are made of commands that run %s, outside functions, loops and conditions", strings.Join(mindspeed.Names(), ", "))
		}
		return err
	}
	if len(jobs) > foreign.MaxJobs {
		return fault.New(fault.Data, "import %s: %d stages, more than the %d of one recipe", strings.Join(opt.Files, ", "), len(jobs), foreign.MaxJobs).
			WithHint("import the files one by one")
	}
	return a.deliver(foreign.Build(jobs, left, opt), opt, f)
}

// gather reads what the files would run. Findings with errors are about files that cannot be read as what they are.
func gather(sources []source, opt foreign.Options) (jobs []*foreign.Job, left []foreign.Left, found diag.List, err error) {
	factory := llamafactory.NewReader(opt.Root, readSmall)
	for _, s := range sources {
		var more []*foreign.Job
		var rest []foreign.Left
		var l diag.List
		switch s.kind {
		case shellSource:
			var script *shell.Script
			if script, l = shell.Read(s.File); script != nil {
				more, rest = mindspeed.Jobs(script, opt.Stages)
			}
		case factorySource:
			more, rest, l = factory.Jobs(s.File)
		case recipeSource:
			return nil, nil, nil, fault.New(fault.Usage, "%s is a recipe already", s.Name).WithHint("belay run %s runs it", s.Name)
		default:
			return nil, nil, nil, fault.New(fault.Data, "import %s: neither a launch script, nor a configuration of LLaMA-Factory, nor a bundle of belay export", s.Name).
				WithHint("known are bash scripts that run %s, and YAML with model_name_or_path", strings.Join(mindspeed.Names(), ", "))
		}
		jobs, left = append(jobs, more...), append(left, rest...)
		found.Add(l...)
	}
	return jobs, left, found, nil
}

// deliver checks the recipe, tells what it lacks and writes it.
func (a *app) deliver(res *foreign.Result, opt foreign.Options, f importFlags) error {
	path := filepath.Join(opt.Dir, opt.Name+".yaml")
	if f.out != "" {
		path = filepath.Join(opt.Dir, filepath.Base(f.out))
	}
	copt, err := a.options(recipeFlags{})
	if err != nil {
		return err
	}
	copt.Open = true
	copt.Over = func(p string) (string, bool) { return string(res.Text), p == path }
	if g, l := compile.File(path, copt); g == nil {
		if err := a.diagnose(l); err != nil {
			return err
		}
		return fault.New(fault.Recipe, "the recipe of %s is wrong, as said above", strings.Join(opt.Files, ", "))
	}
	if f.strict && len(res.Left) > 0 {
		a.sayLeft(res.Left)
		return fault.New(fault.Data, "--strict: %d things are left out of the recipe", len(res.Left)).WithHint("take them out of the files, or leave --strict out")
	}
	out := importJSON{Recipe: f.out, Stages: []importedStage{}, Left: []leftJSON{}}
	for _, s := range res.Stages {
		out.Stages = append(out.Stages, importedStage{Name: s.Name, Uses: s.Uses, Program: s.Title, At: s.At})
	}
	for _, l := range res.Left {
		out.Left = append(out.Left, leftJSON{Stage: l.Stage, Name: l.Name, Value: l.Value, Why: l.Why, At: l.At.String()})
	}
	if f.out == "" {
		out.Text = string(res.Text)
	} else if err := writeRecipe(f.out, res.Text); err != nil {
		return fault.New(fault.Data, "write recipe: %w", err)
	}
	return a.print(out, func(w io.Writer) error {
		a.sayLeft(res.Left)
		if f.out == "" {
			_, err := w.Write(res.Text)
			return err
		}
		_, err := fmt.Fprintf(w, "%s: %s, %s left out\n", f.out, count(len(res.Stages), "stage"), count(len(res.Left), "thing"))
		return err
	})
}

func writeRecipe(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return renameio.WriteFile(path, text, 0o644)
}

// importJSON is the report of belay import.
type importJSON struct {
	Recipe string          `json:"recipe,omitempty"` // where it was written
	Text   string          `json:"text,omitempty"`   // when it was not
	Stages []importedStage `json:"stages"`
	Left   []leftJSON      `json:"left"`
}

type importedStage struct {
	Name    string `json:"name"`
	Uses    string `json:"uses"`
	Program string `json:"program"`
	At      string `json:"at"`
}

type leftJSON struct {
	Stage string `json:"stage,omitempty"`
	Name  string `json:"name"`
	Value string `json:"value,omitempty"`
	Why   string `json:"why"`
	At    string `json:"at,omitempty"`
}

// sayLeft tells what is not in the recipe, by stage and reason.
func (a *app) sayLeft(left []foreign.Left) {
	for from := 0; from < len(left); {
		to := from
		for to < len(left) && left[to].Stage == left[from].Stage {
			to++
		}
		where := "not taken over"
		if s := left[from].Stage; s != "" {
			where += " at stage " + s
		}
		a.say(where + ":")
		for _, g := range foreign.Grouped(left[from:to], nil) {
			a.say("  " + g.Why + ": " + strings.Join(g.Items, ", "))
		}
		from = to
	}
}

// readSmall reads a file that lies beside a configuration; ok is false when there is none.
func readSmall(path string) (string, bool) {
	in, err := os.Open(path)
	if err != nil {
		return "", false
	}
	defer in.Close()
	text, err := io.ReadAll(io.LimitReader(in, maxSource))
	return string(text), err == nil
}

// recipeName is a name for a recipe by its file's.
func recipeName(path string) string {
	base := filepath.Base(path)
	return foreign.RecipeName(strings.TrimSuffix(base, filepath.Ext(base)))
}
