package schema_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/belay-ml/belay/dsl/ast"
	"github.com/belay-ml/belay/dsl/compile"
	"github.com/belay-ml/belay/dsl/internal/dsltest"
	"github.com/belay-ml/belay/dsl/pos"
	"github.com/belay-ml/belay/dsl/schema"
	"github.com/belay-ml/belay/dsl/workspace"
)

func compiled(t *testing.T, text []byte) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("mem:schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("mem:schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestRecipeSchemaAgreesWithChecker holds what both can see: a recipe that one accepts, the other accepts.
func TestRecipeSchemaAgreesWithChecker(t *testing.T) {
	t.Parallel()
	text, err := schema.Recipe(dsltest.Stages())
	if err != nil {
		t.Fatal(err)
	}
	s := compiled(t, text)
	const head = "belay: 1\n"
	score := func(rest string) string {
		return head + "stages: {s: {uses: score, " + rest + "with: {checkpoints: m}}}"
	}
	with := func(kind, with string) string {
		return head + "stages: {s: {uses: " + kind + ", with: " + with + "}}"
	}
	cases := []struct {
		name, recipe string
		good         bool
	}{
		{"a small recipe", score(""), true},
		{"no version", "stages: {s: {uses: score, with: {checkpoints: m}}}", false},
		{"another version", "belay: 2\nstages: {s: {uses: score, with: {checkpoints: m}}}", false},
		{"no stages", head, false},
		{"empty stages", head + "stages: {}", false},
		{"an unknown top key", score("") + "\nnmae: x", false},
		{"an unknown stage key", score("wiht: {}, "), false},
		{"an unknown kind", with("scroe", "{checkpoints: m}"), false},
		{"no kind", head + "stages: {s: {with: {}}}", false},
		{"a missing parameter", with("score", "{}"), false},
		{"no parameters at all", head + "stages: {s: {uses: score}}", false},
		{"an unknown parameter", with("score", "{checkpoints: m, nope: 1}"), false},
		{"a list of inputs", with("score", "{checkpoints: [m, m]}"), true},
		{"a number as input", with("score", "{checkpoints: 3}"), false},
		{"a map of inputs", with("score", "{checkpoints: m, extra: {a: m}}"), true},
		{"a list as map of inputs", with("score", "{checkpoints: m, extra: [m]}"), false},
		{"labels", with("score", "{checkpoints: m, labels: [a, b]}"), true},
		{"numbers as labels", with("score", "{checkpoints: m, labels: [1]}"), false},
		{"tags", with("score", "{checkpoints: m, tags: {a: b}}"), true},
		{"a number as tag", with("score", "{checkpoints: m, tags: {a: 1}}"), false},
		{"an alias", with("preprocess", "{input: m, seq_len: 4}"), true},
		{"a value below its bound", with("preprocess", "{input: m, seq_length: 0}"), false},
		{"a value above its bound", with("preprocess", "{input: m, seq_length: 65537}"), false},
		{"an expression for a number", with("preprocess", "{input: m, seq_length: \"${2 * 3}\"}"), true},
		{"text for a number", with("preprocess", "{input: m, seq_length: long}"), false},
		{"a fraction for an integer", with("preprocess", "{input: m, seq_length: 1.5}"), false},
		{"yes for a boolean", with("preprocess", "{input: m, pack: yes}"), false},
		{"a word of the enum", with("preprocess", "{input: m, style: alpaca}"), true},
		{"a word not in the enum", with("preprocess", "{input: m, style: alpacca}"), false},
		{"an expression for an enum", with("preprocess", "{input: m, style: \"${'alpaca'}\"}"), true},
		{"null for an optional parameter", with("preprocess", "{input: m, style: null}"), true},
		{"an object", with("finetune", "{checkpoint: m, data: m, lora: {r: 4}}"), true},
		{"an unknown key of an object", with("finetune", "{checkpoint: m, data: m, lora: {rank: 4}}"), false},
		{"text as an object", with("finetune", "{checkpoint: m, data: m, lora: full}"), false},
		{"a matrix", score("matrix: {seed: [1, 2]}, "), true},
		{"a matrix that is no map", score("matrix: [1, 2], "), false},
		{"an axis that is no list", score("matrix: {seed: 1}, "), false},
		{"an empty axis", score("matrix: {seed: []}, "), false},
		{"an empty matrix", score("matrix: {}, "), false},
		{"settings", score("on: local, when: true, retries: 2, timeout: 3m, cache: false, resources: {cpu: 1}, doc: x, "), true},
		{"negative retries", score("retries: -1, "), false},
		{"a number as timeout", score("timeout: 3, "), false},
		{"text as cache", score("cache: no, "), false},
		{"an unknown resource", score("resources: {gpu: 1}, "), false},
		{"a bad stage name", head + "stages: {a-b: {uses: score, with: {checkpoints: m}}}", false},
		{"a reserved stage name", head + "stages: {params: {uses: score, with: {checkpoints: m}}}", false},
		{"params in both forms", score("") + "\nparams: {a: 1, b: {type: int, default: 2, min: 0, doc: x}, c: {x: 1}}", true},
		{"an unknown parameter type", score("") + "\nparams: {a: {type: number, default: 1}}", false},
		{"an unknown key of a parameter", score("") + "\nparams: {a: {type: int, default: 1, mni: 0}}", false},
		{"a parameter without a value", score("") + "\nparams: {a: null}", false},
		{"a layout", score("") + "\nparallel: {tp: 2, sequence_parallel: true}", true},
		{"a bad layout", score("") + "\nparallel: {tp: 0}", false},
		{"an unknown layout", score("") + "\nparallel: {tpp: 2}", false},
		{"env as a list", score("") + "\nenv: [A, B]", true},
		{"env as a map", score("") + "\nenv: {A: x, B: 1}", true},
		{"env as text", score("") + "\nenv: A", false},
		{"outputs", score("") + "\noutputs: {a: \"${s.metrics}\"}", true},
		{"outputs that are no expressions", score("") + "\noutputs: {a: b}", false},
		{"a retry policy", score("retries: {max: 3, on: [network, timeout], backoff: 10s}, "), true},
		{"a retry policy for one kind of error", score("retries: {max: 3, on: data}, "), true},
		{"a retry policy by expression", score("retries: {max: \"${1 + 1}\", on: \"${['any']}\"}, "), true},
		{"a retry policy without a number", score("retries: {on: [network]}, "), false},
		{"a retry policy for an unknown kind of error", score("retries: {max: 1, on: [disk]}, "), false},
		{"one unknown kind of error", score("retries: {max: 1, on: disk}, "), false},
		{"an unknown key of a retry policy", score("retries: {max: 1, times: 3}, "), false},
		{"too many retries", score("retries: {max: 101}, "), false},
		{"all resources", score("resources: {cpu: 2, memory: 8GiB, npu: 1, net: true, mutex: [a, b]}, "), true},
		{"one mutex and bytes", score("resources: {memory: 1024, mutex: a}, "), true},
		{"no memory", score("resources: {memory: 0}, "), false},
		{"no devices", score("resources: {npu: 0}, "), false},
		{"a number as mutex", score("resources: {mutex: 3}, "), false},
		{"a number in mutex", score("resources: {mutex: [3]}, "), false},
		{"text as net", score("resources: {net: fast}, "), false},
		{"a recipe as a stage", head + "stages: {s: {uses: ./block.yaml, with: {n: 1}}}", true},
		{"a recipe by its ending", head + "stages: {s: {uses: block.yaml}}", true},
		{"a stage that is no kind and no path", head + "stages: {s: {uses: block}}", false},
		{"an artifact parameter", score("") + "\nparams: {a: {type: artifact, kind: hf-model, default: m}}", true},
		{"an unknown artifact kind", score("") + "\nparams: {a: {type: artifact, kind: model, default: m}}", false},
		{"a model map", score("") + "\nmodel: {family: llama}", true},
		{"a model list", score("") + "\nmodel: [llama]", false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for name, data := range map[string]string{"recipe.yaml": c.recipe, "m": "", "block.yaml": "belay: 1\nparams: {n: 0}\nstages: {s: {uses: score, with: {checkpoints: m}}}"} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			_, l := compile.File("recipe.yaml", compile.Options{Stages: dsltest.Stages(), Dir: dir})
			n, _ := ast.Parse(pos.NewFile("recipe.yaml", "", dir, c.recipe))
			err := s.Validate(jsonValue(n.Value()))
			if l.HasErrors() == c.good || (err != nil) == c.good {
				t.Errorf("want good %v; checker: %v; schema: %v", c.good, l.Err(), err)
			}
		})
	}
}

// TestWorkspaceSchemaAgreesWithChecker is the same for belay.yaml.
func TestWorkspaceSchemaAgreesWithChecker(t *testing.T) {
	t.Parallel()
	text, err := schema.Workspace()
	if err != nil {
		t.Fatal(err)
	}
	s := compiled(t, text)
	for text, good := range map[string]bool{
		"belay: 1": true, "belay: 2": false, "null": true, "[1]": false, "belya: 1": false,
		"remote: {url: file:///x, push: false}": true, "remote: {parallel: 0}": false, "remote: {url: 3}": false, "remote: {urls: x}": false,
		"secrets: {A: {env: B}, C: {file: d}, E: {command: f}}": true, "secrets: {A: {}}": false, "secrets: {A: {env: B, file: C}}": false,
		"secrets: {A: {env: \"\"}}": false, "secrets: {A: {env: B, file: \"\"}}": true, "secrets: {A: {value: x}}": false, "secrets: {A-B: {env: C}}": false,
		"secrets: {A: x}": false, "secrets: null": true, "secrets: {A: {env: B, command: null}}": true,
		"hooks: [{run: x, on: [done]}]": true, "hooks: [{run: x, on: [never]}]": false, "gc: {days: 3}": true, "gc: {days: -1}": false,
		"resources: {cpu: 2, memory: 8GiB}": true, "resources: {net: 0}": false, "remote: {url: \"${secret.A}\", parallel: \"${1}\"}": false,
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, workspace.Name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		_, l := workspace.Load(dir)
		n, _ := ast.Parse(pos.NewFile(workspace.Name, "", dir, text))
		if err := s.Validate(jsonValue(n.Value())); l.HasErrors() == good || (err != nil) == good {
			t.Errorf("%s: want good %v; checker: %v; schema: %v", text, good, l.Err(), err)
		}
	}
}

// TestCorpusGraphsPassSchema takes the recipes that the compiler's tests accept.
func TestCorpusGraphsPassSchema(t *testing.T) {
	t.Parallel()
	text, err := schema.Recipe(dsltest.Stages())
	if err != nil {
		t.Fatal(err)
	}
	s := compiled(t, text)
	files, _ := filepath.Glob("../compile/testdata/graphs/*.txtar")
	seen := 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, recipe, ok := strings.Cut(string(data), "-- recipe.yaml --\n")
		if !ok {
			continue
		}
		recipe, _, _ = strings.Cut(recipe, "\n-- ")
		n, l := ast.Parse(pos.NewFile(file, "", "", recipe+"\n"))
		if l.HasErrors() {
			t.Fatal(l)
		}
		if err := s.Validate(jsonValue(n.Value())); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		seen++
	}
	if seen < 3 {
		t.Errorf("only %d recipes found", seen)
	}
}

func TestStageSchemasCompileAndHoldRequired(t *testing.T) {
	t.Parallel()
	files, err := schema.Files(dsltest.Stages())
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(dsltest.Stages())+2 {
		t.Errorf("want a file a stage, one for recipes and one for workspaces, have %d", len(files))
	}
	for name, text := range files {
		s := compiled(t, text)
		if name == schema.StageName("finetune") {
			if err := s.Validate(map[string]any{"checkpoint": "a"}); err == nil {
				t.Error("a missing parameter passes")
			}
			if err := s.Validate(map[string]any{"checkpoint": "a", "data": "${b.index}", "lr": "${params.lr}"}); err != nil {
				t.Error(err)
			}
		}
	}
}

// jsonValue makes integers what the validator knows.
func jsonValue(v any) any {
	switch x := v.(type) {
	case int64:
		return float64(x)
	case []any:
		for i := range x {
			x[i] = jsonValue(x[i])
		}
	case map[string]any:
		for k := range x {
			x[k] = jsonValue(x[k])
		}
	}
	return v
}

func TestWriteReplacesAndRemoves(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	old := filepath.Join(dir, schema.StageName("gone"))
	if err := os.WriteFile(old, []byte("{}"), 0o666); err != nil {
		t.Fatal(err)
	}
	read := func(name string) ([]byte, error) { return os.ReadFile(filepath.Join(dir, name)) }
	if stale, err := schema.Stale(dsltest.Stages(), read); err != nil || len(stale) != len(dsltest.Stages())+2 {
		t.Fatalf("want all stale, have %v, %v", stale, err)
	}
	if err := schema.Write(dir, dsltest.Stages()); err != nil {
		t.Fatal(err)
	}
	if stale, err := schema.Stale(dsltest.Stages(), read); err != nil || len(stale) != 0 {
		t.Fatalf("want none stale, have %v, %v", stale, err)
	}
	if _, err := os.Stat(old); err == nil {
		t.Error("the schema of a stage that is gone is still there")
	}
}
