package hfdownload

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/stages/hfdownload/hub"
)

var _ engine.Pinner = Stage{}

func TestOnlyNamesThatMoveFloat(t *testing.T) {
	t.Parallel()
	values := func(more ...any) map[string]any {
		v := map[string]any{"repo": "org/tiny", "repo_type": "model", "revision": "main", "endpoint": ""}
		for i := 0; i < len(more); i += 2 {
			v[more[i].(string)] = more[i+1]
		}
		return v
	}
	for _, c := range []struct {
		name   string
		values map[string]any
		want   string
	}{
		{"a branch", values(), "model org/tiny main"},
		{"a tag of a data set", values("repo_type", "dataset", "revision", "v1"), "dataset org/tiny v1"},
		{"another hub", values("endpoint", "http://hub/"), "model org/tiny main http://hub"},
		{"the usual hub by name", values("endpoint", DefaultEndpoint), "model org/tiny main"},
		{"a commit", values("revision", strings.Repeat("a", 40)), ""},
		{"a mirror, which is digested", values("mirror", engine.Source{Path: "/x"}), ""},
	} {
		have := ""
		for _, f := range (Stage{}).Floats(c.values) {
			have += strings.Join(f.Name, " ")
		}
		if have != c.want {
			t.Errorf("%s: %q floats, want %q", c.name, have, c.want)
		}
	}
}

// pinned asks for the commit behind main at a hub in a folder.
func pinned(t *testing.T, dir string, env map[string]string) (string, error) {
	t.Helper()
	p := defaults()
	p.Endpoint = "file://" + dir
	return Stage{}.Pin(t.Context(), engine.In{Params: &p, Env: env}, engine.Float{Param: "revision"})
}

func TestABranchIsPinnedToItsCommit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.CopyFS(dir, tree()); err != nil {
		t.Fatal(err)
	}
	first, err := pinned(t, dir, map[string]string{"HF_HUB_OFFLINE": "1"}) // a folder is no network
	if err != nil || !isHex(first, 40) {
		t.Fatal(first, err)
	}
	if again, err := pinned(t, dir, nil); again != first || err != nil {
		t.Error(again, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "models/org/tiny/config.json"), []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	if moved, err := pinned(t, dir, nil); moved == first || err != nil {
		t.Error("the branch did not move", moved, err)
	}
	p := defaults()
	p.Repo = "org/none"
	p.Endpoint = "file://" + dir
	if _, err := (Stage{}).Pin(t.Context(), engine.In{Params: &p}, engine.Float{Param: "revision"}); fault.CodeOf(err) != codeNotFound {
		t.Errorf("a repository that is not there: %v", err)
	}
	if _, err := (Stage{}).Pin(t.Context(), engine.In{Params: &p}, engine.Float{Param: "repo"}); err == nil {
		t.Error("a parameter that does not float was pinned")
	}
}

func TestAPinIsAskedOfTheHubWithTheToken(t *testing.T) {
	t.Parallel()
	l := newPipes()
	asked := ""
	h := hub.Serve(tree())
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.Method + " " + r.URL.Path + " " + r.Header.Get("Authorization")
		h.ServeHTTP(w, r)
	})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(l)
	}()
	defer func() {
		_ = srv.Close()
		<-done
	}()
	p := defaults()
	in := engine.In{Params: &p, Env: map[string]string{"HF_ENDPOINT": "http://hub", "HF_TOKEN": token}, Events: event.Stage{Sink: &sink{}}}
	commit, err := Stage{Dial: l.dial}.Pin(t.Context(), in, engine.Float{Param: "revision"})
	if err != nil || !isHex(commit, 40) {
		t.Fatal(commit, err)
	}
	if d := cmp.Diff("GET /api/models/org/tiny/revision/main Bearer "+token, asked); d != "" {
		t.Error(d)
	}
	p.Repo = "org/none"
	if _, err := (Stage{Dial: l.dial}).Pin(t.Context(), in, engine.Float{Param: "revision"}); err == nil || strings.Contains(err.Error(), token) {
		t.Errorf("error %v", err)
	}
}

func TestOfflineNothingIsDialled(t *testing.T) {
	t.Parallel()
	dial := func(context.Context, string, string) (net.Conn, error) {
		t.Error("dialled")
		return nil, fmt.Errorf("no network")
	}
	for _, value := range []string{"1", "true", " Yes", "ON"} {
		p := defaults()
		in := engine.In{Params: &p, Env: map[string]string{"HF_HUB_OFFLINE": value}, Events: event.Stage{Sink: &sink{}}, Work: t.TempDir()}
		_, err := Stage{Dial: dial}.Pin(t.Context(), in, engine.Float{Param: "revision"})
		if fault.CodeOf(err) != fault.Network || !strings.Contains(err.Error(), "HF_HUB_OFFLINE") {
			t.Errorf("pin: %v", err)
		}
		err = Stage{Dial: dial}.Run(t.Context(), in, engine.Out{Notes: map[string]any{}, Digests: map[string]artifact.Digest{}})
		if fault.CodeOf(err) != fault.Network {
			t.Errorf("run: %v", err)
		}
	}
	if offline(map[string]string{"HF_HUB_OFFLINE": "0"}) || offline(nil) {
		t.Error("0 and nothing are not offline")
	}
}
