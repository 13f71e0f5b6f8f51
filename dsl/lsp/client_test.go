package lsp_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/belay-ml/belay/dsl/compile"
	"github.com/belay-ml/belay/dsl/internal/dsltest"
	"github.com/belay-ml/belay/dsl/lsp"
	"github.com/belay-ml/belay/dsl/lsp/internal/rpc"
	"github.com/belay-ml/belay/engine/metric"
)

type object = map[string]any

// everything is what an editor that knows all of the protocol says about itself.
const everything = `{"capabilities": {
	"general": {"positionEncodings": ["utf-16"]},
	"workspace": {"didChangeWatchedFiles": {"dynamicRegistration": false}},
	"textDocument": {
		"completion": {"completionItem": {"snippetSupport": true, "documentationFormat": ["markdown"], "insertTextModeSupport": {"valueSet": [1, 2]}}},
		"hover": {"contentFormat": ["markdown"]},
		"documentSymbol": {"hierarchicalDocumentSymbolSupport": true},
		"publishDiagnostics": {"relatedInformation": true}}}}`

// client is an editor at the other end of two pipes.
type client struct {
	t       testing.TB
	to      *io.PipeWriter
	from    *rpc.Reader
	next    int
	ended   chan error
	notices []notice // not looked at yet
	logged  []string
}

type notice struct {
	Method string
	Params json.RawMessage
}

type answer struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *rpc.Error      `json:"error"`
}

// options are those of tests: fake stages, no environment, no waiting.
func options() lsp.Options {
	now := make(chan time.Time)
	close(now)
	return lsp.Options{
		Compile: compile.Options{Stages: dsltest.Stages()}, Version: "test",
		After: func(time.Duration) <-chan time.Time { return now },
		Numbers: func(_, recipe, node, port string) metric.Set {
			if recipe != "gated" || port != "metrics" {
				return nil
			}
			return map[string]metric.Set{"evaluate": {"acc": 0.31, "by task.mmlu": 0.2}, "tuned[seed=1]": {"final_loss": 1.5}}[node]
		},
	}
}

// dial starts a server that ends with the test.
func dial(t testing.TB, opt lsp.Options) *client {
	t.Helper()
	in, to := io.Pipe()
	from, out := io.Pipe()
	c := &client{t: t, to: to, from: rpc.NewReader(from, 0), ended: make(chan error, 1)}
	opt.Log = func(text string) { c.logged = append(c.logged, text) }
	go func() {
		c.ended <- lsp.Serve(context.Background(), in, out, opt)
		_ = out.Close()
	}()
	t.Cleanup(func() {
		_ = to.Close()
		_ = from.Close()
	})
	return c
}

// start also shakes hands.
func start(t testing.TB, capabilities string) *client {
	t.Helper()
	c := dial(t, options())
	c.call("initialize", json.RawMessage(capabilities))
	c.notify("initialized", object{})
	return c
}

// raw sends bytes as they are.
func (c *client) raw(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c.to, text); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) body(text string) {
	c.t.Helper()
	c.raw(fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(text), text))
}

func (c *client) send(m object) {
	c.t.Helper()
	m["jsonrpc"] = "2.0"
	b, err := json.Marshal(m)
	if err != nil {
		c.t.Fatal(err)
	}
	c.body(string(b))
}

func (c *client) notify(method string, params any) {
	c.t.Helper()
	c.send(object{"method": method, "params": params})
}

// receive waits for the next message.
func (c *client) receive() answer {
	c.t.Helper()
	b, err := c.from.Frame()
	if err != nil {
		c.t.Fatalf("the server is gone: %v; log: %s", err, strings.Join(c.logged, "\n"))
	}
	var a answer
	if err := json.Unmarshal(b, &a); err != nil {
		c.t.Fatal(err)
	}
	return a
}

// ask sends a request and waits for its answer; what else comes is kept.
func (c *client) ask(method string, params any) answer {
	c.t.Helper()
	c.next++
	c.send(object{"id": c.next, "method": method, "params": params})
	return c.answerTo(fmt.Sprint(c.next))
}

func (c *client) answerTo(id string) answer {
	c.t.Helper()
	for {
		a := c.receive()
		switch {
		case a.Method != "":
			c.notices = append(c.notices, notice{a.Method, a.Params})
		case string(a.ID) == id:
			return a
		default:
			c.t.Fatalf("an answer to %s while waiting for %s: %v", a.ID, id, a.Error)
		}
	}
}

// call is ask for requests that have to succeed.
func (c *client) call(method string, params any) json.RawMessage {
	c.t.Helper()
	a := c.ask(method, params)
	if a.Error != nil {
		c.t.Fatalf("%s: %v", method, a.Error)
	}
	return a.Result
}

func (c *client) open(uri, text string) {
	c.t.Helper()
	c.notify("textDocument/didOpen", object{"textDocument": object{"uri": uri, "languageId": "yaml", "version": 1, "text": text}})
}

// wait takes the first notification that fits out of those that came, and waits for it if need be.
func (c *client) wait(fits func(n notice) bool) json.RawMessage {
	c.t.Helper()
	for {
		for i, n := range c.notices {
			if fits(n) {
				c.notices = append(c.notices[:i:i], c.notices[i+1:]...)
				return n.Params
			}
		}
		if a := c.receive(); a.Method != "" {
			c.notices = append(c.notices, notice{a.Method, a.Params})
		}
	}
}

// diagnostics waits for the next findings about a document.
func (c *client) diagnostics(uri string) (p published) {
	c.t.Helper()
	c.wait(func(n notice) bool {
		p = published{}
		return n.Method == "textDocument/publishDiagnostics" && json.Unmarshal(n.Params, &p) == nil && p.URI == uri
	})
	return p
}

type position struct{ Line, Character int }

type span struct{ Start, End position }

func (s span) String() string {
	return fmt.Sprintf("%d:%d-%d:%d", s.Start.Line+1, s.Start.Character+1, s.End.Line+1, s.End.Character+1)
}

type place struct {
	URI   string
	Range span
}

type published struct {
	URI         string
	Version     int
	Diagnostics []finding
}

type finding struct {
	Range              span   `json:"range"`
	Severity           int    `json:"severity"`
	Source             string `json:"source"`
	Message            string `json:"message"`
	RelatedInformation []struct {
		Location place
		Message  string
	} `json:"relatedInformation"`
}

// quit is the way a client is supposed to leave.
func (c *client) quit() error {
	c.t.Helper()
	c.call("shutdown", nil)
	c.notify("exit", nil)
	return <-c.ended
}
