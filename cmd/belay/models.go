package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/models/convert"
	"github.com/belay-ml/belay/models/family"
)

func newModels(a *app) *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use:   "models [NAME]",
		Short: "List the model families, or show one",
		Long: `List the model families with their sizes, the formats they convert between and the figures of the model
table: tokens a second and accelerator, and the same on the reference machine. With a name, show one family: its
block, every size and run, and the names of its tensors in each format.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			reg, err := convert.Families(dir)
			if err != nil {
				return fault.Wrap(fault.Data, err)
			}
			if len(args) == 1 {
				f, err := reg.Named(args[0])
				if err != nil {
					return unknown("family", args[0], reg.Names(), "belay models lists them")
				}
				f = f.Shown()
				return a.print(f, func(w io.Writer) error { return familyText(w, f) })
			}
			list, err := summaries(reg)
			if err != nil {
				return err
			}
			return a.print(list, func(w io.Writer) error { return summaryText(w, list) })
		},
	}
	c.Flags().StringVar(&dir, "family-dir", "", "folder with more family files")
	return c
}

// familySummary is a family in the list.
type familySummary struct {
	Name    string        `json:"family"`
	Doc     string        `json:"doc"`
	Aliases []string      `json:"aliases,omitempty"`
	Formats []string      `json:"formats"`
	Sizes   []family.Size `json:"sizes,omitempty"`
}

func summaries(reg *family.Registry) ([]familySummary, error) {
	var out []familySummary
	for _, n := range reg.Names() {
		f, err := reg.Named(n)
		if err != nil {
			return nil, err
		}
		out = append(out, familySummary{f.Name, f.Doc, f.Aliases, f.Shown().Formats(), f.Sizes})
	}
	return out, nil
}

func summaryText(w io.Writer, list []familySummary) error {
	rows := [][]string{{"FAMILY", "SIZES", "FORMATS", "TOKENS/S", "REFERENCE", "ABOUT"}}
	for _, f := range list {
		var sizes, here, there []string
		for _, s := range f.Sizes {
			sizes = append(sizes, s.Name)
			for _, r := range s.Runs[:min(1, len(s.Runs))] {
				here, there = append(here, figure(r.Performance)), append(there, figure(r.Reference))
			}
		}
		rows = append(rows, []string{f.Name, strings.Join(sizes, " "), strings.Join(f.Formats, " "), strings.Join(here, " "), strings.Join(there, " "), f.Doc})
	}
	return table(w, rows)
}

// figure is a speed, or a dash where the table has none.
func figure(v float64) string {
	if v == 0 {
		return "-"
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

// whole is a whole number, or a dash for zero.
func whole(n int) string { return figure(float64(n)) }

func familyText(w io.Writer, f *family.Family) error {
	fmt.Fprintf(w, "%s: %s\n", f.Name, f.Doc)
	var block []string
	for _, name := range slices.Sorted(maps.Keys(f.Block)) {
		if f.Block[name] == family.Maybe {
			name += "?"
		}
		block = append(block, name)
	}
	for _, line := range [][2]string{
		{"also called", strings.Join(f.Aliases, ", ")}, {"architecture", f.Architecture + " (" + f.ModelType + ")"}, {"layers have", strings.Join(block, ", ")},
		{"formats", strings.Join(f.Formats(), ", ")}, {"tokenizer", f.Tokenizer}, {"chat template", f.ChatTemplate}, {"hub", strings.Join(f.Hub, ", ")},
	} {
		if line[1] != "" {
			fmt.Fprintf(w, "%-14s %s\n", line[0], line[1])
		}
	}
	if len(f.Sizes) > 0 {
		fmt.Fprintln(w)
		rows := [][]string{{"SIZE", "LAYERS", "HIDDEN", "FFN", "HEADS", "GROUPS", "EXPERTS", "VOCAB", "POSITIONS", "HUB"}}
		for _, s := range f.Sizes {
			rows = append(rows, []string{
				s.Name, whole(s.Layers), whole(s.Hidden), whole(s.FFN), whole(s.Heads), whole(s.Groups), whole(s.Experts), whole(s.Vocab), whole(s.Positions), s.Hub,
			})
		}
		if err := table(w, rows); err != nil {
			return err
		}
	}
	runs := [][]string{{"ROW", "SIZE", "SEQUENCE", "CLUSTER", "BACKEND", "TP", "PP", "EP", "CP", "TOKENS/S", "REFERENCE"}}
	for _, s := range f.Sizes {
		for _, r := range s.Runs {
			speed := figure(r.Performance)
			if r.Second > 0 {
				speed += " / " + figure(r.Second)
			}
			runs = append(runs, []string{
				whole(r.Row), s.Name, r.Sequence, r.Cluster, r.Backend, whole(max(r.TP, 1)), whole(max(r.PP, 1)), whole(max(r.EP, 1)), whole(max(r.CP, 1)), speed, figure(r.Reference),
			})
		}
	}
	if len(runs) > 1 {
		fmt.Fprintln(w)
		if err := table(w, runs); err != nil {
			return err
		}
	}
	fmt.Fprintln(w)
	rows := [][]string{{"CANONICAL", "HUGGING FACE", "MEGATRON-LEGACY", "MEGATRON-CORE"}}
	for _, t := range f.Canonical {
		rows = append(rows, []string{t.Name, storedAs(f.HF, t.Name), storedAs(f.Legacy, t.Name), storedAs(f.Mcore, t.Name)})
	}
	return table(w, rows)
}

// storedAs is where a format keeps a canonical tensor.
func storedAs(format *family.Format, name string) string {
	if format == nil {
		return ""
	}
	for _, r := range format.Rules {
		if slices.Contains(r.From, name) {
			text := r.Name
			if len(r.By) > 0 {
				text += " (" + strings.Join(r.By, ", ") + ")"
			}
			return text
		}
	}
	return ""
}
