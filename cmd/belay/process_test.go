package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/testdata/goldens"
)

// patience ends a process that hangs; no test waits that long when all is well.
const patience = 2 * time.Minute

// belay prepares a process in dir. The test binary stands in for the program.
func belay(t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	c := exec.CommandContext(ctx, "belay", args...)
	c.Dir = dir
	// A process that is killed leaves its temporary files: they go with the test.
	c.Env = append(os.Environ(), "TMPDIR="+t.TempDir(), "HUB="+filepath.Join(goldens.Root(t), "testdata", "hub"))
	return c
}

// finish runs a process to its end.
func finish(t *testing.T, c *exec.Cmd) (stdout, stderr string, code int) {
	t.Helper()
	var out, msg bytes.Buffer
	c.Stdout, c.Stderr = &out, &msg
	err := c.Run()
	if err != nil && c.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), msg.String(), c.ProcessState.ExitCode()
}

// must runs a process that has to succeed, and gives its standard output.
func must(t *testing.T, c *exec.Cmd) string {
	t.Helper()
	out, msg, code := finish(t, c)
	if code != 0 {
		t.Fatalf("%v exits %d:\n%s", c.Args, code, msg)
	}
	return out
}

// artifacts are the digests in a workspace's store by the stage that made them.
func artifacts(t *testing.T, dir string) map[string]string {
	t.Helper()
	var items []itemJSON
	if err := json.Unmarshal([]byte(must(t, belay(t, dir, "cache", "ls", "--json"))), &items); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, it := range items {
		out[it.Node] = it.Digest
	}
	return out
}

// workspaceWith makes a workspace with a recipe.yaml and a few lines of text.
func workspaceWith(t *testing.T, recipe string) string {
	t.Helper()
	dir := t.TempDir()
	// The store makes its files read-only: give them back for the clean-up.
	t.Cleanup(func() { removeAll(filepath.Join(dir, ".belay")) })
	for name, text := range map[string]string{
		"belay.yaml": "", "recipe.yaml": recipe,
		"text.jsonl": strings.Repeat(`{"text": "one two three four five six seven eight nine ten eleven twelve"}`+"\n", 20),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const training = `
belay: 1
name: training
env: [HUB]
stages:
  text:
    uses: preprocess
    with: {input: text.jsonl, tokenizer: "${env.HUB}/models/belay-ml/tiny-llama"}
  trained:
    uses: pretrain
    with:
      checkpoint: ${env.HUB}/models/belay-ml/tiny-llama
      data: ${text.index}
      seq_length: 16
      train_iters: 120
      lr: 1e-3
      log_interval: 1
      save_interval: 1000
outputs: {trained: "${trained.checkpoint}"}
`

func TestInterruptedTrainingResumesToTheSameWeights(t *testing.T) {
	t.Parallel()
	whole, cut := workspaceWith(t, training), workspaceWith(t, training)
	must(t, belay(t, whole, "run", "recipe.yaml"))

	c := belay(t, cut, "run", "recipe.yaml", "--log-format", "json")
	pipe, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(pipe)
	for lines.Scan() && !strings.Contains(lines.Text(), `"message":"step"`) { // a point of the loss: training goes on
	}
	asked := time.Now()
	if err := c.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(pipe)
	_ = c.Wait()
	if code := c.ProcessState.ExitCode(); code != 130 {
		t.Fatalf("interrupted run exits %d, want 130:\n%s", code, rest)
	}
	if took := time.Since(asked); took > 10*time.Second { // two seconds on a machine with nothing else to do
		t.Errorf("the end took %s after the interrupt", took)
	}
	if _, err := os.Stat(filepath.Join(cut, "out", "training")); err == nil {
		t.Error("the interrupted run published an output")
	}
	if out := must(t, belay(t, cut, "plan", "recipe.yaml")); !strings.Contains(out, "can resume") {
		t.Errorf("plan does not say that the run can resume:\n%s", out)
	}

	_, msg, code := finish(t, belay(t, cut, "run", "recipe.yaml"))
	if code != 0 || !strings.Contains(msg, "resumed after iteration") {
		t.Fatalf("the next run exits %d and does not resume:\n%s", code, msg)
	}
	if diff := cmp.Diff(artifacts(t, whole), artifacts(t, cut)); diff != "" {
		t.Errorf("digests after an interrupt differ from those of an uninterrupted run (-want +got):\n%s", diff)
	}
}

const rope = `
belay: 1
name: rope
env: [HUB]
stages:
  base:
    uses: hf-download
    with: {repo: belay-ml/tiny-llama, mirror: "${env.HUB}"}
  text:
    uses: preprocess
    with: {input: text.jsonl, tokenizer: "${base.tokenizer}"}
  shards:
    uses: convert
    with: {from: "${base.model}", to: mcore, tp: 2, pp: 2}
  trained:
    uses: pretrain
    with: {checkpoint: "${shards.checkpoint}", data: "${text.index}", seq_length: 16, train_iters: 6, lr: 1e-3, save_interval: 1}
  answers:
    uses: generate
    with: {model: "${trained.checkpoint}", tokenizer: "${base.tokenizer}", prompts: [one], max_new_tokens: 2}
outputs: {answers: "${answers.text}"}
`

func TestTwoProcessesShareOneWorkspace(t *testing.T) {
	t.Parallel()
	dir := workspaceWith(t, rope)
	processes := make([]*exec.Cmd, 2)
	outputs := make([]bytes.Buffer, len(processes))
	for i := range processes {
		processes[i] = belay(t, dir, "run", "recipe.yaml", "-q", "--json")
		processes[i].Stdout, processes[i].Stderr = &outputs[i], os.Stderr
		if err := processes[i].Start(); err != nil {
			t.Fatal(err)
		}
	}
	made := map[string]int{}
	var results []map[string]string
	for i, c := range processes {
		if err := c.Wait(); err != nil {
			t.Fatalf("process %d: %v", i, err)
		}
		var r runJSON
		if err := json.Unmarshal(outputs[i].Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		outs := map[string]string{}
		for _, s := range r.Stages {
			if s.State != "done" {
				t.Errorf("process %d: stage %s is %s", i, s.ID, s.State)
			}
			if !s.Fresh {
				made[s.ID]++
			}
			for port, path := range s.Outputs {
				outs[s.ID+"."+port] = path
			}
		}
		results = append(results, outs)
	}
	if diff := cmp.Diff(results[0], results[1]); diff != "" {
		t.Errorf("the two processes give different outputs:\n%s", diff)
	}
	want := map[string]int{"base": 1, "text": 1, "shards": 1, "trained": 1, "answers": 1}
	if diff := cmp.Diff(want, made); diff != "" {
		t.Errorf("how often each stage ran (-want +got):\n%s", diff)
	}
	if got := slices.Sorted(maps.Keys(artifacts(t, dir))); len(got) != len(want) {
		t.Errorf("the store holds %v", got)
	}
}

// removeAll removes a folder with sealed ones in it.
func removeAll(dir string) {
	_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			return os.Chmod(path, 0o755)
		}
		return nil
	})
	_ = os.RemoveAll(dir)
}
