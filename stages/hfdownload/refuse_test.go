package hfdownload

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/fault"
)

func TestTellsRefusalsApart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status     int
		code       string
		set        func(*Params)
		want       int
		text, hint string
	}{
		"a private or missing repository": {status: 401, want: codeRefused, text: "private", hint: "HF_TOKEN"},
		"a gated repository":              {status: 403, code: "GatedRepo", want: codeRefused, text: "access refused", hint: "http://hub/org/tiny"},
		"a missing repository":            {set: func(p *Params) { p.Repo = "org/none" }, want: codeNotFound, text: "no model org/none", hint: "repo_type"},
		"a missing revision":              {set: func(p *Params) { p.Revision = "refs/pr/7" }, want: codeNotFound, text: "no such revision", hint: "branches"},
		"a hub that is none":              {status: 404, want: codeNotFound, text: "404", hint: "endpoint"},
		"an unheard-of status":            {status: 418, want: codeReply, text: "418"},
		"a server that stays broken":      {status: 502, want: codeServer, text: "502"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := hubJob(t, tree(), func(h http.Handler) http.Handler {
				if c.status == 0 {
					return h
				}
				return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					if c.code != "" {
						w.Header().Set("X-Error-Code", c.code)
					}
					w.WriteHeader(c.status)
				})
			})
			if c.set != nil {
				c.set(&j.params)
			}
			res := j.run(t)
			if fault.CodeOf(res.err) != c.want || !strings.Contains(fmt.Sprint(res.err), c.text) || !strings.Contains(fault.HintOf(res.err), c.hint) {
				t.Errorf("code %d, error %v, hint %q", fault.CodeOf(res.err), res.err, fault.HintOf(res.err))
			}
		})
	}
}

func TestTokenGoesToTheHubAlone(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	seen := map[string]bool{} // host and whether it came with the token
	var direct http.Handler
	note := func(host string, h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			seen[fmt.Sprint(host, " ", r.Header.Get("Authorization") == "Bearer "+token)] = true
			mu.Unlock()
			h.ServeHTTP(w, r)
		})
	}
	j := hubJob(t, tree(), func(h http.Handler) http.Handler {
		direct = h
		return note("hub", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, ".safetensors") { // as the real hub does: to another host, signed
				rec := &locating{ResponseWriter: w}
				h.ServeHTTP(rec, r)
				return
			}
			h.ServeHTTP(w, r)
		}))
	})
	j.net["cdn"] = note("cdn", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { direct.ServeHTTP(w, r) }))
	j.env = map[string]string{"HF_TOKEN": token}
	if res := j.run(t); res.err != nil {
		t.Fatal(res.err)
	}
	if d := cmp.Diff(map[string]bool{"hub true": true, "cdn false": true}, seen); d != "" {
		t.Error(d)
	}
}

// locating sends redirects to another host.
type locating struct{ http.ResponseWriter }

func (l *locating) WriteHeader(status int) {
	if at := l.Header().Get("Location"); at != "" {
		l.Header().Set("Location", strings.Replace(at, "http://hub/", "http://cdn/", 1)+"?Signature=abc")
	}
	l.ResponseWriter.WriteHeader(status)
}

func TestTokenNeverLeavesTheStage(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]http.HandlerFunc{
		"in a message": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Error-Message", "not "+r.Header.Get("Authorization"))
			w.WriteHeader(403)
		},
		"in a retried message": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Error-Message", "not "+r.Header.Get("Authorization"))
			w.WriteHeader(503)
		},
		"in a redirect": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "http://nowhere/"+token+"?t="+token)
			w.WriteHeader(302)
		},
		"in a reply": func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(`{"sha": "` + token + `"}`)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := job{net: network{"hub": h}, params: defaults(), env: map[string]string{"HF_TOKEN": token + "\n"}}
			j.params.Endpoint = "http://hub"
			res := j.run(t)
			var all strings.Builder
			fmt.Fprintf(&all, "%v %+v %q %v", res.err, res.err, fault.HintOf(res.err), res.notes)
			for _, e := range res.events {
				b, err := event.Marshal(e)
				if err != nil {
					t.Fatal(err)
				}
				all.Write(b)
			}
			for err := res.err; err != nil; err = errors.Unwrap(err) {
				all.WriteString(err.Error())
			}
			if res.err == nil || strings.Contains(all.String(), token) {
				t.Errorf("error %v in %s", res.err, all.String())
			}
		})
	}
}

func TestNoPathLeavesTheTarget(t *testing.T) {
	t.Parallel()
	oid := strings.Repeat("a", 40)
	for _, path := range []string{"../x", "a/../../x", "/etc/x", `a\..\x`, "C:/x", "c:x", "a//b", "./a", "a/.", "", "a\x00b", "a/\u0001", strings.Repeat("x", 256), "..", "\xff"} {
		t.Run(fmt.Sprintf("%.20q", path), func(t *testing.T) {
			t.Parallel()
			if path != "\xff" {
				_, err := parseTree(fmt.Appendf(nil, `[{"type":"file","path":%s,"size":1,"oid":"%s"}]`, jsonText(path), oid))
				if err == nil {
					t.Error("taken from a reply")
				}
			}
			if err := checkPath(path); err == nil {
				t.Error("accepted")
			}
		})
	}
	for _, c := range [][]string{{"A.txt", "a.txt"}, {"d/x", "D/X"}, {"a", "a/b"}, {"A", "a/b"}, {"é", "e\u0301"}, {"x", "x"}} {
		var entries []entry
		for _, p := range c {
			entries = append(entries, entry{Path: p})
		}
		if _, err := pick(entries, nil, nil); fault.CodeOf(err) != codeReply {
			t.Errorf("%q: %v", c, err)
		}
	}
	if _, err := pick([]entry{{Path: "d/x"}, {Path: "d/y"}, {Path: "D2/x"}}, nil, nil); err != nil {
		t.Error(err)
	}
}

// jsonText quotes for JSON byte by byte.
func jsonText(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		fmt.Fprintf(&b, `\u%04x`, r)
	}
	return b.String() + `"`
}

func TestDoubtfulRepliesAreErrors(t *testing.T) {
	t.Parallel()
	sha := strings.Repeat("b", 40)
	for name, c := range map[string]struct{ revision, tree string }{
		"a revision that is no JSON":    {revision: "<html>login</html>"},
		"a commit that is none":         {revision: `{"sha": "main"}`},
		"a tree that is no JSON":        {revision: `{"sha": "` + sha + `"}`, tree: "[{"},
		"a symbolic link":               {revision: `{"sha": "` + sha + `"}`, tree: `[{"type":"symlink","path":"a","oid":"` + sha + `"}]`},
		"a file without a digest":       {revision: `{"sha": "` + sha + `"}`, tree: `[{"type":"file","path":"a"}]`},
		"a negative size":               {revision: `{"sha": "` + sha + `"}`, tree: `[{"type":"file","path":"a","size":-1,"oid":"` + sha + `"}]`},
		"a path out of the target":      {revision: `{"sha": "` + sha + `"}`, tree: `[{"type":"file","path":"../a","size":1,"oid":"` + sha + `"}]`},
		"two sizes for the same digest": {revision: `{"sha": "` + sha + `"}`, tree: `[{"type":"file","path":"a","size":1,"oid":"` + sha + `"},{"type":"file","path":"b","size":2,"oid":"` + sha + `"}]`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := job{net: network{"hub": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.Contains(r.URL.Path, "/revision/") {
					_, _ = w.Write([]byte(c.revision))
				} else {
					_, _ = w.Write([]byte(c.tree))
				}
			})}, params: defaults()}
			j.params.Endpoint = "http://hub"
			j.dirs(t)
			res := j.run(t)
			if code := fault.CodeOf(res.err); code < 30 || code > 39 {
				t.Errorf("code %d, error %v", code, res.err)
			}
			if _, err := os.Stat(j.out); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("something was written: %v", err)
			}
		})
	}
}

func TestCutJSONIsAskedForAgain(t *testing.T) {
	t.Parallel()
	cut := false
	j := hubJob(t, tree(), func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "/tree/") && !cut {
				cut = true
				w.Header().Set("Content-Length", "5000")
				_, _ = w.Write([]byte(`[{"type":"fi`))
				abort(w, r)
			}
			h.ServeHTTP(w, r)
		})
	})
	if res := j.run(t); res.err != nil {
		t.Error(res.err)
	}
}

func TestRefusesRedirectsThatWeaken(t *testing.T) {
	t.Parallel()
	for name, to := range map[string]string{
		"to a file":     "file:///etc/passwd",
		"in a circle":   "/api/models/org/tiny/revision/main",
		"to a password": "http://a:b@hub/",
		"to nothing":    "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := job{net: network{"hub": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", to)
				w.WriteHeader(302)
			})}, params: defaults()}
			j.params.Endpoint = "http://hub"
			if res := j.run(t); fault.CodeOf(res.err) != codeReply {
				t.Errorf("have %v", res.err)
			}
		})
	}
}

func TestBadParametersAreTold(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		set  func(*Params, map[string]string)
		text string
	}{
		"mirror and endpoint":    {func(p *Params, _ map[string]string) { p.Mirror.Path, p.Endpoint = "/x", "http://hub" }, "both"},
		"a relative file URL":    {func(p *Params, _ map[string]string) { p.Endpoint = "file://../hub" }, "absolute"},
		"a relative path":        {func(p *Params, _ map[string]string) { p.Endpoint = "../hub" }, "absolute"},
		"a password in a URL":    {func(p *Params, _ map[string]string) { p.Endpoint = "http://u:hunter2@hub" }, "password"},
		"another scheme":         {func(p *Params, _ map[string]string) { p.Endpoint = "ftp://hub" }, "not a URL"},
		"a bad HF_ENDPOINT":      {func(p *Params, e map[string]string) { p.Endpoint = ""; e["HF_ENDPOINT"] = "http://" }, "HF_ENDPOINT"},
		"a token with a newline": {func(_ *Params, e map[string]string) { e["HF_TOKEN"] = "hf_a\nb" }, "HF_TOKEN"},
		"a repo out of the API":  {func(p *Params, _ map[string]string) { p.Repo = "../x" }, "repo"},
		"a repo of three parts":  {func(p *Params, _ map[string]string) { p.Repo = "a/b/c" }, "slashes"},
		"a dotted revision":      {func(p *Params, _ map[string]string) { p.Revision = ".." }, "revision"},
		"a mirror that is none":  {func(p *Params, _ map[string]string) { p.Endpoint, p.Mirror.Path = "", "/nonexistent/x" }, "mirror"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := hubJob(t, tree(), nil)
			j.env = map[string]string{}
			c.set(&j.params, j.env)
			res := j.run(t)
			if res.err == nil || !strings.Contains(res.err.Error(), c.text) || strings.Contains(res.err.Error(), "hunter2") {
				t.Errorf("have %v", res.err)
			}
		})
	}
}
