package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// aged makes all results of a workspace look unused for long.
func aged(t *testing.T, dir string) {
	t.Helper()
	at := time.Now().AddDate(0, 0, -90)
	err := filepath.WalkDir(filepath.Join(dir, ".belay", "keys"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return os.Chtimes(path, at, at)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// removed is what a collection did, as "what node".
func removed(t *testing.T, c *exec.Cmd) string {
	t.Helper()
	var js gcJSON
	if err := json.Unmarshal([]byte(must(t, c)), &js); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, g := range js.Removed {
		out = append(out, g.What+" "+g.Node)
	}
	return strings.Join(out, ", ")
}

const gated = `
belay: 1
name: gated
env: [GATE]
stages:
  made:
    uses: command
    with: {run: echo made > $OUT/f, outputs: {o: f}}
  slow:
    uses: command
    with:
      run: while [ ! -e $GATE ]; do sleep 0.02; done; cat $IN > $OUT/f
      env: {GATE: "${env.GATE}"}
      inputs: {IN: "${made.o}"}
      outputs: {o: f}
`

const unwanted = `
belay: 1
name: unwanted
stages: {junk: {uses: command, with: {run: echo junk > $OUT/f, outputs: {o: f}}}}
`

// A stage reads what was found before it began; a collection meanwhile must leave it there, whatever it is told to
// forget.
func TestCollectingWhileAStageRuns(t *testing.T) {
	t.Parallel()
	dir := workspaceWith(t, gated)
	if err := os.WriteFile(filepath.Join(dir, "other.yaml"), []byte(unwanted), 0o644); err != nil {
		t.Fatal(err)
	}
	gate := filepath.Join(dir, "gate")
	start := func(args ...string) *exec.Cmd {
		c := belay(t, dir, args...)
		c.Env = append(c.Env, "GATE="+gate)
		return c
	}
	must(t, start("run", "other.yaml"))
	must(t, start("run", "recipe.yaml", "made"))
	aged(t, dir)
	run := start("run", "recipe.yaml", "--log-format", "json")
	pipe, err := run.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(pipe)
	for lines.Scan() && !(strings.Contains(lines.Text(), "slow") && strings.Contains(lines.Text(), "running")) {
	}
	got := removed(t, belay(t, dir, "cache", "gc", "--apply", "--json", "--days", "0", "--forget", "gated,unwanted"))
	if got != "recipe , recipe , artifact junk" {
		t.Errorf("removed %s", got)
	}
	if err := os.WriteFile(gate, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(pipe)
	if err := run.Wait(); err != nil {
		t.Errorf("%v\n%s", err, rest)
	}
	if out := must(t, start("cache", "path", "recipe.yaml", "slow")); out == "" {
		t.Error("no result")
	}
}

func TestKilledCollectionsLeaveAGoodStore(t *testing.T) {
	t.Parallel()
	stages := "\nbelay: 1\nname: many\nstages:\n"
	for i := range 12 {
		stages += fmt.Sprintf("  s%d: {uses: command, with: {run: echo %d > $OUT/f; mkdir $OUT/d; echo $N > $OUT/d/x, env: {N: \"%d\"}, outputs: {o: f, d: d}}}\n", i, i, i)
	}
	dir := workspaceWith(t, stages)
	must(t, belay(t, dir, "run", "recipe.yaml", "-q"))
	want := artifacts(t, dir)
	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	for range 8 {
		aged(t, dir)
		c := belay(t, dir, "cache", "gc", "--apply", "--forget", "many")
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		kill := time.AfterFunc(time.Duration(random.Int64N(int64(60*time.Millisecond))), func() { _ = c.Process.Kill() })
		_ = c.Wait()
		kill.Stop()
		must(t, belay(t, dir, "cache", "verify"))
		must(t, belay(t, dir, "run", "recipe.yaml", "-q"))
		if have := artifacts(t, dir); len(have) != len(want) {
			t.Errorf("%d artifacts, want %d", len(have), len(want))
		}
		if left, _ := filepath.Glob(filepath.Join(dir, ".belay", "tmp", "*")); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
}
