package convert

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/belay-ml/belay/models/ckpt/megatron"
	"github.com/belay-ml/belay/testdata/goldens"
)

// TestGoldenLoRACheckpointsAreRewritten reads every Megatron-Core checkpoint with LoRA weights of the
// goldens, unmerged, and writes it again in its own layout.
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
			if c.Legacy {
				t.Skip("Legacy LoRA checkpoints hold no base weights: they are only merged")
			}
			src, meta, err := OpenCanonical(dir, OpenOptions{KeepPadding: true})
			if err != nil {
				t.Fatal(err)
			}
			defer src.Close()
			out := filepath.Join(t.TempDir(), "out")
			_, err = Write(context.Background(), src, meta.Config, out, WriteOptions{
				To: Mcore, Layout: meta.Layout, Iteration: meta.Iteration, Compat: RC3,
				Args: map[string]any{"lora_alpha": int(meta.LoRA.Alpha), "lora_target_modules": c.Args.Texts("lora_target_modules")},
			})
			if err != nil {
				t.Fatal(err)
			}
			equalMegatron(t, dir, out)
		})
	}
}
