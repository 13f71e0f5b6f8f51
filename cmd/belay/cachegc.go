package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/store"
)

// gcJSON is `belay cache gc --json`.
type gcJSON struct {
	Applied   bool       `json:"applied"`
	Days      int        `json:"days"`
	MaxSize   int64      `json:"max_size,omitempty"`
	Removed   []goneJSON `json:"removed"`
	Bytes     int64      `json:"bytes"` // of all that is removed
	Kept      int        `json:"kept"`  // artifacts
	KeptBytes int64      `json:"kept_bytes"`
	Over      int64      `json:"over,omitempty"` // bytes that the size cannot be kept by
}

type goneJSON struct {
	What   string    `json:"what"`
	Name   string    `json:"name"`
	Node   string    `json:"node,omitempty"`
	Stage  string    `json:"stage,omitempty"`
	Recipe string    `json:"recipe,omitempty"`
	Bytes  int64     `json:"bytes"`
	Used   time.Time `json:"used,omitzero"`
	Why    string    `json:"why"`
}

// gcFlags are the flags of cache gc; -1 and "" mean what belay.yaml says.
type gcFlags struct {
	apply  bool
	days   int
	size   string
	forget []string
}

func newCacheCollect(a *app) *cobra.Command {
	var f gcFlags
	c := &cobra.Command{
		Use:   "gc",
		Short: "Remove what nobody wants any more; without --apply only tell",
		Long: `Remove artifacts that nobody wants, with the stage that made them, their size and their last use. Without --apply
nothing is removed. What stays:

  what a pin keeps (belay cache pin), what a link below out/ leads to, what a running belay may use;
  the last success of every stage of every recipe, and what that was made of;
  what was used within --days.

With --max-size the artifacts used longest ago go too, even those of last successes, until the rest fits; pins, links
and running processes are kept all the same, and a warning says by how much the size is missed. With --forget the last
successes of a recipe, by its name, keep nothing more: for recipes that are gone.

Also removed: records of results whose artifact is gone, the work of interrupted stages, damaged artifacts set aside and
the events of runs (not their record and report) when they are older than --days, and what crashes left.

It may be used beside running belays. The defaults come from gc in belay.yaml.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o, err := a.collection(f, c.Flags().Changed("days"))
			if err != nil {
				return err
			}
			st, err := a.present()
			if err != nil {
				return err
			}
			defer st.Close()
			got, err := st.Collect(c.Context(), o)
			if errors.Is(err, store.ErrNoRecipe) {
				return fault.New(fault.Usage, "--forget: %w", err).WithHint("belay cache ls names the recipes")
			}
			if err != nil {
				return err
			}
			if got.Over > 0 {
				a.warn(fmt.Sprintf("what is pinned, linked below %s or in use is %s larger than the size allows", store.OutDir, size(got.Over)))
			}
			js := gcOf(o, got)
			return a.print(js, js.text)
		},
	}
	c.Flags().BoolVar(&f.apply, "apply", false, "remove; without it nothing is changed")
	c.Flags().IntVar(&f.days, "days", 0, "keep what was used within as many days (default gc.days of belay.yaml: 30)")
	c.Flags().StringVar(&f.size, "max-size", "", "what the artifacts may take: 500GB, 20GiB (default gc.max_size of belay.yaml: no limit)")
	c.Flags().StringSliceVar(&f.forget, "forget", nil, "recipes whose last successes keep nothing more, by name")
	return c
}

// collection is what flags and workspace file say together.
func (a *app) collection(f gcFlags, days bool) (store.Collection, error) {
	dir, err := here()
	if err != nil {
		return store.Collection{}, err
	}
	space, err := a.settings(dir + "/recipe.yaml")
	if err != nil {
		return store.Collection{}, err
	}
	o := store.Collection{Days: space.GC.Days, Forget: f.forget, Apply: f.apply, Now: time.Now()}
	if days {
		if o.Days = f.days; f.days < 0 {
			return o, fault.New(fault.Usage, "--days %d: want 0 or more", f.days)
		}
	}
	name, text, code := "--max-size", f.size, fault.Usage
	if text == "" {
		name, text, code = "belay.yaml: gc.max_size", space.GC.MaxSize, fault.Recipe
	}
	if text != "" {
		n, err := humanize.ParseBytes(text)
		if err != nil || n == 0 || n > 1<<62 {
			return o, fault.New(code, "%s %q: not a size", name, text).WithHint("write it like 500GB or 20GiB")
		}
		o.MaxSize = int64(n)
	}
	return o, nil
}

func gcOf(o store.Collection, got *store.Collected) gcJSON {
	js := gcJSON{Applied: o.Apply, Days: o.Days, MaxSize: o.MaxSize, Removed: []goneJSON{}, Bytes: got.Bytes, Kept: got.Kept, KeptBytes: got.KeptBytes, Over: got.Over}
	for _, g := range got.Gone {
		js.Removed = append(js.Removed, goneJSON{What: g.What, Name: g.Name, Node: g.Node, Stage: g.Stage, Recipe: g.Recipe, Bytes: g.Bytes, Used: g.Used, Why: g.Why})
	}
	return js
}

func (js gcJSON) text(w io.Writer) error {
	if len(js.Removed) > 0 {
		rows := [][]string{{"WHAT", "STAGE", "RECIPE", "SIZE", "USED", "WHY", "NAME"}}
		for _, g := range js.Removed {
			rows = append(rows, []string{g.What, g.Node, g.Recipe, size(g.Bytes), moment(g.Used), g.Why, short(g.Name)})
		}
		if err := table(w, rows); err != nil {
			return err
		}
	}
	verb := "would go"
	if js.Applied {
		verb = "are gone"
	}
	_, err := fmt.Fprintf(w, "%d things of %s %s; %d artifacts of %s stay\n", len(js.Removed), size(js.Bytes), verb, js.Kept, size(js.KeptBytes))
	if err == nil && !js.Applied && len(js.Removed) > 0 {
		_, err = fmt.Fprintln(w, "belay cache gc --apply removes them")
	}
	return err
}
