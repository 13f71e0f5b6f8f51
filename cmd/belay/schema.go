package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/belay-ml/belay/dsl/schema"
	"github.com/belay-ml/belay/engine/fault"
)

func newSchema(a *app) *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use:   "schema [NAME]",
		Short: "Print the JSON Schema of recipes or of one stage, for editors",
		Long:  "Print the JSON Schema of recipes (the name recipe) or of one stage's parameters (its name). Without a name, list them.",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			files, err := schema.Files(stageList())
			if err != nil {
				return err
			}
			switch {
			case dir != "":
				return writeSchemas(dir, files)
			case len(args) == 0:
				for _, n := range slices.Sorted(maps.Keys(files)) {
					fmt.Fprintln(a.stdout, strings.TrimPrefix(strings.TrimSuffix(n, ".schema.json"), "stage-"))
				}
				return nil
			}
			for _, n := range []string{schema.StageName(args[0]), args[0] + ".schema.json"} {
				if text, ok := files[n]; ok {
					_, err := io.WriteString(a.stdout, string(text))
					return err
				}
			}
			return fault.New(fault.Usage, "there is no schema %q", args[0]).WithHint("belay schema lists them")
		},
	}
	c.Flags().StringVar(&dir, "write", "", "write all schemas into a folder")
	return c
}

func writeSchemas(dir string, files map[string][]byte) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func newVersion(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(a.stdout, "belay", version())
			return err
		},
	}
}
