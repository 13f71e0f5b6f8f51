package lsp_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/dsl/lsp"
	"github.com/belay-ml/belay/dsl/lsp/internal/rpc"
	"github.com/belay-ml/belay/dsl/workspace"
	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/artifact"
)

func TestBadMessagesAreAnswered(t *testing.T) {
	t.Parallel()
	c := dial(t, options())
	for _, step := range []struct {
		body, id string
		code     int
	}{
		{`{"jsonrpc":"2.0","id":1,"method":"textDocument/hover","params":{}}`, "1", rpc.CodeNotInitialized},
		{`{"jsonrpc":"2.0","id":2`, "null", rpc.CodeParse},
		{`[]`, "null", rpc.CodeInvalidRequest},
		{`{"id":3,"method":"initialize"}`, "3", rpc.CodeInvalidRequest},
		{`{"jsonrpc":"2.0","id":4,"method":"initialize"}`, "4", rpc.CodeInvalidParams},
		{`{"jsonrpc":"2.0","id":5,"method":"initialize","params":{"capabilities":7}}`, "5", rpc.CodeInvalidParams},
		{`{"jsonrpc":"2.0","id":"six","method":"initialize","params":{}}`, `"six"`, 0},
		{`{"jsonrpc":"2.0","id":7,"method":"initialize","params":{}}`, "7", rpc.CodeInvalidRequest},
		{`{"jsonrpc":"2.0","id":8,"method":"textDocument/nothing"}`, "8", rpc.CodeNoMethod},
		{`{"jsonrpc":"2.0","id":9,"method":"textDocument/hover","params":{"position":{"line":"x"}}}`, "9", rpc.CodeInvalidParams},
		{`{"jsonrpc":"2.0","id":10,"method":"textDocument/hover","params":{"textDocument":{"uri":"file:///none"},"position":{"line":1}}}`, "10", 0},
		{`{"jsonrpc":"2.0","id":11,"method":"shutdown"}`, "11", 0},
		{`{"jsonrpc":"2.0","id":12,"method":"textDocument/hover","params":{}}`, "12", rpc.CodeInvalidRequest},
	} {
		c.body(step.body)
		a := c.answerTo(step.id)
		code := 0
		if a.Error != nil {
			code = a.Error.Code
		}
		if code != step.code {
			t.Errorf("%s: want code %d, have %v", step.body, step.code, a.Error)
		}
	}
	c.notify("exit", nil)
	if err := <-c.ended; err != nil {
		t.Errorf("the end after shutdown is %v", err)
	}
}

func TestTheEndSaysWhetherItWasAskedFor(t *testing.T) {
	t.Parallel()
	t.Run("exit without shutdown", func(t *testing.T) {
		t.Parallel()
		c := dial(t, options())
		c.notify("exit", nil)
		if err := <-c.ended; !errors.Is(err, lsp.ErrNoShutdown) {
			t.Errorf("have %v", err)
		}
	})
	t.Run("the input ends", func(t *testing.T) {
		t.Parallel()
		c := dial(t, options())
		_ = c.to.Close()
		if err := <-c.ended; !errors.Is(err, lsp.ErrNoShutdown) {
			t.Errorf("have %v", err)
		}
	})
	t.Run("the input ends after shutdown", func(t *testing.T) {
		t.Parallel()
		c := start(t, everything)
		c.call("shutdown", nil)
		_ = c.to.Close()
		if err := <-c.ended; err != nil {
			t.Errorf("have %v", err)
		}
	})
	t.Run("a header without a length", func(t *testing.T) {
		t.Parallel()
		c := dial(t, options())
		c.raw("Hello: world\r\n\r\n")
		if a := c.receive(); a.Error == nil || a.Error.Code != rpc.CodeParse || string(a.ID) != "null" {
			t.Errorf("want a parse error, have %+v", a)
		}
		var fe *rpc.FramingError
		if err := <-c.ended; !errors.As(err, &fe) {
			t.Errorf("have %v", err)
		}
	})
	t.Run("the context ends", func(t *testing.T) {
		t.Parallel()
		in, to := io.Pipe()
		defer to.Close()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- lsp.Serve(ctx, in, io.Discard, options()) }()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("have %v", err)
		}
	})
}

const small = "belay: 1\nparams: {lr: 1e-5}\nstages:\n  base: {uses: hf-download, with: {repo: a/b}}\n"

// A request is cancelled while the one before it is answered: the server blocks on an answer that nobody reads yet.
func TestARequestCanBeCancelledBeforeItsTurn(t *testing.T) {
	t.Parallel()
	c := start(t, everything)
	hover := object{"textDocument": object{"uri": "file:///r.yaml"}, "position": object{"line": 0, "character": 0}}
	c.send(object{"id": 100, "method": "textDocument/hover", "params": hover})
	c.send(object{"id": 101, "method": "textDocument/hover", "params": hover})
	c.notify("$/cancelRequest", object{"id": 101})
	c.notify("$/cancelRequest", object{"id": "unknown"})
	c.notify("nothing/known", object{}) // once this is taken in, so was the cancellation
	c.answerTo("100")
	if a := c.answerTo("101"); a.Error == nil || a.Error.Code != rpc.CodeCancelled {
		t.Errorf("want it cancelled, have %+v", a)
	}
	c.call("textDocument/hover", hover)
}

func TestPositionsFollowTheAgreedEncoding(t *testing.T) {
	t.Parallel()
	// A letter beyond the first plane is two UTF-16 units and four bytes.
	text := "belay: 1\ndoc: \U0001d54f\u00e9\nstages:\n  base: {doc: \U0001d54f, uses: hf-dwnload}\n"
	for name, c := range map[string]struct {
		offered  string
		encoding string
		from, to int
	}{
		"UTF-16 by default":          {`[]`, "utf-16", 24, 34},
		"UTF-16 when it is all":      {`["utf-16", "utf-32"]`, "utf-16", 24, 34},
		"UTF-8 when it is offered":   {`["utf-16", "utf-8"]`, "utf-8", 26, 36},
		"UTF-8 when it stands first": {`["utf-8"]`, "utf-8", 26, 36},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cl := dial(t, options())
			var r struct {
				Capabilities struct{ PositionEncoding string }
			}
			if err := json.Unmarshal(cl.call("initialize", json.RawMessage(`{"capabilities":{"general":{"positionEncodings":`+c.offered+`}}}`)), &r); err != nil {
				t.Fatal(err)
			}
			if r.Capabilities.PositionEncoding != c.encoding {
				t.Errorf("want %s, have %s", c.encoding, r.Capabilities.PositionEncoding)
			}
			uri := "file://" + filepath.Join(t.TempDir(), "r.yaml")
			cl.open(uri, text)
			want := span{position{3, c.from}, position{3, c.to}}
			if d := cl.diagnostics(uri); len(d.Diagnostics) != 1 || d.Diagnostics[0].Range != want {
				t.Errorf("want one at %s, have %+v", want, d.Diagnostics)
			}
			var list struct{ Items []item }
			if err := json.Unmarshal(cl.call("textDocument/completion", object{"textDocument": object{"uri": uri}, "position": want.End}), &list); err != nil {
				t.Fatal(err)
			}
			if len(list.Items) == 0 || list.Items[0].TextEdit.Range != want {
				t.Errorf("completion replaces %+v", list.Items)
			}
		})
	}
}

// The server's text is seen through the findings of a name that is written in it.
func TestTextFollowsTheEditor(t *testing.T) {
	t.Parallel()
	edit := func(l1, c1, l2, c2 int, text string) object {
		return object{"range": object{"start": object{"line": l1, "character": c1}, "end": object{"line": l2, "character": c2}}, "text": text}
	}
	for name, c := range map[string]struct {
		before  string
		changes []object
		after   string
	}{
		"everything":              {"x", []object{{"text": "a: 1\nb: 2\n"}}, "a: 1\nb: 2\n"},
		"an insertion":            {"elay: 1\n", []object{edit(0, 0, 0, 0, "b")}, "belay: 1\n"},
		"a deletion over lines":   {"be\nx\nlay: 1\n", []object{edit(0, 2, 2, 0, "")}, "belay: 1\n"},
		"several, one by one":     {"", []object{edit(0, 0, 0, 0, "lay: 1\n"), edit(0, 0, 0, 0, "be"), edit(1, 0, 1, 0, "name: x\n")}, "belay: 1\nname: x\n"},
		"behind two UTF-16 units": {"doc: \U0001d54fx\n", []object{edit(0, 7, 0, 8, "y")}, "doc: \U0001d54fy\n"},
		"beyond the line":         {"a: 1\nb: 2\n", []object{edit(0, 99, 0, 99, "2")}, "a: 12\nb: 2\n"},
		"beyond the text":         {"a: 1\n", []object{edit(99, 0, 99, 5, "b: 2")}, "a: 1\nb: 2"},
		"windows line ends":       {"a: 1\r\nb: 2\r\n", []object{edit(1, 3, 1, 99, "3")}, "a: 1\r\nb: 3\r\n"},
		"an old mac's line ends":  {"a: 1\rb: 2\r", []object{edit(1, 3, 1, 4, "3")}, "a: 1\rb: 3\r"},
		"an end before its start": {"a: 1\n", []object{edit(0, 4, 0, 1, "2")}, "a: 12\n"},
		"inside a surrogate pair": {"a: \U0001d54f\n", []object{edit(0, 4, 0, 4, "x")}, "a: x\U0001d54f\n"},
		"a negative position":     {"a: 1\n", []object{edit(-1, -1, 0, 1, "b")}, "b: 1\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cl := start(t, everything)
			cl.open("file:///r.yaml", c.before)
			cl.notify("textDocument/didChange", object{"textDocument": object{"uri": "file:///r.yaml", "version": 2}, "contentChanges": c.changes})
			// Renaming a key that stands behind the text shows what the server has.
			end := object{"line": 1 << 20, "character": 0}
			cl.notify("textDocument/didChange", object{"textDocument": object{"uri": "file:///r.yaml", "version": 3}, "contentChanges": []object{
				{"range": object{"start": end, "end": end}, "text": " #\n\"belay\": 1\nstages:\n  probe: {doc: x}\n"}}})
			want := strings.Count(strings.ReplaceAll(strings.ReplaceAll(c.after, "\r\n", "\n"), "\r", "\n"), "\n") + 3
			var all []treeSymbol
			if err := json.Unmarshal(cl.call("textDocument/documentSymbol", object{"textDocument": object{"uri": "file:///r.yaml"}}), &all); err != nil {
				t.Fatal(err)
			}
			last := all[len(all)-1]
			if last.Name != "stages" || last.Children[0].Range.Start.Line != want {
				t.Errorf("want the probe on line %d, have %+v", want, last)
			}
			if got := strings.Join(cl.words(), "|"); got != strings.Join(keyLines(c.after), "|") {
				t.Errorf("want %q, have %q", keyLines(c.after), got)
			}
		})
	}
}

// words are the first-level keys and scalar values that the server sees in front of the probe.
func (c *client) words() []string {
	c.t.Helper()
	var all []treeSymbol
	if err := json.Unmarshal(c.call("textDocument/documentSymbol", object{"textDocument": object{"uri": "file:///r.yaml"}}), &all); err != nil {
		c.t.Fatal(err)
	}
	var out []string
	for _, s := range all[:len(all)-2] {
		out = append(out, fmt.Sprintf("%s %d-%d", s.Name, s.Range.Start.Character, s.Range.End.Character))
	}
	return out
}

// keyLines is what words should give for lines of the form key: value.
func keyLines(text string) []string {
	var out []string
	for _, line := range strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }) {
		key, _, ok := strings.Cut(line, ":")
		if ok && !strings.HasPrefix(line, " ") {
			units := 0
			for _, r := range line {
				if units++; r > 0xffff {
					units++
				}
			}
			out = append(out, fmt.Sprintf("%s 0-%d", key, units))
		}
	}
	return out
}

func TestFindingsComeWhenTypingPauses(t *testing.T) {
	t.Parallel()
	opt := options()
	timers := make(chan chan time.Time, 10)
	opt.After = func(d time.Duration) <-chan time.Time {
		if d <= 0 {
			t.Errorf("a pause of %s", d)
		}
		tick := make(chan time.Time, 1)
		timers <- tick
		return tick
	}
	c := dial(t, opt)
	c.call("initialize", json.RawMessage(everything))
	uri := "file://" + filepath.Join(t.TempDir(), "r.yaml")
	c.open(uri, small)
	if d := c.diagnostics(uri); d.Version != 1 || len(d.Diagnostics) != 0 {
		t.Fatalf("have %+v", d)
	}
	change := func(version int, text string) chan time.Time {
		c.notify("textDocument/didChange", object{"textDocument": object{"uri": uri, "version": version}, "contentChanges": []object{{"text": text}}})
		return <-timers
	}
	change(2, small+"x") // goes on before the pause is over: this timer is never waited for again
	last := change(3, small+"  data: {uses: preprocess}\n")
	last <- time.Time{}
	d := c.diagnostics(uri)
	if d.Version != 3 || len(d.Diagnostics) != 1 || !strings.Contains(d.Diagnostics[0].Message, "missing parameter input") {
		t.Fatalf("have %+v", d)
	}
	change(4, small) <- time.Time{}
	if d := c.diagnostics(uri); len(d.Diagnostics) != 0 {
		t.Errorf("a mistake that was corrected is still shown: %+v", d)
	}
}

func TestFindingsBelongToTheirFileAndGoAwayWithIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	uri := func(name string) string { return "file://" + filepath.Join(dir, name) }
	if err := os.WriteFile(filepath.Join(dir, "base.yaml"), []byte("stages:\n  base: {uses: hf-download, with: {repo: 3}}\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	c := start(t, everything)
	c.open(uri("r.yaml"), "belay: 1\nextends: base.yaml\n")
	if d := c.diagnostics(uri("base.yaml")); len(d.Diagnostics) != 1 || d.Version != 0 {
		t.Fatalf("the mistake of the file on disk is not shown there: %+v", d)
	}
	// The editor's text of the file counts, not the disk's.
	c.open(uri("base.yaml"), "stages:\n  base: {uses: hf-download, with: {repo: a/b}}\n")
	for d := (published{}); d.Version == 0; {
		if d = c.diagnostics(uri("base.yaml")); d.Version == 1 && len(d.Diagnostics) != 0 {
			t.Fatalf("the disk's text was checked: %+v", d)
		}
	}
	c.notify("textDocument/didClose", object{"textDocument": object{"uri": uri("base.yaml")}})
	for len(c.diagnostics(uri("base.yaml")).Diagnostics) == 0 { // the disk's again
	}
	c.notify("textDocument/didClose", object{"textDocument": object{"uri": uri("r.yaml")}})
	for len(c.diagnostics(uri("base.yaml")).Diagnostics) != 0 { // nobody uses it any more
	}
	// What changed on disk is seen when the editor says that something was saved.
	c.open(uri("r.yaml"), "belay: 1\nextends: base.yaml\n")
	for len(c.diagnostics(uri("base.yaml")).Diagnostics) == 0 {
	}
	if err := os.WriteFile(filepath.Join(dir, "base.yaml"), []byte("stages:\n  base: {uses: hf-download, with: {repo: a/b}}\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	c.notify("textDocument/didSave", object{"textDocument": object{"uri": uri("r.yaml")}})
	for len(c.diagnostics(uri("base.yaml")).Diagnostics) != 0 {
	}
}

func TestExtendedFilesAreReadFromTheEditor(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	uri := func(name string) string { return "file://" + filepath.Join(dir, name) }
	if err := os.WriteFile(filepath.Join(dir, "base.yaml"), []byte("params: {on_disk: 1}\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	c := start(t, everything)
	c.open(uri("r.yaml"), "belay: 1\nextends: base.yaml\nstages: {a: {uses: command, with: {run: \"${params.}\"}}}\n")
	at := object{"textDocument": object{"uri": uri("r.yaml")}, "position": object{"line": 2, "character": 50}}
	if list := string(c.call("textDocument/completion", at)); !strings.Contains(list, `"on_disk"`) {
		t.Errorf("have %s", list)
	}
	c.open(uri("base.yaml"), "params: {in_editor: 1}\n")
	if list := string(c.call("textDocument/completion", at)); !strings.Contains(list, `"in_editor"`) || strings.Contains(list, `"on_disk"`) {
		t.Errorf("have %s", list)
	}
}

// A check that was overtaken by typing says nothing: its positions are those of an older text.
func TestOldFindingsAreNotShownOverNewText(t *testing.T) {
	t.Parallel()
	opt := options()
	begun, release := make(chan struct{}, 10), make(chan struct{})
	opt.Compile.Exists = func(string) bool {
		begun <- struct{}{}
		<-release
		return true
	}
	c := dial(t, opt)
	c.call("initialize", json.RawMessage(everything))
	uri := "file://" + filepath.Join(t.TempDir(), "r.yaml")
	c.open(uri, small+"  data: {uses: preprocess, with: {input: x, wrong: y}}\n")
	<-begun
	c.notify("textDocument/didChange", object{"textDocument": object{"uri": uri, "version": 2}, "contentChanges": []object{{"text": small}}})
	c.call("textDocument/documentSymbol", object{"textDocument": object{"uri": uri}}) // the change was taken in
	close(release)
	if d := c.diagnostics(uri); d.Version != 2 || len(d.Diagnostics) != 0 {
		t.Errorf("have %+v", d)
	}
}

func TestSecretsAreLookedForWhereTheWorkspaceSays(t *testing.T) {
	t.Parallel()
	opt := options()
	opt.Secret = func(space *workspace.File) func(string) (bool, string) {
		return func(name string) (bool, string) { _, ok := space.Secrets[name]; return ok, "not in " + space.Dir }
	}
	c := dial(t, opt)
	c.call("initialize", json.RawMessage(everything))
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "belay.yaml"), []byte("secrets: {THERE: {env: X}}\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	uri := "file://" + filepath.Join(dir, "sub", "r.yaml")
	c.open(uri, "belay: 1\nstages:\n  a: {uses: hf-download, with: {repo: x, token: \"${secret.THERE}\"}}\n  b: {uses: hf-download, with: {repo: x, token: \"${secret.GONE}\"}}\n")
	d := c.diagnostics(uri)
	if len(d.Diagnostics) != 1 || d.Diagnostics[0].Severity != 3 || !strings.HasPrefix(d.Diagnostics[0].Message, "secret GONE is not there: not in "+dir) {
		t.Errorf("have %+v", d.Diagnostics)
	}
}

// explosive is a stage kind that panics when it is asked for its ports.
type explosive struct{ engine.Stage }

func (e explosive) Describe() engine.Spec {
	s := e.Stage.Describe()
	s.Name = "explosive"
	return s
}

func (explosive) Outputs(map[string]any) ([]artifact.Port, error) { panic("boom") }

func TestAPanicCostsOneRequest(t *testing.T) {
	t.Parallel()
	opt := options()
	opt.Compile.Stages = append(opt.Compile.Stages, explosive{opt.Compile.Stages[0]})
	c := dial(t, opt)
	c.call("initialize", json.RawMessage(everything))
	text := "belay: 1\nstages:\n  a: {uses: explosive, with: {repo: x}}\n  b: {uses: preprocess, with: {input: \"${a.}\"}}\n"
	uri := "file://" + filepath.Join(t.TempDir(), "r.yaml")
	c.open(uri, text)
	at := object{"textDocument": object{"uri": uri}, "position": object{"line": 3, "character": 43}}
	if a := c.ask("textDocument/completion", at); a.Error == nil || a.Error.Code != rpc.CodeInternal {
		t.Fatalf("want a failure, have %s", a.Result)
	}
	c.notify("textDocument/didChange", object{"textDocument": object{"uri": uri, "version": 2}, "contentChanges": []object{{"text": small}}})
	if d := c.diagnostics(uri); len(d.Diagnostics) != 0 {
		t.Errorf("have %+v", d)
	}
	if err := c.quit(); err != nil {
		t.Error(err)
	}
	if log := strings.Join(c.logged, "\n"); strings.Count(log, "boom") < 2 || !strings.Contains(log, "completion panicked") {
		t.Errorf("the log does not tell: %s", log)
	}
}

func TestClientsThatKnowLessGetLess(t *testing.T) {
	t.Parallel()
	c := start(t, `{"capabilities": {"workspace": {"didChangeWatchedFiles": {"dynamicRegistration": true}}}}`)
	if a := c.receive(); a.Method != "client/registerCapability" {
		t.Errorf("want the registration, have %+v", a)
	}
	c.send(object{"id": "belay-1", "result": nil})
	dir := t.TempDir()
	uri := "file://" + filepath.Join(dir, "r.yaml")
	c.open(uri, "belay: 1\nstages:\n  base: {uses: hf-download, with: {repo: a, repo: b}}\n  \n")
	if d := c.diagnostics(uri); len(d.Diagnostics) != 1 || d.Diagnostics[0].Message != "key \"repo\" is given twice\nr.yaml:3:36: first given here" || d.Diagnostics[0].RelatedInformation != nil {
		t.Errorf("have %+v", d.Diagnostics)
	}
	at := func(line, character int) object {
		return object{"textDocument": object{"uri": uri}, "position": object{"line": line, "character": character}}
	}
	if h := string(c.call("textDocument/hover", at(1, 1))); strings.Contains(h, "**") || !strings.Contains(h, "plaintext") {
		t.Errorf("hover is %s", h)
	}
	if list := string(c.call("textDocument/completion", at(2, 9))); strings.Contains(list, "insertTextFormat") || strings.Contains(list, "markdown") {
		t.Errorf("completion is %s", list)
	}
	var flat []struct{ Name, ContainerName string }
	if err := json.Unmarshal(c.call("textDocument/documentSymbol", at(0, 0)), &flat); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]struct{ Name, ContainerName string }{{"belay", ""}, {"stages", ""}, {"base", "stages"}}, flat); diff != "" {
		t.Error(diff)
	}
}

func TestDocumentsWithoutAFileAreCompleted(t *testing.T) {
	t.Parallel()
	c := start(t, everything)
	c.open("untitled:Untitled-1", small+"  x: {uses: preprocess, with: {input: \"${base.}\"}}\n")
	list := string(c.call("textDocument/completion", object{"textDocument": object{"uri": "untitled:Untitled-1"}, "position": object{"line": 4, "character": 46}}))
	if !strings.Contains(list, `"label":"model"`) {
		t.Errorf("have %s", list)
	}
}
