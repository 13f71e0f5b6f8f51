package lsp_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
)

// FuzzServer holds that no document, position or change ends the server, makes it panic, or leaves a request without an
// answer. extra is put in front of the text as it is, then taken out again.
func FuzzServer(f *testing.F) {
	files, _ := filepath.Glob("testdata/*/*.txtar")
	for i, file := range files {
		ar, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(strings.ReplaceAll(string(ar.Files[0].Data), mark, ""), i, 2*i, `{"range":{"start":{"line":1,"character":2},"end":{"line":1,"character":3}},"text":"${a."}`)
	}
	f.Add("a: ${", 0, 5, `{"text":"\ud800"}`)
	f.Add("stages:\n a:\n  with: \"${a['", 2, 17, `{"text":""}`)
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string, line, character int, edit string) {
		if strings.Contains(text+edit, "/") || len(text) > 1<<16 {
			t.Skip("reads other files")
		}
		c := start(t, everything)
		for _, name := range []string{"recipe.yaml", "belay.yaml"} {
			uri := "file://" + filepath.Join(dir, name)
			c.open(uri, text)
			c.everything(uri, line, character)
			if json.Valid([]byte(edit)) {
				c.notify("textDocument/didChange", object{"textDocument": object{"uri": uri, "version": 2}, "contentChanges": []any{json.RawMessage(edit)}})
				c.everything(uri, line, character)
			}
		}
		if err := c.quit(); err != nil {
			t.Fatal(err)
		}
		for _, text := range c.logged {
			if strings.Contains(text, "panicked") {
				t.Fatal(text)
			}
		}
	})
}

// everything asks for all there is at a place.
func (c *client) everything(uri string, line, character int) {
	c.t.Helper()
	params := object{"textDocument": object{"uri": uri}, "position": object{"line": line, "character": character}, "newName": "n",
		"range": span{}, "context": object{"diagnostics": []finding{}}}
	for _, method := range []string{"completion", "hover", "definition", "references", "prepareRename", "rename", "documentSymbol", "codeAction"} {
		c.ask("textDocument/"+method, params)
	}
}

// FuzzBytes holds that no bytes make the server panic or hang: it ends with its input at the latest.
func FuzzBytes(f *testing.F) {
	frame := func(body string) string { return fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body) }
	f.Add(frame(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}`) + frame(`{"jsonrpc":"2.0","method":"textDocument/didOpen","params":{"textDocument":{"uri":"file:///r","text":"a: b"}}}`))
	f.Add(frame(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":null}`) + "Content-Length: 3\r\n\r\n{}")
	f.Add(frame(`{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":1}}`) + frame(`[]`) + frame(`{"jsonrpc":"2.0","id":1,"result":{}}`) + frame(`{"jsonrpc":"2.0","method":"exit"}`))
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "extends") {
			t.Skip("reads other files")
		}
		c := dial(t, options())
		drained := make(chan struct{})
		go func() {
			defer close(drained)
			for {
				if _, err := c.from.Frame(); err != nil {
					return
				}
			}
		}()
		_, _ = c.to.Write([]byte(text))
		_ = c.to.Close()
		select {
		case <-c.ended:
		case <-time.After(20 * time.Second):
			t.Fatal("the server goes on after its input has ended")
		}
		<-drained
		for _, text := range c.logged {
			if strings.Contains(text, "panicked") {
				t.Fatal(text)
			}
		}
	})
}

// large is a recipe of about a thousand lines.
func large() (text string, line int) {
	var b strings.Builder
	b.WriteString("belay: 1\nparams: {lr: 1e-5}\nstages:\n  base: {uses: hf-download, with: {repo: a/b}}\n")
	for i := range 110 {
		fmt.Fprintf(&b, "  data%d:\n    uses: preprocess\n    with:\n      input: ${base.files}\n      style: alpaca\n", i)
		fmt.Fprintf(&b, "  cmd%d:\n    uses: command\n    with: {run: x, inputs: {IN: \"${data%d.index}\"}, outputs: {one: a}}\n    needs: [data%d]\n", i, i, i)
	}
	b.WriteString("  last:\n    uses: finetune\n    with:\n      data: ${data7.}\n")
	return b.String(), strings.Count(b.String(), "\n") - 1
}

// A completion of a recipe of a thousand lines takes a few milliseconds.
func BenchmarkCompletion(b *testing.B) {
	text, line := large()
	for name, c := range map[string]struct {
		character int
		want      string
	}{
		"ports of a stage": {20, `"index"`},
		"all names":        {14, `"data109"`},
	} {
		b.Run(name, func(b *testing.B) {
			cl := start(b, everything)
			cl.open("untitled:r", text)
			at := object{"textDocument": object{"uri": "untitled:r"}, "position": object{"line": line, "character": c.character}}
			for b.Loop() {
				if list := cl.call("textDocument/completion", at); !strings.Contains(string(list), c.want) {
					b.Fatalf("have %s", list)
				}
			}
		})
	}
}
