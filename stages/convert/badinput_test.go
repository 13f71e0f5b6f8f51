package convert

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/models/ckpt"
	"github.com/belay-ml/belay/models/ckpt/safetensors"
	"github.com/belay-ml/belay/models/convert"
	"github.com/belay-ml/belay/models/hfconfig"
	"github.com/belay-ml/belay/stages/internal/tiny"
)

// noisy is a tiny model no two tensors of which are alike, with experts or without.
func noisy(t *testing.T, experts int) string {
	t.Helper()
	cfg := tiny.Config()
	h, q, kv, ffn := cfg.Hidden, cfg.NumHeads*cfg.HeadDim, cfg.NumKVHeads*cfg.HeadDim, cfg.FFN
	shapes := map[string][]int{"embed.weight": {cfg.Vocab, h}, "norm.weight": {h}, "head.weight": {cfg.Vocab, h}}
	for l := range cfg.NumLayers {
		at := func(name string, shape ...int) { shapes[fmt.Sprintf("layers.%d.%s.weight", l, name)] = shape }
		at("attn_norm", h)
		at("attn.q", q, h)
		at("attn.k", kv, h)
		at("attn.v", kv, h)
		at("attn.o", h, q)
		at("mlp_norm", h)
		mlp := []string{"mlp"}
		if experts > 0 {
			at("router", experts, h)
			mlp = nil
			for e := range experts {
				mlp = append(mlp, fmt.Sprintf("experts.%d", e))
			}
		}
		for _, m := range mlp {
			at(m+".gate", ffn, h)
			at(m+".up", ffn, h)
			at(m+".down", h, ffn)
		}
	}
	if experts > 0 {
		cfg.Arch, cfg.ModelType = "MixtralForCausalLM", "mixtral"
		cfg.MoE = hfconfig.MoE{Experts: experts, TopK: 2, FFN: ffn, NormTopK: true}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	mem := ckpt.NewMemory()
	for _, name := range slices.Sorted(maps.Keys(shapes)) {
		i := ckpt.Info{Name: name, DType: dtype.BF16, Shape: shapes[name]}
		data := make([]byte, i.Size())
		for k := range data {
			data[k] = byte(rng.Uint32()) & 0x3f
		}
		if err := mem.Put(i, data); err != nil {
			t.Fatal(err)
		}
	}
	dir := filepath.Join(t.TempDir(), "model")
	if _, err := convert.Write(t.Context(), mem, cfg, dir, convert.WriteOptions{To: convert.HF}); err != nil {
		t.Fatal(err)
	}
	return dir
}

// spoil changes one byte of the canonical tensor of model that lies, as it is, in a file.
func spoil(t *testing.T, model, tensor, file string) {
	t.Helper()
	src, _, err := convert.OpenCanonical(model, convert.OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	want, err := src.Bytes(tensor)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(text, want)
	if at < 0 {
		t.Fatalf("%s is not in %s", tensor, file)
	}
	sum := crc32.ChecksumIEEE(want) // which the archive holds twice
	text[at+len(want)-1] ^= 1
	old, now := binary.LittleEndian.AppendUint32(nil, sum), binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(text[at:at+len(want)]))
	text = bytes.ReplaceAll(text, old, now)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// rewrite writes a model's weights again, with every tensor as change leaves it.
func rewrite(t *testing.T, model string, change func(i *ckpt.Info) bool, more ...ckpt.Info) {
	t.Helper()
	path := filepath.Join(model, safetensors.SingleName)
	src, err := safetensors.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	out := ckpt.NewMemory()
	for _, i := range src.List() {
		b, err := src.Bytes(i.Name)
		if change(&i) {
			if err = errors.Join(err, out.Put(i, b[:i.Size()])); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, i := range more {
		if err := out.Put(i, make([]byte, i.Size())); err != nil {
			t.Fatal(err)
		}
	}
	if err := safetensors.Write(path, out, nil); err != nil {
		t.Fatal(err)
	}
}

// header changes the text of a file's header, which keeps its length.
func header(t *testing.T, path, from, to string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	n := 8 + binary.LittleEndian.Uint64(text)
	head := regexp.MustCompile(from).ReplaceAll(text[8:n], []byte(to))
	if bytes.Equal(head, text[8:n]) {
		t.Fatalf("%s is not in the header", from)
	}
	out := binary.LittleEndian.AppendUint64(nil, uint64(len(head)))
	if err := os.WriteFile(path, append(append(out, head...), text[n:]...), 0o600); err != nil {
		t.Fatal(err)
	}
}

// sharded writes the model of a directory again as shards.
func sharded(t *testing.T, model string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "shards")
	if _, err := convert.Run(t.Context(), convert.Options{From: model, To: convert.HF, Out: dir, ShardSize: 8 << 10}); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestDamagedSourcesAreNamedAndNothingIsLeft(t *testing.T) {
	t.Parallel()
	model := func() string { return noisy(t, 0) }
	ranks := func(src string, tp, pp, ep int) string {
		dir := filepath.Join(t.TempDir(), "ranks")
		if _, err := convert.Run(t.Context(), convert.Options{From: src, To: convert.Mcore, Out: dir, TP: tp, PP: pp, EP: ep}); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	rankFile := func(dir, rank string) string {
		return filepath.Join(dir, "iter_0000001", rank, "model_optim_rng.pt")
	}
	toHF := func(p *Params) { p.To = "hf" }
	toLegacy := func(p *Params) { p.To = "legacy" }
	verify := func(p *Params) { p.Verify = true }
	for _, c := range []struct {
		name   string
		source func() string
		change func(p *Params)
		want   []string
	}{
		{"two ranks that disagree on a norm", func() string {
			m := model()
			dir := ranks(m, 2, 1, 1)
			spoil(t, m, "layers.1.attn_norm.weight", rankFile(dir, "mp_rank_01"))
			return dir
		}, toLegacy, []string{"norm.weight", "the copy on tensor parallel rank 1 differs from that on rank 0"}},
		{"two ranks that disagree on a router", func() string {
			m := noisy(t, 4)
			dir := ranks(m, 2, 1, 2)
			spoil(t, m, "layers.1.router.weight", rankFile(dir, "mp_rank_01_000"))
			return dir
		}, toHF, []string{"layers.1.router.weight", "the copy on tensor parallel rank 1 differs from that on rank 0"}},
		{"two expert ranks that disagree on a router", func() string {
			m := noisy(t, 4)
			dir := ranks(m, 1, 1, 2)
			spoil(t, m, "layers.0.router.weight", rankFile(dir, "mp_rank_00_001"))
			return dir
		}, toHF, []string{"layers.0.router.weight", "the copy on expert parallel rank 1 differs from that on rank 0"}},
		{"two expert ranks that disagree on attention, verified", func() string {
			m := noisy(t, 4)
			dir := ranks(m, 1, 1, 2)
			spoil(t, m, "layers.0.attn.o.weight", rankFile(dir, "mp_rank_00_001"))
			return dir
		}, verify, []string{"decoder.layers.0.self_attention.linear_proj.weight", "the copy in mp_rank_00_001 chunk 0 differs"}},
		{"a missing rank", func() string {
			dir := ranks(model(), 2, 2, 1)
			if err := os.RemoveAll(filepath.Dir(rankFile(dir, "mp_rank_01_000"))); err != nil {
				t.Fatal(err)
			}
			return dir
		}, toHF, []string{"args say tp 2, pp 2, ep 1, but 1 rank files are missing: mp_rank_01_000"}},
		{"a missing shard", func() string {
			dir := sharded(t, model())
			if err := os.Remove(filepath.Join(dir, "model-00002-of-00007.safetensors")); err != nil {
				t.Fatal(err)
			}
			return dir
		}, nil, []string{"model.safetensors.index.json: 1 of its 7 shards are missing: model-00002-of-00007.safetensors"}},
		{"a shard without its tensor", func() string {
			dir := sharded(t, model())
			path := filepath.Join(dir, safetensors.IndexName)
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var doc map[string]map[string]any
			if err := json.Unmarshal(text, &doc); err != nil {
				t.Fatal(err)
			}
			doc["weight_map"]["model.norm.weight"] = "model-00001-of-00007.safetensors"
			if text, err = json.Marshal(doc); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, text, 0o600); err != nil {
				t.Fatal(err)
			}
			return dir
		}, nil, []string{`tensor "model.norm.weight" is said to be in model-00001-of-00007.safetensors, which does not hold it`}},
		{"offsets that overlap", func() string {
			m := model()
			header(t, filepath.Join(m, safetensors.SingleName), `("model\.norm\.weight":\{[^}]*"data_offsets":)\[(\d+),(\d+)\]`, `$1[0,64]`)
			return m
		}, nil, []string{"model.safetensors: byte 8: ", "inside the tensor before it"}},
		{"a wrong shape", func() string {
			m := model()
			rewrite(t, m, func(i *ckpt.Info) bool {
				if i.Name == "model.layers.1.self_attn.k_proj.weight" {
					i.Shape = []int{15, 32}
				}
				return true
			})
			return m
		}, nil, []string{"model.safetensors: tensor model.layers.1.self_attn.k_proj.weight: shape [15 32]", "the config says [16 32]"}},
		{"a wrong shape in a shard", func() string {
			m := model()
			rewrite(t, m, func(i *ckpt.Info) bool {
				if i.Name == "model.layers.1.self_attn.k_proj.weight" {
					i.Shape = []int{15, 32}
				}
				return true
			})
			dir := filepath.Join(t.TempDir(), "shards")
			src, err := safetensors.Open(filepath.Join(m, safetensors.SingleName))
			if err != nil {
				t.Fatal(err)
			}
			defer src.Close()
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			w, err := safetensors.CreateDir(dir, src.List(), 8<<10, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, i := range src.List() {
				b, err := src.Bytes(i.Name)
				if err = errors.Join(err, w.Put(i.Name, b)); err != nil {
					t.Fatal(err)
				}
			}
			text, err := os.ReadFile(filepath.Join(m, "config.json"))
			if err = errors.Join(err, w.Close(), os.WriteFile(filepath.Join(dir, "config.json"), text, 0o600)); err != nil {
				t.Fatal(err)
			}
			return dir
		}, nil, []string{"-of-0000", ".safetensors: tensor model.layers.1.self_attn.k_proj.weight: shape [15 32]"}},
		{"heads that do not divide", model, func(p *Params) { p.TP = 3 }, []string{"tp 3 does not divide num_attention_heads 4: of this model tp can be 1, 2 or 4"}},
		{"layers that do not divide", model, func(p *Params) { p.PP = 3 }, []string{`pp 3 does not divide the 2 layers: give the stages with num_layer_list`, "of this model pp can be 1 or 2"}},
		{"experts that do not divide", func() string { return noisy(t, 4) }, func(p *Params) { p.EP = 3 }, []string{"ep 3 does not divide the 4 experts: of this model ep can be 1, 2 or 4"}},
		{"chunks that do not divide", model, func(p *Params) { p.PP, p.VPPLayer = 2, 3 }, []string{"does not divide the 1 layers of a stage: of this model num_layers_per_virtual_pipeline_stage can be 1"}},
		{"a template of another model", func() string { return ranks(model(), 2, 1, 1) }, func(p *Params) {
			cfg := tiny.Config()
			cfg.Hidden, cfg.HeadDim = 64, 16
			p.To, p.Template = "hf", artifact.Ref{Path: tiny.Model(t, cfg, dtype.BF16)}
		}, []string{"args.hidden_size is 32, but the config of the template says 64"}},
	} {
		p := params(c.source(), "mcore")
		if c.change != nil {
			c.change(&p)
		}
		out, err := run(t, p, &tiny.Events{})
		if fault.CodeOf(err) != fault.Data {
			t.Errorf("%s: code %d, error %v", c.name, fault.CodeOf(err), err)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", c.name, err, want)
			}
		}
		if left, _ := filepath.Glob(filepath.Join(out.Root, "*", "*")); len(left) > 0 {
			t.Errorf("%s: left behind %v", c.name, left)
		}
	}
}

func TestTensorsThatAreNoPartOfTheModelAreListed(t *testing.T) {
	t.Parallel()
	model := tiny.Model(t, tiny.Config(), dtype.BF16)
	rewrite(t, model, func(*ckpt.Info) bool { return true },
		ckpt.Info{Name: "value_head.weight", DType: dtype.F32, Shape: []int{1}}, ckpt.Info{Name: "model.layers.2.mlp.up_proj.weight", DType: dtype.BF16, Shape: []int{48, 32}})
	events := &tiny.Events{}
	if _, err := run(t, params(model, "mcore"), events); err != nil {
		t.Fatal(err)
	}
	const want = "2 tensors of the source are not part of the model: value_head.weight, model.layers.2.mlp.up_proj.weight"
	for _, e := range events.All() {
		if e.Log != nil && strings.Contains(e.Log.Text, want) {
			return
		}
	}
	t.Errorf("nothing says %q", want)
}
