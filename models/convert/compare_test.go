package convert

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/models/ckpt"
	"github.com/belay-ml/belay/models/ckpt/megatron"
	"github.com/belay-ml/belay/models/ckpt/safetensors"
)

// gguf writes the model of hf, of bfloat16, as a file of llama.cpp: names of its own, and the rows of q and k turned so
// that rotary pairs are neighbours.
func (m shapeOfModel) gguf(t *testing.T, seed uint64) string {
	t.Helper()
	mem, _ := m.canonical(t, seed)
	le := binary.LittleEndian
	var head, infos, data []byte
	text := func(b []byte, s string) []byte { return append(le.AppendUint64(b, uint64(len(s))), s...) }
	count := 0
	key := func(name string, kind uint32, value []byte) {
		head = append(le.AppendUint32(text(head, name), kind), value...)
		count++
	}
	const u32, f32, str = 4, 6, 8
	key("general.architecture", str, text(nil, "llama"))
	numbers := map[string]int{
		"block_count": m.layers, "embedding_length": m.hidden, "feed_forward_length": m.ffn, "attention.head_count": m.heads,
		"attention.head_count_kv": m.groups, "context_length": 64,
	}
	for _, name := range slices.Sorted(maps.Keys(numbers)) {
		key("llama."+name, u32, le.AppendUint32(nil, uint32(numbers[name])))
	}
	for name, v := range map[string]float32{"attention.layer_norm_rms_epsilon": 1e-6, "rope.freq_base": 12345} {
		key("llama."+name, f32, le.AppendUint32(nil, math.Float32bits(v)))
	}
	short := strings.NewReplacer("embed.", "token_embd.", "attn.q.", "attn_q.", "attn.k.", "attn_k.", "attn.v.", "attn_v.", "attn.o.", "attn_output.",
		"mlp_norm.", "ffn_norm.", "mlp.gate.", "ffn_gate.", "mlp.up.", "ffn_up.", "mlp.down.", "ffn_down.", "layers.", "blk.", "head.", "output.")
	for _, i := range mem.List() {
		b, err := mem.Bytes(i.Name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(i.Name, "attn.q.") || strings.Contains(i.Name, "attn.k.") {
			half, row := m.hidden/m.heads/2, i.Shape[1]*2
			turned := make([]byte, 0, len(b))
			for h := range i.Shape[0] / (2 * half) {
				for k := range half {
					for side := range 2 {
						from := (h*2*half + side*half + k) * row
						turned = append(turned, b[from:from+row]...)
					}
				}
			}
			b = turned
		}
		name := short.Replace(i.Name)
		if i.Name == "norm.weight" {
			name = "output_norm.weight"
		}
		infos = le.AppendUint32(text(infos, name), uint32(len(i.Shape)))
		for _, d := range slices.Backward(i.Shape) {
			infos = le.AppendUint64(infos, uint64(d))
		}
		const bf16 = 30
		infos = le.AppendUint64(le.AppendUint32(infos, bf16), uint64(len(data)))
		data = append(data, b...)
		data = append(data, make([]byte, -len(data)&31)...)
	}
	out := append([]byte("GGUF"), le.AppendUint64(le.AppendUint64(le.AppendUint32(nil, 3), uint64(len(mem.List()))), uint64(count))...)
	out = append(append(out, head...), infos...)
	out = append(out, make([]byte, -len(out)&31)...)
	path := filepath.Join(t.TempDir(), "model.gguf")
	if err := os.WriteFile(path, append(out, data...), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAnythingIsComparedWithAnything(t *testing.T) {
	t.Parallel()
	m := fourLayers()
	dir := quickDir(t)
	at := func(name string) string { return filepath.Join(dir, name) }
	hf, other := m.hf(t, 1), m.hf(t, 2)
	mustRun(t, Options{From: hf, Out: at("legacy"), To: Legacy, TP: 4, PP: 2, NumLayerList: "1,3", MakeVocabSizeDivisibleBy: 64})
	mustRun(t, Options{From: hf, Out: at("mcore"), To: Mcore, TP: 2, PP: 2, NumLayersPerVirtualStage: 1})
	mustRun(t, Options{From: hf, Out: at("fp32"), To: Mcore, DType: "fp32"})
	lora := m.peft(t, 2, 4, 8, nil, "q_proj", "down_proj")
	mustRun(t, Options{From: hf, LoRA: lora, Out: at("kept"), To: Mcore, TP: 2, Adapters: AdaptersKeep})
	mustRun(t, Options{From: hf, LoRA: lora, Out: at("merged"), To: HF})
	mustRun(t, Options{From: hf, LoRA: lora, Out: at("exported"), To: HF, Adapters: AdaptersOnly})
	for _, name := range []string{"alone", "again"} {
		mustRun(t, Options{From: hf, LoRA: lora, Out: at(name), To: Legacy, TP: 2, Adapters: AdaptersOnly})
	}
	rank := func(dir, folder string) string {
		return filepath.Join(dir, "iter_0000001", folder, megatron.FileName)
	}
	for _, c := range []struct {
		name, a, b, match string
		equal             bool
		names             string
		tensors           int // of both
		only              int // of one
		note              string
	}{
		{name: "GGUF and Hugging Face", a: m.gguf(t, 1), b: hf, equal: true, names: "canonical", tensors: 39},
		{name: "GGUF and Mcore", a: at("mcore"), b: m.gguf(t, 1), equal: true, names: "canonical", tensors: 39},
		{name: "GGUF of another model", a: m.gguf(t, 2), b: hf, names: "canonical", tensors: 39},
		{name: "Legacy and Mcore of other layouts", a: at("legacy"), b: at("mcore"), equal: true, names: "canonical", tensors: 39},
		{name: "another type", a: hf, b: at("fp32"), names: "canonical", tensors: 39},
		{name: "another model", a: at("legacy"), b: other, names: "canonical", tensors: 39},
		{name: "adapters and what they are merged to", a: at("kept"), b: at("merged"), equal: true, names: "canonical", tensors: 39, note: "the LoRA weights of"},
		{name: "PEFT folders", a: lora, b: at("exported"), equal: true, names: "stored", tensors: 16},
		{name: "Legacy LoRA checkpoints", a: at("alone"), b: at("again"), equal: true, names: "stored", tensors: 36, note: "tensors are missing"},
		{name: "a PEFT folder and a model", a: lora, b: hf, names: "stored", only: 55},
		{name: "a rank with itself", a: rank(at("mcore"), "mp_rank_00_000"), b: rank(at("mcore"), "mp_rank_00_000"), equal: true, names: "stored", tensors: 13},
		{name: "a rank and its neighbour", a: rank(at("mcore"), "mp_rank_00_000"), b: rank(at("mcore"), "mp_rank_01_000"), names: "stored", tensors: 13},
		{name: "a file and its directory", a: filepath.Join(hf, safetensors.SingleName), b: hf, equal: true, names: "stored", tensors: 39},
		{name: "a pattern", a: hf, b: at("mcore"), match: "layers.*.attn.q.weight", equal: true, names: "canonical", tensors: 4},
		{name: "a part of names", a: hf, b: other, match: "norm", names: "canonical", tensors: 9},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, err := CompareMatching(t.Context(), c.a, c.b, c.match, OpenOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if r.Equal != c.equal || r.Names != c.names || len(r.Tensors) != c.tensors || len(r.OnlyA)+len(r.OnlyB) != c.only {
				t.Errorf("equal %v, %d tensors by %s names, largest difference %g, only in one %v %v", r.Equal, len(r.Tensors), r.Names, r.MaxAbs, r.OnlyA, r.OnlyB)
			}
			if c.note != "" && !strings.Contains(strings.Join(r.Notes, "\n"), c.note) {
				t.Errorf("notes %v, want %q", r.Notes, c.note)
			}
		})
	}
	for want, f := range map[string]func() error{
		`is called "nothing": they have canonical names, such as embed.weight`: func() error {
			_, err := CompareMatching(t.Context(), hf, at("mcore"), "nothing", OpenOptions{})
			return err
		},
		`pattern "[": syntax error`: func() error {
			_, err := CompareMatching(t.Context(), hf, at("mcore"), "[", OpenOptions{})
			return err
		},
		"no such file": func() error {
			_, err := Compare(t.Context(), hf, at("nowhere"), OpenOptions{})
			return err
		},
	} {
		if err := f(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// Files are compared where they lie, and of ranks no more is joined than the tensors in hand: what is allocated at once
// does not grow with the number of tensors.
func TestComparingDoesNotHoldModels(t *testing.T) { // alone: it measures
	dir := t.TempDir()
	write := func(name string, tensors int) string {
		mem := ckpt.NewMemory()
		data := make([]byte, 1<<20)
		for k := range tensors {
			if err := mem.Put(ckpt.Info{Name: fmt.Sprint("t", k), DType: dtype.U8, Shape: []int{len(data)}}, data); err != nil {
				t.Fatal(err)
			}
		}
		path := filepath.Join(dir, name)
		if err := safetensors.Write(path, mem, nil); err != nil {
			t.Fatal(err)
		}
		return path
	}
	a, b := write("a", 24), write("b", 24)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if c, err := Compare(t.Context(), a, b, OpenOptions{}); err != nil || !c.Equal {
		t.Fatalf("%+v, %v", c, err)
	}
	if runtime.ReadMemStats(&after); after.TotalAlloc-before.TotalAlloc > 4<<20 {
		t.Errorf("%d bytes were allocated to compare files of 24 MiB", after.TotalAlloc-before.TotalAlloc)
	}
}
