package main

import (
	"bytes"
	"io/fs"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

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
