package lsp_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/belay-ml/belay/dsl/ast"
	"github.com/belay-ml/belay/dsl/compile"
	"github.com/belay-ml/belay/dsl/internal/dsltest"
	"github.com/belay-ml/belay/dsl/pos"
)

// Whatever stage or parameter of a recipe without mistakes is renamed, it has no mistakes afterwards: every place that
// names it was found.
func TestRenamedRecipesHaveNoMistakes(t *testing.T) {
	t.Parallel()
	files, _ := filepath.Glob("../compile/testdata/graphs/*.txtar")
	renamed := 0
	for _, file := range files {
		ar, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		i := slices.IndexFunc(ar.Files, func(f txtar.File) bool { return f.Name == "recipe.yaml" })
		if i < 0 || strings.Contains(string(ar.Files[i].Data), "extends:") {
			continue // of one stage, or of several files
		}
		for _, f := range ar.Files {
			path := filepath.Join(dir, f.Name)
			if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, f.Data, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		text := string(ar.Files[i].Data)
		set := func(string) (string, bool) { return "x", true }
		check := func(text string) error {
			over := func(string) (string, bool) { return text, true }
			_, l := compile.File("recipe.yaml", compile.Options{Stages: dsltest.Stages(), Dir: dir, Env: set, Over: over, Exists: func(string) bool { return true }})
			return l.Err()
		}
		if check(text) != nil {
			continue // the archive's flags make it right
		}
		uri := "file://" + filepath.Join(dir, "recipe.yaml")
		c := start(t, everything)
		c.open(uri, text)
		root, _ := ast.Parse(pos.NewFile("recipe.yaml", "", dir, text))
		for _, top := range []string{"stages", "params"} {
			p := root.Find(top)
			if p == nil {
				continue
			}
			for _, q := range p.Value.Pairs {
				at := q.Key.Span.Start
				var edit struct {
					Changes map[string][]struct {
						Range   span
						NewText string
					}
				}
				params := object{"textDocument": object{"uri": uri}, "position": object{"line": at.Line - 1, "character": at.Col - 1}, "newName": "another_name"}
				if err := json.Unmarshal(c.call("textDocument/rename", params), &edit); err != nil {
					t.Fatal(err)
				}
				lines := strings.SplitAfter(text, "\n")
				changes := edit.Changes[uri]
				slices.Reverse(changes)
				for _, e := range changes {
					line := &lines[e.Range.Start.Line]
					*line = (*line)[:e.Range.Start.Character] + e.NewText + (*line)[e.Range.End.Character:]
				}
				if err := check(strings.Join(lines, "")); err != nil {
					t.Errorf("%s: after renaming %s of %s: %v\n%s", file, q.Key.Text, top, err, strings.Join(lines, ""))
				}
				renamed++
			}
		}
	}
	if renamed < 8 {
		t.Errorf("only %d names were renamed", renamed)
	}
}
