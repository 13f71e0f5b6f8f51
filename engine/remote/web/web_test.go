package web_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/remote"
	"github.com/belay-ml/belay/engine/remote/remotetest"
	"github.com/belay-ml/belay/engine/remote/web"
	"github.com/belay-ml/belay/engine/remote/wire"
)

func serve(t *testing.T, h http.Handler, o web.Options) *web.Bucket {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL + "/team/cache")
	if err != nil {
		t.Fatal(err)
	}
	return web.Open(u, o)
}

func TestAWebServerIsABucket(t *testing.T) {
	t.Parallel()
	remotetest.Bucket(t, 3<<20, func(t *testing.T) remote.Bucket {
		return serve(t, &remotetest.Server{Dir: t.TempDir(), Token: "sesame"}, web.Options{Token: "sesame"})
	})
}

func TestResultsTravelThroughAServerOfBazelsProtocol(t *testing.T) {
	t.Parallel()
	remotetest.Roundtrip(t, serve(t, &remotetest.Server{Dir: t.TempDir(), Bazel: true}, web.Options{}))
}

func TestServersWithoutRangesAndConditionsWillDo(t *testing.T) {
	t.Parallel()
	b := serve(t, &remotetest.Server{Dir: t.TempDir(), Plain: true}, web.Options{})
	remotetest.Roundtrip(t, b)
	if err := b.PutNew(t.Context(), "v1/ac/x", remote.Bytes([]byte("1"))); err != nil {
		t.Fatal(err)
	}
	if err := b.PutNew(t.Context(), "v1/ac/x", remote.Bytes([]byte("2"))); !errors.Is(err, remote.ErrExists) {
		t.Errorf("second put new: %v, want exists", err)
	}
}

const name = "v1/cas/0000"

func TestAnswersHaveTheirKind(t *testing.T) {
	t.Parallel()
	for code, want := range map[int]error{
		404: remote.ErrAbsent, 410: remote.ErrAbsent,
		401: remote.ErrDenied, 403: remote.ErrDenied, 405: remote.ErrDenied, 507: remote.ErrDenied,
		429: remote.ErrDown, 500: remote.ErrDown, 503: remote.ErrDown,
		204: remote.ErrWrong, 400: remote.ErrWrong, 418: remote.ErrWrong,
	} {
		b := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }), web.Options{})
		if _, err := b.Head(t.Context(), name); !errors.Is(err, want) {
			t.Errorf("head, %d: %v, want %v", code, err, want)
		}
		if _, err := b.Get(t.Context(), name, 0); !errors.Is(err, want) {
			t.Errorf("get, %d: %v, want %v", code, err, want)
		}
	}
}

func TestAServerThatSendsTheWrongRangeIsFoundOut(t *testing.T) {
	t.Parallel()
	b := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Range", "bytes 0-9/10")
		w.WriteHeader(http.StatusPartialContent)
		_, _ = w.Write(make([]byte, 10))
	}), web.Options{})
	if _, err := b.Get(t.Context(), name, 5); !errors.Is(err, remote.ErrWrong) {
		t.Errorf("have %v, want a wrong answer", err)
	}
}

// The handler never answers; only the limit on standing still ends the calls.
func TestWhatStandsStillEnds(t *testing.T) {
	t.Parallel()
	short := wire.Limits{Stall: 20 * time.Millisecond, Connect: 5 * time.Second}
	for what, handler := range map[string]http.HandlerFunc{
		"no answer": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"half a body": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte("half"))
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		},
	} {
		b := serve(t, handler, web.Options{Limits: short})
		body, err := b.Get(t.Context(), name, 0)
		if err == nil {
			_, err = body.Read(make([]byte, 4))
			for err == nil {
				_, err = body.Read(make([]byte, 10))
			}
			body.Close()
		}
		if !errors.Is(err, remote.ErrDown) || !errors.Is(err, wire.ErrStalled) {
			t.Errorf("%s: %v, want a stall", what, err)
		}
	}
	ended := make(chan struct{}) // a server notices only by reading that its client has gone
	deaf := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-ended }), web.Options{Limits: short})
	defer close(ended)
	if err := deaf.Put(t.Context(), name, remote.Bytes(remotetest.Random(16<<20, 1))); !errors.Is(err, wire.ErrStalled) {
		t.Errorf("a server that takes nothing: %v, want a stall", err)
	}
}

func TestTheTokenGoesToNoOtherHost(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer other.Close()
	b := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL+"/x", http.StatusTemporaryRedirect)
	}), web.Options{Token: "very-secret"})
	_, err := b.Get(t.Context(), name, 0)
	if err == nil || asked.Load() != 0 || !strings.Contains(err.Error(), "another place") || strings.Contains(err.Error(), "very-secret") {
		t.Errorf("error %v, the other host was asked %d times", err, asked.Load())
	}
	if err := b.Put(t.Context(), name, remote.Bytes([]byte("x"))); err == nil || asked.Load() != 0 {
		t.Errorf("put: error %v, the other host was asked %d times", err, asked.Load())
	}
}

func TestARedirectOnTheSameHostIsFollowedWithItsBody(t *testing.T) {
	t.Parallel()
	files := &remotetest.Server{Dir: t.TempDir()}
	b := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/moved") {
			http.Redirect(w, r, "/moved"+r.URL.Path, http.StatusPermanentRedirect)
			return
		}
		files.ServeHTTP(w, r)
	}), web.Options{})
	remotetest.Roundtrip(t, b)
}

func TestAServerThatIsNotThereIsDown(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.NotFoundHandler())
	u, _ := url.Parse(s.URL)
	s.Close()
	b := web.Open(u, web.Options{})
	if _, err := b.Head(t.Context(), "v1/cas/"+string(artifact.HashText(""))); !errors.Is(err, remote.ErrDown) {
		t.Errorf("have %v, want down", err)
	}
}
