package lsp

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"sync"

	"github.com/belay-ml/belay/dsl/lsp/internal/rpc"
)

// incoming is a message on its way to the server.
type incoming struct {
	rpc.Message
	ctx   context.Context // ends when the client cancels the request
	done  func()
	fault *rpc.Error // the message is bad
	err   error      // the conversation cannot go on
}

// inbox reads messages while the server works, so that a request can be cancelled before its turn.
type inbox struct {
	in  *rpc.Reader
	out chan<- incoming

	mu   sync.Mutex
	open map[rpc.ID]context.CancelFunc
}

func newInbox(in io.Reader, out chan<- incoming) *inbox {
	return &inbox{in: rpc.NewReader(in, 0), out: out, open: map[rpc.ID]context.CancelFunc{}}
}

// read goes on until the input ends, the client exits, or ctx does.
func (b *inbox) read(ctx context.Context) {
	for {
		body, err := b.in.Frame()
		var m incoming
		switch {
		case errors.Is(err, rpc.ErrTooLong):
			m.fault = rpc.Errorf(rpc.CodeInvalidRequest, "%v", err)
		case err == io.EOF || err != nil && ctx.Err() != nil:
			return
		case err != nil:
			m.err = err
		default:
			m.Message, m.fault = rpc.Decode(body)
		}
		if m.fault == nil && m.Method == "$/cancelRequest" {
			b.cancel(m.Params)
			continue
		}
		m.ctx, m.done = b.track(ctx, m.ID)
		select {
		case b.out <- m:
		case <-ctx.Done():
			return
		}
		if m.err != nil || m.Method == "exit" && m.ID == "" {
			return
		}
	}
}

func (b *inbox) track(ctx context.Context, id rpc.ID) (context.Context, func()) {
	if id == "" {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open[id] = cancel
	return ctx, func() {
		cancel()
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.open, id)
	}
}

func (b *inbox) cancel(params json.RawMessage) {
	var p cancelParams
	if json.Unmarshal(params, &p) != nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if cancel := b.open[rpc.ID(p.ID)]; cancel != nil {
		cancel()
	}
}
