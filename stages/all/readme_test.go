package all

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/param"
	"github.com/belay-ml/belay/testdata/goldens"
)

var update = flag.Bool("update", false, "rewrite the generated parts of README.md")

// The generated parts of the README lie between these marks.
const (
	begin = "<!-- %s: generated, go test ./stages/all -update -->\n"
	end   = "<!-- /%s -->\n"
)

// part is the text between the marks of name, with what stands before and after it.
func part(t *testing.T, readme, name string) (before, text, after string) {
	t.Helper()
	before, rest, ok1 := strings.Cut(readme, fmt.Sprintf(begin, name))
	text, after, ok2 := strings.Cut(rest, fmt.Sprintf(end, name))
	if !ok1 || !ok2 {
		t.Fatalf("README.md lacks the marks of %s: %q and %q", name, fmt.Sprintf(begin, name), fmt.Sprintf(end, name))
	}
	return before, text, after
}

// stageTable has a row a stage: what it does, what it must be given, what it gives.
func stageTable(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("| stage | what it does | must be given | gives |\n|---|---|---|---|\n")
	for _, s := range Stages() {
		spec := s.Describe()
		schema, err := param.Of(spec.Params)
		if err != nil {
			t.Fatal(err)
		}
		var needs, gives []string
		for _, f := range schema.Fields {
			if f.Required {
				needs = append(needs, "`"+f.Name+"`")
			}
		}
		for _, o := range spec.Outputs {
			gives = append(gives, fmt.Sprintf("`%s` (%s)", o.Name, o.Kind))
		}
		if _, ok := s.(engine.Shaper); ok && len(gives) == 0 {
			gives = []string{"what `outputs` declares"}
		}
		dir := strings.TrimPrefix(reflect.TypeOf(s).PkgPath(), "github.com/belay-ml/belay/")
		fmt.Fprintf(&b, "| [`%s`](%s/doc.go) | %s | %s | %s |\n", spec.Name, dir, strings.ReplaceAll(spec.Doc, "|", "\\|"), strings.Join(needs, ", "), strings.Join(gives, ", "))
	}
	return b.String()
}

func TestREADMEShowsTheStagesAndTheRecipeAsTheyAre(t *testing.T) {
	t.Parallel()
	root := goldens.Root(t)
	path := filepath.Join(root, "README.md")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	recipe, err := os.ReadFile(filepath.Join(root, "recipes", "examples", "hello.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	readme := string(raw)
	for name, want := range map[string]string{
		"stages": stageTable(t),
		"recipe": "```yaml\n" + string(recipe) + "```\n",
	} {
		before, have, after := part(t, readme, name)
		if *update {
			readme = before + fmt.Sprintf(begin, name) + want + fmt.Sprintf(end, name) + after
			continue
		}
		if d := cmp.Diff(want, have); d != "" {
			t.Errorf("%s of README.md (-want +have), rewrite with go test ./stages/all -update:\n%s", name, d)
		}
	}
	if *update && readme != string(raw) {
		if err := os.WriteFile(path, []byte(readme), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
