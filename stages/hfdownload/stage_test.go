package hfdownload

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/param"
	"github.com/belay-ml/belay/stages/hfdownload/hub"
)

const token = "hf_SecretSecretSecret"

// weights is a file large enough to be cut in the middle more than once.
func weights() []byte {
	b := make([]byte, 3<<20)
	for i := range b {
		b[i] = byte(i * 2654435761 >> 13)
	}
	return b
}

// tree is a hub with one model and one data set.
func tree() fstest.MapFS {
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s), Mode: 0o644} }
	return fstest.MapFS{
		"models/org/tiny/config.json":         file(`{"hidden_size": 8}`),
		"models/org/tiny/tokenizer.json":      file(`{"model": {}}`),
		"models/org/tiny/model.safetensors":   {Data: weights(), Mode: 0o644},
		"models/org/tiny/empty.txt":           file(""),
		"models/org/tiny/a dir/ö &?#%20.txt":  file("odd name"),
		"models/org/tiny/copy/config.json":    file(`{"hidden_size": 8}`),
		"datasets/org/facts/data/train.jsonl": file(`{"text": "a"}` + "\n"),
		"datasets/org/facts/README.md":        file("# facts"),
	}
}

// files reads a directory back.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	have := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		rel, _ := filepath.Rel(dir, p)
		have[filepath.ToSlash(rel)] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return have
}

// want is what a download of a repository must leave.
func want(tree fstest.MapFS, dir string) map[string]string {
	out := map[string]string{}
	for name, f := range tree {
		if rel, ok := strings.CutPrefix(name, dir+"/"); ok {
			out[rel] = string(f.Data)
		}
	}
	return out
}

func TestParametersMakeASchema(t *testing.T) {
	t.Parallel()
	if _, err := param.Of(Stage{}.Describe().Params); err != nil {
		t.Fatal(err)
	}
}

func TestDownloadsARepositoryExactly(t *testing.T) {
	t.Parallel()
	j := hubJob(t, tree(), nil)
	res := j.run(t)
	if res.err != nil {
		t.Fatal(res.err)
	}
	if d := cmp.Diff(want(tree(), "models/org/tiny"), files(t, j.out)); d != "" {
		t.Error(d)
	}
	if c, _ := res.notes["commit"].(string); !isHex(c, 40) {
		t.Errorf("commit is %q", c)
	}
	last := event.Progress{}
	for _, e := range res.events {
		if e.Progress != nil {
			last = *e.Progress
		}
	}
	if last.Done != last.Total || last.Unit != "bytes" || last.Done < 3<<20 {
		t.Errorf("last progress is %+v", last)
	}
}

func TestDownloadsDataSetsPagesAndPinnedCommits(t *testing.T) {
	t.Parallel()
	j := job{net: network{"hub": hub.Paged(tree(), 1)}, params: defaults()}
	j.params.Endpoint, j.params.Repo, j.params.RepoType = "http://hub", "org/facts", "dataset"
	j.dirs(t)
	res := j.run(t)
	if res.err != nil {
		t.Fatal(res.err)
	}
	if d := cmp.Diff(want(tree(), "datasets/org/facts"), files(t, j.out)); d != "" {
		t.Error(d)
	}
	j.params.Revision = res.notes["commit"].(string)
	j.work, j.out = "", ""
	j.dirs(t)
	if again := j.run(t); again.err != nil || again.notes["commit"] != j.params.Revision {
		t.Errorf("pinned: %v, %v", again.err, again.notes)
	}
}

func TestServesAMirrorFolderWithoutANetwork(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.CopyFS(dir, tree()); err != nil {
		t.Fatal(err)
	}
	for name, set := range map[string]func(*Params){
		"by the parameter mirror": func(p *Params) { p.Mirror = artifact.Ref{Path: dir} },
		"by a file URL":           func(p *Params) { p.Endpoint = "file://" + dir },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := job{params: defaults()}
			set(&j.params)
			j.dirs(t)
			if res := j.run(t); res.err != nil {
				t.Fatal(res.err)
			}
			if d := cmp.Diff(want(tree(), "models/org/tiny"), files(t, j.out)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestTakesOnlyWhatPatternsSelect(t *testing.T) {
	t.Parallel()
	j := hubJob(t, tree(), nil)
	j.params.AllowPatterns, j.params.IgnorePatterns = []string{"*.json"}, []string{"copy/"}
	if res := j.run(t); res.err != nil {
		t.Fatal(res.err)
	}
	have := files(t, j.out)
	if len(have) != 2 || have["config.json"] == "" || have["tokenizer.json"] == "" {
		t.Errorf("have %v", have)
	}
	j.params.AllowPatterns = []string{"*.gguf"}
	if res := j.run(t); fault.CodeOf(res.err) != fault.Data {
		t.Errorf("nothing selected: %v", res.err)
	}
}

func TestGoesOnAfterBrokenAndStalledConnections(t *testing.T) {
	t.Parallel()
	for name, how := range map[string]func(http.ResponseWriter, *http.Request){"cut": abort, "stalled": hang} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var c *cutter
			j := hubJob(t, tree(), func(h http.Handler) http.Handler {
				c = &cutter{Handler: h, times: 9, after: 300_000, how: how}
				return c
			})
			res := j.run(t) // more cuts than retries: each attempt gets further
			if res.err != nil {
				t.Fatal(res.err)
			}
			if have := files(t, j.out)["model.safetensors"]; have != string(weights()) {
				t.Error("the file differs")
			}
			if n := c.served.Load(); n > int64(len(weights()))+9*(1<<20) || c.ranges[0] != "" || c.ranges[9] != "bytes=2700000-" {
				t.Errorf("served %d bytes in ranges %q", n, c.ranges)
			}
			if name == "stalled" && res.took < 9*30*time.Second {
				t.Errorf("took %s", res.took)
			}
		})
	}
}

func TestGivesUpAfterRetriesWithoutProgress(t *testing.T) {
	t.Parallel()
	j := hubJob(t, tree(), func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/cdn/") {
				hang(w, r)
			}
			h.ServeHTTP(w, r)
		})
	})
	res := j.run(t)
	var f *fault.Error
	if fault.CodeOf(res.err) != codeStalled || !errors.As(res.err, &f) || !f.Temporary || !strings.Contains(res.err.Error(), "model.safetensors") {
		t.Errorf("have %v", res.err)
	}
	if res.took < 5*30*time.Second+15*time.Second {
		t.Errorf("gave up after %s", res.took)
	}
}

func TestGoesOnAfterBeingKilled(t *testing.T) {
	t.Parallel()
	var c *cutter
	j := hubJob(t, tree(), func(h http.Handler) http.Handler {
		c = &cutter{Handler: h, times: 1, after: 2_000_000, how: hang}
		return c
	})
	j.timeout = 10 * time.Second // before the stall is noticed
	if res := j.run(t); !errors.Is(res.err, context.DeadlineExceeded) {
		t.Fatalf("have %v", res.err)
	}
	if len(files(t, j.work)) == 0 {
		t.Fatal("nothing is left to go on from")
	}
	if _, err := os.Stat(j.out); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an unfinished download has an output: %v", err)
	}
	j.timeout = 0
	if res := j.run(t); res.err != nil {
		t.Fatal(res.err)
	}
	if c.ranges[len(c.ranges)-1] != "bytes=2000000-" {
		t.Errorf("ranges %q", c.ranges)
	}
	if d := cmp.Diff(want(tree(), "models/org/tiny"), files(t, j.out)); d != "" {
		t.Error("the files differ")
	}
}

func TestBeginsAgainWhatChangedMeanwhile(t *testing.T) {
	t.Parallel()
	for name, ignoresIfRange := range map[string]bool{"a server that knows If-Range": false, "one that does not": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := 0
			var c *cutter
			j := hubJob(t, tree(), func(h http.Handler) http.Handler {
				c = &cutter{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if !strings.HasPrefix(r.URL.Path, "/cdn/") {
						h.ServeHTTP(w, r)
						return
					}
					n++
					if ignoresIfRange {
						r.Header.Del("If-Range")
					}
					// Each answer has another ETag, and the first one other bytes.
					w.Header().Set("ETag", strconv.Quote(fmt.Sprint("v", n)))
					b := weights()
					if n == 1 {
						b[5] ^= 1
					}
					http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
				}), times: 1, after: 1_000_000, how: abort}
				return c
			})
			if res := j.run(t); res.err != nil {
				t.Fatal(res.err)
			}
			if files(t, j.out)["model.safetensors"] != string(weights()) {
				t.Error("the file differs")
			}
			if c.ranges[1] != "bytes=1000000-" {
				t.Errorf("ranges %q", c.ranges)
			}
		})
	}
}

func TestNeverPublishesWrongBytes(t *testing.T) {
	t.Parallel()
	spoil := func(times int) func(http.Handler) http.Handler {
		return func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, "/tokenizer.json") && times > 0 {
					times--
					http.ServeContent(w, r, "", time.Time{}, strings.NewReader(`{"model": []}`))
					return
				}
				h.ServeHTTP(w, r)
			})
		}
	}
	j := hubJob(t, tree(), spoil(1))
	if res := j.run(t); res.err != nil {
		t.Errorf("spoiled once: %v", res.err)
	}
	j = hubJob(t, tree(), spoil(100))
	res := j.run(t)
	if fault.CodeOf(res.err) != codeReply || !strings.Contains(fmt.Sprint(res.err), "tokenizer.json: wrong bytes") {
		t.Errorf("spoiled always: %v", res.err)
	}
	if _, err := os.Stat(j.out); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a failed download has an output: %v", err)
	}
}

func TestWaitsAsLongAsTheHubAsks(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		after  func() string
		want   time.Duration
	}{
		"429 with seconds":        {429, func() string { return "17" }, 17 * time.Second},
		"429 with a date":         {429, func() string { return time.Now().Add(40 * time.Second).UTC().Format(http.TimeFormat) }, 40 * time.Second},
		"429 with nothing":        {429, func() string { return "" }, time.Second},
		"503 with seconds":        {503, func() string { return "5" }, 5 * time.Second},
		"500, backing off":        {500, func() string { return "" }, time.Second},
		"429 with a past date":    {429, func() string { return "Mon, 01 Jan 1990 00:00:00 GMT" }, time.Second},
		"429 with a bad date":     {429, func() string { return "soon" }, time.Second},
		"408, which is temporary": {408, func() string { return "" }, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refused := false
			j := hubJob(t, tree(), func(h http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if !refused {
						refused = true
						w.Header().Set("Retry-After", c.after())
						w.WriteHeader(c.status)
						return
					}
					h.ServeHTTP(w, r)
				})
			})
			res := j.run(t)
			if res.err != nil || res.took != c.want {
				t.Errorf("took %s, want %s, error %v", res.took, c.want, res.err)
			}
		})
	}
}

func TestHandsLongWaitsToTheEngine(t *testing.T) {
	t.Parallel()
	j := hubJob(t, tree(), func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(429)
		})
	})
	res := j.run(t)
	var f *fault.Error
	if !errors.As(res.err, &f) || f.Code != codeRate || !f.Temporary || f.RetryAfter != time.Hour || res.took > time.Second {
		t.Errorf("have %+v after %s", f, res.took)
	}
}
