package main

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/belay-ml/belay/dsl/compile"
	"github.com/belay-ml/belay/dsl/diag"
	"github.com/belay-ml/belay/dsl/workspace"
	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/fault"
)

// checkJSON is one recipe of `belay check --json`.
type checkJSON struct {
	Recipe   string            `json:"recipe"`
	OK       bool              `json:"ok"`
	Stages   int               `json:"stages"`
	Findings []json.RawMessage `json:"findings"`
}

func newCheck(a *app) *cobra.Command {
	var f recipeFlags
	c := &cobra.Command{
		Use:   "check RECIPE...",
		Short: "Find every mistake in recipes, without running anything",
		Long: `Find every mistake in recipes, without running anything. Parameters that must be given may be left out: what depends
on them is then checked where another recipe uses this one.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.check(args, f) },
	}
	f.register(c)
	return c
}

func (a *app) check(recipes []string, f recipeFlags) error {
	opt, err := a.options(f)
	if err != nil {
		return err
	}
	opt.Open = true // building blocks are checked by themselves too
	wrong := false
	js := []checkJSON{}
	for _, path := range recipes {
		dir, err := workspaceOf(path)
		if err != nil {
			return err
		}
		space, found := workspace.Load(dir)
		var g *engine.Graph
		if space != nil {
			opt.Secret = a.secrets(space).Known
			var more diag.List
			g, more = compile.File(path, opt)
			found.Add(more...)
		}
		wrong = wrong || g == nil
		if a.json {
			j, err := checked(path, found)
			if err != nil {
				return err
			}
			if j.OK = g != nil; j.OK {
				j.Stages = len(g.Nodes)
			}
			js = append(js, j)
			continue
		}
		if err := a.diagnose(found); err != nil {
			return err
		}
		if g != nil && !a.quiet {
			fmt.Fprintf(a.stdout, "%s: %d stages, no mistakes found\n", path, len(g.Nodes))
		}
	}
	if a.json {
		if err := a.print(js, nil); err != nil {
			return err
		}
	}
	if wrong {
		return reported(fault.Recipe)
	}
	return nil
}

// checked is the findings in one recipe, each in the form of --log-format json.
func checked(path string, found diag.List) (checkJSON, error) {
	j := checkJSON{Recipe: path, Findings: []json.RawMessage{}}
	var b bytes.Buffer
	if err := diag.JSON(&b, found); err != nil {
		return j, err
	}
	for line := range bytes.Lines(b.Bytes()) {
		j.Findings = append(j.Findings, json.RawMessage(bytes.TrimSpace(line)))
	}
	return j, nil
}
