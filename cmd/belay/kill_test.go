package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/store"
)

// kills is how often TestKilledRunsEndWithTheSameOutputs kills: `go test ./cmd/belay -run Killed -kills 200`.
var kills = flag.Int("kills", 12, "how many runs are killed")

// thirty is a recipe of 30 stages: a model that is downloaded, cut up, trained (which can resume) and asked, a chain, a
// fan-out with its join, and a matrix with its fan-in. Every command adds a line to $LOG when it begins, which its key
// knows only by name.
func thirty() string {
	var b strings.Builder
	b.WriteString(strings.TrimSuffix(rope, "outputs: {answers: \"${answers.text}\"}\n"))
	command := func(id, inputs, line string) {
		fmt.Fprintf(&b, "  %s:\n    uses: command\n    with:\n      run: 'echo %s >> \"$LOG\"; %s'\n      inputs: {%s}\n      outputs: {o: o.txt}\n      env: {LOG: \"${env.LOG}\"}\n", id, id, line, inputs)
	}
	before := "A: text.jsonl"
	for i := range 9 {
		id := fmt.Sprint("chain", i)
		command(id, before, `(cat "$A"; echo `+id+`) | (sleep 0.01; cat) > "$OUT/o.txt"`)
		before = "A: \"${" + id + ".o}\""
	}
	var fan []string
	for i := range 7 {
		id := fmt.Sprint("fan", i)
		command(id, `A: "${chain2.o}"`, `mkdir "$OUT/more"; for i in 1 2 3; do sort "$A" > "$OUT/more/$i"; done; head -c 1`+fmt.Sprint(i)+` "$A" > "$OUT/o.txt"`)
		fan = append(fan, fmt.Sprintf(`F%d: "${fan%d.o}"`, i, i))
	}
	command("joined", strings.Join(fan, ", "), `cat "$F0" "$F1" "$F2" "$F3" "$F4" "$F5" "$F6" > "$OUT/o.txt"`)
	command("cells", `A: "${chain0.o}"`, `(wc -c < "$A"; echo ${matrix.n}) > "$OUT/o.txt"`)
	b.WriteString("    matrix: {n: [1, 2, 3, 4, 5, 6, 7]}\n")
	command("last", `J: "${joined.o}", C: "${chain8.o}", ONE: "${cells['n=1'].o}", SIX: "${cells['n=6'].o}", A: "${answers.text}"`, `cat "$J" "$C" "$ONE" "$SIX" | sha256sum > "$OUT/o.txt"`)
	b.WriteString("outputs: {answers: \"${answers.text}\", last: \"${last.o}\"}\n")
	return strings.Replace(b.String(), "env: [HUB]", "env: [HUB, LOG]", 1)
}

// published are the keys that have a result, by the stage that made it.
func published(t *testing.T, dir string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, ".belay", "keys", "*", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, f := range files {
		m, err := artifact.LoadManifest(f)
		if err != nil {
			t.Errorf("a killed run left a record that cannot be read: %v", err)
			continue
		}
		out[m.Made.Node] = m.Key
	}
	return out
}

// resultDigests are those of all results.
func resultDigests(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for node, key := range published(t, dir) {
		m, err := artifact.LoadManifest(filepath.Join(dir, ".belay", "keys", key[:2], key+".json"))
		if err != nil {
			t.Fatal(err)
		}
		out[node] = string(m.Digest)
	}
	return out
}

// leftovers are what no living process needs.
func leftovers(dir string) []string {
	var left []string
	for _, folder := range []string{"tmp", "work", "locks", "quarantine"} {
		entries, _ := os.ReadDir(filepath.Join(dir, ".belay", folder))
		for _, e := range entries {
			left = append(left, folder+"/"+e.Name())
		}
	}
	return left
}

func TestKilledRunsEndWithTheSameOutputs(t *testing.T) {
	t.Parallel()
	whole := workspaceWith(t, thirty())
	log := filepath.Join(t.TempDir(), "log")
	run := func(dir string, more ...string) (code int, out, msg string) {
		c := belay(t, dir, append([]string{"run", "recipe.yaml", "-q", "--cpus", "4"}, more...)...)
		c.Env = append(c.Env, "LOG="+log)
		out, msg, code = finish(t, c)
		return code, out, msg
	}
	began := time.Now()
	if code, _, msg := run(whole); code != 0 {
		t.Fatalf("a whole run exits %d: %s", code, msg)
	}
	length := time.Since(began)
	want := resultDigests(t, whole)
	if len(want) != 30 {
		t.Fatalf("%d results: %v", len(want), slices.Sorted(maps.Keys(want)))
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d, an uninterrupted run takes %s", seed, length)
	random := rand.New(rand.NewPCG(seed, 0))
	killed, late, kept, opened := 0, 0, 0, 0
	dir := workspaceWith(t, thirty())
	for killed < *kills {
		removeAll(filepath.Join(dir, ".belay"))
		if err := os.WriteFile(log, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		c := belay(t, dir, "run", "recipe.yaml", "-q", "--cpus", "4")
		c.Env = append(c.Env, "LOG="+log)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		after := time.Duration(random.Int64N(int64(length)))
		kill := time.AfterFunc(after, func() { _ = c.Process.Kill() })
		_ = c.Wait()
		kill.Stop()
		if status, ok := c.ProcessState.Sys().(syscall.WaitStatus); !ok || !status.Signaled() {
			if code := c.ProcessState.ExitCode(); code != 0 {
				t.Fatalf("a run that was not killed exits %d", code)
			}
			if late++; late > 10+10**kills {
				t.Fatal("runs are over before they are killed")
			}
			continue
		}
		killed++
		had := published(t, dir)
		kept += len(had)
		if err := os.WriteFile(log, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		code, out, msg := run(dir, "--json")
		if code != 0 || strings.Contains(msg, "warning") {
			t.Fatalf("kill %d after %s: the run after it exits %d: %s", killed, after, code, msg)
		}
		var r runJSON
		if err := json.Unmarshal([]byte(out), &r); err != nil {
			t.Fatal(err)
		}
		for _, s := range r.Stages {
			if key, ok := had[s.ID]; ok && (!s.Fresh || s.Key != key) {
				t.Errorf("kill %d after %s: %s had a result and is made again", killed, after, s.ID)
			}
		}
		lines, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		ran := map[string]int{}
		for _, id := range strings.Fields(string(lines)) {
			ran[id]++
		}
		for id, n := range ran {
			if _, ok := had[id]; (ok || n > 1) && id != "cells" || n > 7 {
				t.Errorf("kill %d after %s: %s ran %d times", killed, after, id, n)
			}
		}
		if diff := cmp.Diff(want, resultDigests(t, dir)); diff != "" {
			t.Errorf("kill %d after %s: digests differ (-want +got):\n%s", killed, after, diff)
		}
		// A child that was just being made when its parent died holds the locks of it for a moment more; then what is left
		// is removed by the next to open the store.
		for limit := time.Now().Add(patience); ; opened++ {
			left := leftovers(dir)
			if len(left) == 0 {
				break
			}
			if time.Now().After(limit) {
				t.Fatalf("kill %d after %s: left: %v", killed, after, left)
			}
			st, err := store.Open(dir, func(text string) { t.Error(text) })
			if err != nil || st.Close() != nil {
				t.Fatal(err)
			}
		}
	}
	must(t, belay(t, dir, "cache", "verify"))
	t.Logf("%d runs were killed, %d were over before; on average %.1f results were there, and the store had to be opened %d times more",
		killed, late, float64(kept)/float64(max(1, killed)), opened)
}
