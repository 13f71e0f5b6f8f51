package convert

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/models/ckpt"
	"github.com/belay-ml/belay/models/ckpt/safetensors"
	"github.com/google/go-cmp/cmp"
)

// TestThereAndBackIsBitIdentical goes from Hugging Face to Megatron and back for every layout, and
// between Megatron layouts on the way.
func TestThereAndBackIsBitIdentical(t *testing.T) {
	t.Parallel()
	mha, gqa, tied, bias, wide := fourLayers(), fourLayers(), fourLayers(), fourLayers(), fourLayers()
	mha.groups = 8
	tied.tied = true
	bias.bias, bias.tied = true, true
	wide.dtype = dtype.F32
	models := map[string]shapeOfModel{"heads": mha, "groups": gqa, "tied": tied, "bias": bias, "fp32": wide}
	type layout struct {
		tp, pp, vpp int
		list        string
		div         int
	}
	few := []layout{{tp: 2, pp: 2, vpp: 1}, {tp: 1, pp: 2, list: "1,3"}, {tp: 4, pp: 3, list: "1,1,2", div: 8}, {tp: 2, pp: 1, div: 128}}
	all := few
	for _, tp := range []int{1, 2, 4} {
		for _, pp := range []int{1, 2, 4} {
			all = append(all, layout{tp: tp, pp: pp})
		}
	}
	for name, m := range models {
		layouts := few
		if name == "bias" { // the one with everything: groups, tied head, biases
			layouts = all
		}
		for k, l := range layouts {
			t.Run(fmt.Sprintf("%s %+v", name, l), func(t *testing.T) {
				t.Parallel()
				hf := m.hf(t, 1)
				dir := t.TempDir()
				first, second := Mcore, Legacy
				if k%2 == 1 {
					first, second = Legacy, Mcore
				}
				a, b, back := filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "back")
				mustRun(t, Options{
					From: hf, Out: a, To: first, TP: l.tp, PP: l.pp, NumLayersPerVirtualStage: l.vpp, NumLayerList: l.list,
					MakeVocabSizeDivisibleBy: l.div, Verify: true,
				})
				mustRun(t, Options{From: a, Out: b, To: second, TP: 4 / l.tp, PP: 1})
				for _, from := range []string{a, b} {
					rep := mustRun(t, Options{From: from, Out: back, To: HF, Verify: from == a})
					if (from == a) != (rep.Verified > 0) || len(rep.Leftovers) > 0 {
						t.Errorf("report %+v", rep)
					}
					equalHF(t, hf, back)
					c, err := Compare(context.Background(), from, hf, OpenOptions{})
					if err != nil || !c.Equal || c.Names != "canonical" {
						t.Errorf("compare: %v %+v", err, c)
					}
					if err := os.RemoveAll(back); err != nil {
						t.Fatal(err)
					}
				}
			})
		}
	}
}

func TestConfigSurvivesTheWayThroughMegatronWithoutATemplate(t *testing.T) {
	t.Parallel()
	hf := fourLayers().hf(t, 2)
	dir := t.TempDir()
	mustRun(t, Options{From: hf, Out: filepath.Join(dir, "m"), To: Mcore, TP: 2, PP: 2})
	mustRun(t, Options{From: filepath.Join(dir, "m"), Out: filepath.Join(dir, "h"), To: HF})
	text, err := os.ReadFile(filepath.Join(dir, "h", "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"rope_theta": 12345`, `"x_custom": "kept"`, `"eos_token_id": 2`, `"torch_dtype": "bfloat16"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("config.json lacks %s:\n%s", want, text)
		}
	}
}

func TestTemplateBringsItsTokenizerAlong(t *testing.T) {
	t.Parallel()
	hf := fourLayers().hf(t, 2)
	if err := os.WriteFile(filepath.Join(hf, "tokenizer.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	mustRun(t, Options{From: hf, Out: filepath.Join(dir, "m"), To: Mcore})
	mustRun(t, Options{From: filepath.Join(dir, "m"), Out: filepath.Join(dir, "h"), To: HF, Template: hf, ShardSize: 2000})
	a, err := os.ReadFile(filepath.Join(dir, "h", "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(hf, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	if string(a) != string(b) {
		t.Error("config.json of the template changed")
	}
	if _, err := os.Stat(filepath.Join(dir, "h", "tokenizer.json")); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "h", safetensors.IndexName)); err != nil {
		t.Error(err)
	}
	equalHF(t, hf, filepath.Join(dir, "h"))
	left, _ := filepath.Glob(filepath.Join(dir, "h", ".*"))
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestTransformsUndoThemselves(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		hd := rapid.IntRange(1, 5).Draw(t, "head dim")
		groups := rapid.IntRange(1, 4).Draw(t, "groups")
		r := rapid.IntRange(1, 4).Draw(t, "heads a group")
		in := rapid.IntRange(1, 5).Draw(t, "inputs")
		size := rapid.SampledFrom([]int{1, 2, 4}).Draw(t, "element size")
		shapes := [][]int{{r * groups * hd, in}, {groups * hd, in}, {groups * hd, in}}
		if rapid.Bool().Draw(t, "vector") {
			shapes = [][]int{{r * groups * hd}, {groups * hd}, {groups * hd}}
		}
		var parts []Block
		for _, s := range shapes {
			n := size
			for _, d := range s {
				n *= d
			}
			parts = append(parts, Block{Shape: s, Size: size, Data: rapid.SliceOfN(rapid.Byte(), n, n).Draw(t, "data")})
		}
		whole, wholes := parts, shapes
		for _, tr := range Transforms() {
			parts, shapes := whole, wholes
			if tr.Name() == "transpose" { // one matrix
				if parts, shapes = parts[:1], shapes[:1]; len(shapes[0]) == 1 {
					continue
				}
			}
			if tr.Name() == "rope_pairs" { // rows in pairs
				if parts, shapes = parts[:1], shapes[:1]; hd%2 != 0 {
					continue
				}
			}
			c, env := chain{tr}, Env{HeadDim: hd}
			want, err := c.shape(env, shapes)
			if err != nil {
				t.Fatal(err)
			}
			whole, err := c.forward(env, parts)
			if err != nil {
				t.Fatal(err)
			}
			if fmt.Sprint(want) != fmt.Sprint(whole.Shape) {
				t.Fatalf("%s: shape %v, said %v", tr.Name(), whole.Shape, want)
			}
			for k := range parts {
				back, err := c.inverse(env, whole, shapes, k)
				if err != nil {
					t.Fatal(err)
				}
				if string(back.Data) != string(parts[k].Data) || fmt.Sprint(back.Shape) != fmt.Sprint(shapes[k]) {
					t.Fatalf("%s: part %d does not come back", tr.Name(), k)
				}
			}
		}
	})
}

func TestShardsJoinToTheWhole(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		tp := rapid.IntRange(1, 4).Draw(t, "tp")
		rows, cols := tp*rapid.IntRange(1, 3).Draw(t, "rows"), tp*rapid.IntRange(1, 3).Draw(t, "columns")
		b := Block{Shape: []int{rows, cols}, Size: 2, Data: rapid.SliceOfN(rapid.Byte(), 2*rows*cols, 2*rows*cols).Draw(t, "data")}
		for _, split := range []string{"", "rows", "columns"} {
			var parts []Block
			for k := range tp {
				parts = append(parts, cut{split, tp, 1}.shard(b, k))
			}
			if back, err := (cut{split, tp, 1}).join(parts); err != nil || string(back.Data) != string(b.Data) {
				t.Fatalf("split %q of %d does not join", split, tp)
			}
		}
	})
}

// adapters adds random LoRA weights of rank r to a canonical model.
func adapters(t *testing.T, m shapeOfModel, r int, seed uint64) (*ckpt.Memory, Options) {
	t.Helper()
	mem, _ := m.canonical(t, seed)
	other := m
	other.vocab, other.layers = 4096, 1
	noise, _ := other.canonical(t, seed+1)
	pool, _ := noise.Bytes("embed.weight")
	hd := m.hidden / m.heads
	for l := range m.layers {
		for module, s := range map[string][2]int{
			"attn.qkv": {(m.heads + 2*m.groups) * hd, m.hidden}, "attn.o": {m.hidden, m.hidden},
			"mlp.gate_up": {2 * m.ffn, m.hidden}, "mlp.down": {m.hidden, m.ffn},
		} {
			for leaf, shape := range map[string][]int{loraA: {r, s[1]}, loraB: {s[0], r}} {
				info := ckpt.Info{Name: fmt.Sprintf("layers.%d.%s%s", l, module, leaf), DType: m.dtype, Shape: shape}
				n := int(info.Size())
				if err := mem.Put(info, pool[:n]); err != nil {
					t.Fatal(err)
				}
				pool = pool[n:]
			}
		}
	}
	return mem, Options{}
}

// TestAdaptersSurviveEveryLayout writes a model with LoRA weights, reads it back unmerged, and merges it
// to the same Hugging Face model from every layout.
func TestAdaptersSurviveEveryLayout(t *testing.T) {
	t.Parallel()
	m := fourLayers()
	mem, _ := adapters(t, m, 3, 5)
	_, cfg := m.canonical(t, 5)
	var want string
	for _, l := range []Layout{{TP: 1, PP: 1}, {TP: 2, PP: 2}, {TP: 4, PP: 2, NumLayersPerVirtualStage: 1}, {TP: 2, PP: 2, NumLayerList: []int{3, 1}}} {
		dir := t.TempDir()
		ck, out := filepath.Join(dir, "m"), filepath.Join(dir, "h")
		opt := WriteOptions{To: Mcore, Layout: l, Iteration: 7, Args: map[string]any{"lora_alpha": 16.0, "lr": 1e-4, "names": []string{"a"}}}
		if _, err := Write(context.Background(), mem, cfg, ck, opt); err != nil {
			t.Fatal(err)
		}
		src, meta, err := OpenCanonical(ck, OpenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		equalSources(t, mem, src)
		src.Close()
		if meta.LoRA == nil || meta.LoRA.R != 3 || meta.LoRA.Alpha != 16 || len(meta.LoRA.Targets) != 4 || meta.Iteration != 7 {
			t.Errorf("meta %+v", meta)
		}
		rep := mustRun(t, Options{From: ck, Out: out, To: HF, Verify: true})
		if rep.Merged == nil {
			t.Error("nothing was merged")
		}
		if want == "" {
			want = out
		}
		equalHF(t, want, out)
	}
}

func TestMergeAddsTheScaledProduct(t *testing.T) {
	t.Parallel()
	m := fourLayers()
	m.dtype = dtype.F32
	mem, _ := adapters(t, m, 3, 5)
	_, cfg := m.canonical(t, 5)
	dir := filepath.Join(t.TempDir(), "m")
	if _, err := Write(context.Background(), mem, cfg, dir, WriteOptions{To: Mcore, Args: map[string]any{"lora_alpha": 12}}); err != nil {
		t.Fatal(err)
	}
	src, _, err := OpenCanonical(dir, OpenOptions{Merge: true})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	value := func(s ckpt.Source, name string, i int) float64 {
		b, err := s.Bytes(name)
		if err != nil {
			t.Fatal(err)
		}
		return number(b[i*4:], dtype.F32)
	}
	// Row 2 of v is row (heads+groups)*hd + 2 of the stacked adapter.
	hd := m.hidden / m.heads
	row := (m.heads+m.groups)*hd + 2
	sum := value(mem, "layers.1.attn.v.weight", 2*m.hidden+5)
	for k := range 3 {
		sum += 4 * value(mem, "layers.1.attn.qkv.lora_B", row*3+k) * value(mem, "layers.1.attn.qkv.lora_A", k*m.hidden+5)
	}
	if have := value(src, "layers.1.attn.v.weight", 2*m.hidden+5); have-sum > 1e-6 || sum-have > 1e-6 {
		t.Errorf("merged %v, want %v", have, sum)
	}
	if HasAdapters(src) {
		t.Error("adapters are still listed")
	}
}

// Digests are of canonical tensors: they say that two results hold the same model, and which tensor differs.
func TestEqualModelsHaveEqualDigestsInEveryLayout(t *testing.T) {
	t.Parallel()
	m := fourLayers()
	m.vocab = 40 // needs no padding for two ranks
	dir := m.hf(t, 1)
	digests := func(opt Options) map[string]string {
		opt.From, opt.Out, opt.Verify = dir, filepath.Join(t.TempDir(), "out"), true
		out := map[string]string{}
		for _, e := range mustRun(t, opt).Manifest.Tensors {
			out[e.Name] = e.SHA256
		}
		return out
	}
	want := digests(Options{To: HF})
	for name, sum := range want {
		if len(sum) != 64 {
			t.Errorf("%s has the digest %q", name, sum)
		}
	}
	if have := digests(Options{To: Mcore, TP: 2, PP: 2}); !cmp.Equal(want, have) {
		t.Errorf("ranks: %s", cmp.Diff(want, have))
	}
	dir = m.hf(t, 2)
	if have := digests(Options{To: HF}); cmp.Equal(want, have) {
		t.Error("another model has the same digests")
	}
}
