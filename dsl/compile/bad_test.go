package compile_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unicode/utf16"

	"github.com/belay-ml/belay/dsl/ast"
	"github.com/belay-ml/belay/dsl/compile"
	"github.com/belay-ml/belay/dsl/diag"
	"github.com/belay-ml/belay/dsl/internal/dsltest"
	"github.com/belay-ml/belay/engine"
)

// compiled writes files and compiles recipe.yaml among them.
func compiled(t *testing.T, dir string, files map[string]string) (*engine.Graph, diag.List) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return compile.File("recipe.yaml", compile.Options{Stages: dsltest.Stages(), Dir: dir, Exists: func(string) bool { return true }})
}

// report is the findings with their places and notes.
func report(l diag.List) string {
	var b strings.Builder
	for i := range min(len(l), 30) {
		fmt.Fprintf(&b, "%s: %s\n", l[i].Subject, l[i].Summary)
		for _, n := range l[i].Notes {
			fmt.Fprintf(&b, "  %s: %s\n", n.Span, n.Text)
		}
	}
	return b.String()
}

const goodRecipe = "belay: 1\nstages: {s: {uses: score, with: {checkpoints: m}}}\n"

func encoded(order binary.ByteOrder, mark bool, text string) string {
	units := utf16.Encode([]rune(text))
	if mark {
		units = append([]uint16{0xfeff}, units...)
	}
	out := make([]byte, 2*len(units))
	for i, u := range units {
		order.PutUint16(out[2*i:], u)
	}
	return string(out)
}

// listed is a flow list of n values.
func listed(n int, value func(i int) string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(value(i))
		b.WriteString(", ")
	}
	return "[" + b.String() + "]"
}

func number(i int) string { return fmt.Sprint(i) }

func TestBadTextsAreRefusedAtTheirPlace(t *testing.T) {
	t.Parallel()
	bomb := "belay: 1\na: &a [x, x, x, x, x, x, x, x, x]\n"
	for _, c := range "bcdefghijk" {
		bomb += fmt.Sprintf("%c: &%c [%s]\n", c, c, strings.Repeat(fmt.Sprintf("*%c, ", c-1), 9))
	}
	padded := func(size int) string { return goodRecipe + "# " + strings.Repeat("x", size-len(goodRecipe)-2) }
	stages := func(n int, body string) string {
		var b strings.Builder
		b.WriteString("belay: 1\nstages:\n")
		for i := range n {
			fmt.Fprintf(&b, "  s%d: "+body+"\n", i)
		}
		return b.String()
	}
	for name, c := range map[string]struct{ text, want string }{
		"a bomb of aliases":              {bomb, "recipe.yaml:3:12: the recipe has more than 200000 values"},
		"an alias to itself":             {"belay: 1\na: &a [*a]\n", "recipe.yaml:2:8: the anchor \"a\" holds itself"},
		"a byte more than 10 MiB":        {padded(ast.MaxBytes + 1), "recipe.yaml:1:1: the file has 10485761 bytes, more than the 10 MiB a recipe may have"},
		"10 MiB of values in one line":   {"{belay: 1, a: " + listed(140_000, func(i int) string { return fmt.Sprintf("\"日%060d\"", i) }) + "}", "recipe.yaml:1:12: unknown key \"a\" of a recipe"},
		"too many values":                {"belay: 1\na: " + listed(300_000, number), "recipe.yaml:2:"},
		"too many signs":                 {"belay: 1\na: [" + strings.Repeat(",", 600_000), "recipe.yaml:1:1: the file has more than 500000 values"},
		"lists nested without end":       {strings.Repeat("[", 400_000), "recipe.yaml:1:1: bad YAML: exceeded max depth of 10000"},
		"maps nested 65 deep":            {"belay: 1\na: " + strings.Repeat("{a: ", 65) + "1" + strings.Repeat("}", 65), "recipe.yaml:2:257: values are nested more than 64 deep"},
		"a key twice":                    {"belay: 1\nname: a\nname: b\n", "recipe.yaml:3:1: key \"name\" is given twice\n  recipe.yaml:2:1: first given here"},
		"a stage twice":                  {goodRecipe[:9] + "stages:\n  a: {uses: x}\n  a: {uses: y}\n", "recipe.yaml:4:3: key \"a\" is given twice\n  recipe.yaml:3:3: first given here"},
		"a merge key":                    {"belay: 1\nbase: &b {x: 1}\nstages: {s: {<<: *b}}\n", "recipe.yaml:2:1: unknown key \"base\" of a recipe"},
		"a merge key alone":              {"belay: 1\n<<: {name: x}\n", "recipe.yaml:2:1: merge keys are not part of the language"},
		"a tab":                          {"belay: 1\nstages:\n\ts: {uses: score}\n", "recipe.yaml:3:1: a tab stands in the indentation"},
		"UTF-16 of Windows with a mark":  {encoded(binary.LittleEndian, true, goodRecipe), "recipe.yaml:1:1: the file is UTF-16 text"},
		"UTF-16 of networks with a mark": {encoded(binary.BigEndian, true, goodRecipe), "recipe.yaml:1:1: the file is UTF-16 text"},
		"UTF-16 of Windows":              {encoded(binary.LittleEndian, false, goodRecipe), "recipe.yaml:1:2: the file is UTF-16 or no text"},
		"UTF-16 of networks":             {encoded(binary.BigEndian, false, goodRecipe), "recipe.yaml:1:1: the file is UTF-16 or no text"},
		"Latin-1":                        {"belay: 1\nname: caf\xe9\n", "recipe.yaml:2:10: byte 0xe9 is not UTF-8"},
		"nothing":                        {"", "recipe.yaml:1:1: the file is empty"},
		"a comment only":                 {"# soon\n", "recipe.yaml:1:1: the file is empty"},
		"two documents":                  {goodRecipe + "---\n" + goodRecipe, "recipe.yaml:3:1: a second document begins here"},
		"a list":                         {"- a\n", "recipe.yaml:1:1: a recipe is a map, have a list"},
		"20,001 stages":                  {stages(20_001, "{uses: score, with: {checkpoints: m}}"), "recipe.yaml:20003:3: the recipe unfolds to more than 20000 stage instances"},
		"10,100 cells":                   {"belay: 1\nstages: {s: {uses: score, with: {checkpoints: m}, matrix: {a: " + listed(101, number) + ", b: " + listed(100, number) + "}}}", "recipe.yaml:2:465: the matrix has more than 10000 cells"},
		"instances that all read all": {"belay: 1\nstages:\n  a: {uses: score, with: {checkpoints: m}, matrix: {a: " + listed(4000, number) + "}}\n  b: {uses: command, with: {run: x, inputs: {A: \"${a.metrics[0]}\"}, outputs: {o: o}}, needs: a, matrix: {b: " + listed(4000, number) + "}}\n",
			"recipe.yaml:4:3: the instances of the recipe read each other more than 1000000 times"},
		"a long list for each of many": {"belay: 1\nparams: {l: " + listed(3_000, func(i int) string { return fmt.Sprintf("\"%d\"", i) }) + "}\nstages:\n  a: {uses: score, with: {checkpoints: m, labels: \"${params.l}\"}, matrix: {a: " + listed(4000, number) + "}}\n",
			"recipe.yaml:4:3: the instances of the recipe have more than 2000000 values together"},
		"a long text for each of many": {"belay: 1\nstages:\n  a: {uses: command, with: {run: \"${matrix.a}" + strings.Repeat("x", 100_000) + "\", outputs: {o: o}}, matrix: {a: " + listed(4000, number) + "}}\n",
			"recipe.yaml:3:3: the instances of the recipe have more than 2000000 values together"},
		"a long filter for each of many": {"belay: 1\nparams: {l: " + listed(10_000, number) + "}\nstages:\n  a: {uses: finetune, with: {checkpoint: m, data: m, seed: \"${len(filter(params.l, # > 5))}\"}, matrix: {a: " + listed(4000, number) + "}}\n",
			"recipe.yaml:4:3: the instances of the recipe have more than 2000000 values together"},
		"a text of many expressions":       {"belay: 1\nstages: {s: {uses: command, with: {outputs: {o: o}, run: \"" + strings.Repeat("${nope} ", 200_000) + "\"}}}", "recipe.yaml:2:8059: the text holds more than 1000 expressions"},
		"15,000 wrong names":               {stages(15_000, "{uses: score, with: {checkpoints: \"${nope.x}\"}}"), "recipe.yaml:3:44: unknown name nope"},
		"values that stand for each other": {"belay: 1\nmodel: {a: \"${model.b}\", b: \"${model.a}\"}\nstages: {s: {uses: hf-download, with: {repo: \"${model.a}\"}}}", "recipe.yaml:2:15: model is not available here"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, l := compiled(t, t.TempDir(), map[string]string{"recipe.yaml": c.text})
			if g != nil || !strings.Contains("\n"+report(l), "\n"+c.want) {
				t.Errorf("want %s\nhave %.400s", c.want, report(l))
			}
		})
	}
	t.Run("10 MiB are enough", func(t *testing.T) {
		t.Parallel()
		if g, l := compiled(t, t.TempDir(), map[string]string{"recipe.yaml": padded(ast.MaxBytes)}); g == nil {
			t.Error(l)
		}
	})
	t.Run("warnings do not count as mistakes", func(t *testing.T) {
		t.Parallel()
		text := "belay: 1\nstages: {s: {uses: score, with: {checkpoints: m}, matrix: {a: " + listed(10, number) + ", b: " + listed(10, number) + ", exclude: " + listed(5000, func(i int) string { return fmt.Sprintf("{a: %d}", i+100) }) + "}}}"
		if g, l := compiled(t, t.TempDir(), map[string]string{"recipe.yaml": text}); g == nil || len(g.Nodes) != 100 || len(l) != 5000 {
			t.Errorf("have %d findings", len(l))
		}
	})
}

func TestBadFilesAreRefusedAtTheirPlace(t *testing.T) {
	t.Parallel()
	link := func(t *testing.T, dir, to, name string) {
		t.Helper()
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	extends := func(path string) string { return "belay: 1\nextends: " + path + "\n" }
	use := func(path string) string { return "belay: 1\nstages: {s: {uses: " + path + "}}\n" }
	cases := map[string]struct {
		files map[string]string
		make  func(t *testing.T, dir string)
		want  string
	}{
		"a missing recipe": {want: "recipe.yaml: no such file: recipe.yaml"},
		"a directory":      {files: map[string]string{"recipe.yaml/x": ""}, want: "recipe.yaml: read recipe: is a directory: recipe.yaml"},
		"a named pipe": {make: func(t *testing.T, dir string) {
			if err := syscall.Mkfifo(filepath.Join(dir, "recipe.yaml"), 0o600); err != nil {
				t.Skip(err)
			}
		}, want: "recipe.yaml: read recipe: is no regular file: recipe.yaml"},
		"a named pipe below": {files: map[string]string{"recipe.yaml": extends("pipe.yaml")}, make: func(t *testing.T, dir string) {
			if err := syscall.Mkfifo(filepath.Join(dir, "pipe.yaml"), 0o600); err != nil {
				t.Skip(err)
			}
		}, want: "recipe.yaml:2:10: read recipe: is no regular file: pipe.yaml"},
		"a device that never ends": {make: func(t *testing.T, dir string) { link(t, dir, "/dev/zero", "recipe.yaml") }, want: "recipe.yaml: read recipe: is no regular file: recipe.yaml"},
		"a link to itself":         {make: func(t *testing.T, dir string) { link(t, dir, "recipe.yaml", "recipe.yaml") }, want: "recipe.yaml: read recipe: too many levels of symbolic links: recipe.yaml"},
		"a file that may not be read": {files: map[string]string{"recipe.yaml": goodRecipe}, make: func(t *testing.T, dir string) {
			if os.Geteuid() == 0 {
				t.Skip("root may read everything")
			}
			if err := os.Chmod(filepath.Join(dir, "recipe.yaml"), 0); err != nil {
				t.Fatal(err)
			}
		}, want: "recipe.yaml: read recipe: permission denied: recipe.yaml"},
		"a path through a file":        {files: map[string]string{"recipe.yaml": extends("m/base.yaml"), "m": ""}, want: "recipe.yaml:2:10: read recipe: not a directory: m/base.yaml"},
		"a missing base":               {files: map[string]string{"recipe.yaml": extends("base.yaml")}, want: "recipe.yaml:2:10: no such file: base.yaml"},
		"a recipe above itself":        {files: map[string]string{"recipe.yaml": extends("recipe.yaml")}, want: "recipe.yaml:2:10: recipe.yaml extends itself"},
		"a chain of recipes":           {files: map[string]string{"recipe.yaml": extends("a.yaml"), "a.yaml": extends("[b.yaml]"), "b.yaml": extends("a.yaml")}, want: "b.yaml:2:10: a.yaml extends itself\n  a.yaml:2:11: extends b.yaml"},
		"a chain through links":        {files: map[string]string{"recipe.yaml": extends("a.yaml")}, make: func(t *testing.T, dir string) { link(t, dir, "recipe.yaml", "a.yaml") }, want: "recipe.yaml:2:10: recipe.yaml extends itself"},
		"folders that hold themselves": {files: map[string]string{"recipe.yaml": extends("d/recipe.yaml")}, make: func(t *testing.T, dir string) { link(t, dir, ".", "d") }, want: "recipe.yaml:2:10: recipe.yaml extends itself"},
		"uses through links":           {files: map[string]string{"recipe.yaml": use("d/recipe.yaml")}, make: func(t *testing.T, dir string) { link(t, dir, ".", "d") }, want: "recipe.yaml:2:20: recipe.yaml uses itself"},
		"20 MiB in three files":        {files: map[string]string{"recipe.yaml": extends("a.yaml") + "#" + strings.Repeat("x", 10_000_000), "a.yaml": extends("b.yaml") + "#" + strings.Repeat("x", 10_000_000), "b.yaml": goodRecipe + "#" + strings.Repeat("x", 10_000_000)}, want: "a.yaml:2:10: the files of the recipe have more than 20 MiB together"},
	}
	var many strings.Builder
	many.WriteString("belay: 1\nextends:\n")
	files := map[string]string{"recipe.yaml": use("u0.yaml")}
	for i := range 120 {
		fmt.Fprintf(&many, "  - e%d.yaml\n", i)
	}
	for i := range 20 {
		files[fmt.Sprintf("u%d.yaml", i)] = use(fmt.Sprintf("u%d.yaml", i+1))
	}
	files["u20.yaml"] = goodRecipe
	cases["recipes that use each other without end"] = struct {
		files map[string]string
		make  func(t *testing.T, dir string)
		want  string
	}{files, nil, "u15.yaml:2:20: recipes use each other more than 16 deep"}
	wide := map[string]string{"recipe.yaml": many.String()}
	for i := range 120 {
		wide[fmt.Sprintf("e%d.yaml", i)] = goodRecipe
	}
	cases["more than a hundred files"] = struct {
		files map[string]string
		make  func(t *testing.T, dir string)
		want  string
	}{wide, nil, "recipe.yaml:102:5: a recipe may be made of 100 files at most"}
	// Each level uses the next twice: 2^14 uses.
	twice := map[string]string{"recipe.yaml": "belay: 1\nstages: {a: {uses: t0.yaml}, b: {uses: t0.yaml}}\n"}
	for i := range 14 {
		twice[fmt.Sprintf("t%d.yaml", i)] = fmt.Sprintf("belay: 1\nstages: {a: {uses: t%d.yaml}, b: {uses: t%d.yaml}}\n", i+1, i+1)
	}
	twice["t14.yaml"] = goodRecipe
	cases["recipes that double"] = struct {
		files map[string]string
		make  func(t *testing.T, dir string)
		want  string
	}{twice, nil, "t"}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for name, text := range c.files {
				if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o777); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			if c.make != nil {
				c.make(t, dir)
			}
			g, l := compiled(t, dir, nil)
			if strings.Contains(report(l), "the recipe has no stages") {
				t.Errorf("what a missing file causes is reported too: %s", report(l))
			}
			if g != nil || !strings.Contains("\n"+report(l), "\n"+c.want) {
				t.Errorf("want %s\nhave %.400s", c.want, report(l))
			}
		})
	}
}

// The digest is over every file that the graph comes from, and over nothing that does not matter.
func TestDigestCoversRecipesThatStagesUse(t *testing.T) {
	t.Parallel()
	digest := func(block string) string {
		g, l := compiled(t, t.TempDir(), map[string]string{
			"recipe.yaml": "belay: 1\nstages: {a: {uses: ./b.yaml}, b: {uses: ./b.yaml}}\n", "b.yaml": "belay: 1\nextends: c.yaml\n", "c.yaml": block,
		})
		if g == nil {
			t.Fatal(l)
		}
		return g.Digest
	}
	was := digest(goodRecipe)
	if now := digest("# a comment\n" + goodRecipe); now != was {
		t.Error("a comment changes the digest")
	}
	if now := digest(strings.Replace(goodRecipe, "m}", "n}", 1)); now == was {
		t.Error("a change in a file that is used does not change the digest")
	}
}
