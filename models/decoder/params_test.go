package decoder_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/models/ckpt"
)

func TestLoadNamesEveryProblem(t *testing.T) {
	t.Parallel()
	m := build(t, small(), 1)
	before := host(m, m.Params()[0])
	src := ckpt.NewMemory()
	put := func(name string, shape ...int) {
		info := ckpt.Info{Name: name, DType: dtype.F32, Shape: shape}
		if err := src.Put(info, make([]byte, info.Size())); err != nil {
			t.Fatal(err)
		}
	}
	put("embed.weight", 50, 24)
	put("norm.weight", 25)
	put("layers.7.attn_norm.weight", 24)
	err := m.Load(src)
	for _, part := range []string{"layers.0.attn_norm.weight is missing", "and "} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("no %q in: %v", part, err)
		}
	}
	if !slices.Equal(before, host(m, m.Params()[0])) {
		t.Error("a failed load changed the model")
	}
	whole := ckpt.NewMemory()
	for _, p := range m.Params() {
		if p.Name != "norm.weight" {
			info := ckpt.Info{Name: p.Name, DType: dtype.F32, Shape: p.Shape}
			if err := whole.Put(info, make([]byte, info.Size())); err != nil {
				t.Fatal(err)
			}
		}
	}
	src = whole
	put("norm.weight", 25)
	put("layers.7.attn_norm.weight", 24)
	err = m.Load(src)
	for _, part := range []string{"norm.weight: want [24], have [25]", "layers.7.attn_norm.weight belongs nowhere"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("no %q in: %v", part, err)
		}
	}
}

func TestExportLoadsBack(t *testing.T) {
	t.Parallel()
	m := build(t, small(), 1)
	for _, dt := range []dtype.DType{dtype.F32, dtype.F64, dtype.BF16, dtype.F16} {
		n := build(t, small(), 2)
		if err := n.Load(m.ExportAs(dt)); err != nil {
			t.Fatal(err)
		}
		limit := map[dtype.DType]float64{dtype.BF16: 1.0 / 256, dtype.F16: 1.0 / 2048}[dt]
		for i, p := range m.Params() {
			a, b := host(m, p), host(n, n.Params()[i])
			for j := range a {
				if d := math.Abs(float64(a[j] - b[j])); d > limit*math.Abs(float64(a[j]))+limit*1e-4 {
					t.Fatalf("%s as %s: element %d is %g, was %g", p.Name, dt, j, b[j], a[j])
				}
			}
		}
	}
}

func TestPaddedVocabularyIsCutOff(t *testing.T) {
	t.Parallel()
	big := small()
	big.Vocab = 64
	m, n := build(t, big, 1), build(t, small(), 2)
	if err := n.Load(m.Export()); err != nil {
		t.Fatal(err)
	}
	a, b := host(m, m.Params()[0]), host(n, n.Params()[0])
	if !slices.Equal(a[:len(b)], b) {
		t.Error("embedding rows differ")
	}
	if err := m.Load(n.Export()); err == nil {
		t.Error("a vocabulary that is too small was loaded")
	}
}

func TestInitialWeightsFollowMegatron(t *testing.T) {
	t.Parallel()
	cfg := small()
	cfg.Hidden, cfg.FFN, cfg.NumLayers = 128, 256, 8
	m, again, other := build(t, cfg, 1), build(t, cfg, 1), build(t, cfg, 2)
	for i, p := range m.Params() {
		x := host(m, p)
		if !slices.Equal(x, host(again, again.Params()[i])) {
			t.Errorf("%s: two models of one seed differ", p.Name)
		}
		_, l2 := sumAndNorm(x)
		rms, want := l2/math.Sqrt(float64(len(x))), 0.02
		switch {
		case strings.HasSuffix(p.Name, "norm.weight"):
			want = 1
		case strings.HasSuffix(p.Name, ".bias"):
			want = 0
		case strings.HasSuffix(p.Name, "attn.o.weight"), strings.HasSuffix(p.Name, "mlp.down.weight"):
			want = 0.02 / 4
		}
		if math.Abs(rms-want) > 0.05*want {
			t.Errorf("%s: deviation %g, want %g", p.Name, rms, want)
		}
		if want == 0.02 && slices.Equal(x, host(other, other.Params()[i])) {
			t.Errorf("%s: two seeds give the same numbers", p.Name)
		}
	}
}

func TestParamsAreInCanonicalOrder(t *testing.T) {
	t.Parallel()
	cfg := small()
	cfg.NumLayers, cfg.OutBias, cfg.MLPBias = 1, false, false
	m := build(t, cfg, 1)
	var got []string
	for _, p := range m.Params() {
		got = append(got, fmt.Sprint(p.Name, p.Shape, p.Decay))
	}
	want := []string{
		"embed.weight[50 24] true", "layers.0.attn_norm.weight[24] false",
		"layers.0.attn.q.weight[32 24] true", "layers.0.attn.k.weight[16 24] true", "layers.0.attn.v.weight[16 24] true",
		"layers.0.attn.q.bias[32] false", "layers.0.attn.k.bias[16] false", "layers.0.attn.v.bias[16] false",
		"layers.0.attn.o.weight[24 32] true", "layers.0.mlp_norm.weight[24] false",
		"layers.0.mlp.gate.weight[40 24] true", "layers.0.mlp.up.weight[40 24] true", "layers.0.mlp.down.weight[24 40] true",
		"norm.weight[24] false", "head.weight[50 24] true",
	}
	if !slices.Equal(got, want) {
		t.Errorf("have %v\nwant %v", got, want)
	}
}
