package decoder_test

import (
	"slices"
	"testing"

	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/models/decoder"
)

func TestLoRAFreezesTheBaseAndMerges(t *testing.T) {
	t.Parallel()
	for _, targets := range [][]string{{"q", "k", "v", "o", "gate", "up", "down"}, {"qkv", "o", "gate_up", "down"}, {"v", "gate"}} {
		m := build(t, small(), 1)
		if err := m.Attach(decoder.LoRA{Rank: 2, Alpha: 8, Targets: targets}, 5); err != nil {
			t.Fatal(err)
		}
		in := sampleInput()
		forward := func() []float32 {
			b := batch(t, m, decoder.Options{MaxTokens: 9})
			if err := b.Forward(in); err != nil {
				t.Fatal(err)
			}
			out := make([]float32, len(in.IDs)*m.Config().Vocab)
			if err := b.Logits(out, nil); err != nil {
				t.Fatal(err)
			}
			return out
		}
		plain := build(t, small(), 1)
		start := forward()
		vary(m)
		with := forward()
		b := batch(t, m, decoder.Options{MaxTokens: 9, Grad: true})
		if _, err := b.Step(in, 1); err != nil {
			t.Fatal(err)
		}
		for i, p := range m.Params() {
			if p.Grad.Valid() || !slices.Equal(host(m, p), host(plain, plain.Params()[i])) {
				t.Errorf("%v: %s is not frozen", targets, p.Name)
			}
		}
		src, err := m.ExportAdapters(dtype.F32)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Merge(); err != nil {
			t.Fatal(err)
		}
		if d := maxDiff(forward(), with); d > 1e-4 {
			t.Errorf("%v: merged logits differ by %g", targets, d)
		}
		if d := maxDiff(start, with); d < 1e-3 {
			t.Errorf("%v: adapters change nothing (%g)", targets, d)
		}
		if err := plain.Attach(decoder.LoRA{Rank: 2, Alpha: 8, Targets: targets}, 6); err != nil {
			t.Fatal(err)
		}
		if err := plain.LoadAdapters(src); err != nil {
			t.Fatal(err)
		}
		m = plain
		if d := maxDiff(forward(), with); d != 0 {
			t.Errorf("%v: loaded adapters differ by %g", targets, d)
		}
	}
}

func TestAttachRefusesBadTargets(t *testing.T) {
	t.Parallel()
	m := build(t, small(), 1)
	for _, c := range []decoder.LoRA{
		{Rank: 0, Targets: []string{"q"}}, {Rank: 2}, {Rank: 2, Targets: []string{"w"}},
		{Rank: 2, Targets: []string{"q", "q"}}, {Rank: 2, Targets: []string{"qkv", "v"}}, {Rank: 2, Targets: []string{"gate_up", "up"}},
	} {
		if err := m.Attach(c, 1); err == nil {
			t.Errorf("%+v was attached", c)
		}
	}
}
