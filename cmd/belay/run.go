package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"github.com/belay-ml/belay/dsl/workspace"
	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/event/record"
	"github.com/belay-ml/belay/engine/event/report"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/param"
	"github.com/belay-ml/belay/engine/sched"
	"github.com/belay-ml/belay/engine/store"
)

// runFlags are the flags of run.
type runFlags struct {
	recipeFlags
	until, force []string
	jobs, cpus   int
	npus         int
	memory       string
	dryRun, keep bool
	watch        bool
	target       string
	share        shareFlags
}

func newRun(a *app) *cobra.Command {
	var f runFlags
	c := &cobra.Command{
		Use:   "run RECIPE [STAGE...]",
		Short: "Run what is stale",
		Long: `Run the stages of a recipe whose result is not in the store yet. With STAGE names, only those and what
they need. A stage of a matrix is named as a whole (sft) or by its cell ('sft[seed=1]').`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeRecipe(true),
		RunE: func(c *cobra.Command, args []string) error {
			if f.watch {
				return a.watch(c.Context(), args[0], args[1:], f)
			}
			return a.run(c.Context(), args[0], args[1:], f)
		},
	}
	f.register(c)
	f.registerLocked(c)
	c.Flags().StringSliceVar(&f.until, "until", nil, "run nothing that comes after these stages")
	c.Flags().StringSliceVar(&f.force, "force", nil, "run these stages even when they are fresh; \"*\" is all")
	c.Flags().IntVarP(&f.jobs, "jobs", "j", 0, "stages at a time; 0 means as many as the cores allow")
	c.Flags().IntVar(&f.cpus, "cpus", 0, "cores to use; 0 means what belay.yaml says, or all")
	c.Flags().StringVar(&f.memory, "memory", "", "memory that stages may claim together (20GiB); empty means what belay.yaml says, or all")
	c.Flags().IntVar(&f.npus, "npus", 0, "NPUs to use; 0 means what belay.yaml says, or none")
	c.Flags().BoolVarP(&f.dryRun, "dry-run", "n", false, "show what would run")
	c.Flags().BoolVarP(&f.watch, "watch", "w", false, "run again whenever the recipe or a file that it reads changes")
	c.Flags().BoolVarP(&f.keep, "keep-going", "k", false, "go on with independent stages after a failure")
	f.share.register(c)
	c.Flags().StringVar(&f.target, "on", "local", "where to run; local is this machine")
	return c
}

// check refuses flags that cannot be honoured.
func (f runFlags) check() error {
	switch {
	case f.target != "local":
		return fault.New(fault.Usage, "--on %s: there is no such target", f.target).WithHint("local is the only target: leave --on out")
	case f.jobs < 0 || f.cpus < 0 || f.npus < 0:
		return fault.New(fault.Usage, "--jobs, --cpus and --npus: want 0 or more")
	}
	return nil
}

func (a *app) run(ctx context.Context, recipe string, only []string, f runFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	p, err := a.project(ctx, recipe, f.recipeFlags)
	if err != nil {
		return err
	}
	opt := f.options(only)
	if err := f.grant(&opt, p.space.Resources); err != nil {
		return err
	}
	if f.dryRun {
		return a.plan(ctx, p, opt)
	}
	st, err := a.store(p.space)
	if err != nil {
		return err
	}
	defer st.Close()
	at, end, err := a.share(ctx, p.space, st, f.share)
	if err != nil {
		return err
	}
	defer end()
	opt.Remote = at
	opt.Secret = p.secrets.Lookup(ctx)
	return a.execute(ctx, p, st, opt, f.params)
}

func (f runFlags) options(only []string) sched.Options {
	return sched.Options{
		Only: only, Until: f.until, Force: f.force, CPU: f.cpus, Jobs: f.jobs, KeepGoing: f.keep,
		Backend: backendClass, Belay: version(),
	}
}

// grant says what there is to hand out: flags come before the workspace file.
func (f runFlags) grant(opt *sched.Options, has workspace.Resources) error {
	opt.CPU, opt.NPU, opt.Net = cmp.Or(f.cpus, has.CPU), cmp.Or(f.npus, has.NPU), has.Net
	var err error
	if opt.Memory, err = memorySize(f.memory); err != nil {
		return fault.New(fault.Usage, "--memory: %w", err).WithHint("write it as --memory 20GiB")
	}
	if opt.Memory > 0 {
		return nil
	}
	if opt.Memory, err = memorySize(has.Memory); err != nil {
		return fault.New(fault.Recipe, "%s: resources.memory: %w", workspace.Name, err).WithHint("write it as memory: 20GiB")
	}
	return nil
}

// memorySize is a size, or none.
func memorySize(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	return param.Bytes(text)
}

// execute runs a graph. Progress, a record and a report begin with the first event that shows work to do:
// where every stage is fresh, nothing is left behind but links put right.
func (a *app) execute(ctx context.Context, p *project, st *store.Store, opt sched.Options, params []string) error {
	began := time.Now()
	opt.RunID = record.NewID(began)
	opt = a.locked(p, opt)
	dir := st.RunDir(opt.RunID)
	var rec *record.Recorder
	finish, opened := func() {}, false
	sink := &late{open: func() event.Sink {
		opened = true
		progress, done := a.progress(durations(p.graph, st))
		finish = done
		run, secrets := recordOf(p.graph, opt.RunID, began, params)
		run.Sources = sourcesOf(p.graph)
		var err error
		if rec, err = record.New(dir, run); err != nil {
			a.warn(fmt.Sprintf("this run leaves no record: %v", err))
			return progress
		}
		if err := keepSources(dir, run.Sources, secrets); err != nil {
			a.warn(fmt.Sprintf("the record of the run is not whole: %v", err))
		}
		return event.Tee(progress, rec)
	}}
	res, runErr := sched.Run(ctx, p.graph, st, opt, sink)
	finish()
	if len(res.Nodes) == 0 {
		return runErr // refused before anything was looked at
	}
	end := ending{graph: p.graph, res: res, took: time.Since(began), err: runErr}
	if rec != nil {
		a.conclude(p.graph, rec, dir, res, runErr)
		run := rec.Run()
		end.run, end.page = &run, filepath.Join(dir, record.ReportFile)
	}
	err := a.summary(end)
	if opened {
		a.tell(ctx, p, end)
	}
	if err != nil && runErr == nil {
		return err
	}
	return runErr
}

// conclude writes the end of a run into its record and draws the report.
func (a *app) conclude(g *engine.Graph, rec *record.Recorder, dir string, res *sched.Result, runErr error) {
	adopt(rec, dir, res)
	for i := range res.Nodes {
		n := &res.Nodes[i]
		rec.Update(n.ID, func(r *record.Node) { fill(g, r, n) })
	}
	err := rec.Finish(time.Now(), runErr)
	if e := writeReport(filepath.Join(dir, record.ReportFile), rec.Run()); err == nil {
		err = e
	}
	if err != nil {
		a.warn(fmt.Sprintf("the record of the run is not whole: %v", err))
	}
}

func writeReport(path string, run record.Run) error {
	var page bytes.Buffer
	if err := report.HTML(&page, &run); err != nil {
		return err
	}
	return renameio.WriteFile(path, page.Bytes(), 0o644)
}
