package main

import (
	"github.com/spf13/cobra"

	"github.com/belay-ml/belay/engine/fault"
)

func newImport(a *app) *cobra.Command {
	var f bundleFlags
	c := &cobra.Command{
		Use:   "import FILE",
		Short: "Take a bundle of belay export apart: its recipe, and its results into the store",
		Long: `Take a bundle apart that belay export has written: its files into a folder, which becomes a workspace, and its results
into the store there. belay run then finds everything done, without a network. Every byte is checked before
anything is written, and a file of the folder that differs is left alone unless --force is given.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if !isBundle(args[0]) {
				return fault.New(fault.Data, "%s is no bundle of belay", args[0]).WithHint("belay export RECIPE -o FILE writes one")
			}
			return importBundle(c.Context(), a, args[0], f)
		},
	}
	f.register(c)
	c.Flags().BoolVar(&f.force, "force", false, "write over files that differ")
	return c
}
