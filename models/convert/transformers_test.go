package convert

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestTransformersComputesTheSameLogits lets transformers make models, converts them to Megatron and back,
// and lets it compute with both. It runs where BELAY_TRANSFORMERS names a Python that has transformers (for
// example BELAY_TRANSFORMERS=python3): importing it takes too long for every run.
func TestTransformersComputesTheSameLogits(t *testing.T) {
	t.Parallel()
	python := os.Getenv("BELAY_TRANSFORMERS")
	if python == "" {
		t.Skip("BELAY_TRANSFORMERS names no Python")
	}
	dir := quickDir(t)
	script := func(args ...string) string {
		out, err := exec.Command(python, append([]string{filepath.Join("testdata", "judge.py")}, args...)...).Output()
		if err != nil {
			t.Fatalf("%v: %s", err, err.(*exec.ExitError).Stderr)
		}
		return string(out)
	}
	script("make", dir)
	made, err := filepath.Glob(filepath.Join(dir, "*", "config.json"))
	if err != nil || len(made) < 10 {
		t.Fatalf("%d models made: %v", len(made), err)
	}
	for _, path := range made {
		hf := filepath.Dir(path)
		_, meta, err := OpenCanonical(hf, OpenOptions{})
		if err != nil {
			t.Error(err)
			continue
		}
		if meta.Config.Family != filepath.Base(hf) {
			t.Errorf("%s is recognised as %s", filepath.Base(hf), meta.Config.Family)
		}
		opt := Options{From: hf, Out: hf + "-m", To: Mcore, TP: 4, Verify: true}
		if meta.Config.MoE.Experts > 0 {
			opt.EP, opt.MoEGroupedGEMM = 2, true
		}
		for _, o := range []Options{opt, {From: hf + "-m", Out: hf + "-back", To: HF}} {
			if _, err := Run(context.Background(), o); err != nil {
				t.Errorf("%s: %v", filepath.Base(hf), err)
			}
		}
	}
	for _, line := range strings.Split(script("judge", dir, "-back"), "\n") { // importing prints lines of its own
		if word, ok := strings.CutPrefix(line, "judge: "); ok {
			t.Error(word)
		}
	}
}
