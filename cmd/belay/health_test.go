package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/dsl/compile"
	"github.com/belay-ml/belay/dsl/schema"
	"github.com/belay-ml/belay/models/convert"
	"github.com/belay-ml/belay/testdata/goldens"
)

func TestEveryRecipeCompiles(t *testing.T) {
	t.Parallel()
	root := goldens.Root(t)
	found := 0
	err := filepath.WalkDir(filepath.Join(root, "recipes"), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".yaml" || d.Name() == "belay.yaml" {
			return err
		}
		found++
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		t.Run(rel, func(t *testing.T) {
			about, l := compile.Describe(path)
			if l.HasErrors() {
				t.Fatal(l)
			}
			opt := compile.Options{
				Stages: stageList(), Dir: root, Env: os.LookupEnv,
				Exists: func(string) bool { return true }, // a caller's own files
			}
			for _, p := range about.Params {
				if p.Doc == "" {
					t.Errorf("parameter %s has no doc", p.Name)
				}
				if p.Required {
					value := map[string]string{"path": "given", "artifact": "given", "string": "given", "int": "1", "float": "1", "bool": "true", "list": "[given]", "map": "{}"}[p.Type]
					opt.Params = append(opt.Params, p.Name+"="+value)
				}
			}
			g, l := compile.File(rel, opt)
			if len(l) > 0 || g == nil {
				var b strings.Builder
				a := app{stderr: &b}
				_ = a.diagnose(l)
				t.Fatal(b.String())
			}
			if len(g.Nodes) == 0 || len(g.Outputs) == 0 {
				t.Errorf("%d stages, %d outputs", len(g.Nodes), len(g.Outputs))
			}
		})
		return nil
	})
	if err != nil || found < 2 {
		t.Fatalf("%d recipes found: %v", found, err)
	}
}

func TestEveryFamilyFileLoads(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(goldens.Root(t), "models", "family", "data", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no family files: %v", err)
	}
	reg, err := convert.Families("")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, f := range files {
		want = append(want, strings.TrimSuffix(filepath.Base(f), ".yaml"))
	}
	have := slices.Clone(reg.Names())
	for _, n := range have {
		if f, err := reg.Named(n); err != nil || f.Doc == "" {
			t.Errorf("family %s: no doc, or %v", n, err)
		}
	}
	if len(have) != len(want) {
		t.Errorf("families (-files +loaded):\n%s", cmp.Diff(want, have))
	}
}

func TestSchemasAreWhatTheStagesGive(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(goldens.Root(t), "schemas")
	families, err := familySchema()
	if err != nil {
		t.Fatal(err)
	}
	stale, err := schema.Stale(stageList(), func(name string) ([]byte, error) { return os.ReadFile(filepath.Join(dir, name)) }, families)
	if err != nil {
		t.Fatal(err)
	}
	files, err := schema.Files(stageList(), families)
	if err != nil {
		t.Fatal(err)
	}
	there, _ := filepath.Glob(filepath.Join(dir, "*.schema.json"))
	for _, path := range there {
		if _, ok := files[filepath.Base(path)]; !ok {
			stale = append(stale, filepath.Base(path)+" (of a stage that is gone)")
		}
	}
	if len(stale) > 0 {
		t.Errorf("run `go run ./cmd/belay schema --write schemas`: %s", strings.Join(stale, ", "))
	}
}
