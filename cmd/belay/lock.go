package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/lockfile"
	"github.com/belay-ml/belay/engine/sched"
)

// registerLocked adds the flag of commands that honour belay.lock.
func (f *recipeFlags) registerLocked(c *cobra.Command) {
	c.Flags().BoolVar(&f.locked, "locked", false, "what is not as belay.lock pins it is an error, before anything runs")
}

// locked adds the lock file of a project to the options of a plan or run.
func (a *app) locked(p *project, opt sched.Options) sched.Options {
	opt.Lock, opt.Locked, opt.Warn = p.lock, p.locked, a.warn
	return opt
}

// lockFlags are the flags of lock.
type lockFlags struct {
	recipeFlags
	update       []string
	prune, check bool
}

func newLock(a *app) *cobra.Command {
	var f lockFlags
	c := &cobra.Command{
		Use:   "lock RECIPE...",
		Short: "Pin the revisions and data of recipes in belay.lock",
		Long: `Find the commit behind every branch and tag that the recipes name on a hub, digest every file and folder that they
read, and write both into belay.lock beside belay.yaml. Commit it: with it a team gets equal keys, and a branch that
moves changes nothing. belay run, plan, explain and graph honour the file when it is there, and warn about data that
changed; with --locked that, and what the file does not pin, is an error.

Revisions that are pinned stay; --update, or --update=STAGE, finds their commits again. Entries of recipes that are not
named stay; --prune removes them. With --check nothing is written, no hub is asked, and the exit code is 10 when the
file is not current: for CI.`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeRecipe(false),
		RunE:              func(c *cobra.Command, args []string) error { return a.lock(c.Context(), args, f) },
	}
	f.register(c)
	c.Flags().StringSliceVar(&f.update, "update", nil, "find the commits of pinned revisions again: of all stages, or --update=STAGE")
	c.Flags().Lookup("update").NoOptDefVal = "*"
	c.Flags().BoolVar(&f.prune, "prune", false, "remove what the named recipes do not use")
	c.Flags().BoolVar(&f.check, "check", false, "write nothing; exit 10 when belay.lock is not current")
	return c
}

// lockJSON is `belay lock --json`.
type lockJSON struct {
	Path    string       `json:"path"`
	Entries []lockedJSON `json:"entries"`
	Changed bool         `json:"changed"`
}

// lockedJSON is an entry and what became of it: kept, added, changed, removed, or missing with --check.
type lockedJSON struct {
	Thing  string `json:"thing"`
	Value  string `json:"value,omitempty"`
	Was    string `json:"was,omitempty"`
	Change string `json:"change"`
}

func (a *app) lock(ctx context.Context, recipes []string, f lockFlags) error {
	if f.check && len(f.update) > 0 {
		return fault.New(fault.Usage, "--check and --update: choose one").WithHint("--check asks no hub")
	}
	space, err := a.settings(recipes[0])
	if err != nil {
		return err
	}
	old, torn, err := lockfile.Salvage(space.Dir)
	if err != nil {
		return err
	}
	if f.check { // what a merge left must be an error here
		if _, err := lockfile.Load(space.Dir); err != nil {
			return err
		}
	}
	var used []lockfile.Entry
	var missing []lockfile.Entry
	known := map[string]bool{} // stages that --update may name
	for _, recipe := range recipes {
		got, err := a.lockRecipe(ctx, recipe, space.Dir, old, f, known)
		if err != nil {
			return err
		}
		used, missing = append(used, got.Entries...), append(missing, got.Missing...)
	}
	for _, stage := range f.update {
		if stage != "*" && !known[stage] {
			return fault.New(fault.Usage, "--update=%s: no recipe given has such a stage", stage)
		}
	}
	next, js := renewed(old, used, missing, f.prune)
	js.Path = filepath.Join(space.Dir, lockfile.Name)
	for _, thing := range torn {
		if !slices.ContainsFunc(next.Entries(), func(e lockfile.Entry) bool { return e.Thing() == thing }) && !f.prune {
			return fault.New(fault.Recipe, "%s: a merge left two values of %s", lockfile.Name, thing).
				WithHint("name the recipe that uses it too, or leave it out with --prune")
		}
	}
	text := next.Format()
	have, err := os.ReadFile(js.Path)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	js.Changed = js.Changed || err != nil
	if !f.check && string(have) != string(text) {
		if err := next.Save(space.Dir); err != nil {
			return err
		}
		a.adviseMerge(space.Dir)
	}
	if err := a.print(js, js.text); err != nil {
		return err
	}
	if f.check && js.Changed {
		return fault.New(fault.Recipe, "%s is not current", lockfile.Name).WithHint("run belay lock %s and commit it", strings.Join(recipes, " "))
	}
	return nil
}

// lockRecipe finds what one recipe needs pinned.
func (a *app) lockRecipe(ctx context.Context, recipe, dir string, old *lockfile.File, f lockFlags, known map[string]bool) (*sched.Locked, error) {
	if space, err := workspaceOf(recipe); err != nil || space != dir {
		if err != nil {
			return nil, err
		}
		return nil, fault.New(fault.Usage, "%s lies in the workspace %s, not in %s", recipe, space, dir).WithHint("lock the recipes of one workspace at a time")
	}
	p, err := a.checked(recipe, f.recipeFlags)
	if err != nil {
		return nil, err
	}
	var update []string
	for _, stage := range f.update {
		has := stage == "*"
		for i := range p.graph.Nodes {
			has = has || p.graph.Nodes[i].Name == stage || p.graph.Nodes[i].ID == stage
		}
		if has {
			known[stage] = true
			update = append(update, stage)
		}
	}
	st, err := a.store(p.space)
	if err != nil {
		return nil, err
	}
	defer st.Close()
	progress, done := a.progress(nil)
	defer done()
	opt := runFlags{}.options(nil)
	opt.Lock = old
	return sched.Lock(ctx, p.graph, st, opt, sched.Locking{Update: update, Resolve: !f.check,
		Events: func(node string) event.Stage { return event.Stage{Name: node, Sink: progress, Now: time.Now} }})
}

// renewed is the lock file with what the recipes use, and what became of each entry.
func renewed(old *lockfile.File, used, missing []lockfile.Entry, prune bool) (*lockfile.File, lockJSON) {
	next := &lockfile.File{}
	js := lockJSON{Entries: []lockedJSON{}}
	wanted := map[string]bool{}
	for _, e := range append(slices.Clone(used), missing...) {
		wanted[e.Thing()] = true
		if e.Kind == lockfile.KindFile || e.Kind == lockfile.KindDir { // a folder may have become a file
			wanted[lockfile.Entry{Kind: lockfile.KindFile, Name: e.Name}.Thing()] = true
			wanted[lockfile.Entry{Kind: lockfile.KindDir, Name: e.Name}.Thing()] = true
		}
	}
	for _, e := range used {
		next.Set(e)
	}
	for _, e := range old.Entries() {
		if _, ok := next.Find(e.Kind, e.Name...); ok {
			continue
		}
		if wanted[e.Thing()] || prune {
			js.Entries = append(js.Entries, lockedJSON{Thing: e.Thing(), Was: e.Value, Change: "removed"})
			continue
		}
		next.Set(e)
	}
	for _, e := range next.Entries() {
		j := lockedJSON{Thing: e.Thing(), Value: e.Value, Change: "kept"}
		was, ok := old.Find(e.Kind, e.Name...)
		switch {
		case !ok:
			j.Change = "added"
		case was.Value != e.Value:
			j.Change, j.Was = "changed", was.Value
		}
		js.Entries = append(js.Entries, j)
	}
	for _, e := range missing {
		js.Entries = append(js.Entries, lockedJSON{Thing: e.Thing(), Change: "missing"})
	}
	js.Changed = slices.ContainsFunc(js.Entries, func(j lockedJSON) bool { return j.Change != "kept" })
	return next, js
}

func (js lockJSON) text(w io.Writer) error {
	rows := [][]string{}
	for _, e := range js.Entries {
		if e.Change == "kept" {
			continue
		}
		value := lockfile.Short(e.Value)
		switch e.Change {
		case "changed":
			value = lockfile.Short(e.Was) + " -> " + value
		case "removed":
			value = lockfile.Short(e.Was)
		}
		rows = append(rows, []string{e.Change, e.Thing, value})
	}
	if err := table(w, rows); err != nil {
		return err
	}
	if len(rows) == 0 {
		_, err := fmt.Fprintf(w, "%s is current: %d entries\n", relative(js.Path), len(js.Entries))
		return err
	}
	return nil
}

// adviseMerge says once, when the file is new, how branches merge without conflicts.
func (a *app) adviseMerge(dir string) {
	for up := dir; ; up = filepath.Dir(up) {
		text, _ := os.ReadFile(filepath.Join(up, ".gitattributes"))
		if strings.Contains(string(text), lockfile.Name) {
			return
		}
		if _, err := os.Stat(filepath.Join(up, ".git")); err == nil {
			a.say(fmt.Sprintf("with `%s merge=union` in .gitattributes, branches that add entries merge without conflicts", lockfile.Name))
			return
		}
		if up == filepath.Dir(up) {
			return
		}
	}
}
