package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/belay-ml/belay/testdata/goldens"
)

// editor is a language client at the other end of a process.
type editor struct {
	t   *testing.T
	cmd *exec.Cmd
	to  io.WriteCloser
	by  *bufio.Reader
	id  int
}

func edit(t *testing.T, args ...string) *editor {
	t.Helper()
	e := &editor{t: t, cmd: belay(t, t.TempDir(), append([]string{"lsp"}, args...)...)}
	var err error
	if e.to, err = e.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := e.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	e.by = bufio.NewReader(out)
	e.cmd.Stderr = os.Stderr
	if err := e.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return e
}

func (e *editor) send(m map[string]any) {
	e.t.Helper()
	m["jsonrpc"] = "2.0"
	b, err := json.Marshal(m)
	if err != nil {
		e.t.Fatal(err)
	}
	if _, err := fmt.Fprintf(e.to, "Content-Length: %d\r\n\r\n%s", len(b), b); err != nil {
		e.t.Fatal(err)
	}
}

func (e *editor) open(uri, text string) {
	e.t.Helper()
	e.send(map[string]any{"method": "textDocument/didOpen", "params": map[string]any{"textDocument": map[string]any{"uri": uri, "version": 1, "languageId": "yaml", "text": text}}})
}

// next reads messages up to one that fits, into v.
func (e *editor) next(v any, fits func(method string, id json.RawMessage) bool) {
	e.t.Helper()
	for {
		h, err := textproto.NewReader(e.by).ReadMIMEHeader()
		if err != nil {
			e.t.Fatal(err)
		}
		n, err := strconv.Atoi(h.Get("Content-Length"))
		if err != nil {
			e.t.Fatal(err)
		}
		body := make([]byte, n)
		if _, err := io.ReadFull(e.by, body); err != nil {
			e.t.Fatal(err)
		}
		var m struct {
			Method                    string
			ID, Result, Params, Error json.RawMessage
		}
		if err := json.Unmarshal(body, &m); err != nil {
			e.t.Fatal(err)
		}
		if !fits(m.Method, m.ID) {
			continue
		}
		if m.Error != nil {
			e.t.Fatalf("%s", m.Error)
		}
		if err := json.Unmarshal(slices.Concat(m.Result, m.Params), v); err != nil {
			e.t.Fatalf("%s: %v", body, err)
		}
		return
	}
}

func (e *editor) call(method string, params, result any) {
	e.t.Helper()
	e.id++
	e.send(map[string]any{"id": e.id, "method": method, "params": params})
	e.next(result, func(_ string, id json.RawMessage) bool { return string(id) == fmt.Sprint(e.id) })
}

type diagnosed struct {
	URI         string
	Diagnostics []struct {
		Severity int
		Message  string
	}
}

func (e *editor) diagnosed(uri string) (d diagnosed) {
	e.t.Helper()
	for d.URI != uri {
		e.next(&d, func(method string, _ json.RawMessage) bool { return method == "textDocument/publishDiagnostics" })
	}
	return d
}

func TestAnEditorWorksWithTheRealProgram(t *testing.T) {
	t.Parallel()
	e := edit(t, "--stdio")
	var hello struct {
		Capabilities struct{ PositionEncoding string }
		ServerInfo   struct{ Name string }
	}
	e.call("initialize", map[string]any{"processId": nil, "capabilities": map[string]any{}}, &hello)
	if hello.ServerInfo.Name != "belay" || hello.Capabilities.PositionEncoding != "utf-16" {
		t.Errorf("have %+v", hello)
	}
	e.send(map[string]any{"method": "initialized", "params": map[string]any{}})
	dir := t.TempDir()
	uri := "file://" + filepath.Join(dir, "recipe.yaml")
	e.open(uri, "belay: 1\nstages:\n  base: {uses: hf-download, with: {repo: a/b}}\n  tuned:\n    uses: finetune\n    with:\n      checkpoint: ${base.model}\n      data: ${base.}\n      s\n")
	if d := e.diagnosed(uri); len(d.Diagnostics) == 0 {
		t.Error("a half-typed recipe has no findings")
	}
	labels := func(line, character int) string {
		var list struct{ Items []struct{ Label string } }
		e.call("textDocument/completion", map[string]any{"textDocument": map[string]any{"uri": uri}, "position": map[string]any{"line": line, "character": character}}, &list)
		var out []string
		for _, it := range list.Items {
			out = append(out, it.Label)
		}
		return strings.Join(out, " ")
	}
	if got := labels(7, 19); got != "files model tokenizer" && got != "model tokenizer files" {
		t.Errorf("the ports of base are %q", got)
	}
	if got := labels(8, 7); !strings.Contains(got, "seq_length") || !strings.Contains(got, "train_iters") {
		t.Errorf("the parameters of finetune are %q", got)
	}
	var h struct{ Contents struct{ Value string } }
	e.call("textDocument/hover", map[string]any{"textDocument": map[string]any{"uri": uri}, "position": map[string]any{"line": 4, "character": 12}}, &h)
	if !strings.Contains(h.Contents.Value, "must be given") {
		t.Errorf("finetune is explained as %q", h.Contents.Value)
	}
	var nothing any
	e.call("shutdown", nil, &nothing)
	e.send(map[string]any{"method": "exit"})
	if err := e.cmd.Wait(); err != nil {
		t.Errorf("after shutdown and exit: %v", err)
	}
}

func TestAnEditorThatGoesAwayIsNoSuccess(t *testing.T) {
	t.Parallel()
	e := edit(t)
	e.send(map[string]any{"method": "exit"})
	if _ = e.cmd.Wait(); e.cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("exit without shutdown gives %d, want 1", e.cmd.ProcessState.ExitCode())
	}
	if _, msg, code := finish(t, belay(t, t.TempDir(), "lsp", "--stdio=false")); code != 2 || !strings.Contains(msg, "standard input") {
		t.Errorf("--stdio=false exits %d: %s", code, msg)
	}
}

// The recipes of the repository have no mistakes for an editor either, whose environment lacks what they ask for.
func TestOurRecipesHaveNoFindingsInAnEditor(t *testing.T) {
	t.Parallel()
	e := edit(t)
	var hello any
	e.call("initialize", map[string]any{"capabilities": map[string]any{}}, &hello)
	files, err := filepath.Glob(filepath.Join(goldens.Root(t), "recipes", "*", "*.yaml"))
	if err != nil || len(files) < 3 {
		t.Fatalf("have %v, %v", files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		e.open("file://"+file, string(text))
		for _, d := range e.diagnosed("file://" + file).Diagnostics {
			if d.Severity == 1 {
				t.Errorf("%s: %s", file, d.Message)
			}
		}
	}
	_ = e.to.Close()
	_ = e.cmd.Wait()
}
