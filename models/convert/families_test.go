package convert

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/models/ckpt"
	"github.com/belay-ml/belay/models/ckpt/safetensors"
	"github.com/belay-ml/belay/models/family"
	"github.com/belay-ml/belay/models/hfconfig"
	"github.com/belay-ml/belay/testdata/goldens"
)

// quickDir is a folder in memory where there is one: these tests sync hundreds of files.
func quickDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "belay-convert-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// tinyConfig is a small model of a family: odd widths, groups where the family has them.
func tinyConfig(t testing.TB, f *family.Family, tied bool) hfconfig.Config {
	t.Helper()
	cfg := hfconfig.Config{
		Family: f.Name, Arch: f.Architecture, ModelType: f.ModelType, NumLayers: 4, Hidden: 16, FFN: 24, NumHeads: 8, NumKVHeads: 4, HeadDim: 2,
		Vocab: 37, MaxPositions: 20, NormEps: 1e-5, RopeBase: 12345, Activation: "silu", TieEmbeddings: tied, DType: "bfloat16", PAD: -1,
	}
	biased := slices.Contains([]string{"llama2", "internlm", "internlm2"}, f.Name)
	has := func(name string) bool { return f.Block[name] == family.Always || biased && f.Block[name] != "" }
	cfg.OutBias, cfg.QKVBias, cfg.MLPBias = has("out_bias"), has("qkv_bias"), has("mlp_bias")
	if slices.Contains([]string{"baichuan", "baichuan2", "qwen", "bloom", "gpt3"}, f.Name) {
		cfg.NumKVHeads = cfg.NumHeads
	}
	if f.Name == "glm4" {
		cfg.NormEps = 1.5625e-07
	}
	if f.Block["layer_norm"] == family.Always {
		cfg.LayerNorm, cfg.Ungated = true, true
	}
	if f.Block["mla"] != "" {
		cfg.NumKVHeads = cfg.NumHeads
		cfg.MLA = hfconfig.MLA{KVLoRA: 6, NopeDim: 3, RopeDim: 2, VDim: 5}
		if f.Block["q_lora"] != "" {
			cfg.MLA.QLoRA = 7
		}
	}
	if f.Block["experts"] != "" && f.Name != "megatron-gpt" {
		cfg.MoE = hfconfig.MoE{Experts: 4, TopK: 2, FFN: 12}
		if f.Block["shared_experts"] != "" {
			cfg.MoE.Shared, cfg.MoE.FirstDense = 2, 1
		}
	}
	cfg, err := cfg.Completed()
	if err != nil {
		t.Fatalf("%s: %v", f.Name, err)
	}
	if err := f.Contradicts(cfg); err != nil {
		t.Fatal(err)
	}
	return cfg
}

// randomModel fills every tensor of a model with noise.
func randomModel(t testing.TB, f *family.Family, cfg hfconfig.Config, seed uint64) *ckpt.Memory {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 2))
	mem := ckpt.NewMemory()
	for _, s := range newModel(f, cfg, false).slots() {
		if s.Optional && cfg.TieEmbeddings {
			continue
		}
		info := ckpt.Info{Name: s.name, DType: dtype.BF16, Shape: s.shape}
		data := make([]byte, info.Size())
		for i := range data {
			data[i] = byte(rng.Uint32()) & 0x7f // never a NaN's sign and exponent in both bytes
		}
		if err := mem.Put(info, data); err != nil {
			t.Fatal(err)
		}
	}
	return mem
}

// thereAndBack writes a Hugging Face model, converts it to one layout, from there to another, and from
// both back, and wants the same bytes.
func thereAndBack(t testing.TB, dir string, f *family.Family, cfg hfconfig.Config, seed uint64, first, second Options) error {
	t.Helper()
	hf, a, b, back := filepath.Join(dir, "hf"), filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "back")
	if _, err := Write(context.Background(), randomModel(t, f, cfg, seed), cfg, hf, WriteOptions{To: HF, Family: f.Name}); err != nil {
		return err
	}
	first.From, first.Out, first.Family, first.Verify = hf, a, f.Name, true
	if _, err := Run(context.Background(), first); err != nil {
		return err
	}
	last := a
	if second.To != "" {
		second.From, second.Out, second.Verify = a, b, true
		if _, err := Run(context.Background(), second); err != nil {
			return err
		}
		last = b
	}
	rep, err := Run(context.Background(), Options{From: last, Out: back, To: HF})
	if err != nil {
		return err
	}
	if len(rep.Leftovers) > 0 {
		return fmt.Errorf("leftovers %v", rep.Leftovers)
	}
	x, err := safetensors.OpenDir(hf)
	if err != nil {
		return err
	}
	defer x.Close()
	y, err := safetensors.OpenDir(back)
	if err != nil {
		return err
	}
	defer y.Close()
	return sameTensors(x, y)
}

func sameTensors(want, have ckpt.Source) error {
	if w, h := fmt.Sprint(want.List()), fmt.Sprint(have.List()); w != h {
		return fmt.Errorf("tensors %s, want %s", h, w)
	}
	for _, i := range want.List() {
		x, err := want.Bytes(i.Name)
		if err != nil {
			return err
		}
		y, err := have.Bytes(i.Name)
		if err != nil {
			return err
		}
		if string(x) != string(y) {
			return fmt.Errorf("tensor %s differs", i.Name)
		}
	}
	return nil
}

func TestEveryFamilySurvivesEveryLayout(t *testing.T) {
	t.Parallel()
	reg, err := Families("")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range reg.Names() {
		f, err := reg.Named(name)
		if err != nil {
			t.Fatal(err)
		}
		legacy := f.Shown().Legacy != nil
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := tinyConfig(t, f, false)
			ep, grouped := 1, false
			if cfg.MoE.Experts > 0 {
				ep, grouped = 2, !cfg.MLPBias
			}
			type way struct{ first, second Options }
			ways := []way{
				{Options{To: Mcore, TP: 4, PP: 4, EP: 1}, Options{To: Mcore, TP: 1, PP: 2, EP: ep * ep, NumLayersPerVirtualStage: 1}},
				{Options{To: Mcore, TP: 2, PP: 2, EP: ep, NumLayerList: "1,3", MoEGroupedGEMM: grouped}, Options{To: Mcore, TP: 8, MoEGroupedGEMM: grouped}},
				{Options{To: Mcore, TP: 1, PP: 1, EP: ep * ep, MoEGroupedGEMM: grouped}, Options{To: Mcore, TP: 2, PP: 4, EP: ep}},
				{Options{To: Mcore, TP: 4, PP: 2, EP: ep, NoopLayers: "0,5"}, Options{To: Mcore, TP: 2, PP: 3, EP: ep, NoopLayers: "2,4", NumLayersPerVirtualStage: 1}},
			}
			if cfg.MoE.FFN == 12 || cfg.MLA.KVLoRA > 0 {
				ways[1].second.TP = 4
			}
			if legacy {
				ways = append(ways,
					way{Options{To: Legacy, TP: 2, PP: 4}, Options{To: Mcore, TP: 4, PP: 2}},
					way{Options{To: Mcore, TP: 4, PP: 1}, Options{To: Legacy, TP: 1, PP: 2, NumLayersPerVirtualStage: 1}},
					way{Options{To: Legacy, TP: 4, PP: 2, NumLayerList: "3,1"}, Options{To: Legacy, TP: 2, PP: 2}})
			}
			for k, w := range ways {
				if err := thereAndBack(t, quickDir(t), f, tinyConfig(t, f, k%2 == 1), uint64(k), w.first, w.second); err != nil {
					t.Errorf("%+v, %+v: %v", w.first, w.second, err)
				}
			}
		})
	}
}

// TestAnyLayoutComesBack draws the family and both layouts.
func TestAnyLayoutComesBack(t *testing.T) {
	t.Parallel()
	reg, err := Families("")
	if err != nil {
		t.Fatal(err)
	}
	root := quickDir(t)
	rapid.Check(t, func(rt *rapid.T) {
		f, err := reg.Named(rapid.SampledFrom(reg.Names()).Draw(rt, "family"))
		if err != nil {
			rt.Fatal(err)
		}
		cfg := tinyConfig(t, f, rapid.Bool().Draw(rt, "tied"))
		legacy := f.Shown().Legacy != nil
		layout := func(label string) Options {
			o := Options{To: Mcore, TP: rapid.SampledFrom([]int{1, 2, 4}).Draw(rt, label+" tp"), PP: rapid.SampledFrom([]int{1, 2, 4}).Draw(rt, label+" pp")}
			if legacy && rapid.Bool().Draw(rt, label+" legacy") {
				o.To = Legacy
			} else if cfg.MoE.Experts > 0 {
				o.EP = rapid.SampledFrom([]int{1, 2, 4}).Draw(rt, label+" ep")
				o.MoEGroupedGEMM = !cfg.MLPBias && rapid.Bool().Draw(rt, label+" grouped")
			}
			switch rapid.IntRange(0, 3).Draw(rt, label+" stages") {
			case 1:
				if o.PP == 2 {
					o.NumLayersPerVirtualStage = 1
				}
			case 2:
				if o.PP == 2 {
					o.NumLayerList = rapid.SampledFrom([]string{"1,3", "2,2", "3,1"}).Draw(rt, label+" list")
				}
			case 3:
				if o.PP == 1 {
					o.NoopLayers = rapid.SampledFrom([]string{"0", "4", "1,3"}).Draw(rt, label+" noop")
				}
			}
			o.MakeVocabSizeDivisibleBy = rapid.SampledFrom([]int{0, 8}).Draw(rt, label+" divisor")
			return o
		}
		dir, err := os.MkdirTemp(root, "")
		if err != nil {
			rt.Fatal(err)
		}
		defer os.RemoveAll(dir)
		first, second := layout("first"), layout("second")
		if err := thereAndBack(t, dir, f, cfg, rapid.Uint64().Draw(rt, "seed"), first, second); err != nil {
			rt.Fatalf("%s: %v", f.Name, err)
		}
	})
}

// TestGoldenModelsConvertWithoutLeftovers goes from every published shape of tensor names to Megatron and
// back.
func TestGoldenModelsConvertWithoutLeftovers(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob(filepath.Join(goldens.Dir(t, "models"), "*", "config.json"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no models: %v", err)
	}
	for _, path := range paths {
		hf := filepath.Dir(path)
		t.Run(filepath.Base(hf), func(t *testing.T) {
			t.Parallel()
			// model.safetensors lies beside other safetensors files, which are no part of the model.
			dir := t.TempDir()
			src := filepath.Join(dir, "hf")
			if err := os.Mkdir(src, 0o755); err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"config.json", safetensors.SingleName} {
				if err := copyFile(filepath.Join(hf, name), filepath.Join(src, name)); err != nil {
					t.Fatal(err)
				}
			}
			_, meta, err := OpenCanonical(src, OpenOptions{})
			if err != nil {
				t.Fatal(err)
			}
			opt := Options{From: src, Out: filepath.Join(dir, "m"), To: Mcore, TP: 2, EP: 1, Verify: true}
			if meta.Config.MoE.Experts > 0 {
				opt.EP, opt.MoEGroupedGEMM = 2, true
			}
			rep := mustRun(t, opt)
			mustRun(t, Options{From: opt.Out, Out: filepath.Join(dir, "back"), To: HF, Verify: true})
			if len(rep.Leftovers) > 0 {
				t.Errorf("leftovers %v", rep.Leftovers)
			}
			equalHF(t, src, filepath.Join(dir, "back"))
		})
	}
}

func TestCopiesThatDifferAreRefused(t *testing.T) {
	t.Parallel()
	reg, err := Families("")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ family, tensor, want string }{
		{"llama2", "decoder.layers.1.input_layernorm.weight", "the copy on tensor parallel rank 1 differs from that on rank 0"},
		{"mixtral", "decoder.layers.1.mlp.router.weight", "the copy on tensor parallel rank 1 differs from that on rank 0"},
		{"llama2", "decoder.layers.1.self_attention.linear_qkv.weight", "the copies on tensor parallel ranks 0 and 1 differ"},
	} {
		f, err := reg.Named(tt.family)
		if err != nil {
			t.Fatal(err)
		}
		cfg := tinyConfig(t, f, false)
		cfg.NumKVHeads, cfg.Vocab, cfg.Raw = 2, 40, nil
		if cfg, err = cfg.Completed(); err != nil {
			t.Fatal(err)
		}
		m := newModel(f, cfg, false)
		s := storedOf(t, m, randomModel(t, f, cfg, 1), 4, tt.tensor)
		v, err := newView(f, f.Mcore, cfg, s, false)
		if err != nil {
			t.Fatal(err)
		}
		var found []string
		for _, i := range v.List() {
			if _, err := v.Bytes(i.Name); err != nil {
				found = append(found, err.Error())
			}
		}
		if len(found) == 0 || !strings.Contains(found[0], tt.want) {
			t.Errorf("%s: errors %v, want %q", tt.tensor, found, tt.want)
		}
	}
}

func TestTheRoutersBiasKeepsItsType(t *testing.T) {
	t.Parallel()
	mem := ckpt.NewMemory()
	for _, name := range []string{"layers.1.router.bias", "layers.1.router.weight"} {
		if err := mem.Put(ckpt.Info{Name: name, DType: dtype.F32, Shape: []int{2}}, []byte{1, 0, 128, 63, 3, 0, 0, 64}); err != nil {
			t.Fatal(err)
		}
	}
	list := Cast(mem, dtype.BF16).List()
	if list[0].DType != dtype.F32 || list[1].DType != dtype.BF16 {
		t.Errorf("types %v", list)
	}
	b, err := Cast(mem, dtype.BF16).Bytes("layers.1.router.bias")
	if err != nil || len(b) != 8 {
		t.Errorf("%v, %v", b, err)
	}
}

func TestTensorsThatWouldBeLostAreRefused(t *testing.T) {
	t.Parallel()
	reg, err := Families("")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ family, extra, want string }{
		{"mixtral", "decoder.layers.1.mlp.experts.local_experts.0.linear_fc1.lora_A.default.weight", "is a LoRA adapter of a module that belay keeps no adapters of"},
		{"yi", "decoder.layers.1.self_attention.linear_qkv.bias", "is there, but the config says that there is none"},
		{"deepseek-v3", "decoder.layers.1.mlp.linear_fc1.weight_scale_inv", "scales blocks of 8-bit weights"},
	} {
		f, err := reg.Named(tt.family)
		if err != nil {
			t.Fatal(err)
		}
		cfg := tinyConfig(t, f, false)
		s := storedOf(t, newModel(f, cfg, false), randomModel(t, f, cfg, 1), 1, "")
		s.names = append(s.names, tt.extra)
		s.pieces[tt.extra] = s.pieces["decoder.final_layernorm.weight"]
		if _, err := newView(f, f.Mcore, cfg, s, false); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want %q", tt.extra, err, tt.want)
		}
	}
}

// storedOf makes the pieces of tp ranks in memory; one byte of the named tensor is other on rank 1.
func storedOf(t *testing.T, m model, src ckpt.Source, tp int, spoiled string) *stored {
	t.Helper()
	p := newPlanner(src, m, tp)
	jobs, err := p.flat(m.f.Mcore)
	if err != nil {
		t.Fatal(err)
	}
	s := newStored(tp, 1)
	for _, j := range jobs {
		var whole []byte
		err := j.do(src, j.inputs, Env{HeadDim: m.cfg.HeadDim}, tp, func(rank int, o output, data []byte) error {
			if whole = append(whole, data...); int64(len(whole)) < j.info.Size() {
				return nil
			}
			data, whole = whole, nil
			if o.name == spoiled && rank == 1 {
				data[len(data)-1] ^= 1
			}
			if rank == 0 {
				s.names = append(s.names, o.name)
			}
			s.pieces[o.name] = append(s.pieces[o.name], piece{j.info, func() ([]byte, error) { return data, nil }})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// TestArgumentsAloneDescribeAModel reads checkpoints that carry no config, as the reference and Megatron
// write them: with the family given, and without.
func TestArgumentsAloneDescribeAModel(t *testing.T) {
	t.Parallel()
	reg, err := Families("")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range reg.Names() {
		f, err := reg.Named(name)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := tinyConfig(t, f, false)
			mem := randomModel(t, f, cfg, 3)
			dir := filepath.Join(quickDir(t), "m")
			opt := WriteOptions{To: Mcore, Layout: Layout{TP: 2, PP: 2}, Compat: RC3, Iteration: 1, Family: name}
			if cfg.Positions == "learned" { // which the reference's own converter cannot say
				opt.Args = map[string]any{"position_embedding_type": "learned_absolute"}
			}
			if _, err := Write(context.Background(), mem, cfg, dir, opt); err != nil {
				t.Fatal(err)
			}
			for _, given := range []string{name, ""} {
				src, meta, err := OpenCanonical(dir, OpenOptions{Family: given})
				if err != nil {
					t.Errorf("family %q: %v", given, err)
					continue
				}
				if len(meta.Leftovers) > 0 || len(meta.Notes) == 0 {
					t.Errorf("family %q: leftovers %v, notes %v", given, meta.Leftovers, meta.Notes)
				}
				if err := sameTensors(mem, src); err != nil {
					t.Errorf("family %q: %v", given, err)
				}
				if given != "" && (meta.Config.NormEps != cfg.NormEps || meta.Config.Block != cfg.Block || meta.Config.MLA != cfg.MLA) {
					t.Errorf("config %+v\nwant %+v", meta.Config, cfg)
				}
				src.Close()
			}
		})
	}
}
