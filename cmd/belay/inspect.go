package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/store"
	"github.com/belay-ml/belay/models/convert"
	"github.com/belay-ml/belay/stages/corpus"
	"github.com/belay-ml/belay/stages/corpus/view"
)

// inspection is what a path is; one of the parts is set, and Provenance where the path lies in a store.
type inspection struct {
	Path       string              `json:"path"`
	Checkpoint *convert.Inspection `json:"checkpoint,omitempty"`
	TokenIndex *view.View          `json:"token_index,omitempty"`
	Provenance *artifact.Manifest  `json:"provenance,omitempty"`
}

func newInspect(a *app) *cobra.Command {
	var f indexFlags
	var opt convert.InspectOptions
	c := &cobra.Command{
		Use:   "inspect PATH",
		Short: "Say what a file or directory is: tensors, layout, tokens, provenance",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			in, err := inspect(c.Context(), args[0], &f, opt)
			if err != nil {
				return err
			}
			if f.html != "" {
				return a.page(in.TokenIndex, f.html)
			}
			return a.print(in, func(w io.Writer) error { return in.text(w, a.ink()) })
		},
	}
	f.add(c.Flags())
	c.Flags().BoolVar(&opt.Stats, "stats", false, "of a checkpoint: smallest, largest, mean, deviation, zeros and broken numbers of each tensor; reads all of them")
	c.Flags().StringVar(&opt.Match, "tensor", "", "of a checkpoint: only tensors whose names hold this text or match this pattern: '*.linear_qkv.weight'")
	return c
}

func inspect(ctx context.Context, path string, f *indexFlags, opt convert.InspectOptions) (inspection, error) {
	in := inspection{Path: path}
	if _, err := os.Stat(path); err != nil {
		if !corpus.Exists(path) {
			return in, fault.New(fault.Data, "inspect %s: %w", path, errors.Unwrap(err))
		}
	}
	in.Provenance = provenance(path)
	if isTokenIndex(path) {
		v, err := f.look(path)
		in.TokenIndex = v
		return in, err
	}
	if given := f.given(); len(given) > 0 {
		return in, fault.New(fault.Usage, "%s: not a token index, and %s says how one is shown", path, strings.Join(given, ", "))
	}
	c, err := convert.Inspect(ctx, path, opt)
	if err != nil {
		if in.Provenance != nil {
			return in, nil // what the store knows is an answer too
		}
		return in, fault.Wrap(fault.Data, err)
	}
	in.Checkpoint = &c
	return in, nil
}

func isTokenIndex(path string) bool {
	if strings.HasSuffix(path, ".idx") || corpus.Exists(path) || strings.HasSuffix(path, ".bin") && corpus.Exists(strings.TrimSuffix(path, ".bin")) {
		return true
	}
	found, err := filepath.Glob(filepath.Join(path, "*.idx"))
	return err == nil && len(found) > 0
}

// provenance is the manifest of the artifact that path lies in, if it lies in a store.
func provenance(path string) *artifact.Manifest {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil
	}
	if real, err = filepath.Abs(real); err != nil {
		return nil
	}
	root, rest, ok := strings.Cut(real, string(filepath.Separator)+store.Dir+string(filepath.Separator)+"artifacts"+string(filepath.Separator))
	if !ok {
		return nil
	}
	parts := strings.Split(rest, string(filepath.Separator))
	if len(parts) < 2 {
		return nil
	}
	m, err := artifact.LoadManifest(filepath.Join(root, store.Dir, "artifacts", parts[0], parts[1], "manifest.json"))
	if err != nil {
		return nil
	}
	return m
}

func (in inspection) text(w io.Writer, ink ink) error {
	fmt.Fprintln(w, in.Path)
	if m := in.Provenance; m != nil {
		fmt.Fprintf(w, "  made by %s (%s version %d) of recipe %s, key %.12s, %s\n", m.Made.Node, m.Stage, m.Version, m.Made.Recipe, m.Key, m.Made.At.Local().Format("2006-01-02 15:04:05"))
		for _, port := range m.PortNames() {
			p := m.Ports[port]
			fmt.Fprintf(w, "  port %s: %s, %s, %s\n", port, p.Kind, size(p.Bytes), p.Digest.Short())
		}
	}
	switch {
	case in.TokenIndex != nil:
		return indexText(w, in.TokenIndex, ink)
	case in.Checkpoint != nil:
		return checkpointText(w, in.Checkpoint)
	}
	return nil
}

func checkpointText(w io.Writer, c *convert.Inspection) error {
	fmt.Fprintf(w, "  %s", c.Kind)
	if c.Family != "" {
		fmt.Fprintf(w, ", family %s", c.Family)
	}
	if c.Iteration != "" {
		fmt.Fprintf(w, ", iteration %s", c.Iteration)
	}
	if l := c.Layout; l != nil && c.Kind != "hf" {
		fmt.Fprintf(w, ", tp %d pp %d ep %d", l.TP, l.PP, l.EP)
	}
	fmt.Fprintf(w, ", %d tensors, %d parameters, %s\n", len(c.Tensors), c.Parameters, size(c.Bytes))
	if c.LoRA != nil {
		fmt.Fprintf(w, "  lora: r %d, alpha %g, on %s\n", c.LoRA.R, c.LoRA.Alpha, strings.Join(c.LoRA.Targets, " "))
	}
	for _, n := range c.Notes {
		fmt.Fprintln(w, "  note: "+n)
	}
	rows := make([][]string, 0, len(c.Tensors)+1)
	if len(c.Tensors) > 0 && c.Tensors[0].Stats != nil {
		rows = append(rows, []string{"  TENSOR", "TYPE", "SHAPE", "WHERE", "MIN", "MAX", "MEAN", "STD", "ZERO", "NAN", "INF"})
	}
	for _, t := range c.Tensors {
		typ := t.DType
		if t.Stored != "" {
			typ = t.Stored
		}
		row := []string{"  " + t.Name, typ, fmt.Sprint(t.Shape), t.Where}
		if s := t.Stats; s != nil {
			for _, v := range []float64{s.Min, s.Max, s.Mean, s.Std} {
				row = append(row, fmt.Sprintf("%.4g", v))
			}
			row = append(row, fmt.Sprint(s.Zero), fmt.Sprint(s.NaN), fmt.Sprint(s.Inf))
		}
		rows = append(rows, row)
	}
	return table(w, rows)
}
