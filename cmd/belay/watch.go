package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/belay-ml/belay/dsl/workspace"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/lockfile"
	"github.com/belay-ml/belay/engine/store"
	"github.com/belay-ml/belay/engine/watch"
)

// watch runs a recipe, and again whenever something that it reads changes: the recipe's files, the workspace and
// the lock file, sources.
// Mistakes and failures are told, and it goes on. An interrupt while it waits is the ordinary end.
func (a *app) watch(ctx context.Context, recipe string, only []string, f runFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	file, err := filepath.Abs(recipe)
	if err != nil {
		return err
	}
	dir, err := workspaceOf(recipe)
	if err != nil {
		return err
	}
	w := watch.New(watch.Options{Ignore: filepath.Join(dir, store.Dir), Warn: a.warn})
	defer w.Close()
	f.reads = w.Add
	for {
		w.Renew()
		w.Add(file)
		w.Add(filepath.Join(dir, workspace.Name))
		w.Add(filepath.Join(dir, lockfile.Name))
		if err := a.run(ctx, recipe, only, f); err != nil {
			if ctx.Err() != nil {
				return err
			}
			a.complain(err, fault.CodeOf(err), fault.HintOf(err))
		}
		f.force = nil // once is what was asked for
		a.say(fmt.Sprintf("watching %s and what it reads; Ctrl-C ends this", relative(file)))
		changed, err := w.Wait(ctx)
		if err != nil {
			return nil // interrupted
		}
		a.say("changed: " + changes(changed))
	}
}

// changes names a few paths.
func changes(paths []string) string {
	const few = 3
	var names []string
	for _, p := range paths[:min(len(paths), few)] {
		names = append(names, relative(p))
	}
	text := strings.Join(names, ", ")
	if more := len(paths) - few; more > 0 {
		text += fmt.Sprintf(", and %d more", more)
	}
	return text
}
