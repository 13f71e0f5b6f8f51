package corpus

import "fmt"

// Ramp is the global batch size of a run as samples are consumed.
type Ramp struct {
	final, start, increment int64
	perIncrement            float64 // samples before each growth; 0 when the size is constant
	block                   int64   // micro batch x data-parallel ranks
}

// NewRamp makes a constant batch size, or with ramp = [start, increment, samples] one that grows from
// start to global while the first samples are consumed (Megatron's --rampup-batch-size).
func NewRamp(global int64, micro, dp int, ramp []int64) (*Ramp, error) {
	r := &Ramp{final: global, start: global, block: int64(micro) * int64(dp)}
	if global <= 0 || r.block <= 0 {
		return nil, fmt.Errorf("set batch size: global %d, micro %d, %d ranks", global, micro, dp)
	}
	if ramp == nil {
		if global%r.block != 0 {
			return nil, fmt.Errorf("set batch size: global %d is not a multiple of micro batch %d x %d ranks", global, micro, dp)
		}
		return r, nil
	}
	if len(ramp) != 3 || ramp[0] <= 0 || ramp[1] <= 0 || ramp[2] < 0 {
		return nil, fmt.Errorf("set batch size ramp %v: want start, increment and samples", ramp)
	}
	r.start, r.increment = ramp[0], ramp[1]
	diff := global - r.start
	if diff < 0 || diff%r.increment != 0 {
		return nil, fmt.Errorf("set batch size ramp: from %d to %d is not a whole number of increments of %d", r.start, global, r.increment)
	}
	if diff > 0 {
		r.perIncrement = float64(ramp[2]) / float64(diff/r.increment)
	}
	return r, nil
}

// At is the global batch size and the number of micro batches a rank runs once consumed samples have
// been taken.
func (r *Ramp) At(consumed int64) (global int64, micro int, err error) {
	global = r.final
	if r.perIncrement > 0 {
		if total := r.perIncrement * float64((r.final-r.start)/r.increment); float64(consumed) <= total {
			global = min(r.start+r.increment*int64(float64(consumed)/r.perIncrement), r.final)
		}
	}
	if global%r.block != 0 {
		return global, 0, fmt.Errorf("set batch size: %d after %d samples is not a multiple of micro batch x ranks (%d)", global, consumed, r.block)
	}
	return global, int(global / r.block), nil
}
