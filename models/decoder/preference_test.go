package decoder_test

import (
	"math"
	"path/filepath"
	"testing"

	"github.com/belay-ml/belay/models/decoder"
)

// TestGoldenPreference runs the gradient of a direct preference loss (Rafailov et al. 2023) through
// Loss and Backward with one weight a sequence.
func TestGoldenPreference(t *testing.T) {
	t.Parallel()
	families(t, func(t *testing.T, dir string) {
		dpo := filepath.Join(dir, "dpo")
		if !exists(dpo) {
			t.Skip("no preference golden")
		}
		var want struct {
			Beta   float64
			Losses map[string]float64
		}
		readJSON(t, filepath.Join(dpo, "dpo_golden.json"), &want)
		golden := open(t, filepath.Join(dpo, "dpo_golden.safetensors"))
		pairs, width := shape(t, golden, "chosen_ids")[0], shape(t, golden, "chosen_ids")[1]

		ids := append(tokens(t, golden, "chosen_ids"), tokens(t, golden, "rejected_ids")...)
		labels := append(tokens(t, golden, "chosen_labels"), tokens(t, golden, "rejected_labels")...)
		in := packed(ids, width, nil)
		for i := range in.Targets {
			in.Targets[i] = -1
			if (i+1)%width != 0 {
				in.Targets[i] = labels[i+1]
			}
		}

		policy := load(t, dir)
		reference := load(t, dir)
		if err := reference.Load(rename(open(t, filepath.Join(dpo, "ref_model.safetensors")))); err != nil {
			t.Fatal(err)
		}
		b := batch(t, policy, decoder.Options{MaxTokens: len(in.IDs), Grad: true})
		policy.ZeroGrad()
		p := sequenceLogProbs(t, b, in)
		r := sequenceLogProbs(t, batch(t, reference, decoder.Options{MaxTokens: len(in.IDs)}), in)
		for name, got := range map[string][]float64{
			"policy_chosen_logps": p[:pairs], "policy_rejected_logps": p[pairs:],
			"ref_chosen_logps": r[:pairs], "ref_rejected_logps": r[pairs:],
		} {
			for i, w := range floats(t, golden, name) {
				if !(math.Abs(got[i]-float64(w)) < 1e-4) {
					t.Errorf("%s %d: %.5f, want %.5f", name, i, got[i], w)
				}
			}
		}

		loss, weights := 0.0, make([]float32, 2*pairs)
		for i := range pairs {
			h := (p[i] - p[pairs+i]) - (r[i] - r[pairs+i])
			loss += math.Log1p(math.Exp(-want.Beta*h)) / float64(pairs)
			w := want.Beta / (1 + math.Exp(want.Beta*h)) / float64(pairs)
			weights[i], weights[pairs+i] = float32(w), float32(-w)
		}
		if d := math.Abs(loss - want.Losses["sigmoid"]); !(d < 5e-6) {
			t.Errorf("loss is off by %g", d)
		}
		if _, err := b.Backward(weights); err != nil {
			t.Fatal(err)
		}
		for _, q := range policy.Params() {
			if d := maxDiff(hostGrad(policy, q), goldenOf(t, golden, "grad.", q.Name)); d > 3e-6 {
				t.Errorf("gradient of %s is off by %g", q.Name, d)
			}
		}
	})
}

// sequenceLogProbs sums the log-probabilities of the targets of every sequence.
func sequenceLogProbs(t *testing.T, b *decoder.Batch, in decoder.Input) []float64 {
	t.Helper()
	if err := b.Forward(in); err != nil {
		t.Fatal(err)
	}
	b.Loss()
	var out []float64
	for s := range len(in.CuSeqlens) - 1 {
		sum := 0.0
		for _, x := range b.TokenLosses()[in.CuSeqlens[s]:in.CuSeqlens[s+1]] {
			sum -= float64(x)
		}
		out = append(out, sum)
	}
	return out
}
