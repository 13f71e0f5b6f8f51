package hub

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func tree() fstest.MapFS {
	return fstest.MapFS{
		"models/org/tiny/config.json":       {Data: []byte("{}\n")},
		"models/org/tiny/sub/dir/a.txt":     {Data: []byte("a")},
		"models/org/tiny/model.safetensors": {Data: []byte("weights")},
		"models/org/tiny/.git/HEAD":         {Data: []byte("not served")},
		"models/old/config.json":            {Data: []byte("{}")},
		"datasets/org/facts/t.jsonl":        {Data: []byte("{}\n")},
		"secret.txt":                        {Data: []byte("not a repository")},
	}
}

func ask(h http.Handler, method, target string, header ...string) *http.Response {
	r := httptest.NewRequest(method, "http://hub"+target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func commit(t *testing.T, h http.Handler) string {
	t.Helper()
	var reply struct{ SHA string }
	if err := json.Unmarshal([]byte(body(t, ask(h, "GET", "/api/models/org/tiny/revision/main"))), &reply); err != nil || len(reply.SHA) != 40 {
		t.Fatalf("%v, %q", err, reply.SHA)
	}
	return reply.SHA
}

func TestCommitFollowsTheContent(t *testing.T) {
	t.Parallel()
	fsys := tree()
	h := Serve(fsys)
	first := commit(t, h)
	if again := commit(t, Serve(tree())); again != first {
		t.Errorf("the same content is %s and %s", first, again)
	}
	fsys["models/org/tiny/config.json"] = &fstest.MapFile{Data: []byte("{1}\n")}
	second := commit(t, h)
	if second == first {
		t.Error("a changed file kept the commit")
	}
	for _, c := range []string{first, second} { // given out once, known for good
		if r := ask(h, "GET", "/api/models/org/tiny/tree/"+c); r.StatusCode != 200 {
			t.Errorf("commit %s: %s", c, r.Status)
		}
	}
}

func TestTreesListFilesAsTheHubDoes(t *testing.T) {
	t.Parallel()
	h := Serve(tree())
	type item struct {
		Type, Path, OID string
		Size            int64
		LFS             *struct{ OID string }
	}
	list := func(target string) string {
		var items []item
		if err := json.Unmarshal([]byte(body(t, ask(h, "GET", target))), &items); err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		for _, it := range items {
			fmt.Fprintf(&b, "%s %s %d %.7s", it.Type, it.Path, it.Size, it.OID)
			if it.LFS != nil {
				fmt.Fprintf(&b, " %.7s", it.LFS.OID)
			}
			b.WriteByte('\n')
		}
		return b.String()
	}
	// The object names are what git hash-object and sha256sum say.
	for target, want := range map[string]string{
		"/api/models/org/tiny/tree/main?recursive=true": "file config.json 3 0967ef4\nfile model.safetensors 7 c6a67be 9a12903\ndirectory sub 0 0000000\ndirectory sub/dir 0 0000000\nfile sub/dir/a.txt 1 2e65efe\n",
		"/api/models/org/tiny/tree/main":                "file config.json 3 0967ef4\nfile model.safetensors 7 c6a67be 9a12903\ndirectory sub 0 0000000\n",
		"/api/models/org/tiny/tree/main/sub":            "directory sub/dir 0 0000000\n",
	} {
		if d := cmp.Diff(want, list(target)); d != "" {
			t.Errorf("%s: %s", target, d)
		}
	}
}

func TestPagesAreJoinedByLinks(t *testing.T) {
	t.Parallel()
	h := Paged(tree(), 2)
	target, paths := "/api/models/org/tiny/tree/main?recursive=1", 0
	for range 5 {
		r := ask(h, "GET", target)
		var items []any
		if err := json.Unmarshal([]byte(body(t, r)), &items); err != nil {
			t.Fatal(err)
		}
		paths += len(items)
		link := r.Header.Get("Link")
		if link == "" {
			break
		}
		target = strings.TrimPrefix(strings.TrimSuffix(strings.TrimPrefix(link, "<"), `>; rel="next"`), "http://hub")
	}
	if paths != 5 {
		t.Errorf("%d entries, want 5", paths)
	}
}

func TestBytesComeDirectlyOrByRedirect(t *testing.T) {
	t.Parallel()
	h := Serve(tree())
	c := commit(t, h)
	r := ask(h, "GET", "/org/tiny/resolve/"+c+"/config.json", "Range", "bytes=1-")
	if r.StatusCode != 206 || body(t, r) != "}\n" || r.Header.Get("X-Repo-Commit") != c || r.Header.Get("ETag") != `"0967ef424bce6791893e9a57bb952f80fd536e93"` {
		t.Errorf("small: %s %v", r.Status, r.Header)
	}
	r = ask(h, "HEAD", "/org/tiny/resolve/main/model.safetensors")
	if r.StatusCode != 302 || r.Header.Get("X-Linked-Size") != "7" || len(r.Header.Get("X-Linked-Etag")) != 66 {
		t.Fatalf("large: %s %v", r.Status, r.Header)
	}
	at := strings.TrimPrefix(r.Header.Get("Location"), "http://hub")
	for header, want := range map[string]string{r.Header.Get("X-Linked-Etag"): "ghts", `"another"`: "weights"} {
		if have := body(t, ask(h, "GET", at, "Range", "bytes=3-", "If-Range", header)); have != want {
			t.Errorf("If-Range %s: %q, want %q", header, have, want)
		}
	}
	if r := ask(h, "GET", "/datasets/org/facts/resolve/main/t.jsonl"); r.StatusCode != 200 {
		t.Errorf("data set: %s", r.Status)
	}
	if r := ask(h, "GET", "/old/resolve/main/config.json"); r.StatusCode != 200 {
		t.Errorf("repository without an organisation: %s", r.Status)
	}
}

func TestNothingElseIsServed(t *testing.T) {
	t.Parallel()
	h := Serve(tree())
	for target, code := range map[string]string{
		"/org/tiny/resolve/main/../../../secret.txt":       "EntryNotFound",
		"/org/tiny/resolve/main/..%2f..%2f..%2fsecret.txt": "EntryNotFound",
		"/org/..%2F../resolve/main/secret.txt":             "RepoNotFound",
		"/..%2F../resolve/main/secret.txt":                 "RepoNotFound",
		"/org/tiny/resolve/main/.git/HEAD":                 "EntryNotFound",
		"/org/tiny/resolve/v2/config.json":                 "RevisionNotFound",
		"/api/models/org/none/revision/main":               "RepoNotFound",
		"/api/models/org/tiny/revision/refs%2Fpr%2F1":      "RevisionNotFound",
		"/api/spaces/org/tiny":                             "",
		"/api/models/org/tiny/tree/main/none":              "EntryNotFound",
		"/cdn/x/" + strings.Repeat("0", 64):                "",
		"/secret.txt":                                      "",
		"/":                                                "",
		"//":                                               "",
		"/%00/x/resolve/main/y":                            "RepoNotFound",
	} {
		r := ask(h, "GET", target)
		if r.StatusCode < 400 || r.StatusCode > 499 || r.Header.Get("X-Error-Code") != code {
			t.Errorf("%s: %s %q", target, r.Status, r.Header.Get("X-Error-Code"))
		}
	}
	if r := ask(h, "POST", "/api/models/org/tiny"); r.StatusCode != 405 {
		t.Errorf("POST: %s", r.Status)
	}
}

func FuzzServe(f *testing.F) {
	for _, s := range []string{"/api/models/org/tiny/tree/main?recursive=true&cursor=-5", "/org/tiny/resolve/main/a", "/datasets/x", "/cdn/a/b", "/%2e%2e/x"} {
		f.Add(s)
	}
	h := Serve(tree())
	f.Fuzz(func(t *testing.T, target string) {
		r, err := http.NewRequest("GET", "http://hub/"+strings.TrimPrefix(target, "/"), nil)
		if err != nil {
			return
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code >= 500 || strings.Contains(w.Body.String(), "not a repository") || strings.Contains(w.Body.String(), "not served") {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
	})
}
