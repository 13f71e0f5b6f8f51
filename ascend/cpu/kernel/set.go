package kernel

// Tier names a level of instructions.
type Tier string

// The tiers of this build. Generic runs anywhere.
const (
	Generic Tier = "generic"
	AVX2    Tier = "avx2" // with FMA
)

// Set is the table of loops of one tier. Slices of one call have equal lengths unless said otherwise;
// a longer second slice is cut to the first.
type Set struct {
	Tier Tier

	// Dot is the sum of x*y.
	Dot func(x, y []float32) float32
	// Dot4 is the dot products of w with the rows of x at 0, ldx, 2*ldx and 3*ldx.
	Dot4 func(w, x []float32, ldx int) (d0, d1, d2, d3 float32)
	// Axpy computes y += a*x.
	Axpy func(y, x []float32, a float32)
	// AddRows computes y += sum of a[i] * row i of x; rows are ldx apart.
	AddRows func(y, x []float32, ldx int, a []float32)
	// Scale computes x *= a.
	Scale func(x []float32, a float32)
	// Max is the largest element of x; -Inf for none. A NaN may or may not win.
	Max func(x []float32) float32
	// SumSquares is the sum of x*x in float64.
	SumSquares func(x []float32) float64
	// Dot3 is the sum of x*y*z in float64.
	Dot3 func(x, y, z []float32) float64
	// Exp writes e^(x-shift) to dst, which may be x, and returns the sum. Arguments below -87.3 give 0.
	Exp func(dst, x []float32, shift float32) float32
	// NormScale writes y = x*r*w.
	NormScale func(y, x, w []float32, r float32)
	// NormBackward computes dx += a*w*dy + b*x.
	NormBackward func(dx, dy, w, x []float32, a, b float32)
	// MulAdd computes dst += x*y*a.
	MulAdd func(dst, x, y []float32, a float32)
	// SoftmaxBackward computes dp = p*(dp-delta).
	SoftmaxBackward func(dp, p []float32, delta float32)
	// SwishMul writes y = s(gate)*up with s the sigmoid-shaped activation of curve.
	SwishMul func(y, gate, up []float32, curve Curve)
	// SwishMulBackward writes dgate and dup. dgate may be gate or dy, dup may be up.
	SwishMulBackward func(dgate, dup, dy, gate, up []float32, curve Curve)
	// Rotate turns the pairs (x[i], y[i]) by the angles whose cosines and sines are given.
	Rotate func(x, y, cos, sin []float32)
	// AdamW makes one optimizer step; see AdamWStep.
	AdamW func(p, g, m, v []float32, c *AdamWStep)

	mr, nr int
	micro  microFunc
	// strip packs a strip without missing lanes; nil means plain Go.
	strip func(dst, src []float32, ld int, alongRows bool, k, width int)
}

// Curve holds the constants of an activation of the form x*sigmoid(x*(C1 + C3*x*x)).
type Curve struct{ C1, C3 float32 }

// AdamWStep holds one step's constants, the corrections of bias folded in:
//
//	g' = GradScale*g
//	m  = Beta1*m + OneMinusBeta1*g'
//	v  = Beta2*v + OneMinusBeta2*g'*g'
//	p  = Decay*p - Rate*m/(sqrt(v)*RootCorrection + Eps)
type AdamWStep struct {
	GradScale                                  float32
	Beta1, OneMinusBeta1, Beta2, OneMinusBeta2 float32
	Decay, Rate, RootCorrection, Eps           float32
}

// Select is the best Set of this machine, or the tier named in override ("generic", "avx2"; empty
// means the best). A tier that the machine or the build lacks falls back to the best below it.
func Select(override string) *Set {
	if Tier(override) == Generic {
		return generic()
	}
	return best()
}

// Tiers lists the tiers that run on this machine, generic first.
func Tiers() []Tier {
	if t := best().Tier; t != Generic {
		return []Tier{Generic, t}
	}
	return []Tier{Generic}
}
