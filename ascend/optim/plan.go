package optim

import (
	"errors"
	"fmt"
	"math"
)

// Plan is the length of a run and its schedule as people give them: in iterations or in samples.
type Plan struct {
	TrainIters, TrainSamples int64 // exactly one is above 0
	// LRDecayIters and LRDecaySamples default to the length of the run.
	LRDecayIters, LRDecaySamples int64
	// WarmupFraction is a share of the decay; nil where iterations or samples say it.
	WarmupFraction             *float64
	WarmupIters, WarmupSamples int64

	LR, MinLR, WarmupInit float64
	Style                 Style
	StartWD, EndWD        float64
	WDStyle               Style

	GlobalBatch int64
	Ramp        *Ramp
}

// Ramp grows the global batch from Start by Increment over the first Samples samples.
type Ramp struct{ Start, Increment, Samples int64 }

// Check says whether the ramp ends at the global batch.
func (r Ramp) Check(globalBatch int64) error {
	switch {
	case r.Start <= 0 || r.Increment <= 0 || r.Samples < 0:
		return fmt.Errorf("check batch ramp: start %d, increment %d, samples %d: want positive numbers", r.Start, r.Increment, r.Samples)
	case r.Start > globalBatch:
		return fmt.Errorf("check batch ramp: start %d is above the global batch %d", r.Start, globalBatch)
	case (globalBatch-r.Start)%r.Increment != 0:
		return fmt.Errorf("check batch ramp: steps of %d do not lead from %d to the global batch %d", r.Increment, r.Start, globalBatch)
	}
	return nil
}

// Batch is the global batch after so many samples.
func (r Ramp) Batch(consumed, globalBatch int64) int64 {
	steps := (globalBatch - r.Start) / r.Increment
	if consumed > r.Samples || steps == 0 {
		return globalBatch
	}
	each := float64(r.Samples) / float64(steps)
	if each == 0 {
		return globalBatch
	}
	return min(r.Start+int64(float64(consumed)/each)*r.Increment, globalBatch)
}

// iterations is how many iterations begin within the ramp and how many samples they take. It goes
// from one size of batch to the next, not through single iterations.
func (r Ramp) iterations(globalBatch int64) (n, consumed int64) {
	sizes := (globalBatch-r.Start)/r.Increment + 1
	each := float64(r.Samples) / float64(max(sizes-1, 1))
	for consumed <= r.Samples {
		b := r.Batch(consumed, globalBatch)
		end := min(float64((b-r.Start)/r.Increment+1)*each, float64(r.Samples+1))
		k := max(1, int64((end-float64(consumed))/float64(b)))
		n, consumed = n+k, consumed+k*b
	}
	return n, consumed
}

// Batch is the global batch of the iteration that begins after so many samples.
func (p Plan) Batch(consumed int64) int64 {
	if p.Ramp == nil {
		return p.GlobalBatch
	}
	return p.Ramp.Batch(consumed, p.GlobalBatch)
}

// Iterations is the length of the run in iterations. Of a length in samples the last, incomplete
// batch is left out.
func (p Plan) Iterations() (int64, error) {
	if err := p.checkLength(); err != nil {
		return 0, err
	}
	if p.TrainIters > 0 {
		return p.TrainIters, nil
	}
	var n, consumed int64
	if p.Ramp != nil {
		n, consumed = p.Ramp.iterations(p.GlobalBatch)
	}
	// Floor division: a run that ends inside the ramp is cut short by the rest it overshoots.
	rest := p.TrainSamples - consumed
	n += int64(math.Floor(float64(rest) / float64(p.GlobalBatch)))
	if n <= 0 {
		return 0, fmt.Errorf("plan training: %d samples are less than the batch ramp and one batch of %d", p.TrainSamples, p.GlobalBatch)
	}
	return n, nil
}

func (p Plan) checkLength() error {
	switch {
	case p.GlobalBatch <= 0:
		return fmt.Errorf("plan training: global batch %d: want at least 1", p.GlobalBatch)
	case p.TrainIters < 0 || p.TrainSamples < 0:
		return errors.New("plan training: a negative number of iterations or samples")
	case p.TrainIters > 0 && p.TrainSamples > 0:
		return fmt.Errorf("plan training: both %d iterations and %d samples: give one", p.TrainIters, p.TrainSamples)
	case p.TrainIters == 0 && p.TrainSamples == 0:
		return errors.New("plan training: neither iterations nor samples")
	case p.TrainIters > 0 && p.Ramp != nil:
		return errors.New("plan training: a batch ramp needs the length in samples")
	case p.TrainIters > math.MaxInt64/p.GlobalBatch || p.LRDecayIters > math.MaxInt64/p.GlobalBatch || p.WarmupIters > math.MaxInt64/p.GlobalBatch:
		return errors.New("plan training: more samples than can be counted")
	case p.Ramp != nil:
		return p.Ramp.Check(p.GlobalBatch)
	}
	return nil
}

// Schedule derives the schedule.
func (p Plan) Schedule() (Schedule, error) {
	if err := p.checkLength(); err != nil {
		return Schedule{}, err
	}
	s := Schedule{
		MaxLR: p.LR, MinLR: p.MinLR, InitLR: p.WarmupInit, Style: p.Style,
		StartWD: p.StartWD, EndWD: p.EndWD, WDStyle: p.WDStyle,
	}
	if p.TrainIters > 0 {
		if p.LRDecaySamples != 0 || p.WarmupSamples != 0 {
			return Schedule{}, errors.New("plan training: the length is in iterations, decay or warm-up in samples: use one unit")
		}
		s.DecaySteps = orElse(p.LRDecayIters, p.TrainIters) * p.GlobalBatch
		s.WDSteps = p.TrainIters * p.GlobalBatch
		s.WarmupSteps = float64(p.WarmupIters * p.GlobalBatch)
	} else {
		if p.LRDecayIters != 0 || p.WarmupIters != 0 {
			return Schedule{}, errors.New("plan training: the length is in samples, decay or warm-up in iterations: use one unit")
		}
		s.DecaySteps = orElse(p.LRDecaySamples, p.TrainSamples)
		s.WDSteps = p.TrainSamples
		s.WarmupSteps = float64(p.WarmupSamples)
	}
	if p.WarmupFraction != nil {
		if s.WarmupSteps != 0 {
			return Schedule{}, errors.New("plan training: warm-up both as a fraction and as a number: give one")
		}
		s.WarmupSteps = *p.WarmupFraction * float64(s.DecaySteps)
	}
	return s, s.Check()
}

func orElse(n, otherwise int64) int64 {
	if n != 0 {
		return n
	}
	return otherwise
}
