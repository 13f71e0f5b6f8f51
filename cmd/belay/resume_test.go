package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/models/tok/bytebpe"
	"github.com/belay-ml/belay/models/tok/hfjson"
)

const running = `
belay: 1
name: running
stages:
  data:
    uses: preprocess
    with: {input: many.jsonl, tokenizer: tok, json_keys: [output], append_eod: true}
`

// TestAKilledPreprocessRunGoesOn kills a run once it has a checkpoint, and lets another one end it.
func TestAKilledPreprocessRunGoesOn(t *testing.T) {
	t.Parallel()
	records := func(dir string) {
		vocab, merges := bytebpe.Train(map[string]int{}, 256)
		if err := hfjson.Write(filepath.Join(dir, "tok"), hfjson.Spec{Vocab: vocab, Merges: merges, Special: []string{"<eos>"}, EOS: "<eos>"}); err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		for i := range 60_000 { // 42 million ids, of which a checkpoint is made after 34
			fmt.Fprintf(&b, "{\"output\": \"%d %s\"}\n", i, strings.Repeat("answer ", 50+i%100))
		}
		if err := os.WriteFile(filepath.Join(dir, "many.jsonl"), b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	whole, dir := workspaceWith(t, running), workspaceWith(t, running)
	records(whole)
	records(dir)
	must(t, belay(t, whole, "run", "recipe.yaml", "-q"))

	c := belay(t, dir, "run", "recipe.yaml", "-q")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = c.Wait(); close(ended) }()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for over := false; !over; {
		select {
		case <-ended:
			t.Fatal("the run is over before it has a checkpoint")
		case <-tick.C:
			found, _ := filepath.Glob(filepath.Join(dir, ".belay", "work", "*", "work", "output", "checkpoint.json"))
			over = len(found) > 0
		}
	}
	_ = c.Process.Kill()
	<-ended
	if status, ok := c.ProcessState.Sys().(syscall.WaitStatus); !ok || !status.Signaled() {
		t.Fatalf("the run was not killed: %v", c.ProcessState)
	}
	_, msg, code := finish(t, belay(t, dir, "run", "recipe.yaml", "--log-format", "json"))
	if code != 0 || !strings.Contains(msg, "going on after") {
		t.Fatalf("the second run exits %d and says\n%s", code, msg)
	}
	if diff := cmp.Diff(artifacts(t, whole), artifacts(t, dir)); diff != "" {
		t.Errorf("results (-whole +resumed):\n%s", diff)
	}
	if left := leftovers(dir); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
}
