package compile_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/dsl/compile"
	"github.com/belay-ml/belay/dsl/internal/dsltest"
)

func TestAGraphNamesTheFilesItWasWrittenIn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"recipe.yaml": "belay: 1\nextends: [bases/a.yaml, bases/b.yaml]\nname: top\nstages:\n  one: {uses: ./block.yaml}\n  two: {uses: ./block.yaml}\n",
		// Of the first base nothing is left after the merge.
		"bases/a.yaml": "belay: 1\nname: a\n", "bases/b.yaml": "belay: 1\nextends: a.yaml\nname: b\n",
		"block.yaml": "belay: 1\nname: block\nstages:\n  base: {uses: hf-download, with: {repo: a/b}}\n",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var seen []string
	g, l := compile.File("recipe.yaml", compile.Options{Stages: dsltest.Stages(), Dir: dir, Over: func(path string) (string, bool) {
		rel, _ := filepath.Rel(dir, path)
		seen = append(seen, rel)
		return "", false
	}})
	if g == nil {
		t.Fatal(l)
	}
	if d := cmp.Diff([]string{"recipe.yaml", "bases/a.yaml", "bases/b.yaml", "block.yaml"}, g.Files); d != "" {
		t.Error(d)
	}
	// --watch lives on this: every file is asked for before it is read.
	if d := cmp.Diff([]string{"recipe.yaml", "bases/a.yaml", "bases/b.yaml", "bases/a.yaml", "block.yaml"}, seen); d != "" {
		t.Error(d)
	}
}
