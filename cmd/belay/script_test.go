package main

import (
	"flag"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/belay-ml/belay/testdata/goldens"
)

var update = flag.Bool("update", false, "rewrite the expected outputs in testdata/script")

// TestScripts runs every testdata/script/*.txtar as a session at a shell. $HUB is the folder with the
// quickstart's repositories.
func TestScripts(t *testing.T) {
	t.Parallel()
	root := goldens.Root(t)
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join(root, "testdata", "script"),
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("SCHEMAS", filepath.Join(root, "schemas"))
			e.Setenv("RECIPES", filepath.Join(root, "recipes"))
			e.Setenv("HUB", filepath.Join(root, "testdata", "hub"))
			e.Setenv("MODEL", filepath.Join(root, "testdata", "hub", "models", "belay-ml", "tiny-llama"))
			e.Setenv("EXAM", filepath.Join(root, "testdata", "hub", "datasets", "belay-ml", "exam"))
			return nil
		},
	})
}
