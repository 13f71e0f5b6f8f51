package corpus

import (
	"fmt"
	"math"
)

// Blend deals samples of several data sets in the proportion of their weights, without chance.
type Blend struct {
	Weights []float64 // normalised

	// order holds, for each sample of the blend, which set it comes from and which of its samples it is.
	order *table
	sets  []Dataset
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

// NewBlend deals total samples. For each the set that lags its share most is taken, the first on ties, so the
// order of fewer samples is the beginning of the order of more. cache is a folder for the order as in GPTConfig, or "".
func NewBlend(sets []Dataset, weights []float64, total int64, cache string) (*Blend, error) {
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
	b := &Blend{Weights: w, sets: sets}
	if cache == "" {
		b.order = deal(w, total)
	} else {
		file := mapFile{"dataset_index", "<u4", total, 2}
		c := newMapCache(cache, "BlendedDataset", map[string]any{"weights": w, "size": total}, []mapFile{file})
		all, err := c.tables(func() []*table { return []*table{deal(w, total)} })
		if err != nil {
			return nil, err
		}
		b.order = all[0]
	}
	for i, n := range b.taken() {
		if n > sets[i].Len() {
			b.Close()
			return nil, fmt.Errorf("blend data sets: set %d has %d samples, %d are needed", i, sets[i].Len(), n)
		}
	}
	return b, nil
}

// deal works the order out.
func deal(w []float64, total int64) *table {
	cells := make([]uint32, 0, 2*total)
	taken := make([]int64, len(w))
	for n := range total {
		best, lag := 0, math.Inf(-1)
		for i := range w {
			if e := w[i]*max(float64(n), 1) - float64(taken[i]); e > lag {
				best, lag = i, e
			}
		}
		cells = append(cells, uint32(best), uint32(taken[best]))
		taken[best]++
	}
	return &table{columns: 2, cells: cells}
}

// taken is how many samples of each set the order holds. The last of a set tells, so little is read.
func (b *Blend) taken() []int64 {
	out := make([]int64, len(b.sets))
	for i, left := b.Len()-1, len(out); i >= 0 && left > 0; i-- {
		if set, sample := b.At(i); set < len(out) && out[set] == 0 {
			out[set] = sample + 1
			left--
		}
	}
	return out
}

// Len is the number of samples.
func (b *Blend) Len() int64 { return b.order.rows() }

// At is the set that sample i comes from, and which of its samples it is.
func (b *Blend) At(i int64) (set int, sample int64) {
	return int(b.order.at(i, 0)), int64(b.order.at(i, 1))
}

// Item appends sample i to dst.
func (b *Blend) Item(dst []int32, i int64) ([]int32, error) {
	if i < 0 || i >= b.Len() {
		return dst, fmt.Errorf("read blend: sample %d of %d", i, b.Len())
	}
	set, sample := b.At(i)
	if set >= len(b.sets) {
		return dst, fmt.Errorf("read blend: sample %d: the map of sets is damaged", i)
	}
	return b.sets[set].Item(dst, sample)
}

// Close lets go of an order that was read from a cache. The sets are their owner's.
func (b *Blend) Close() error { return b.order.close() }

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
