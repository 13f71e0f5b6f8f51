package main

import (
	"fmt"
	"io"
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
		Args:  cobra.MaximumNArgs(1),
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
				return a.print(f, func(w io.Writer) error { return familyText(w, f) })
			}
			return a.print(reg.Names(), func(w io.Writer) error {
				rows := [][]string{{"FAMILY", "ABOUT"}}
				for _, n := range reg.Names() {
					f, err := reg.Named(n)
					if err != nil {
						return err
					}
					rows = append(rows, []string{n, f.Doc})
				}
				return table(w, rows)
			})
		},
	}
	c.Flags().StringVar(&dir, "family-dir", "", "folder with more family files")
	return c
}

func familyText(w io.Writer, f *family.Family) error {
	fmt.Fprintf(w, "%s: %s\n", f.Name, f.Doc)
	rows := [][]string{{"CANONICAL", "HUGGING FACE", "MEGATRON-CORE"}}
	for _, t := range f.Canonical {
		rows = append(rows, []string{t.Name, storedAs(f.HF, t.Name), storedAs(f.Mcore, t.Name)})
	}
	return table(w, rows)
}

// storedAs is where a format keeps a canonical tensor.
func storedAs(format *family.Format, name string) string {
	if format == nil {
		return ""
	}
	for _, r := range format.Rules {
		for _, from := range r.From {
			if from == name {
				text := r.Name
				if len(r.By) > 0 {
					text += " (" + strings.Join(r.By, ", ") + ")"
				}
				return strings.TrimSpace(text)
			}
		}
	}
	return ""
}
