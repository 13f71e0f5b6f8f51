package convert

import (
	"context"
	"math"

	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/models/ckpt"
)

// Stats describe the numbers of a tensor. NaN and infinite ones are counted, and in none of the others.
type Stats struct {
	Min  float64 `json:"min"`
	Max  float64 `json:"max"`
	Mean float64 `json:"mean"`
	Std  float64 `json:"std"` // of the whole population
	Zero int64   `json:"zero"`
	NaN  int64   `json:"nan"`
	Inf  int64   `json:"inf"`
}

// statsBlock is the number of elements that are widened at once.
const statsBlock = 1 << 16

// statsOf goes through a tensor. Mean and variance are those of Chan, Golub and LeVeque's pairwise update (1979), a block
// at a time, so that long tensors lose no digits.
func statsOf(ctx context.Context, i ckpt.Info, read func(name string) ([]byte, error)) (Stats, error) {
	data, err := read(i.Name)
	if err != nil {
		return Stats{}, err
	}
	s := Stats{Min: math.Inf(1), Max: math.Inf(-1)}
	count, squares := 0.0, 0.0 // squares of the distances from the mean
	block := make([]float32, min(statsBlock, i.Len()))
	size := i.DType.Size()
	for from := 0; from < i.Len(); from += statsBlock {
		if err := ctx.Err(); err != nil {
			return Stats{}, err
		}
		n := min(statsBlock, i.Len()-from)
		if err := dtype.ToF32(block[:n], data[from*size:(from+n)*size], i.DType); err != nil {
			return Stats{}, err
		}
		kept, sum := 0, 0.0
		for _, x := range block[:n] {
			v := float64(x)
			switch {
			case math.IsNaN(v):
				s.NaN++
			case math.IsInf(v, 0):
				s.Inf++
			default:
				if v == 0 {
					s.Zero++
				}
				s.Min, s.Max = min(s.Min, v), max(s.Max, v)
				sum += v
				block[kept] = x
				kept++
			}
		}
		if kept == 0 {
			continue
		}
		mean, m2 := sum/float64(kept), 0.0
		for _, x := range block[:kept] {
			d := float64(x) - mean
			m2 += d * d
		}
		k := float64(kept)
		d := mean - s.Mean
		squares += m2 + d*d*count*k/(count+k)
		s.Mean += d * k / (count + k)
		count += k
	}
	if count == 0 {
		s.Min, s.Max = 0, 0
		return s, nil
	}
	s.Std = math.Sqrt(squares / count)
	return s, nil
}
