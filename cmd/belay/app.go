package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/belay-ml/belay/dsl/compile"
	"github.com/belay-ml/belay/dsl/diag"
	"github.com/belay-ml/belay/dsl/workspace"
	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/event/terminal"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/lockfile"
	"github.com/belay-ml/belay/engine/store"
)

// errReported says that the person has been told already.
var errReported = errors.New("reported")

// reported is an exit code without another message.
func reported(code int) error { return fault.New(code, "%w", errReported) }

// app is what all commands share.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer

	quiet, verbose, json bool
	logFormat            string // "text" or "json"
	started              bool   // a command's own code runs: errors are no longer about usage

	live atomic.Pointer[terminal.Printer] // draws lines on stderr just now; messages go above them
}

// recipeFlags are the flags of commands that read a recipe.
type recipeFlags struct {
	params, sets []string
	locked       bool // of commands that honour belay.lock

	reads func(path string) // told of every file before it is read, also of those that are missing; may be nil
}

func (f *recipeFlags) register(c *cobra.Command) {
	c.Flags().StringArrayVarP(&f.params, "param", "p", nil, "set a parameter of the recipe: -p lr=1e-4")
	c.Flags().StringArrayVar(&f.sets, "set", nil, "set a parameter of a stage: --set sft.lr=1e-4")
}

// project is a checked recipe and the workspace that it lies in.
type project struct {
	space   *workspace.File
	graph   *engine.Graph
	secrets *secrets
	lock    *lockfile.File // nil when there is no belay.lock
	locked  bool           // what is not as the lock file says is an error
}

// project checks a recipe and its workspace file. Diagnostics go to stderr; errors end the command with the
// recipe's code.
func (a *app) project(ctx context.Context, path string, f recipeFlags) (*project, error) {
	p, err := a.checked(path, f)
	if err != nil {
		return nil, err
	}
	if err := p.secrets.salt(ctx, p.graph); err != nil {
		return nil, err
	}
	p.locked = f.locked
	if p.lock, err = lockfile.Load(p.space.Dir); err != nil {
		return nil, err
	}
	if p.lock == nil && f.locked {
		return nil, fault.New(fault.Data, "--locked: there is no %s in %s", lockfile.Name, p.space.Dir).WithHint("belay lock %s makes one", path)
	}
	return p, nil
}

// checked is a project without its lock file.
func (a *app) checked(path string, f recipeFlags) (*project, error) {
	space, err := a.settings(path)
	if err != nil {
		return nil, err
	}
	opt, err := a.options(f)
	if err != nil {
		return nil, err
	}
	s := a.secrets(space)
	opt.Secret = s.Known
	g, found := compile.File(path, opt)
	if err := a.diagnose(found); err != nil {
		return nil, err
	}
	if g == nil {
		return nil, reported(fault.Recipe)
	}
	return &project{space: space, graph: g, secrets: s}, nil
}

func (a *app) options(f recipeFlags) (compile.Options, error) {
	dir, err := os.Getwd()
	if err != nil {
		return compile.Options{}, err
	}
	opt := compile.Options{Stages: stageList(), Params: f.params, Sets: f.sets, Env: os.LookupEnv, Dir: dir}
	if f.reads != nil {
		opt.Over = func(path string) (string, bool) {
			f.reads(path)
			return "", false
		}
		opt.Exists = func(path string) bool {
			f.reads(path)
			_, err := os.Stat(path)
			return err == nil
		}
	}
	return opt, nil
}

// diagnose prints findings in the chosen form.
func (a *app) diagnose(l diag.List) error {
	switch {
	case len(l) == 0:
		return nil
	case a.logFormat == "json":
		return diag.JSON(a.stderr, l)
	case os.Getenv("GITHUB_ACTIONS") == "true":
		return diag.CI(a.stderr, l)
	}
	return diag.Text(a.stderr, l, a.color())
}

// workspaceOf is the nearest directory above the recipe that holds a belay.yaml, else the current one.
func workspaceOf(recipe string) (string, error) {
	dir, err := filepath.Abs(filepath.Dir(recipe))
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, workspace.Name)); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return os.Getwd()
		}
		dir = up
	}
}

// here is the workspace that the current directory lies in.
func here() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	return workspaceOf(filepath.Join(dir, "recipe.yaml"))
}

// settings reads the workspace file of a recipe.
func (a *app) settings(recipe string) (*workspace.File, error) {
	dir, err := workspaceOf(recipe)
	if err != nil {
		return nil, err
	}
	f, found := workspace.Load(dir)
	if err := a.diagnose(found); err != nil {
		return nil, err
	}
	if f == nil {
		return nil, reported(fault.Recipe)
	}
	return f, nil
}

// store opens the store of a workspace.
func (a *app) store(w *workspace.File) (*store.Store, error) { return store.Open(w.Dir, a.warn) }

// warn tells what a person should look at.
func (a *app) warn(text string) {
	if a.logFormat == "json" {
		l := zerolog.New(a.stderr)
		l.Warn().Msg(text)
		return
	}
	if p := a.live.Load(); p != nil {
		p.Line("warning: " + text)
		return
	}
	fmt.Fprintln(a.stderr, "warning: "+text)
}

// say tells what is good to know; quiet leaves it out.
func (a *app) say(text string) {
	switch {
	case a.quiet:
	case a.logFormat == "json":
		l := zerolog.New(a.stderr)
		l.Info().Msg(text)
	default:
		fmt.Fprintln(a.stderr, text)
	}
}

// complain tells why a command failed, once.
func (a *app) complain(err error, code int, hint string) {
	switch {
	case errors.Is(err, errReported):
	case a.logFormat == "json":
		l := zerolog.New(a.stderr)
		e := l.Error().Int("exit", code)
		if hint != "" {
			e = e.Str("hint", hint)
		}
		e.Msg(err.Error())
	default:
		fmt.Fprintln(a.stderr, "belay: "+err.Error())
		if hint != "" {
			fmt.Fprintln(a.stderr, "hint: "+hint)
		}
	}
}

// print writes v as JSON, or calls text.
func (a *app) print(v any, text func(w io.Writer) error) error { return a.printTo(a.stdout, v, text) }

func (a *app) printTo(to io.Writer, v any, text func(w io.Writer) error) error {
	if !a.json {
		return text(to)
	}
	enc := json.NewEncoder(to)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// color says whether messages may be coloured.
func (a *app) color() bool { return os.Getenv("NO_COLOR") == "" && !dumb() && isTerminal(a.stderr) }

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// relative shortens a path where it lies below the current directory.
func relative(path string) string {
	dir, err := os.Getwd()
	if err != nil {
		return path
	}
	if rel, err := filepath.Rel(dir, path); err == nil && !strings.HasPrefix(rel, "..") {
		return rel
	}
	return path
}
