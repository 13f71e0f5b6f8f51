package convert

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/belay-ml/belay/models/ckpt"
	"github.com/belay-ml/belay/models/ckpt/megatron"
	"github.com/belay-ml/belay/models/ckpt/safetensors"
	"github.com/belay-ml/belay/models/ckpt/torchpt"
)

// ranks writes a tiny model of a family and opens the result rank by rank.
type ranks struct {
	t   *testing.T
	c   *megatron.Checkpoint
	src *ckpt.Memory
}

func ranksOf(t *testing.T, name string, opt WriteOptions) ranks {
	t.Helper()
	reg, err := Families("")
	if err != nil {
		t.Fatal(err)
	}
	f, err := reg.Named(name)
	if err != nil {
		t.Fatal(err)
	}
	cfg := tinyConfig(t, f, false)
	r := ranks{t: t, src: randomModel(t, f, cfg, 9)}
	dir := filepath.Join(quickDir(t), "m")
	opt.To, opt.Iteration = Mcore, 1
	if _, err := Write(context.Background(), r.src, cfg, dir, opt); err != nil {
		t.Fatal(err)
	}
	if r.c, err = megatron.Open(dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.c.Close() })
	return r
}

func (r ranks) names(rank megatron.Rank, chunk int) []string {
	r.t.Helper()
	c, err := r.c.Chunk(rank, chunk)
	if err != nil {
		r.t.Fatal(err)
	}
	return c.Names
}

// rows are rows of the named tensor of a rank; width is the bytes of one.
func (r ranks) rows(rank megatron.Rank, chunk int, name string, from, to int) []byte {
	r.t.Helper()
	c, err := r.c.Chunk(rank, chunk)
	if err != nil {
		r.t.Fatal(err)
	}
	x := c.Tensors[name]
	if x == nil {
		r.t.Fatalf("rank %+v chunk %d has no %s, it has %v", rank, chunk, name, c.Names)
	}
	b, err := x.Bytes()
	if err != nil {
		r.t.Fatal(err)
	}
	w := len(b) / x.Shape[0]
	return b[from*w : to*w]
}

// want are rows of a canonical tensor.
func (r ranks) want(name string, from, to int) []byte {
	r.t.Helper()
	b, err := r.src.Bytes(name)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, i := range r.src.List() {
		if i.Name == name {
			w := len(b) / i.Shape[0]
			return b[from*w : to*w]
		}
	}
	return nil
}

func (r ranks) same(what string, have, want []byte) {
	r.t.Helper()
	if len(have) == 0 || string(have) != string(want) {
		r.t.Errorf("%s: other rows than expected", what)
	}
}

// With 8 ranks and 4 groups of 2 queries, ranks 2g and 2g+1 have a query of group g each, and both its key
// and value.
func TestMoreRanksThanGroupsRepeatTheGroups(t *testing.T) {
	t.Parallel()
	r := ranksOf(t, "llama2", WriteOptions{Layout: Layout{TP: 8}})
	const hd, qkv = 2, "decoder.layers.1.self_attention.linear_qkv.weight"
	for rank := range 8 {
		at, g := megatron.Rank{TP: rank}, rank/2
		r.same("q", r.rows(at, 0, qkv, 0, hd), r.want("layers.1.attn.q.weight", rank*hd, (rank+1)*hd))
		r.same("k", r.rows(at, 0, qkv, hd, 2*hd), r.want("layers.1.attn.k.weight", g*hd, (g+1)*hd))
		r.same("v", r.rows(at, 0, qkv, 2*hd, 3*hd), r.want("layers.1.attn.v.weight", g*hd, (g+1)*hd))
	}
	if n := r.c.Args.Int("num_query_groups", 0); n != 8 {
		t.Errorf("num_query_groups %d: Megatron splits that number by tp", n)
	}
}

// Projections into the latent space are whole on every rank; those out of it hold the rank's heads.
func TestLatentAttentionIsSplitByHeads(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"deepseek-v2", "deepseek-v2-lite"} {
		r := ranksOf(t, name, WriteOptions{Layout: Layout{TP: 2, EP: 2}})
		const a = "decoder.layers.2.self_attention."
		for rank := range 2 {
			at := megatron.Rank{TP: rank, EP: 1}
			q := 7 // rows of q_a
			if name == "deepseek-v2" {
				r.same("q_a", r.rows(at, 0, a+"linear_qkv.weight", 0, q), r.want("layers.2.attn.q_a.weight", 0, 7))
				r.same("q_b", r.rows(at, 0, a+"linear_qb.weight", 0, 20), r.want("layers.2.attn.q_b.weight", rank*20, rank*20+20))
			} else {
				q = 20 // 4 heads of 3 + 2
				r.same("q", r.rows(at, 0, a+"linear_qkv.weight", 0, q), r.want("layers.2.attn.q.weight", rank*q, rank*q+q))
			}
			r.same("kv_a", r.rows(at, 0, a+"linear_qkv.weight", q, q+8), r.want("layers.2.attn.kv_a.weight", 0, 8))
			r.same("kv_b", r.rows(at, 0, a+"linear_kvb.weight", 0, 32), r.want("layers.2.attn.kv_b.weight", rank*32, rank*32+32))
			r.same("expert", r.rows(at, 0, "decoder.layers.2.mlp.experts.local_experts.1.linear_fc1.weight", 0, 6), r.want("layers.2.experts.3.gate.weight", rank*6, rank*6+6))
		}
	}
}

// The first layer of the model is dense, wherever its stage and chunk count it.
func TestTheDenseLayerIsTheFirstOfTheModel(t *testing.T) {
	t.Parallel()
	for _, l := range []Layout{
		{TP: 1, PP: 2, NumLayersPerVirtualStage: 1}, {TP: 1, PP: 2, NumLayerList: []int{3, 1}}, {TP: 1, PP: 4}, {TP: 1, PP: 2, NoopLayers: []int{0, 5}},
	} {
		r := ranksOf(t, "deepseek-v2", WriteOptions{Layout: l, MoEGroupedGEMM: true})
		var dense []string
		for p := range r.c.PP {
			for v := range r.c.VPP {
				for _, n := range r.names(megatron.Rank{PP: p}, v) {
					if strings.Contains(n, ".mlp.linear_fc1.") {
						dense = append(dense, n)
						r.same("dense layer", r.rows(megatron.Rank{PP: p}, v, n, 0, 24), r.want("layers.0.mlp.gate.weight", 0, 24))
					}
				}
			}
		}
		if len(dense) != 1 {
			t.Errorf("%+v: dense layers %v", l, dense)
		}
	}
}

// Places 0 and 4 of six do nothing: the model's layers are at 1, 2, 3 and 5.
func TestNoopLayersLeavePlacesOut(t *testing.T) {
	t.Parallel()
	r := ranksOf(t, "llama2", WriteOptions{Layout: Layout{TP: 1, PP: 2, NoopLayers: []int{0, 4}}})
	const norm = ".input_layernorm.weight"
	for layer, at := range []struct{ stage, local int }{{0, 1}, {0, 2}, {1, 0}, {1, 2}} {
		name := "decoder.layers." + string(rune('0'+at.local)) + norm
		r.same("norm", r.rows(megatron.Rank{PP: at.stage}, 0, name, 0, 16), r.want("layers."+string(rune('0'+layer))+".attn_norm.weight", 0, 16))
	}
	for p, absent := range []string{"decoder.layers.0" + norm, "decoder.layers.1" + norm} {
		if slices.Contains(r.names(megatron.Rank{PP: p}, 0), absent) {
			t.Errorf("stage %d holds %s", p, absent)
		}
	}
	if n, list := r.c.Args.Int("num_layers", 0), r.c.Args.Text("noop_layers", ""); n != 6 || list != "0,4" {
		t.Errorf("num_layers %d, noop_layers %q", n, list)
	}
}

func TestWhatLegacyCannotHoldIsRefused(t *testing.T) {
	t.Parallel()
	reg, err := Families("")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"mixtral": "layers.{l}.router.weight", "gemma2": "layers.{l}.attn_out_norm.weight", "qwen3": "layers.{l}.attn.q_norm.weight", "deepseek-v2": "layers.{l}.attn.q_a.weight",
	} {
		f, err := reg.Named(name)
		if err != nil {
			t.Fatal(err)
		}
		cfg := tinyConfig(t, f, false)
		_, err = Write(context.Background(), randomModel(t, f, cfg, 1), cfg, filepath.Join(t.TempDir(), "m"), WriteOptions{To: Legacy})
		if err == nil || !strings.Contains(err.Error(), "Megatron-Legacy has no place for "+want+" of family "+name+": write mcore") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// What is in memory at once is an expert, not the tensor of all of them.
func TestExpertsAreStackedOneByOne(t *testing.T) {
	t.Parallel()
	reg, err := Families("")
	if err != nil {
		t.Fatal(err)
	}
	f, err := reg.Named("mixtral")
	if err != nil {
		t.Fatal(err)
	}
	cfg := tinyConfig(t, f, false)
	m := newModel(f, cfg, true)
	src := randomModel(t, f, cfg, 1)
	p := newPlanner(src, m, 1)
	jobs, err := p.flat(f.Mcore)
	if err != nil {
		t.Fatal(err)
	}
	largest, puts := int64(0), 0
	for _, i := range src.List() {
		if strings.Contains(i.Name, "experts.") {
			largest = max(largest, i.Size())
		}
	}
	err = run(context.Background(), src, Env{HeadDim: cfg.HeadDim}, 1, jobs, WriteOptions{Workers: 1}, func(_ int, o output, data []byte) error {
		if strings.HasSuffix(o.name, ".weight1") {
			if puts++; int64(len(data)) > 2*largest {
				t.Errorf("%s: %d bytes at once, gate and up of an expert have %d", o.name, len(data), 2*largest)
			}
		}
		return nil
	})
	if want := cfg.NumLayers * cfg.MoE.Experts; err != nil || puts != want {
		t.Errorf("%d puts, want %d: %v", puts, want, err)
	}
}

func TestNamesWithoutThePublishersPrefixAreRead(t *testing.T) {
	t.Parallel()
	reg, err := Families("")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"bloom", "gpt3"} {
		f, err := reg.Named(name)
		if err != nil {
			t.Fatal(err)
		}
		cfg := tinyConfig(t, f, name == "gpt3")
		src := randomModel(t, f, cfg, 4)
		dir := filepath.Join(quickDir(t), "hf")
		if _, err := Write(context.Background(), src, cfg, dir, WriteOptions{To: HF, Family: name}); err != nil {
			t.Fatal(err)
		}
		full, err := safetensors.OpenDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		bare := ckpt.NewMemory()
		for _, i := range full.List() {
			b, err := full.Bytes(i.Name)
			if err != nil {
				t.Fatal(err)
			}
			i.Name = strings.TrimPrefix(i.Name, "transformer.")
			if err := bare.Put(i, slices.Clone(b)); err != nil {
				t.Fatal(err)
			}
		}
		full.Close()
		if err := safetensors.Write(filepath.Join(dir, safetensors.SingleName), bare, nil); err != nil {
			t.Fatal(err)
		}
		back, meta, err := OpenCanonical(dir, OpenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if err := sameTensors(src, back); err != nil || len(meta.Leftovers) > 0 {
			t.Errorf("%s: %v, leftovers %v", name, err, meta.Leftovers)
		}
		back.Close()
	}
}

// Newer releases of transformers hold all experts of a layer in one tensor of three axes.
func TestExpertsInOneTensorAreReadFromHuggingFace(t *testing.T) {
	t.Parallel()
	reg, err := Families("")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"qwen3-moe", "deepseek-v3"} {
		f, err := reg.Named(name)
		if err != nil {
			t.Fatal(err)
		}
		cfg := tinyConfig(t, f, false)
		src := randomModel(t, f, cfg, 4)
		dir := filepath.Join(quickDir(t), "hf")
		if _, err := Write(context.Background(), src, cfg, dir, WriteOptions{To: HF, Family: name}); err != nil {
			t.Fatal(err)
		}
		jobs, err := newPlanner(src, newModel(f, cfg, true), 1).flat(f.HF)
		if err != nil {
			t.Fatal(err)
		}
		fused := ckpt.NewMemory()
		for _, j := range jobs {
			var whole []byte
			put := func(_ int, _ output, data []byte) error {
				if whole = append(whole, data...); int64(len(whole)) < j.info.Size() {
					return nil
				}
				return fused.Put(j.info, whole)
			}
			each := len(j.inputs) / max(j.experts, 1)
			for k := range max(j.experts, 1) {
				if err := j.do(src, j.inputs[k*each:(k+1)*each], Env{HeadDim: cfg.HeadDim}, 1, put); err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, i := range fused.List() {
			if strings.HasSuffix(i.Name, "layers.1.mlp.experts.gate_up_proj") && !slices.Equal(i.Shape, []int{4, 24, 16}) {
				t.Errorf("%s: shape %v", i.Name, i.Shape)
			}
		}
		if err := safetensors.Write(filepath.Join(dir, safetensors.SingleName), fused, nil); err != nil {
			t.Fatal(err)
		}
		back, meta, err := OpenCanonical(dir, OpenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if err := sameTensors(src, back); err != nil || len(meta.Leftovers) > 0 {
			t.Errorf("%s: %v, leftovers %v", name, err, meta.Leftovers)
		}
		back.Close()
	}
}

// Transformer Engine keeps the norms before attention and MLP with the linears that follow them.
func TestNormsInsideLinearsAreRead(t *testing.T) {
	t.Parallel()
	reg, err := Families("")
	if err != nil {
		t.Fatal(err)
	}
	f, err := reg.Named("megatron-gpt")
	if err != nil {
		t.Fatal(err)
	}
	cfg := tinyConfig(t, f, false)
	cfg.LayerNorm, cfg.Raw = true, nil
	text, err := cfg.JSON()
	if err != nil {
		t.Fatal(err)
	}
	src := randomModel(t, f, cfg, 2)
	s := storedOf(t, newModel(f, cfg, false), src, 1, "")
	model := torchpt.NewOrderedDict()
	for _, name := range s.names {
		p := s.pieces[name][0]
		if strings.HasPrefix(name, "decoder.layers.") {
			name = strings.Replace(name, ".input_layernorm.", ".self_attention.linear_qkv.layer_norm_", 1)
			name = strings.Replace(name, ".pre_mlp_layernorm.", ".mlp.linear_fc1.layer_norm_", 1)
		}
		model.Set(name, torchpt.NewTensor(p.DType, p.Shape, p.load))
	}
	args := torchpt.NewDict()
	args.Set(configKey, string(text))
	root := torchpt.NewDict()
	root.Set("args", torchpt.Namespace(args))
	root.Set("checkpoint_version", 3.0)
	root.Set("model", model)
	dir := filepath.Join(t.TempDir(), "mp_rank_00")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := torchpt.Write(filepath.Join(dir, megatron.FileName), root); err != nil {
		t.Fatal(err)
	}
	back, meta, err := OpenCanonical(filepath.Dir(dir), OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer back.Close()
	if err := sameTensors(src, back); err != nil || len(meta.Leftovers) > 0 {
		t.Errorf("%v, leftovers %v", err, meta.Leftovers)
	}
}
