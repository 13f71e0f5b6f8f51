package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/belay-ml/belay/engine/remote/remotetest"
)

// Results go to another machine by a command, and come from it by a run.
func TestResultsTravelOverSSH(t *testing.T) {
	t.Parallel()
	const recipe = `
belay: 1
name: shared
stages:
  made:
    uses: command
    with: {run: "echo 1 > $OUT/f", outputs: {o: f}}
outputs: {made: "${made.o}"}
`
	machine := remotetest.ServeSSH(t)
	home, team := machine.Home(t, "127.0.0.1"), t.TempDir()
	at := "sftp://me@127.0.0.1:" + machine.Port + team
	here, there, third := workspaceWith(t, recipe), workspaceWith(t, recipe), workspaceWith(t, recipe)
	do := func(dir string, args ...string) (string, string, int) {
		c := belay(t, dir, args...)
		c.Env = append(c.Env, "HOME="+home, "SSH_AUTH_SOCK=")
		return finish(t, c)
	}
	for _, c := range []struct {
		dir, want string
		code      int
		args      []string
	}{
		{here, "1 stage ran", 0, []string{"run", "recipe.yaml"}},
		{here, "1 pushed", 0, []string{"cache", "push", "--to", at}},
		{here, "1 there", 0, []string{"cache", "push", "recipe.yaml", "--to", at}},
		{there, "is not on 127.0.0.1", 30, []string{"cache", "pull", "recipe.yaml", "--from", at + "/missing"}},
		{there, "no password in an address", 2, []string{"cache", "pull", "recipe.yaml", "--from", strings.Replace(at, "me@", "me:pw@", 1)}},
		{there, "other remotes need settings", 2, []string{"cache", "pull", "recipe.yaml", "--from", "s3://team/x"}},
		{there, "1 pulled", 0, []string{"cache", "pull", "recipe.yaml", "--from", strings.Replace(at, "sftp:", "ssh:", 1)}},
		{there, "nothing to do", 0, []string{"run", "recipe.yaml"}},
	} {
		if out, msg, code := do(c.dir, c.args...); code != c.code || !strings.Contains(out+msg, c.want) {
			t.Errorf("belay %v exits %d, want %d and %q: %s%s", c.args, code, c.code, c.want, out, msg)
		}
	}
	if err := os.WriteFile(filepath.Join(third, "belay.yaml"), []byte("remote: {url: \""+at+"\"}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, msg, code := do(third, "run", "recipe.yaml"); code != 0 || !strings.Contains(msg, "0 stages ran, 1 fresh (1 from the remote)") {
		t.Errorf("a third workspace: exit %d: %s", code, msg)
	}

	// A host that is not known costs a run nothing but a warning that says what to do.
	if err := os.Remove(filepath.Join(home, ".ssh", "known_hosts")); err != nil {
		t.Fatal(err)
	}
	if _, msg, code := do(third, "run", "recipe.yaml", "--force", "*"); code != 0 || !strings.Contains(msg, "is not known") || !strings.Contains(msg, "log in once by ssh -p "+machine.Port) {
		t.Errorf("an unknown host: exit %d: %s", code, msg)
	}
}
