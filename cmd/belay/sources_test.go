package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/event/record"
)

func TestTheRecipesTextIsKeptWithoutSecrets(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	recipe, base := filepath.Join(dir, "recipe.yaml"), filepath.Join(dir, "base", "recipe.yaml")
	if err := os.Mkdir(filepath.Dir(base), 0o755); err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{recipe: "token: hf_literal\n", base: "name: x\n"} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	g := &engine.Graph{Origin: recipe, Files: []string{recipe, base}}
	sources := sourcesOf(g)
	if d := cmp.Diff([]record.Source{{Path: recipe, File: "recipe/recipe.yaml"}, {Path: base, File: "recipe/2-recipe.yaml"}}, sources); d != "" {
		t.Error(d)
	}
	run := filepath.Join(dir, "run")
	if err := keepSources(run, sources, map[string]bool{"hf_literal": true}); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{"recipe/recipe.yaml": "token: [secret]\n", "recipe/2-recipe.yaml": "name: x\n"} {
		have, err := os.ReadFile(filepath.Join(run, file))
		if err != nil || string(have) != want {
			t.Errorf("%s: %q, %v", file, have, err)
		}
	}
	if err := keepSources(run, []record.Source{{Path: filepath.Join(dir, "none"), File: "recipe/none"}}, nil); err == nil {
		t.Error("a file that is not there is no error")
	}
}
