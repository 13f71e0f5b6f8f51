package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/belay-ml/belay/dsl/compile"
)

// completeRecipe completes a recipe file and, with stages, the names of its stages after it.
func completeRecipe(stages bool) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) == 0 {
			return []cobra.Completion{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
		}
		if !stages {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		d, _ := compile.Describe(args[0])
		if d == nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var names []cobra.Completion
		for _, s := range d.Stages {
			names = append(names, cobra.CompletionWithDesc(s.Name, s.Uses))
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeRuns completes the IDs of the workspace's runs, the latest first.
func completeRuns(_ *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	dir, err := runsDir()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	entries, _ := os.ReadDir(dir)
	var ids []cobra.Completion
	for i := len(entries) - 1; i >= 0; i-- {
		ids = append(ids, entries[i].Name())
	}
	return ids, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}
