package hfdownload

import (
	"context"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/stages/hfdownload/hub"
)

// network is a set of hosts inside the process.
type network map[string]http.Handler

// job is one run of the stage against a network, on a clock that only moves when everything waits.
type job struct {
	net       network
	params    Params
	env       map[string]string
	work, out string
	timeout   time.Duration // of the context, 0 for none
}

// done is what came of a job.
type done struct {
	err    error
	notes  map[string]any
	events []event.Event
	took   time.Duration
}

type sink struct {
	mu     sync.Mutex
	events []event.Event
}

func (s *sink) Emit(e event.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, e)
}

func defaults() Params {
	return Params{Repo: "org/tiny", RepoType: "model", Revision: "main", MaxWorkers: 4, MaxRetries: 4, StallTimeout: 30}
}

func (j *job) dirs(t *testing.T) {
	if j.work == "" {
		j.work = filepath.Join(t.TempDir(), "work")
	}
	if j.out == "" {
		j.out = filepath.Join(t.TempDir(), "out")
	}
}

func (j job) run(t *testing.T) (res done) {
	t.Helper()
	j.dirs(t)
	synctest.Test(t, func(t *testing.T) {
		hosts := map[string]*pipes{}
		var wg sync.WaitGroup
		var servers []*http.Server
		for host, h := range j.net {
			l := newPipes()
			srv := &http.Server{Handler: h}
			hosts[host] = l
			wg.Go(func() { _ = srv.Serve(l) })
			servers = append(servers, srv)
		}
		defer func() {
			for _, srv := range servers {
				_ = srv.Close()
			}
			wg.Wait()
		}()
		dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
			host, _, _ := net.SplitHostPort(addr)
			if l := hosts[host]; l != nil {
				return l.dial(ctx, network, addr)
			}
			return nil, fmt.Errorf("no host %s", host)
		}
		ctx := t.Context()
		if j.timeout > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, j.timeout)
			defer cancel()
		}
		s := &sink{}
		in := engine.In{Params: &j.params, Work: j.work, CPU: 1, Env: j.env, Events: event.Stage{Name: "dl", Sink: s, Now: time.Now}}
		out := engine.Out{Root: j.out, Ports: map[string]string{"model": j.out, "tokenizer": j.out, "files": j.out}, Notes: map[string]any{}}
		start := time.Now()
		res.err = Stage{Dial: dial}.Run(ctx, in, out)
		res.took, res.notes, res.events = time.Since(start), out.Notes, s.events
	})
	return res
}

// hubJob is a job whose network is one hub behind a handler that may get in the way.
func hubJob(t *testing.T, fsys fs.FS, wrap func(http.Handler) http.Handler) job {
	h := hub.Serve(fsys)
	if wrap != nil {
		h = wrap(h)
	}
	j := job{net: network{"hub": h}, params: defaults()}
	j.params.Endpoint = "http://hub"
	j.dirs(t)
	return j
}

// cutter ends answers for large files after so many bytes, the first times.
type cutter struct {
	http.Handler
	mu     sync.Mutex
	times  int
	after  int64
	how    func(http.ResponseWriter, *http.Request) // what happens at the cut
	served atomic.Int64
	ranges []string
}

func (c *cutter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.URL.Path, "/cdn/") {
		c.Handler.ServeHTTP(w, r)
		return
	}
	c.mu.Lock()
	cut := c.times > 0
	c.times--
	c.ranges = append(c.ranges, r.Header.Get("Range"))
	c.mu.Unlock()
	lw := &limited{ResponseWriter: w, left: 1 << 60, count: &c.served}
	if cut {
		lw.left = c.after
		lw.cut = func() { c.how(w, r) }
	}
	c.Handler.ServeHTTP(lw, r)
}

type limited struct {
	http.ResponseWriter
	left  int64
	count *atomic.Int64
	cut   func()
}

func (l *limited) Write(p []byte) (int, error) {
	n := int64(len(p))
	if n > l.left {
		n = l.left
	}
	k, err := l.ResponseWriter.Write(p[:n])
	l.count.Add(int64(k))
	l.left -= n
	if l.left == 0 && l.cut != nil {
		l.cut()
	}
	return k, err
}

func abort(w http.ResponseWriter, _ *http.Request) {
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

func hang(w http.ResponseWriter, r *http.Request) {
	w.(http.Flusher).Flush()
	<-r.Context().Done()
	panic(http.ErrAbortHandler)
}
