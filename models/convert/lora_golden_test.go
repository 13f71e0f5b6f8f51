package convert

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/belay-ml/belay/models/ckpt/megatron"
	"github.com/belay-ml/belay/testdata/goldens"
)

// TestGoldenLoRACheckpointsAreRewritten reads every Megatron checkpoint with LoRA weights of the goldens, unmerged, and
// writes it again in its own layout.
func TestGoldenLoRACheckpointsAreRewritten(t *testing.T) {
	t.Parallel()
	root := goldens.Dir(t, "convert")
	dirs, err := filepath.Glob(filepath.Join(root, "*", "lora"))
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no LoRA checkpoints under %s: %v", root, err)
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(filepath.Dir(dir)), func(t *testing.T) {
			t.Parallel()
			c, err := megatron.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			from, to := dir, Mcore
			if c.Legacy { // which holds no base weights: they are those of the case's source
				from, to = inputOf(t, filepath.Dir(dir)), Legacy
			}
			src, meta, err := OpenCanonical(from, OpenOptions{KeepPadding: true})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { src.Close() }()
			if c.Legacy {
				upper, l, err := WithLoRA(src, meta, dir)
				if err != nil {
					t.Fatal(err)
				}
				src, meta.LoRA = upper, &l
			}
			out := filepath.Join(t.TempDir(), "out")
			_, err = Write(context.Background(), src, meta.Config, out, WriteOptions{
				To: to, AdaptersOnly: c.Legacy, Layout: meta.Layout, Iteration: meta.Iteration, Compat: RC3,
				Args: map[string]any{"lora_alpha": int(meta.LoRA.Alpha), "lora_target_modules": c.Args.Texts("lora_target_modules")},
			})
			if err != nil {
				t.Fatal(err)
			}
			equalMegatron(t, dir, out)
		})
	}
}

// inputOf is the source of a case.
func inputOf(t *testing.T, dir string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "case.json"))
	if err != nil {
		t.Fatal(err)
	}
	var c goldenCase
	if err := json.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, c.Input)
}
