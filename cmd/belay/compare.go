package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/models/convert"
)

func newCompare(a *app) *cobra.Command {
	var family, template, match string
	c := &cobra.Command{
		Use:   "compare A B",
		Short: "Compare two checkpoints of any formats, tensor by tensor",
		Long: `Compare two checkpoints of any formats and layouts, tensor by tensor: Hugging Face, Legacy, Mcore and GGUF models by
their canonical tensors, LoRA weights and single files by the names that they hold.

The exit code is 0 when every tensor is equal, 20 when one is not, and when something cannot be read.`,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			return a.compare(c.Context(), args[0], args[1], match, convert.OpenOptions{Family: family, Template: template})
		},
	}
	c.Flags().StringVar(&family, "family", "", "model family, where neither checkpoint tells")
	c.Flags().StringVar(&template, "template", "", "Hugging Face directory whose config.json describes a Megatron checkpoint")
	c.Flags().StringVar(&match, "tensor", "", "only tensors whose names hold this text or match this pattern: '*.attn.q.weight'")
	return c
}

func (a *app) compare(ctx context.Context, x, y, match string, opt convert.OpenOptions) error {
	r, err := convert.CompareMatching(ctx, x, y, match, opt)
	if err != nil {
		return fault.Wrap(fault.Data, err)
	}
	err = a.print(r, func(w io.Writer) error {
		for _, n := range r.Notes {
			fmt.Fprintf(w, "note: %s\n", n)
		}
		for _, n := range r.OnlyA {
			fmt.Fprintf(w, "only in %s: %s\n", x, n)
		}
		for _, n := range r.OnlyB {
			fmt.Fprintf(w, "only in %s: %s\n", y, n)
		}
		rows := [][]string{{"TENSOR", "TYPES", "SHAPE", "DIFFERENT", "MAX ABS", "MAX REL"}}
		for _, t := range r.Tensors {
			if t.Equal {
				continue
			}
			shape := fmt.Sprint(t.ShapeA)
			if fmt.Sprint(t.ShapeB) != shape {
				shape += " vs " + fmt.Sprint(t.ShapeB)
			}
			types := t.DTypeA
			if t.DTypeB != t.DTypeA {
				types += " vs " + t.DTypeB
			}
			rows = append(rows, []string{t.Name, types, shape, fmt.Sprint(t.Count), fmt.Sprintf("%.3g", t.MaxAbs), fmt.Sprintf("%.3g", t.MaxRel)})
		}
		if len(rows) > 1 {
			if err := table(w, rows); err != nil {
				return err
			}
		}
		switch {
		case r.Equal:
			fmt.Fprintf(w, "equal: %d tensors (%s names)\n", len(r.Tensors), r.Names)
		case len(r.Tensors) == 0:
			fmt.Fprintf(w, "different: no tensor of one is in the other (%s names)\n", r.Names)
		default:
			fmt.Fprintf(w, "different: %d of %d tensors, largest difference %.3g\n", len(rows)-1, len(r.Tensors), r.MaxAbs)
		}
		return nil
	})
	if err == nil && !r.Equal {
		return reported(fault.Data)
	}
	return err
}
