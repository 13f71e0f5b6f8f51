package lsp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"sync"
	"time"

	"github.com/belay-ml/belay/dsl/compile"
	"github.com/belay-ml/belay/dsl/lsp/internal/rpc"
	"github.com/belay-ml/belay/dsl/workspace"
	"github.com/belay-ml/belay/engine/metric"
	"github.com/belay-ml/belay/engine/param"
)

// pause is how long typing has to pause before recipes are checked.
const pause = 150 * time.Millisecond

// ErrNoShutdown says that the client went away without asking for it.
var ErrNoShutdown = errors.New("the client left without a shutdown request")

// Options are what a server works with.
type Options struct {
	Compile compile.Options // stage kinds, environment; Over is the server's
	Version string          // of the program, for the client's log
	// Secret is compile.Options.Secret for the recipes of a workspace; nil knows none.
	Secret func(*workspace.File) func(name string) (ok bool, why string)
	// Numbers gives what a port of an instance held when the recipe at path, of that name, ran last; nil knows none.
	Numbers func(path, recipe, node, port string) metric.Set
	Log     func(text string)                    // told of panics and of what the client does wrong; nil drops it
	After   func(time.Duration) <-chan time.Time // nil is time.After
}

// Server is one conversation with a client.
type Server struct {
	opt      Options
	out      *rpc.Writer
	grammar  *grammar
	settings param.Schema // of the workspace file

	kinds     map[string]*kind
	kindNames []string

	state        state
	inBytes      bool // positions count bytes, not UTF-16 units
	snippets     bool // completion may have places to fill in
	indents      bool // ... over several lines
	markdown     bool // of hover
	itemMarkdown bool
	tree         bool // of symbols
	relates      bool // diagnostics may point elsewhere
	watches      bool // the client tells of changed files when asked

	docs map[string]*document // by URI
	tick int                  // counts changes of documents
	seen *seen                // what the last request that needed types saw

	timer     <-chan time.Time // ends a pause in typing
	checking  bool
	again     bool // something changed while a check ran
	checked   chan checked
	published map[string]findings // by file, of all recipes
}

// state is how far the conversation is.
type state uint8

const (
	fresh state = iota
	running
	stopped // after shutdown
)

// Serve talks to a client until it leaves. in is closed at the end. The error is nil after shutdown and exit.
func Serve(ctx context.Context, in io.ReadCloser, out io.Writer, opt Options) error {
	s, err := newServer(out, opt)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	inbox := make(chan incoming, 16)
	var tasks sync.WaitGroup
	tasks.Go(func() {
		defer close(inbox)
		newInbox(in, inbox).read(ctx)
	})
	err = s.loop(ctx, inbox)
	cancel()
	_ = in.Close()
	tasks.Wait()
	if s.checking {
		<-s.checked
	}
	return err
}

func newServer(out io.Writer, opt Options) (*Server, error) {
	s := &Server{opt: opt, out: rpc.NewWriter(out), docs: map[string]*document{}, kinds: map[string]*kind{}, checked: make(chan checked, 1), published: map[string]findings{}}
	if s.opt.After == nil {
		s.opt.After = time.After
	}
	if s.opt.Log == nil {
		s.opt.Log = func(string) {}
	}
	var err error
	if s.grammar, err = newGrammar(opt.Compile.Stages); err != nil {
		return nil, fmt.Errorf("serve language: %w", err)
	}
	if s.settings, err = workspace.Schema(); err != nil {
		return nil, fmt.Errorf("serve language: %w", err)
	}
	for _, st := range opt.Compile.Stages {
		spec := st.Describe()
		schema, err := param.Of(spec.Params)
		if err != nil {
			return nil, fmt.Errorf("serve language: parameters of stage %s: %w", spec.Name, err)
		}
		s.kinds[spec.Name] = &kind{stage: st, spec: spec, schema: schema}
		s.kindNames = append(s.kindNames, spec.Name)
	}
	return s, nil
}

// loop handles what comes in, one thing at a time.
func (s *Server) loop(ctx context.Context, inbox <-chan incoming) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case m, ok := <-inbox:
			if !ok {
				return s.left()
			}
			if m.err != nil {
				_ = s.out.Fail("", rpc.Errorf(rpc.CodeParse, "%v", m.err))
				return m.err
			}
			if m.Method == "exit" && m.ID == "" {
				return s.left()
			}
			if err := s.handle(m); err != nil {
				return err
			}
		case <-s.timer:
			s.timer = nil
			s.check()
		case c := <-s.checked:
			s.checking = false
			if err := s.publish(c); err != nil {
				return err
			}
		}
	}
}

func (s *Server) left() error {
	if s.state == stopped {
		return nil
	}
	return ErrNoShutdown
}

// handle answers one message. The error is one of writing.
func (s *Server) handle(m incoming) error {
	if m.fault != nil {
		s.opt.Log("bad message: " + m.fault.Message)
		return s.out.Fail(m.ID, m.fault)
	}
	if m.Answer {
		return nil // of a registration: a client that refuses tells us nothing we could use
	}
	if m.ID == "" {
		if fail := s.notified(m.Message); fail != nil {
			s.opt.Log(m.Method + ": " + fail.Message)
		}
		return nil
	}
	defer m.done()
	if m.ctx.Err() != nil {
		return s.out.Fail(m.ID, rpc.Errorf(rpc.CodeCancelled, "the request was cancelled"))
	}
	result, fail := s.request(m.Message)
	switch {
	case m.ctx.Err() != nil:
		return s.out.Fail(m.ID, rpc.Errorf(rpc.CodeCancelled, "the request was cancelled"))
	case fail != nil:
		return s.out.Fail(m.ID, fail)
	}
	return s.out.Answer(m.ID, result)
}

// guard turns a panic into a failure: one bad document must not cost the others their server.
func (s *Server) guard(what string, fail **rpc.Error) {
	if r := recover(); r != nil {
		s.opt.Log(fmt.Sprintf("%s panicked: %v\n%s", what, r, debug.Stack()))
		*fail = rpc.Errorf(rpc.CodeInternal, "%s failed: %v", what, r)
	}
}

// request answers what wants an answer.
func (s *Server) request(m rpc.Message) (result any, fail *rpc.Error) {
	defer s.guard(m.Method, &fail)
	switch {
	case m.Method == "initialize":
		return s.initialize(m.Params)
	case s.state == fresh:
		return nil, rpc.Errorf(rpc.CodeNotInitialized, "the server is not initialized")
	case s.state == stopped:
		return nil, rpc.Errorf(rpc.CodeInvalidRequest, "the server is shut down")
	case m.Method == "shutdown":
		s.state = stopped
		return nil, nil
	}
	h, known := handlers()[m.Method]
	if !known {
		return nil, rpc.Errorf(rpc.CodeNoMethod, "unknown method %.100s", m.Method)
	}
	return h(s, m.Params)
}

// handlers are the requests about documents.
func handlers() map[string]func(*Server, json.RawMessage) (any, *rpc.Error) {
	return map[string]func(*Server, json.RawMessage) (any, *rpc.Error){
		"textDocument/completion":     atPosition((*Server).completion),
		"textDocument/hover":          atPosition((*Server).hoverAt),
		"textDocument/definition":     atPosition((*Server).definitionAt),
		"textDocument/references":     atPosition((*Server).referencesAt),
		"textDocument/prepareRename":  atPosition((*Server).prepareRename),
		"textDocument/rename":         atPosition((*Server).renameAt),
		"textDocument/documentSymbol": (*Server).documentSymbol,
		"textDocument/codeAction":     (*Server).codeAction,
	}
}

// notified takes in what wants no answer.
func (s *Server) notified(m rpc.Message) (fail *rpc.Error) {
	defer s.guard(m.Method, &fail)
	if s.state != running {
		return nil
	}
	switch m.Method {
	case "initialized":
		return s.initialized()
	case "textDocument/didOpen":
		return s.didOpen(m.Params)
	case "textDocument/didChange":
		return s.didChange(m.Params)
	case "textDocument/didSave", "workspace/didChangeWatchedFiles":
		s.changed(0)
		return nil
	case "textDocument/didClose":
		return s.didClose(m.Params)
	}
	return nil // the protocol wants unknown notifications ignored
}

// decode reads the params of a message.
func decode(params json.RawMessage, into any) *rpc.Error {
	if len(params) == 0 || bytes.Equal(params, []byte("null")) {
		return rpc.Errorf(rpc.CodeInvalidParams, "the message has no params")
	}
	if err := json.Unmarshal(params, into); err != nil {
		return rpc.Errorf(rpc.CodeInvalidParams, "bad params: %v", err)
	}
	return nil
}
