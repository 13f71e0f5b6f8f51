package optim

import (
	"fmt"
	"math"
)

// Style is the form of a curve over the run.
type Style string

// The styles. Weight decay takes the first three.
const (
	Constant          Style = "constant"
	Linear            Style = "linear"
	Cosine            Style = "cosine"
	InverseSquareRoot Style = "inverse-square-root"
)

// Schedule holds the curves of the learning rate and the weight decay. Steps are samples.
type Schedule struct {
	MaxLR, MinLR float64
	// InitLR is where the warm-up begins.
	InitLR      float64
	WarmupSteps float64 // a share of DecaySteps need not be whole
	DecaySteps  int64
	Style       Style

	StartWD, EndWD float64
	WDSteps        int64
	WDStyle        Style
}

// Check reports the first contradiction.
func (s Schedule) Check() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("check learning rate schedule: "+format, args...)
	}
	for _, v := range []struct {
		name string
		x    float64
	}{
		{"learning rate", s.MaxLR}, {"minimum learning rate", s.MinLR}, {"initial learning rate", s.InitLR},
		{"warm-up", s.WarmupSteps}, {"start of weight decay", s.StartWD}, {"end of weight decay", s.EndWD},
	} {
		if !(v.x >= 0) || math.IsInf(v.x, 0) {
			return bad("%s %g: want a number that is not negative", v.name, v.x)
		}
	}
	switch {
	case s.MinLR > s.MaxLR:
		return bad("minimum learning rate %g is above the learning rate %g", s.MinLR, s.MaxLR)
	case s.InitLR > s.MaxLR:
		return bad("initial learning rate %g is above the learning rate %g", s.InitLR, s.MaxLR)
	case s.DecaySteps <= 0:
		return bad("decay over %d samples: want at least 1", s.DecaySteps)
	case s.WarmupSteps >= float64(s.DecaySteps):
		return bad("warm-up over %g samples does not end before the decay over %d", s.WarmupSteps, s.DecaySteps)
	case s.StartWD > s.EndWD:
		return bad("weight decay starts at %g, above its end %g", s.StartWD, s.EndWD)
	case s.WDStyle == Constant && s.StartWD != s.EndWD:
		return bad("constant weight decay starts at %g and ends at %g", s.StartWD, s.EndWD)
	}
	switch s.Style {
	case Constant, Linear, Cosine, InverseSquareRoot:
	default:
		return bad("unknown decay style %q: want %s, %s, %s or %s", s.Style, Constant, Linear, Cosine, InverseSquareRoot)
	}
	switch s.WDStyle {
	case Constant, Linear, Cosine:
	default:
		return bad("unknown weight decay style %q: want %s, %s or %s", s.WDStyle, Constant, Linear, Cosine)
	}
	return nil
}

// LR is the learning rate of a group after n samples.
func (s Schedule) LR(n int64, g Group) float64 { return s.lr(n, g) * g.LRMult }

func (s Schedule) lr(n int64, g Group) float64 {
	high, low := s.MaxLR, s.MinLR
	if g.MaxLR != nil {
		high = *g.MaxLR
	}
	if g.MinLR != nil {
		low = *g.MinLR
	}
	steps := float64(n)
	switch {
	case s.WarmupSteps > 0 && steps <= s.WarmupSteps:
		return s.InitLR + (high-s.InitLR)*steps/s.WarmupSteps
	case s.Style == Constant:
		return high
	case n > s.DecaySteps:
		return low
	case s.Style == InverseSquareRoot:
		return max(low, high*math.Sqrt(max(s.WarmupSteps, 1))/math.Sqrt(max(steps, 1)))
	}
	ratio := (steps - s.WarmupSteps) / (float64(s.DecaySteps) - s.WarmupSteps)
	share := 1 - ratio
	if s.Style == Cosine {
		share = halfCosine(math.Pi * ratio)
	}
	return low + share*(high-low)
}

// WeightDecay is the weight decay of a group after n samples.
func (s Schedule) WeightDecay(n int64, g Group) float64 { return s.weightDecay(n) * g.WDMult }

func (s Schedule) weightDecay(n int64) float64 {
	if n > s.WDSteps || s.WDStyle == Constant || s.WDSteps == 0 {
		return s.EndWD
	}
	share := float64(n) / float64(s.WDSteps)
	if s.WDStyle == Cosine {
		share = halfCosine(math.Pi * (1 - share))
	}
	return s.StartWD + share*(s.EndWD-s.StartWD)
}

// halfCosine is (1 + cos x)/2 for x from 0 to pi. The C library's cosine, which other programs take, is
// rounded correctly; math.Cos may be off in the last bit, which next to pi is all that is left of the
// sum. Going through the sine of half the distance to 0 or pi keeps that bit.
func halfCosine(x float64) float64 {
	const piRest = 1.2246467991473532e-16 // pi - math.Pi
	sign, y := 1.0, x
	if x > math.Pi/2 {
		sign, y = -1, math.Pi-x+piRest
	}
	sine := math.Sin(y / 2)
	return 0.5 * (sign*(1-2*sine*sine) + 1)
}
