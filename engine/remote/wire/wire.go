package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// ErrStalled is the cause of a request that ended because nothing moved.
var ErrStalled = errors.New("nothing moves any more")

// thinking is how many intervals a server may take to answer: it may be writing gigabytes to disk.
const thinking = 4

// Limits say when a transfer counts as stalled. The zero value is usable.
type Limits struct {
	Connect time.Duration // 0 means 10 seconds
	Stall   time.Duration // 0 means 30 seconds
	Trickle int64         // bytes that must move in that time; 0 means 4096
}

// Filled has the defaults in the place of zeros.
func (l Limits) Filled() Limits {
	if l.Connect <= 0 {
		l.Connect = 10 * time.Second
	}
	if l.Stall <= 0 {
		l.Stall = 30 * time.Second
	}
	if l.Trickle <= 0 {
		l.Trickle = 4096
	}
	return l
}

// Transport ends requests that stall.
type Transport struct {
	base   *http.Transport
	limits Limits
}

// NewTransport makes a transport.
func NewTransport(l Limits) *Transport {
	l = l.Filled()
	return &Transport{limits: l, base: &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: l.Connect, KeepAlive: 15 * time.Second}).DialContext,
		TLSHandshakeTimeout: l.Connect,
		MaxIdleConns:        128,
		MaxIdleConnsPerHost: 64,
		IdleConnTimeout:     time.Minute,
		DisableCompression:  true, // bytes are checked as they were stored
		ForceAttemptHTTP2:   true,
	}}
}

// NewClient is an HTTP client over a transport.
func NewClient(t http.RoundTripper) *http.Client {
	return &http.Client{Transport: t, CheckRedirect: func(to *http.Request, via []*http.Request) error {
		from := via[0].URL
		switch {
		case len(via) >= 5:
			return errors.New("too many redirects")
		case to.URL.Host != from.Host, from.Scheme == "https" && to.URL.Scheme != "https":
			return fmt.Errorf("it redirects to %s, which is another place", to.URL.Redacted())
		}
		return nil
	}}
}

// CloseIdleConnections ends connections that nobody uses.
func (t *Transport) CloseIdleConnections() { t.base.CloseIdleConnections() }

// RoundTrip does one request under the limits.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	w := &watch{limits: t.limits, cancel: cancel, phase: connecting}
	w.timer = time.AfterFunc(max(t.limits.Stall, 2*t.limits.Connect), w.look)
	out := req.WithContext(ctx)
	if req.Body != nil && req.Body != http.NoBody {
		out.Body = &watched{ReadCloser: req.Body, w: w, sends: true}
	} else {
		w.enter(waiting)
	}
	resp, err := t.base.RoundTrip(out)
	if err != nil {
		w.stop()
		return nil, w.cause(ctx, err)
	}
	w.enter(moving)
	resp.Body = &watched{ReadCloser: resp.Body, w: w, ctx: ctx}
	return resp, nil
}

type phase uint8

const (
	connecting phase = iota
	moving
	waiting // for the first byte of the answer
)

// watch ends a request when too little moves.
type watch struct {
	limits Limits
	cancel context.CancelCauseFunc

	mu    sync.Mutex
	timer *time.Timer
	phase phase
	moved int64 // since the last look
	idle  int   // intervals in which too little moved
	ended bool
}

func (w *watch) enter(p phase) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.phase, w.moved, w.idle = p, 0, 0
	if !w.ended {
		w.timer.Reset(w.limits.Stall)
	}
}

func (w *watch) add(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.moved += int64(n)
	if w.phase == connecting && !w.ended { // a body is asked for once the connection is there
		w.phase = moving
		w.timer.Reset(w.limits.Stall)
	}
}

// look runs once an interval.
func (w *watch) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return
	}
	patience := 1
	if w.phase == waiting {
		patience = thinking
	}
	if w.moved < w.limits.Trickle {
		if w.idle++; w.idle >= patience {
			w.ended = true
			w.cancel(fmt.Errorf("%w (%s)", ErrStalled, w.limits.Stall*time.Duration(patience)))
			return
		}
	}
	w.moved = 0
	w.timer.Reset(w.limits.Stall)
}

func (w *watch) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	w.timer.Stop()
	w.cancel(nil)
}

// cause puts a stall in the place of the cancellation that it made.
func (w *watch) cause(ctx context.Context, err error) error {
	if c := context.Cause(ctx); errors.Is(c, ErrStalled) {
		return c
	}
	return err
}

// watched is a body whose reads count as movement.
type watched struct {
	io.ReadCloser
	w     *watch
	ctx   context.Context
	sends bool
}

func (b *watched) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.w.add(n)
	switch {
	case b.sends && err != nil:
		b.w.enter(waiting)
	case !b.sends && err != nil && err != io.EOF:
		err = b.w.cause(b.ctx, err)
	}
	return n, err
}

func (b *watched) Close() error {
	if !b.sends {
		b.w.stop()
	}
	return b.ReadCloser.Close()
}
