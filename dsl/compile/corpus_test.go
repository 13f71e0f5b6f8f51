package compile_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/belay-ml/belay/dsl/compile"
	"github.com/belay-ml/belay/dsl/diag"
	"github.com/belay-ml/belay/dsl/internal/dsltest"
	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/secret"
)

var update = flag.Bool("update", false, "rewrite the expected sections of testdata")

// TestCorpus compiles each archive of testdata: recipe.yaml and other files, flags in the comment ("-p lr=1",
// "--set sft.lr=2", "env NAME=v", "secret NAME", "stage KIND", "--with k=v"), and what comes out in the section `want`.
func TestCorpus(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no corpus: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(strings.TrimPrefix(file, "testdata/"), ".txtar"), func(t *testing.T) {
			t.Parallel()
			ar, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			want := -1
			for i, f := range ar.Files {
				if f.Name == "want" {
					want = i
					continue
				}
				path := filepath.Join(dir, f.Name)
				if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, f.Data, 0o666); err != nil {
					t.Fatal(err)
				}
			}
			got := compileArchive(t, dir, string(ar.Comment))
			if *update {
				if want < 0 {
					ar.Files = append(ar.Files, txtar.File{Name: "want"})
					want = len(ar.Files) - 1
				}
				ar.Files[want].Data = []byte(got)
				if err := os.WriteFile(file, txtar.Format(ar), 0o666); err != nil {
					t.Fatal(err)
				}
				return
			}
			if want < 0 {
				t.Fatalf("no section want; run with -update\n%s", got)
			}
			if diff := cmp.Diff(string(ar.Files[want].Data), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func compileArchive(t *testing.T, dir, flags string) string {
	t.Helper()
	opt := compile.Options{Stages: dsltest.Stages(), Dir: dir, Params: []string{}}
	env := map[string]string{}
	var with []compile.Given
	kind := ""
	secrets := map[string]bool{}
	opt.Secret = func(name string) (bool, string) { return secrets[name], "the archive does not name it" }
	for _, line := range strings.Split(flags, "\n") {
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "-p":
			opt.Params = append(opt.Params, rest)
		case "--set":
			opt.Sets = append(opt.Sets, rest)
		case "env":
			k, v, _ := strings.Cut(rest, "=")
			env[k] = v
		case "secret":
			secrets[rest] = true
		case "stage":
			kind = rest
		case "--with":
			with = append(with, compile.With(rest))
		}
	}
	opt.Env = func(k string) (string, bool) { v, ok := env[k]; return v, ok }
	var g *engine.Graph
	var l diag.List
	if kind != "" {
		g, l = compile.Stage(kind, with, opt)
	} else {
		g, l = compile.File("recipe.yaml", opt)
	}
	var out bytes.Buffer
	if err := diag.Text(&out, l, false); err != nil {
		t.Fatal(err)
	}
	if (g == nil) != l.HasErrors() {
		t.Errorf("graph is nil: %v, has errors: %v", g == nil, l.HasErrors())
	}
	return strings.ReplaceAll(out.String()+dump(g), dir, "DIR")
}

// dump prints a graph for comparison.
func dump(g *engine.Graph) string {
	if g == nil {
		return ""
	}
	var b strings.Builder
	name := func(v any) any {
		if t, isSecret := v.(secret.Text); isSecret {
			return "SECRET " + t.String()
		}
		return v
	}
	var show func(v any) any
	show = func(v any) any {
		switch x := v.(type) {
		case engine.Output:
			text := g.Nodes[x.Node].ID + "." + x.Port
			if x.Sub != "" {
				text += "/" + x.Sub
			}
			return "<" + text + ">"
		case engine.Source:
			return "<" + x.Path + " as " + x.As + ">"
		case []any:
			out := make([]any, len(x))
			for i := range x {
				out[i] = show(x[i])
			}
			return out
		case map[string]any:
			out := map[string]any{}
			for k := range x {
				out[k] = show(x[k])
			}
			return out
		}
		return name(v)
	}
	line := func(v any) string {
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		_ = enc.Encode(v)
		return strings.TrimSpace(b.String())
	}
	fmt.Fprintf(&b, "recipe %s (%s)\n", g.Recipe, g.Origin)
	for _, n := range g.Nodes {
		fmt.Fprintf(&b, "%s at %s uses %s\n", n.ID, n.Pos, n.Stage.Describe().Name)
		fmt.Fprintf(&b, "  params %s\n", line(show(n.Params)))
		fmt.Fprintf(&b, "  origins %s\n", line(n.Origins))
		for _, i := range n.Needs {
			fmt.Fprintf(&b, "  needs %s\n", g.Nodes[i].ID)
		}
		if n.Off != "" {
			fmt.Fprintf(&b, "  off: %s\n", n.Off)
		}
		for _, t := range n.Gates {
			var reads []any
			for _, o := range t.Reads {
				reads = append(reads, show(o))
			}
			fmt.Fprintf(&b, "  gate: %s at %s reads %s\n", t.Text, t.Pos, line(reads))
		}
		if n.Retry.Max != 0 || n.Timeout != 0 || n.NoCache || n.Resources.CPU != 0 {
			fmt.Fprintf(&b, "  retries %d timeout %s nocache %v cpu %d\n", n.Retry.Max, n.Timeout, n.NoCache, n.Resources.CPU)
		}
		if r := n.Retry; r.Backoff != 0 || len(r.On) > 0 {
			fmt.Fprintf(&b, "  retry on %v after %s\n", r.On, r.Backoff)
		}
		if r := n.Resources; r.Memory != 0 || r.NPU != 0 || r.Net || len(r.Mutex) > 0 {
			fmt.Fprintf(&b, "  memory %d npu %d net %v mutex %v\n", r.Memory, r.NPU, r.Net, r.Mutex)
		}
		if n.Name != n.ID && strings.Contains(n.ID, "/") {
			fmt.Fprintf(&b, "  name %s cell %s\n", n.Name, line(n.Cell))
		}
		if len(n.Env) > 0 {
			fmt.Fprintf(&b, "  env %s\n", line(n.Env))
		}
	}
	for _, o := range g.Outputs {
		fmt.Fprintf(&b, "output %s = %s.%s\n", o.Name, g.Nodes[o.Node].ID, o.Port)
	}
	return b.String()
}
