package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/key"
	"github.com/belay-ml/belay/engine/store"
)

// Attempts on one object that get nowhere, and the pause after the first of them, which doubles.
const (
	attempts   = 3
	firstPause = 250 * time.Millisecond
)

// Options of a client. The zero value is usable.
type Options struct {
	Parallel int                                                    // transfers at a time; 0 means 8
	Sleep    func(ctx context.Context, d time.Duration) (err error) // between attempts; nil means a timer
}

// Client moves results between a store and a bucket. It is safe for concurrent use.
type Client struct {
	bucket Bucket
	store  *store.Store
	sleep  func(context.Context, time.Duration) error
	slots  chan struct{}

	mu  sync.Mutex
	bad map[string]bool // objects that proved wrong
}

// New makes a client.
func New(b Bucket, st *store.Store, o Options) *Client {
	if o.Parallel <= 0 {
		o.Parallel = 8
	}
	if o.Sleep == nil {
		o.Sleep = fault.Pause
	}
	return &Client{bucket: b, store: st, sleep: o.Sleep, slots: make(chan struct{}, o.Parallel), bad: map[string]bool{}}
}

// String names the bucket.
func (c *Client) String() string { return c.bucket.String() }

// Close ends what the bucket keeps open, such as a connection.
func (c *Client) Close() error {
	if b, ok := c.bucket.(io.Closer); ok {
		return b.Close()
	}
	return nil
}

// Look finds the result of a key without its files; nil when there is none. Ports must be there as the stage has
// them; nil asks for none.
func (c *Client) Look(ctx context.Context, k key.Key, ports []artifact.Port) (*Result, error) {
	r, err := c.look(ctx, k, ports)
	if err != nil {
		return nil, c.explain(err, "look up the result of key %s", k.Short())
	}
	return r, nil
}

func (c *Client) look(ctx context.Context, k key.Key, ports []artifact.Port) (*Result, error) {
	name := ResultName(k)
	var r *Result
	err := c.try(ctx, func() (bool, error) {
		body, err := c.bucket.Get(ctx, name, 0)
		if err != nil {
			return false, err
		}
		defer body.Close()
		data, err := io.ReadAll(io.LimitReader(body, MaxResult+1))
		if err != nil {
			return false, err
		}
		if len(data) > MaxResult {
			return false, Fail(ErrWrong, "read result: more than %d bytes", MaxResult)
		}
		r, err = DecodeResult(k, ports, data)
		return false, err
	})
	switch {
	case errors.Is(err, ErrAbsent):
		return nil, nil
	case errors.Is(err, ErrWrong):
		err = Fail(errForeign, "%w", err)
	}
	if err != nil {
		c.blame(name, err)
		return nil, err
	}
	return r, nil
}

// try does op, one of the transfers at a time, until it works, fails for good, or has failed some times without
// getting anywhere.
func (c *Client) try(ctx context.Context, op func() (moved bool, err error)) error {
	pause := firstPause
	for failed := 0; ; {
		moved, err := c.once(ctx, op)
		if err == nil || ctx.Err() != nil || !errors.Is(err, ErrDown) {
			return err
		}
		if moved {
			failed, pause = 0, firstPause
		}
		if failed++; failed == attempts {
			return err
		}
		if err := c.sleep(ctx, pause); err != nil {
			return err
		}
		pause *= 2
	}
}

func (c *Client) once(ctx context.Context, op func() (bool, error)) (bool, error) {
	select {
	case c.slots <- struct{}{}:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	defer func() { <-c.slots }()
	return op()
}

// each does do for all items side by side; the first error ends the rest.
func each[T any](ctx context.Context, limit int, items []T, do func(context.Context, T) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(limit)
	for _, item := range items {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error { return do(ctx, item) })
	}
	return g.Wait()
}

// blame remembers an object that is not what it should be, so that a push writes it anew.
func (c *Client) blame(name string, err error) {
	if errors.Is(err, ErrWrong) || errors.Is(err, ErrAbsent) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.bad[name] = true
	}
}

func (c *Client) blamed(name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bad[name]
}

func (c *Client) cleared(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.bad, name)
}

// explain says what was tried, with the exit code of the network and a way out.
func (c *Client) explain(err error, format string, args ...any) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	e := &fault.Error{Code: fault.Network, Err: fmt.Errorf("remote %s: %s: %w", c.bucket, fmt.Sprintf(format, args...), err)}
	switch {
	case errors.Is(err, ErrDenied) && fault.HintOf(err) == "":
		return e.WithHint("the remote's access is set in belay.yaml: keys or token of remote, or remote.push: false to read only")
	case errors.Is(err, ErrDown):
		e.Temporary = true
	case errors.Is(err, errLocal):
		e.Code = fault.Data
	}
	return e
}

// counter adds up the bytes of several transfers and tells how far they are.
type counter struct {
	mu          sync.Mutex
	done, total int64
	told        int64
	text        string
	ev          event.Stage
}

func (p *counter) add(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += n
	if p.done-p.told >= max(p.total/100, 256<<10) || p.done == p.total {
		p.told = p.done
		p.ev.Progress(p.done, p.total, "bytes", p.text)
	}
}

// counted counts what is read.
type counted struct {
	io.Reader
	n   int64
	add func(int64)
}

func (r *counted) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.n += int64(n)
	r.add(int64(n))
	return n, err
}
