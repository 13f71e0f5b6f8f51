package convert

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/belay-ml/belay/models/ckpt/megatron"
	"github.com/belay-ml/belay/testdata/python"
	"github.com/google/go-cmp/cmp"
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

// Names and shapes of one rank are those of megatron-core's own models.
func TestMegatronCoreNamesItsParametersAsTheCheckpointsDo(t *testing.T) {
	t.Parallel()
	core := python.With(t, "torch", "megatron")
	reg, err := Families("")
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(filepath.Join("testdata", "client", "names.py"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"llama2", "mixtral"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, err := reg.Named(name)
			if err != nil {
				t.Fatal(err)
			}
			cfg := tinyConfig(t, f, false)
			cfg.QKVBias, cfg.OutBias, cfg.MLPBias, cfg.TieEmbeddings = false, false, false, false
			dir := filepath.Join(t.TempDir(), "ranks")
			if _, err := Write(context.Background(), randomModel(t, f, cfg, 1), cfg, dir, WriteOptions{To: Mcore, Family: name}); err != nil {
				t.Fatal(err)
			}
			ffn := cfg.FFN
			if cfg.MoE.Experts > 0 {
				ffn = cfg.MoE.FFN
			}
			var args []string
			for _, n := range []int{cfg.NumLayers, cfg.Hidden, ffn, cfg.NumHeads, cfg.NumKVHeads, cfg.HeadDim, cfg.Vocab, cfg.MoE.Experts} {
				args = append(args, strconv.Itoa(n))
			}
			want := strings.Split(strings.TrimSpace(python.Run(t, core, string(program), args...)), "\n")
			c, err := megatron.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			chunk, err := c.Chunk(megatron.Rank{}, 0)
			if err != nil {
				t.Fatal(err)
			}
			var have []string
			for _, n := range chunk.Names {
				have = append(have, n+" "+strings.Trim(fmt.Sprint(chunk.Tensors[n].Shape), "[]"))
			}
			slices.Sort(want)
			slices.Sort(have)
			if d := cmp.Diff(want, have); d != "" {
				t.Errorf("megatron-core against the checkpoint (-want +have):\n%s", d)
			}
		})
	}
}
