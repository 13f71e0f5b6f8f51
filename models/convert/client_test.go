package convert

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/belay-ml/belay/testdata/python"
)

// Models of transformers' own classes go to ranks and back; transformers loads them without a word of missing or unknown
// tensors and computes the same logits, bit for bit, and torch.load reads every rank file.
func TestTransformersComputesTheSameAfterTheWayThroughRanks(t *testing.T) {
	t.Parallel()
	torch := python.With(t, "torch", "transformers")
	dir, back := t.TempDir(), t.TempDir()
	text := func(name string) string {
		b, err := os.ReadFile(filepath.Join("testdata", "client", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	names := strings.Fields(python.Run(t, torch, text("make.py"), dir))
	if len(names) == 0 {
		t.Fatal("transformers made no model")
	}
	for _, name := range names {
		ranks := filepath.Join(back, name+"-ranks")
		opt := Options{From: filepath.Join(dir, name), Out: ranks, To: Mcore, TP: 4, PP: 2, Verify: true} // more ranks than groups
		if slices.Contains([]string{"mixtral", "qwen3-moe", "deepseek-v2", "deepseek-v2-lite", "deepseek-v3"}, name) {
			opt.EP, opt.MoEGroupedGEMM = 2, name != "mixtral"
		}
		if _, err := Run(context.Background(), opt); err != nil {
			t.Errorf("%s to ranks: %v", name, err)
			continue
		}
		if _, err := Run(context.Background(), Options{From: ranks, Out: filepath.Join(back, name), To: HF, Template: filepath.Join(dir, name), Verify: true}); err != nil {
			t.Errorf("%s back: %v", name, err)
		}
	}
	names = slices.DeleteFunc(names, func(name string) bool {
		_, err := os.Stat(filepath.Join(back, name, "config.json"))
		return err != nil
	})
	for line := range strings.Lines(python.Run(t, torch, text("same.py"), append([]string{dir, back}, names...)...)) {
		t.Error(strings.TrimSpace(line))
	}
}
