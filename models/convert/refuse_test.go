package convert

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/models/ckpt"
	"github.com/belay-ml/belay/models/ckpt/megatron"
	"github.com/belay-ml/belay/models/ckpt/safetensors"
)

func TestMistakesAreRefusedWithAHint(t *testing.T) {
	t.Parallel()
	m := fourLayers()
	hf := m.hf(t, 3)
	mcore := filepath.Join(t.TempDir(), "m")
	mustRun(t, Options{From: hf, Out: mcore, To: Mcore, TP: 2, PP: 2})
	empty := t.TempDir()
	tests := []struct {
		name string
		opt  Options
		want string
	}{
		{"stages that do not divide the layers", Options{From: hf, To: Mcore, PP: 3}, `pp 3 does not divide the 4 layers: give the stages with num_layer_list, for example "2,1,1"`},
		{"a list of other length", Options{From: hf, To: Mcore, PP: 2, NumLayerList: "1,1,2"}, "num_layer_list 1,1,2 has 3 stages, pp is 2"},
		{"a list of other sum", Options{From: hf, To: Mcore, PP: 2, NumLayerList: "1,2"}, "sums to 3, the model has 4 layers"},
		{"a list that is no list", Options{From: hf, To: Mcore, PP: 2, NumLayerList: "1,x"}, `"x" is not a number of layers`},
		{"a list with virtual stages", Options{From: hf, To: Mcore, PP: 2, NumLayerList: "1,3", NumLayersPerVirtualStage: 1}, "exclude each other"},
		{"virtual stages that do not divide", Options{From: hf, To: Mcore, PP: 2, NumLayersPerVirtualStage: 3}, "does not divide the 2 layers of a stage"},
		{"virtual stages without a pipeline", Options{From: hf, To: Mcore, NumLayersPerVirtualStage: 1}, "needs pp > 1"},
		{"more ranks than heads", Options{From: hf, To: Mcore, TP: 16}, "tp 16 does not divide num_attention_heads 8"},
		{"ranks that do not divide the heads", Options{From: hf, To: Mcore, TP: 3}, "tp 3 does not divide num_attention_heads 8"},
		{"grouped experts of a dense model", Options{From: hf, To: Mcore, MoEGroupedGEMM: true}, "has no experts to group"},
		{"noop layers that do not fit", Options{From: hf, To: Mcore, NoopLayers: "5"}, "with them there are 5 layers, so the last is 4"},
		{"noop layers named twice", Options{From: hf, To: Mcore, NoopLayers: "1,1"}, "a layer is named twice"},
		{"noop layers of a Hugging Face model", Options{From: mcore, To: HF, NoopLayers: "1"}, "are layouts of Megatron checkpoints"},
		{"a family that the config contradicts", Options{From: hf, To: Mcore, Family: "qwen2"}, "family qwen2: the family has biases on q, k and v (qkv_bias), the config says it does not: leave `family` out, the config is one of llama2"},
		{"experts of a dense model", Options{From: hf, To: Mcore, EP: 2}, "has no experts"},
		{"ranks of a Hugging Face model", Options{From: mcore, To: HF, TP: 2}, "has no ranks"},
		{"an unknown target", Options{From: hf, To: "onnx"}, "want hf, legacy or mcore"},
		{"an unknown type", Options{From: hf, To: Mcore, DType: "int4"}, "want bf16, fp16 or fp32"},
		{"an unknown compat", Options{From: hf, To: Mcore, Compat: "rc4"}, `compat "rc4"`},
		{"an unknown family", Options{From: hf, To: Mcore, Family: "llame"}, `unknown family "llame": known are`},
		{"no such directory", Options{From: filepath.Join(empty, "x"), To: Mcore}, "no such file"},
		{"an empty directory", Options{From: empty, To: Mcore}, "neither config.json (Hugging Face) nor"},
		{"LoRA parameters without weights", Options{From: mcore, To: HF, LoRAR: 4}, "there are no LoRA weights"},
		{"LoRA weights that are none", Options{From: mcore, To: HF, LoRA: mcore, LoRAAlpha: 1}, "no lora_A and lora_B"},
		{"a Megatron template", Options{From: mcore, To: HF, Template: mcore}, "is a Megatron checkpoint"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.opt.Out = filepath.Join(t.TempDir(), "out")
			_, err := Run(context.Background(), tt.opt)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
			if left, _ := os.ReadDir(tt.opt.Out); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestDamagedModelsAreRefused(t *testing.T) {
	t.Parallel()
	m := fourLayers()
	m.bias = true
	edit := func(t *testing.T, f func(i *ckpt.Info) bool) string {
		dir := m.hf(t, 3)
		src, err := safetensors.OpenDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer src.Close()
		out := ckpt.NewMemory()
		for _, i := range src.List() {
			b, _ := src.Bytes(i.Name)
			if f(&i) {
				if err := out.Put(i, b[:i.Size()]); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := safetensors.Write(filepath.Join(dir, safetensors.SingleName), out, nil); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	tests := []struct {
		name, want string
		edit       func(i *ckpt.Info) bool
	}{
		{"a missing tensor", "1 tensors are missing, first model.layers.2.mlp.up_proj.weight", func(i *ckpt.Info) bool { return i.Name != "model.layers.2.mlp.up_proj.weight" }},
		{"a missing head", "tie_word_embeddings: true", func(i *ckpt.Info) bool { return i.Name != "lm_head.weight" }},
		{"a wrong shape", "model.layers.1.self_attn.k_proj.weight: shape [7 16] on tensor parallel rank 0, the config says [8 16]", func(i *ckpt.Info) bool {
			if i.Name == "model.layers.1.self_attn.k_proj.weight" {
				i.Shape = []int{7, 16}
			}
			return true
		}},
		{"a bias that one layer lacks", "1 tensors are missing, first model.layers.1.self_attn.k_proj.bias", func(i *ckpt.Info) bool {
			return i.Name != "model.layers.1.self_attn.k_proj.bias"
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, _, err := OpenCanonical(edit(t, tt.edit), OpenOptions{})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
	t.Run("tensors that are no part of the model are listed", func(t *testing.T) {
		t.Parallel()
		dir := edit(t, func(i *ckpt.Info) bool { return true })
		src, err := safetensors.OpenDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		out := ckpt.NewMemory()
		for _, i := range src.List() {
			b, _ := src.Bytes(i.Name)
			if err := out.Put(i, b); err != nil {
				t.Fatal(err)
			}
		}
		for _, name := range []string{"model.layers.0.self_attn.rotary_emb.inv_freq", "value_head.weight"} {
			if err := out.Put(ckpt.Info{Name: name, DType: dtype.F32, Shape: []int{1}}, make([]byte, 4)); err != nil {
				t.Fatal(err)
			}
		}
		if err := safetensors.Write(filepath.Join(dir, safetensors.SingleName), out, nil); err != nil {
			t.Fatal(err)
		}
		rep := mustRun(t, Options{From: dir, Out: filepath.Join(t.TempDir(), "m"), To: Mcore})
		if len(rep.Leftovers) != 1 || rep.Leftovers[0] != "value_head.weight" {
			t.Errorf("leftovers %v", rep.Leftovers)
		}
	})
}

func TestAMissingRankIsNamed(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "m")
	mustRun(t, Options{From: fourLayers().hf(t, 3), Out: dir, To: Mcore, TP: 2, PP: 2})
	if err := os.RemoveAll(filepath.Join(dir, "iter_0000001", "mp_rank_01_000")); err != nil {
		t.Fatal(err)
	}
	_, _, err := OpenCanonical(dir, OpenOptions{})
	if err == nil || !strings.Contains(err.Error(), "args say tp 2, pp 2, ep 1, but 1 rank files are missing: mp_rank_01_000") {
		t.Errorf("error %v", err)
	}
}

func TestACancelledWriteLeavesNothing(t *testing.T) {
	t.Parallel()
	hf := fourLayers().hf(t, 3)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, to := range []Format{HF, Legacy, Mcore} {
		out := filepath.Join(t.TempDir(), "out")
		if _, err := Run(ctx, Options{From: hf, Out: out, To: to}); err == nil {
			t.Errorf("%s: no error", to)
		}
		if left, _ := os.ReadDir(out); len(left) > 0 {
			t.Errorf("%s left %v", to, left)
		}
	}
}

func TestASecondCheckpointMovesTheTracker(t *testing.T) {
	t.Parallel()
	m := fourLayers()
	dir := filepath.Join(t.TempDir(), "m")
	for _, seed := range []uint64{1, 2, 3} {
		mem, cfg := m.canonical(t, seed)
		iteration := map[uint64]int{1: 5, 2: 10, 3: 10}[seed]
		if _, err := Write(context.Background(), mem, cfg, dir, WriteOptions{To: Mcore, Layout: Layout{TP: 2}, Iteration: iteration}); err != nil {
			t.Fatal(err)
		}
		src, meta, err := OpenCanonical(dir, OpenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if meta.Iteration != iteration {
			t.Errorf("iteration %d, want %d", meta.Iteration, iteration)
		}
		equalSources(t, mem, src)
		src.Close()
	}
	entries, _ := os.ReadDir(dir)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if strings.Join(names, " ") != "iter_0000005 iter_0000010 "+megatron.TrackerName {
		t.Errorf("entries %v", names)
	}
	older, meta, err := OpenCanonical(filepath.Join(dir, "iter_0000005"), OpenOptions{})
	if err != nil || meta.Iteration != 5 {
		t.Fatalf("open an iteration folder: %v, iteration %d", err, meta.Iteration)
	}
	older.Close()
}

func TestAFamilyOfTheUserIsEnough(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := "family: mine\nlike: llama\nmatch:\n  architectures: [LlamaForCausalLM]\n  where: {rope_base: [12345], vocab: [37]}\n"
	if err := os.WriteFile(filepath.Join(dir, "mine.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	rep := mustRun(t, Options{From: fourLayers().hf(t, 3), Out: filepath.Join(t.TempDir(), "m"), To: Mcore, FamilyDir: dir, Verify: true})
	if rep.Family != "mine" {
		t.Errorf("family %q", rep.Family)
	}
}

func TestInspectTellsWhatAPathIs(t *testing.T) {
	t.Parallel()
	hf := fourLayers().hf(t, 3)
	dir := filepath.Join(t.TempDir(), "m")
	mustRun(t, Options{From: hf, Out: dir, To: Legacy, TP: 2, PP: 2, NumLayersPerVirtualStage: 1})
	for path, want := range map[string]struct {
		kind    string
		tensors int
	}{
		hf: {"hf", 39}, filepath.Join(hf, safetensors.SingleName): {"safetensors", 39},
		dir: {"legacy", 2 * (4*6 + 3)},
		filepath.Join(dir, "iter_0000001", "mp_rank_00_000", megatron.FileName): {"torch", 13},
	} {
		in, err := Inspect(t.Context(), path, InspectOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if in.Kind != want.kind || len(in.Tensors) != want.tensors || in.Bytes == 0 || in.Parameters == 0 || len(in.Files) == 0 {
			t.Errorf("%s: kind %s, %d tensors, %d bytes", path, in.Kind, len(in.Tensors), in.Bytes)
		}
		if in.Kind == "legacy" && (in.Family != "llama2" || in.Layout.NumLayersPerVirtualStage != 1 || in.Iteration != "1" || in.Args["num_layers"] != int64(4)) {
			t.Errorf("inspection %+v", in)
		}
	}
	other := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(other, []byte("hello, world"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Inspect(t.Context(), other, InspectOptions{}); err == nil || !strings.Contains(err.Error(), "is no safetensors, PyTorch or GGUF file") {
		t.Errorf("error %v", err)
	}
}

func TestCompareFindsWhatDiffers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name string, infos []ckpt.Info, values ...float32) string {
		mem := ckpt.NewMemory()
		for _, i := range infos {
			b := make([]byte, i.Size())
			for k := range i.Len() {
				store(b[k*i.DType.Size():], i.DType, values[k])
			}
			if err := mem.Put(i, b); err != nil {
				t.Fatal(err)
			}
		}
		path := filepath.Join(dir, name)
		if err := safetensors.Write(path, mem, nil); err != nil {
			t.Fatal(err)
		}
		return path
	}
	f := func(name string, d dtype.DType, n int) ckpt.Info {
		return ckpt.Info{Name: name, DType: d, Shape: []int{n}}
	}
	a := write("a", []ckpt.Info{f("x", dtype.F32, 3), f("y", dtype.F32, 2), f("only a", dtype.F32, 1)}, 1, 2, 3)
	b := write("b", []ckpt.Info{f("x", dtype.BF16, 3), f("y", dtype.F32, 1), f("only b", dtype.F32, 1)}, 1, 2.5, 3)
	c, err := Compare(context.Background(), a, b, OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if c.Equal || strings.Join(c.OnlyA, " ") != "only a" || strings.Join(c.OnlyB, " ") != "only b" || c.MaxAbs != 0.5 || c.MaxRel != 0.2 {
		t.Errorf("comparison %+v", c)
	}
	if x := c.Tensors[0]; x.Count != 1 || x.DTypeB != "BF16" || x.Equal {
		t.Errorf("x %+v", x)
	}
	if y := c.Tensors[1]; y.Equal || y.ShapeA[0] != 2 || y.ShapeB[0] != 1 {
		t.Errorf("y %+v", y)
	}
}

func TestRoundingIsToNearestEven(t *testing.T) {
	t.Parallel()
	for bits := range 1 << 16 { // every half and every bfloat16 survives the way through float32
		h, b := uint16(bits), uint16(bits)
		if x := halfToFloat(h); x == x && floatToHalf(x) != h {
			t.Fatalf("half %04x comes back as %04x", h, floatToHalf(x))
		}
		if x := load([]byte{byte(b), byte(b >> 8)}, dtype.BF16); x == x && floatToBrain(x) != b {
			t.Fatalf("bfloat16 %04x comes back as %04x", b, floatToBrain(x))
		}
	}
	for _, tt := range []struct {
		x    float32
		half uint16
	}{{65504, 0x7bff}, {65519, 0x7bff}, {65520, 0x7c00}, {1 + 1.0/2048, 0x3c00}, {1 + 3.0/2048, 0x3c02}, {0x1p-25, 0}, {0x1.8p-25, 1}, {-0x1p-24, 0x8001}, {0x1.8p-24, 2}} {
		if have := floatToHalf(tt.x); have != tt.half {
			t.Errorf("half of %g is %04x, want %04x", tt.x, have, tt.half)
		}
	}
	if floatToBrain(1+1.0/256) != 0x3f80 || floatToBrain(1+3.0/256) != 0x3f82 {
		t.Error("bfloat16 ties do not go to even")
	}
}
