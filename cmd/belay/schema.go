package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/belay-ml/belay/dsl/schema"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/param"
	"github.com/belay-ml/belay/models/convert"
	"github.com/belay-ml/belay/models/family"
)

func newSchema(a *app) *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use:   "schema [NAME]",
		Short: "Print the JSON Schema of recipes, of one stage or of model families, for editors",
		Long: `Print the JSON Schema of recipes (the name recipe), of one stage's parameters (its name) or of model
family files (the name family). Without a name, list them.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			families, err := familySchema()
			if err != nil {
				return err
			}
			if dir != "" {
				if len(args) > 0 {
					return fault.New(fault.Usage, "--write writes all schemas: leave %s out", args[0])
				}
				if err := os.MkdirAll(dir, 0o755); err != nil {
					return err
				}
				return schema.Write(dir, stageList(), families)
			}
			files, err := schema.Files(stageList(), families)
			if err != nil {
				return err
			}
			names := []string{}
			for _, n := range slices.Sorted(maps.Keys(files)) {
				names = append(names, strings.TrimPrefix(strings.TrimSuffix(n, ".schema.json"), "stage-"))
			}
			if len(args) == 0 {
				return a.print(names, func(w io.Writer) error {
					_, err := fmt.Fprintln(w, strings.Join(names, "\n"))
					return err
				})
			}
			for _, n := range []string{schema.StageName(args[0]), args[0] + ".schema.json"} {
				if text, ok := files[n]; ok {
					_, err := a.stdout.Write(text)
					return err
				}
			}
			return unknown("schema", args[0], names, "belay schema lists them")
		},
	}
	c.Flags().StringVar(&dir, "write", "", "write all schemas into a folder")
	return c
}

// familySchema is the schema of model family files.
func familySchema() (map[string][]byte, error) {
	var names []string
	for _, t := range convert.Transforms() {
		names = append(names, t.Name())
	}
	text, err := family.Schema(names)
	return map[string][]byte{family.SchemaName: text}, err
}

// unknown is the error for a name that is not among those known.
func unknown(what, name string, known []string, list string) error {
	err := fault.New(fault.Usage, "there is no %s %q", what, name)
	if near := param.Near(name, known); near != "" {
		return err.WithHint("did you mean %s?", near)
	}
	return err.WithHint("%s", list)
}
