package decoder_test

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/belay-ml/belay/ascend/cpu"
	"github.com/belay-ml/belay/models/ckpt"
	"github.com/belay-ml/belay/models/ckpt/safetensors"
	"github.com/belay-ml/belay/models/decoder"
	"github.com/belay-ml/belay/models/hfconfig"
)

// hfNames maps llama's published tensor names to canonical ones.
var hfNames = strings.NewReplacer(
	"model.embed_tokens.", "embed.",
	"model.norm.", "norm.",
	"lm_head.", "head.",
	"model.layers.", "layers.",
	"input_layernorm.", "attn_norm.",
	"post_attention_layernorm.", "mlp_norm.",
	"self_attn.q_proj.", "attn.q.", "self_attn.k_proj.", "attn.k.",
	"self_attn.v_proj.", "attn.v.", "self_attn.o_proj.", "attn.o.",
	"mlp.gate_proj.", "mlp.gate.", "mlp.up_proj.", "mlp.up.", "mlp.down_proj.", "mlp.down.",
	"base_model.model.", "", "lora_A.weight", "lora_A", "lora_B.weight", "lora_B",
)

// renamed shows a published checkpoint under canonical names.
type renamed struct {
	ckpt.Source
	infos []ckpt.Info
	old   map[string]string
}

func rename(src ckpt.Source) *renamed {
	r := &renamed{Source: src, old: map[string]string{}}
	for _, info := range src.List() {
		was := info.Name
		info.Name = hfNames.Replace(was)
		r.old[info.Name] = was
		r.infos = append(r.infos, info)
	}
	return r
}

func (r *renamed) List() []ckpt.Info                 { return r.infos }
func (r *renamed) Bytes(name string) ([]byte, error) { return r.Source.Bytes(r.old[name]) }

func open(t testing.TB, path string) ckpt.Source {
	t.Helper()
	f, err := safetensors.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func floats(t testing.TB, src ckpt.Source, name string) []float32 {
	t.Helper()
	b, err := src.Bytes(name)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]float32, len(b)/4)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return out
}

func tokens(t testing.TB, src ckpt.Source, name string) []int32 {
	t.Helper()
	b, err := src.Bytes(name)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]int32, len(b)/8)
	for i := range out {
		out[i] = int32(binary.LittleEndian.Uint64(b[8*i:]))
	}
	return out
}

func shape(t testing.TB, src ckpt.Source, name string) []int {
	t.Helper()
	for _, info := range src.List() {
		if info.Name == name {
			return info.Shape
		}
	}
	t.Fatalf("no tensor %s", name)
	return nil
}

func readJSON(t testing.TB, path string, v any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// load builds the model of a published folder.
func load(t testing.TB, dir string) *decoder.Model {
	t.Helper()
	cfg, err := hfconfig.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	m, err := decoder.New(backend(t), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Load(rename(open(t, filepath.Join(dir, "model.safetensors")))); err != nil {
		t.Fatal(err)
	}
	return m
}

func backend(t testing.TB) *cpu.Backend {
	be := cpu.New(2)
	t.Cleanup(func() { be.Close() })
	return be
}

func batch(t testing.TB, m *decoder.Model, opt decoder.Options) *decoder.Batch {
	t.Helper()
	b, err := m.NewBatch(opt)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// packed lays the rows of a [rows, width] matrix of ids back to back, each cut to its length, with
// every row's next token as target.
func packed(ids []int32, width int, lengths []int32) decoder.Input {
	in := decoder.Input{CuSeqlens: []int32{0}}
	for r := 0; r*width < len(ids); r++ {
		n := width
		if lengths != nil {
			n = int(lengths[r])
		}
		row := ids[r*width : r*width+n]
		in.IDs = append(in.IDs, row...)
		in.Targets = append(append(in.Targets, row[1:]...), -1)
		in.CuSeqlens = append(in.CuSeqlens, int32(len(in.IDs)))
	}
	return in
}

// maxDiff is the largest absolute difference; NaN counts as infinite.
func maxDiff(a, b []float32) float64 {
	if len(a) != len(b) {
		return math.Inf(1)
	}
	d := 0.0
	for i := range a {
		x := math.Abs(float64(a[i]) - float64(b[i]))
		if math.IsNaN(x) {
			return math.Inf(1)
		}
		d = max(d, x)
	}
	return d
}

func argmax(x []float32) int32 {
	best := 0
	for i, v := range x {
		if v > x[best] {
			best = i
		}
	}
	return int32(best)
}

func host(m *decoder.Model, p decoder.Param) []float32 {
	out := make([]float32, p.Len())
	m.Backend().Download(out, p.Data)
	return out
}

func hostGrad(m *decoder.Model, p decoder.Param) []float32 {
	out := make([]float32, p.Len())
	m.Backend().Download(out, p.Grad)
	return out
}

// sumAndNorm is the sum and the L2 norm.
func sumAndNorm(x []float32) (sum, l2 float64) {
	for _, v := range x {
		sum += float64(v)
		l2 += float64(v) * float64(v)
	}
	return sum, math.Sqrt(l2)
}
