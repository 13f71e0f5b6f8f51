package main

import (
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/belay-ml/belay/dsl/compile"
	"github.com/belay-ml/belay/dsl/lsp"
	"github.com/belay-ml/belay/dsl/workspace"
	"github.com/belay-ml/belay/engine/fault"
)

func newLSP(a *app) *cobra.Command {
	stdio := true
	c := &cobra.Command{
		Use:   "lsp",
		Short: "Serve editors: findings, completion, explanations and places of recipes, by the language server protocol",
		Long: `lsp talks to an editor on standard input and output by the language server protocol, for recipes and belay.yaml: what is
wrong while typing, completion, parameters explained, definitions, references, renaming. Settings for editors are in the README.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if !stdio {
				return fault.New(fault.Usage, "--stdio=false: lsp talks on standard input and output only")
			}
			endAtOnce()
			in, ok := a.stdin.(io.ReadCloser)
			if !ok {
				in = io.NopCloser(a.stdin)
			}
			return lsp.Serve(c.Context(), in, a.stdout, lsp.Options{
				Compile: compile.Options{Stages: stageList(), Env: os.LookupEnv}, Version: version(), Log: a.warn, Numbers: lastNumbers,
				Secret: func(space *workspace.File) func(string) (bool, string) { return a.secrets(space).Known },
			})
		},
	}
	c.Flags().BoolVar(&stdio, "stdio", true, "talk on standard input and output, as many clients ask for; there is no other way")
	return c
}
