package corpus

import (
	"fmt"
	"math"
)

// Blend deals samples of several data sets in the proportion of their weights, without chance.
type Blend struct {
	Weights []float64 // normalised
	// Dataset and Sample say, for each sample of the blend, which set it comes from and which of its samples it is.
	Dataset []int16
	Sample  []int64

	sets []Dataset
}

// Wanted is how many samples each set must be built with so that a blend of total samples never runs
// dry: half a percent more than its share, rounded up.
func Wanted(weights []float64, total int64) ([]int64, error) {
	w, err := normalise(weights)
	if err != nil {
		return nil, err
	}
	out := make([]int64, len(w))
	for i := range w {
		out[i] = int64(math.Ceil(float64(total) * w[i] * 1.005))
	}
	return out, nil
}

// NewBlend deals total samples. For each the set that lags its share most is taken, the first on ties.
func NewBlend(sets []Dataset, weights []float64, total int64) (*Blend, error) {
	if len(sets) != len(weights) || len(sets) > math.MaxInt16 {
		return nil, fmt.Errorf("blend data sets: %d sets, %d weights", len(sets), len(weights))
	}
	w, err := normalise(weights)
	if err != nil {
		return nil, err
	}
	if total < 0 || total > math.MaxInt32 {
		return nil, fmt.Errorf("blend data sets: %d samples", total)
	}
	b := &Blend{Weights: w, Dataset: make([]int16, total), Sample: make([]int64, total), sets: sets}
	taken := make([]int64, len(sets))
	for n := range b.Dataset {
		best, lag := 0, math.Inf(-1)
		for i := range w {
			if e := w[i]*max(float64(n), 1) - float64(taken[i]); e > lag {
				best, lag = i, e
			}
		}
		b.Dataset[n], b.Sample[n] = int16(best), taken[best]
		taken[best]++
	}
	for i, n := range taken {
		if n > sets[i].Len() {
			return nil, fmt.Errorf("blend data sets: set %d has %d samples, %d are needed", i, sets[i].Len(), n)
		}
	}
	return b, nil
}

// Len is the number of samples.
func (b *Blend) Len() int64 { return int64(len(b.Dataset)) }

// Item appends sample i to dst.
func (b *Blend) Item(dst []int32, i int64) ([]int32, error) {
	if i < 0 || i >= b.Len() {
		return dst, fmt.Errorf("read blend: sample %d of %d", i, b.Len())
	}
	return b.sets[b.Dataset[i]].Item(dst, b.Sample[i])
}

func normalise(weights []float64) ([]float64, error) {
	sum := 0.0
	for _, w := range weights {
		if w < 0 || math.IsNaN(w) || math.IsInf(w, 0) {
			return nil, fmt.Errorf("blend data sets: weight %g", w)
		}
		sum += w
	}
	if sum <= 0 || math.IsInf(sum, 0) {
		return nil, fmt.Errorf("blend data sets: the weights sum to %g", sum)
	}
	out := make([]float64, len(weights))
	for i, w := range weights {
		out[i] = w / sum
	}
	return out, nil
}
