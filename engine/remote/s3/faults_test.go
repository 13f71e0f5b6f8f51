package s3_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/key"
	"github.com/belay-ml/belay/engine/remote"
	"github.com/belay-ml/belay/engine/remote/remotetest"
	"github.com/belay-ml/belay/engine/remote/s3"
	"github.com/belay-ml/belay/engine/remote/wire"
	"github.com/belay-ml/belay/engine/store"
)

func noSleep(ctx context.Context, _ time.Duration) error { return ctx.Err() }

func client(b remote.Bucket, st *store.Store) *remote.Client {
	return remote.New(b, st, remote.Options{Sleep: noSleep})
}

// files are the objects in the gateway's folder whose path holds a text.
func (g gateway) files(t *testing.T, holds string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(filepath.Join(g.dir, "team"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && strings.Contains(path, holds) {
			out = append(out, path)
		}
		return err
	})
	if err != nil || len(out) == 0 {
		t.Fatal("no objects", err)
	}
	return out
}

// What happens to objects behind the server's back is found, and healed by the next push.
func TestObjectsHarmedInTheServersFolder(t *testing.T) {
	t.Parallel()
	g := start(t)
	for name, harm := range remotetest.Harms() {
		for _, kind := range []string{"/cas/", "/ac/"} {
			here, there := remotetest.Workspace(t), remotetest.Workspace(t)
			b := g.open(t, nil)
			rec := remotetest.Made(t, here, "a", remotetest.Files())
			if _, err := client(b, here).Push(t.Context(), rec, event.Stage{}); err != nil {
				t.Fatal(err)
			}
			prefix := strings.TrimPrefix(strings.Fields(b.String())[0], "s3://team")
			if err := harm(g.files(t, prefix+"/v1"+kind)[0]); err != nil {
				t.Fatal(err)
			}
			c := client(b, there)
			got, err := c.Pull(t.Context(), key.Key(rec.Key), remotetest.Ports(), event.Stage{})
			switch {
			case kind == "/ac/" && name == "deleted":
				if got != nil || err != nil {
					t.Errorf("%s in %s: %v %v, want nothing", name, kind, got, err)
				}
			case !errors.Is(err, remote.ErrWrong) && !errors.Is(err, remote.ErrAbsent):
				t.Errorf("%s in %s: %v %v", name, kind, got, err)
			}
			if _, ok := there.Lookup(t.Context(), key.Key(rec.Key)); ok {
				t.Errorf("%s in %s: the store has a result", name, kind)
			}
			if _, err := c.Push(t.Context(), remotetest.Made(t, there, "a", remotetest.Files()), event.Stage{}); err != nil {
				t.Error(err)
			}
			if got, err := client(b, remotetest.Workspace(t)).Pull(t.Context(), key.Key(rec.Key), nil, event.Stage{}); got == nil || err != nil {
				t.Errorf("%s in %s: not healed: %v", name, kind, err)
			}
		}
	}
}

// proxy stands between client and server. It passes the client's Host on, which is part of what was signed.
func (g gateway) proxy(t *testing.T, change func(*http.Response) error, before func(w http.ResponseWriter, r *http.Request) bool) string {
	t.Helper()
	to, err := url.Parse(g.endpoint)
	if err != nil {
		t.Fatal(err)
	}
	p := &httputil.ReverseProxy{ModifyResponse: change, ErrorLog: log.New(io.Discard, "", 0), Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Host = r.In.Host
	}}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if before == nil || !before(w, r) {
			p.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func blob(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/v1/cas/")
}

func TestTroubleOnTheWayToAnS3Server(t *testing.T) {
	t.Parallel()
	g := start(t)
	here := remotetest.Workspace(t)
	direct := g.open(t, nil)
	prefix := strings.TrimPrefix(strings.Fields(direct.String())[0], "s3://team/")
	rec := remotetest.Made(t, here, "a", remotetest.Files())
	if _, err := client(direct, here).Push(t.Context(), rec, event.Stage{}); err != nil {
		t.Fatal(err)
	}
	var cuts atomic.Int64
	for _, c := range []struct {
		name   string
		change func(*http.Response) error
		before func(http.ResponseWriter, *http.Request) bool
		want   error // nil: the pull succeeds all the same
	}{
		{name: "busy now and then", before: func(w http.ResponseWriter, _ *http.Request) bool {
			busy := cuts.Add(1)%2 == 1
			if busy {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
			return busy
		}},
		{name: "always busy", want: remote.ErrDown, before: func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}},
		{name: "connections that break while something moves", change: func(r *http.Response) error {
			if blob(r.Request) && r.ContentLength > 100_000 {
				r.Body = remotetest.Cut(r.Body, 100_000, errors.New("cut"))
			}
			return nil
		}},
		{name: "wrong bytes", want: remote.ErrWrong, change: func(r *http.Response) error {
			if blob(r.Request) {
				r.Body = remotetest.Instead(r.Body, bytes.NewReader(make([]byte, max(r.ContentLength, 0))))
			}
			return nil
		}},
		{name: "a portal's page", want: remote.ErrWrong, before: func(w http.ResponseWriter, _ *http.Request) bool {
			_, _ = io.WriteString(w, "<html>log in</html>")
			return true
		}},
		{name: "standing still", want: remote.ErrDown, before: func(w http.ResponseWriter, r *http.Request) bool {
			if !blob(r) {
				return false
			}
			w.Header().Set("Content-Length", "1000000")
			w.Header().Set("Last-Modified", "Mon, 02 Jan 2006 15:04:05 GMT")
			w.Header().Set("ETag", `"x"`)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
			return true
		}},
		{name: "denied", want: remote.ErrDenied, before: func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(http.StatusForbidden)
			return true
		}},
	} {
		there := remotetest.Workspace(t)
		b := g.open(t, func(o *s3.Options) {
			o.Endpoint, o.Prefix = g.proxy(t, c.change, c.before), prefix
			if c.name == "standing still" {
				o.Limits = wire.Limits{Stall: 50 * time.Millisecond}
			}
		})
		got, err := client(b, there).Pull(t.Context(), key.Key(rec.Key), remotetest.Ports(), event.Stage{})
		if c.want == nil && (got == nil || err != nil) || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v %v, want %v", c.name, got, err, c.want)
		}
		if _, ok := there.Lookup(t.Context(), key.Key(rec.Key)); ok != (c.want == nil) {
			t.Errorf("%s: is the result in the store? %v", c.name, ok)
		}
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the secret key is in %v", c.name, err)
		}
	}
}
