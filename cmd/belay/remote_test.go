package main

import (
	"bytes"
	"io/fs"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/engine/remote/remotetest"
)

// Two workspaces share a web server that asks for a token. Who has a wrong one is told so, and computes.
func TestTheTokenOfTheRemoteIsNowhereButInRequests(t *testing.T) {
	t.Parallel()
	const token = "team_VerySecretToken0123456789"
	server := httptest.NewServer(&remotetest.Server{Dir: t.TempDir(), Token: token, Bazel: true})
	defer server.Close()
	const recipe = `
belay: 1
name: shared
stages:
  made:
    uses: command
    with: {run: "echo 1 > $OUT/f", outputs: {o: f}}
outputs: {made: "${made.o}"}
`
	var dirs []string
	for _, c := range []struct {
		token, want string
		args        []string
	}{
		{token, "1 stage ran", []string{"run", "recipe.yaml", "-v"}},
		{token, "0 stages ran, 1 fresh (1 from the remote)", []string{"run", "recipe.yaml", "-v", "--log-format", "json"}},
		{"team_VerySecretWrongToken", "401 Unauthorized", []string{"run", "recipe.yaml"}},
		{"", "secret TEAM_TOKEN", []string{"run", "recipe.yaml"}},
		{token, "", []string{"cache", "push", "--json"}},
	} {
		dir := workspaceWith(t, recipe)
		dirs = append(dirs, dir)
		if c.args[0] == "cache" {
			dir = dirs[0]
		}
		space := `remote: {url: "` + server.URL + `/team", token: TEAM_TOKEN}`
		if err := os.WriteFile(filepath.Join(dir, "belay.yaml"), []byte(space), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := belay(t, dir, c.args...)
		cmd.Env = append(cmd.Env, "NO_PROXY=127.0.0.1")
		if c.token != "" {
			cmd.Env = append(cmd.Env, "TEAM_TOKEN="+c.token)
		}
		out, msg, code := finish(t, cmd)
		if code != 0 || !strings.Contains(msg, c.want) {
			t.Errorf("belay %v with token %q exits %d, want %q: %s", c.args, c.token, code, c.want, msg)
		}
		if strings.Contains(out+msg, "VerySecret") {
			t.Errorf("the token stands in the output of %v:\n%s%s", c.args, out, msg)
		}
	}
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			text, err := os.ReadFile(path)
			if bytes.Contains(text, []byte("VerySecret")) {
				t.Errorf("the token stands in %s", path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Runs are killed anywhere while they push, and others while they pull: what is visible is always whole, and in the
// end both workspaces hold the same, made once.
func TestKilledPushesAndPullsEndWithTheSameOutputs(t *testing.T) {
	t.Parallel()
	team := t.TempDir()
	const recipe = `
belay: 1
name: shared
stages:
  many:
    uses: command
    with: {run: "mkdir $OUT/d && for i in $(seq 300); do seq $i > $OUT/d/$i; done", outputs: {d: d}}
  large:
    uses: command
    with: {run: "cat $IN/* > $OUT/x && for i in 1 2 3 4 5 6 7 8; do cat $IN/* $OUT/x > $OUT/y && mv $OUT/y $OUT/x; done", inputs: {IN: "${many.d}"}, outputs: {x: x}}
outputs: {x: "${large.x}"}
`
	whole, here, there := workspaceWith(t, recipe), workspaceWith(t, recipe), workspaceWith(t, recipe)
	began := time.Now()
	must(t, belay(t, whole, "run", "recipe.yaml"))
	length := time.Since(began)
	want := artifacts(t, whole)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d, an uninterrupted run takes %s", seed, length)
	random := rand.New(rand.NewPCG(seed, 0))
	killed := 0
	for _, dir := range []string{here, there} {
		space := `remote: {url: "file://` + team + `"}`
		if err := os.WriteFile(filepath.Join(dir, "belay.yaml"), []byte(space), 0o600); err != nil {
			t.Fatal(err)
		}
		for range 8 {
			c := belay(t, dir, "run", "recipe.yaml", "-q")
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			kill := time.AfterFunc(time.Duration(random.Int64N(int64(length/5))), func() { _ = c.Process.Kill() })
			_ = c.Wait()
			kill.Stop()
			if status, ok := c.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
				killed++
			} else if code := c.ProcessState.ExitCode(); code != 0 {
				t.Fatalf("a run after a kill exits %d", code)
			}
		}
		must(t, belay(t, dir, "run", "recipe.yaml", "-q"))
		must(t, belay(t, dir, "cache", "verify"))
		must(t, belay(t, dir, "cache", "push"))
		if diff := cmp.Diff(want, artifacts(t, dir)); diff != "" {
			t.Errorf("digests after kills differ (-want +got):\n%s", diff)
		}
		if left, _ := os.ReadDir(filepath.Join(dir, ".belay", "pull")); len(left) > 0 {
			t.Errorf("left of broken pulls: %v", left)
		}
	}
	last := workspaceWith(t, recipe)
	if err := os.WriteFile(filepath.Join(last, "belay.yaml"), []byte(`remote: {url: "file://`+team+`"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, msg, code := finish(t, belay(t, last, "run", "recipe.yaml")); code != 0 || !strings.Contains(msg, "0 stages ran, 2 fresh (2 from the remote)") {
		t.Errorf("a third workspace: exit %d, %s", code, msg)
	}
	if diff := cmp.Diff(want, artifacts(t, last)); diff != "" {
		t.Errorf("a third workspace has others (-want +got):\n%s", diff)
	}
	t.Logf("%d runs were killed", killed)
}
