//go:build linux

package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/engine/enginetest/smalldisk"
	"github.com/belay-ml/belay/models/ckpt"
	"github.com/belay-ml/belay/models/ckpt/safetensors"
)

// llamaOf writes a llama-like model of a few megabytes with random weights.
func llamaOf(t *testing.T, dir string) {
	t.Helper()
	const hidden, ffn, vocab, layers = 256, 512, 1000, 4
	config := fmt.Sprintf(`{"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": %d, "intermediate_size": %d, "num_hidden_layers": %d,
"num_attention_heads": 4, "num_key_value_heads": 4, "vocab_size": %d, "rms_norm_eps": 1e-5, "max_position_embeddings": 64, "torch_dtype": "bfloat16"}`, hidden, ffn, layers, vocab)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	var infos []ckpt.Info
	add := func(name string, shape ...int) {
		infos = append(infos, ckpt.Info{Name: name, DType: dtype.BF16, Shape: shape})
	}
	add("model.embed_tokens.weight", vocab, hidden)
	add("model.norm.weight", hidden)
	add("lm_head.weight", vocab, hidden)
	for l := range layers {
		p := fmt.Sprintf("model.layers.%d.", l)
		for _, name := range []string{"q", "k", "v", "o"} {
			add(p+"self_attn."+name+"_proj.weight", hidden, hidden)
		}
		add(p+"mlp.gate_proj.weight", ffn, hidden)
		add(p+"mlp.up_proj.weight", ffn, hidden)
		add(p+"mlp.down_proj.weight", hidden, ffn)
		add(p+"input_layernorm.weight", hidden)
		add(p+"post_attention_layernorm.weight", hidden)
	}
	w, err := safetensors.Create(filepath.Join(dir, "model.safetensors"), infos, nil)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.NewChaCha8([32]byte{1})
	for _, i := range infos {
		data := make([]byte, i.Size())
		rng.Read(data)
		if err := w.Put(i.Name, data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// sameModel compares the weights of two Hugging Face folders.
func sameModel(t *testing.T, a, b string) {
	t.Helper()
	x, errX := os.ReadFile(filepath.Join(a, "model.safetensors"))
	y, errY := os.ReadFile(filepath.Join(b, "model.safetensors"))
	if errX != nil || errY != nil || !bytes.Equal(x, y) {
		t.Errorf("%s and %s differ (%d and %d bytes): %v, %v", a, b, len(x), len(y), errX, errY)
	}
}

func TestAConversionThatIsKilledLeavesNothingHalfDone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	llamaOf(t, filepath.Join(dir, "hf"))
	there := []string{"stage", "convert", "-w", "from=hf", "-w", "to=mcore", "-w", "tp=2", "-w", "pp=2", "--out", "ranks"}
	began := time.Now()
	must(t, belay(t, dir, there...))
	whole := time.Since(began)
	rng := rand.New(rand.NewPCG(1, 2))
	for range 8 {
		removeAll(filepath.Join(dir, "ranks"))
		c := belay(t, dir, there...)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Duration(rng.Int64N(int64(whole))), func() { c.Process.Kill() })
		_ = c.Wait()
		if _, err := os.Stat(filepath.Join(dir, "ranks")); err != nil {
			must(t, belay(t, dir, there...)) // nothing is in the way
		}
		removeAll(filepath.Join(dir, "back"))
		must(t, belay(t, dir, "stage", "convert", "-w", "from=ranks/checkpoint", "-w", "to=hf", "-w", "template=hf", "--out", "back"))
		sameModel(t, filepath.Join(dir, "hf"), filepath.Join(dir, "back", "model"))
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".belay-stage-*", "alive")); len(left) > 0 {
		t.Errorf("the folders of killed runs are still there: %v", left)
	}
}

func TestAConversionOnADiskThatRunsFullLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	llamaOf(t, filepath.Join(dir, "hf"))
	info, err := os.Stat(filepath.Join(dir, "hf", "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	for _, percent := range []int64{2, 50, 90} {
		disk, unmount := smalldisk.Mount(t, fmt.Sprint(info.Size()*percent/100))
		for _, to := range [][]string{{"to=mcore", "tp=2", "pp=2"}, {"to=hf", "dtype=fp16"}} {
			args := []string{"stage", "convert", "-w", "from=hf", "--out", filepath.Join(disk, "out")}
			for _, a := range to {
				args = append(args, "-w", a)
			}
			_, msg, code := finish(t, belay(t, dir, args...))
			if code == 0 || !strings.Contains(msg, "no space left") || strings.Contains(msg, "panic") {
				t.Errorf("%d %%, %v: exits %d: %s", percent, to, code, msg)
			}
			if left, err := os.ReadDir(disk); err != nil || len(left) > 0 {
				t.Errorf("%d %%, %v: left behind %v, %v", percent, to, left, err)
			}
		}
		unmount()
	}
}
