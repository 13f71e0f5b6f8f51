package hook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/engine/secret"
)

// server answers with one handler after the other, the last for ever, and keeps the requests.
type server struct {
	*httptest.Server
	mu   sync.Mutex
	seen []string // method, path, token and body
}

func serve(t *testing.T, answers ...http.HandlerFunc) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		n := len(s.seen)
		s.seen = append(s.seen, fmt.Sprintf("%s %s %s %s", r.Method, r.URL.Path, r.Header.Get("Authorization"), body))
		s.mu.Unlock()
		answers[min(n, len(answers)-1)](w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func moved(code int, to func() string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to(), code) }
}

func find(name string) (string, error) {
	if name == "TOKEN" {
		return "s3cret-value", nil
	}
	return "", errors.New("not set")
}

func webhook(address string) Hook {
	return Hook{
		Name: "hook 1", Address: plain(address), Header: "Authorization", Timeout: time.Minute, Pause: time.Millisecond,
		Value: secret.Text{Parts: []secret.Part{{Plain: "Bearer "}, {Name: "TOKEN"}}},
	}
}

func plain(s string) secret.Text { return secret.Text{Parts: []secret.Part{{Plain: s}}} }

func deliver(t *testing.T, m Message, hooks ...Hook) string {
	t.Helper()
	var texts []string
	for _, err := range Deliver(t.Context(), hooks, m, find) {
		texts = append(texts, err.Error())
	}
	return strings.Join(texts, "\n")
}

func TestAWebhookGetsTheMessageAndItsHeader(t *testing.T) {
	t.Parallel()
	s := serve(t, status(204))
	if err := deliver(t, Message{Status: Done, Body: []byte(`{"a":1}`)}, webhook(s.URL+"/in")); err != "" {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{`POST /in Bearer s3cret-value {"a":1}`}, s.seen); d != "" {
		t.Error(d)
	}
}

func TestTroubleOnTheOtherSideIsTriedAgainOnce(t *testing.T) {
	t.Parallel()
	long := func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(403)
		_, _ = io.WriteString(w, "no: s3cret-value may not\n"+strings.Repeat("x", 1<<20))
	}
	hang := func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			_ = c.Close()
		}
	}
	for name, c := range map[string]struct {
		answers []http.HandlerFunc
		tries   int
		want    string // with HOST for the server's
	}{
		"500 and then 200": {[]http.HandlerFunc{status(500), status(200)}, 2, ""},
		"500 for ever":     {[]http.HandlerFunc{status(503)}, 2, "hook 1: HOST answers 503 Service Unavailable"},
		"a refusal":        {[]http.HandlerFunc{long}, 1, "hook 1: HOST answers 403 Forbidden: no: [secret] may not"},
		"a lost line":      {[]http.HandlerFunc{hang, status(200)}, 2, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, c.answers...)
			err := deliver(t, Message{Body: []byte("{}")}, webhook(s.URL))
			if d := cmp.Diff(c.want, strings.ReplaceAll(err, strings.TrimPrefix(s.URL, "http://"), "HOST")); d != "" {
				t.Error(d)
			}
			if len(s.seen) != c.tries {
				t.Errorf("%d tries, want %d: %v", len(s.seen), c.tries, s.seen)
			}
			for _, r := range s.seen {
				if !strings.HasSuffix(r, "{}") {
					t.Errorf("a try without the message: %s", r)
				}
			}
		})
	}
}

func TestNothingIsSentToAnotherServer(t *testing.T) {
	t.Parallel()
	other := serve(t, status(200))
	for _, code := range []int{301, 302, 303, 307, 308} {
		s := serve(t, moved(code, func() string { return other.URL + "/stolen" }))
		err := deliver(t, Message{Body: []byte("{}")}, webhook(s.URL))
		if !strings.Contains(err, "it leads elsewhere") || len(s.seen) != 1 {
			t.Errorf("%d: %q after %v", code, err, s.seen)
		}
	}
	if len(other.seen) > 0 {
		t.Errorf("the other server was asked: %v", other.seen)
	}
}

func TestARedirectOnTheSameServerKeepsTheRequest(t *testing.T) {
	t.Parallel()
	s := serve(t, moved(307, func() string { return "/there" }), status(200))
	if err := deliver(t, Message{Body: []byte("{}")}, webhook(s.URL+"/here")); err != "" {
		t.Error(err)
	}
	if d := cmp.Diff([]string{"POST /here Bearer s3cret-value {}", "POST /there Bearer s3cret-value {}"}, s.seen); d != "" {
		t.Error(d)
	}
	get := serve(t, moved(303, func() string { return "/there" }))
	if err := deliver(t, Message{Body: []byte("{}")}, webhook(get.URL)); !strings.Contains(err, "leads elsewhere") || len(get.seen) != 1 {
		t.Errorf("a redirect that loses the message: %q after %v", err, get.seen)
	}
	round := serve(t, moved(308, func() string { return "/" }))
	if err := deliver(t, Message{Body: []byte("{}")}, webhook(round.URL)); !strings.Contains(err, "leads elsewhere") || len(round.seen) > maxRedirects+2 {
		t.Errorf("%q after %d requests", err, len(round.seen))
	}
}

func TestAServerThatStallsIsLeftAtTheTimeout(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // it takes connections and never answers
	h := webhook("http://" + l.Addr().String())
	h.Timeout = 50 * time.Millisecond
	if err := deliver(t, Message{}, h); err != "hook 1: no end within its timeout of 50ms" {
		t.Error(err)
	}
}

func TestAnInterruptEndsDeliveries(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	hooks := []Hook{webhook(s.URL), {Name: "hook 2", Command: "sleep 600", Timeout: time.Hour}}
	for i, err := range Deliver(ctx, hooks, Message{}, find) {
		if want := fmt.Sprintf("hook %d: interrupted", i+1); err.Error() != want {
			t.Errorf("have %q, want %q", err, want)
		}
	}
}

func TestErrorsHideAddressesAndSecrets(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]Hook{
		"no server":      webhook("http://127.0.0.1:1/T0/B1/verysecretpath"),
		"no address":     webhook("127.0.0.1/verysecretpath"),
		"unknown secret": {Name: "hook 1", Address: secret.Named("NONE"), Timeout: time.Minute},
		"secret address": {Name: "hook 1", Address: secret.Named("TOKEN"), Timeout: time.Minute},
	} {
		err := deliver(t, Message{}, h)
		if err == "" || strings.Contains(err, "verysecret") || strings.Contains(err, "s3cret") {
			t.Errorf("%s: %q", name, err)
		}
	}
}

func TestACommandGetsTheMessage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h := Hook{Name: "hook 1", Command: `cat > in.json; echo "$BELAY_STATUS" > status`, Dir: dir, Timeout: time.Minute}
	big := bytes.Repeat([]byte("x"), 1<<20)
	if err := deliver(t, Message{Status: Failed, Body: big, Env: []string{"BELAY_STATUS=failed"}}, h); err != "" {
		t.Fatal(err)
	}
	in, _ := os.ReadFile(filepath.Join(dir, "in.json"))
	said, _ := os.ReadFile(filepath.Join(dir, "status"))
	if !bytes.Equal(in, big) || string(said) != "failed\n" {
		t.Errorf("%d bytes and %q", len(in), said)
	}
	deaf := Hook{Name: "hook 1", Command: "exit 0", Timeout: time.Minute}
	if err := deliver(t, Message{Body: big}, deaf); err != "" {
		t.Errorf("a command that reads nothing: %s", err)
	}
}

func TestAFailingCommandTellsItsLastLine(t *testing.T) {
	t.Parallel()
	if err := deliver(t, Message{}, Hook{Name: "hook 1", Command: "echo one; echo two >&2; exit 3", Timeout: time.Minute}); err != "hook 1: exit status 3: two" {
		t.Error(err)
	}
	loud := Hook{Name: "hook 1", Command: "yes | head -c 10000000; echo end; exit 1", Timeout: time.Minute}
	if err := deliver(t, Message{}, loud); err != "hook 1: exit status 1: end" {
		t.Errorf("%d bytes", len(err))
	}
	slow := Hook{Name: "hook 1", Command: "exec sleep 600", Timeout: 50 * time.Millisecond}
	if err := deliver(t, Message{}, slow); err != "hook 1: no end within its timeout of 50ms" {
		t.Error(err)
	}
}

func TestACommandThatIsCutShortEndsWithWhatItStarted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	h := Hook{Name: "hook 1", Command: "sleep 600 & echo $! > new; mv new pid; wait", Dir: dir, Timeout: time.Hour}
	ended := make(chan []error)
	go func() { ended <- Deliver(ctx, []Hook{h}, Message{}, find) }()
	text, err := os.ReadFile(filepath.Join(dir, "pid"))
	for err != nil && t.Context().Err() == nil {
		runtime.Gosched()
		text, err = os.ReadFile(filepath.Join(dir, "pid"))
	}
	cancel()
	if errs := <-ended; len(errs) != 1 || errs[0].Error() != "hook 1: interrupted" {
		t.Error(errs)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	// A dead process stays a zombie until its new parent looks after it.
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	for tries := 0; err == nil && !strings.Contains(string(stat), ") Z ") && tries < 1000; tries++ {
		runtime.Gosched()
		stat, err = os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	}
	if err == nil && !strings.Contains(string(stat), ") Z ") {
		t.Errorf("the child lives on: %s", stat)
	}
}

func TestHooksAreToldOfTheEndsTheyWant(t *testing.T) {
	t.Parallel()
	fail := func(name string, on ...string) Hook {
		return Hook{Name: name, On: on, Command: "exit 1", Timeout: time.Minute}
	}
	hooks := []Hook{fail("all"), fail("good", Done), fail("bad", Failed, Cancelled)}
	for state, want := range map[string]string{
		Done: "all: exit status 1\ngood: exit status 1", Failed: "all: exit status 1\nbad: exit status 1", Cancelled: "all: exit status 1\nbad: exit status 1",
	} {
		if d := cmp.Diff(want, deliver(t, Message{Status: state}, hooks...)); d != "" {
			t.Errorf("%s: %s", state, d)
		}
	}
}
