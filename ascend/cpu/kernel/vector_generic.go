package kernel

import "math"

// expFloor is where e^x leaves the normal float32 numbers; below it the loops give 0.
const expFloor = -87.33654

func dotGeneric(x, y []float32) float32 {
	y = y[:len(x)]
	var s0, s1, s2, s3 float32
	for len(x) >= 4 && len(y) >= 4 {
		s0 += x[0] * y[0]
		s1 += x[1] * y[1]
		s2 += x[2] * y[2]
		s3 += x[3] * y[3]
		x, y = x[4:], y[4:]
	}
	s := (s0 + s1) + (s2 + s3)
	for i, v := range x {
		s += v * y[i]
	}
	return s
}

func dot4Generic(w, x []float32, ldx int) (d0, d1, d2, d3 float32) {
	return dotGeneric(w, x), dotGeneric(w, x[ldx:]), dotGeneric(w, x[2*ldx:]), dotGeneric(w, x[3*ldx:])
}

func axpyGeneric(y, x []float32, a float32) {
	x = x[:len(y)]
	for i := range y {
		y[i] += a * x[i]
	}
}

func addRowsGeneric(y, x []float32, ldx int, a []float32) {
	for i, v := range a {
		axpyGeneric(y, x[i*ldx:], v)
	}
}

func scaleGeneric(x []float32, a float32) {
	for i := range x {
		x[i] *= a
	}
}

func maxGeneric(x []float32) float32 {
	m := float32(math.Inf(-1))
	for _, v := range x {
		if v > m {
			m = v
		}
	}
	return m
}

func sumSquaresGeneric(x []float32) float64 {
	var s float64
	for _, v := range x {
		s += float64(v) * float64(v)
	}
	return s
}

func dot3Generic(x, y, z []float32) float64 {
	y, z = y[:len(x)], z[:len(x)]
	var s float64
	for i, v := range x {
		s += float64(v) * float64(y[i]) * float64(z[i])
	}
	return s
}

func exp32(x float32) float32 {
	if x < expFloor {
		return 0
	}
	return float32(math.Exp(float64(x)))
}

func expGeneric(dst, x []float32, shift float32) float32 {
	dst = dst[:len(x)]
	var s float64
	for i, v := range x {
		e := exp32(v - shift)
		dst[i] = e
		s += float64(e)
	}
	return float32(s)
}

func normScaleGeneric(y, x, w []float32, r float32) {
	x, w = x[:len(y)], w[:len(y)]
	for i := range y {
		y[i] = x[i] * r * w[i]
	}
}

func normBackwardGeneric(dx, dy, w, x []float32, a, b float32) {
	dy, w, x = dy[:len(dx)], w[:len(dx)], x[:len(dx)]
	for i := range dx {
		dx[i] += a*w[i]*dy[i] + b*x[i]
	}
}

func mulAddGeneric(dst, x, y []float32, a float32) {
	x, y = x[:len(dst)], y[:len(dst)]
	for i := range dst {
		dst[i] += a * x[i] * y[i]
	}
}

func softmaxBackwardGeneric(dp, p []float32, delta float32) {
	p = p[:len(dp)]
	for i := range dp {
		dp[i] = p[i] * (dp[i] - delta)
	}
}

func sigmoid(z float32) float32 { return float32(1 / (1 + math.Exp(-float64(z)))) }

func swishMulGeneric(y, gate, up []float32, c Curve) {
	gate, up = gate[:len(y)], up[:len(y)]
	for i := range y {
		x := gate[i]
		y[i] = x * sigmoid(x*(c.C1+c.C3*x*x)) * up[i]
	}
}

// swishMulBackwardGeneric uses d(x*s)/dx = s + x*s*(1-s)*(C1 + 3*C3*x*x), s the sigmoid.
func swishMulBackwardGeneric(dgate, dup, dy, gate, up []float32, c Curve) {
	dup, dy, gate, up = dup[:len(dgate)], dy[:len(dgate)], gate[:len(dgate)], up[:len(dgate)]
	for i := range dgate {
		x, u, d := gate[i], up[i], dy[i]
		s := sigmoid(x * (c.C1 + c.C3*x*x))
		dup[i] = d * (x * s)
		dgate[i] = d * u * (s + x*s*(1-s)*(c.C1+3*c.C3*x*x))
	}
}

func rotateGeneric(x, y, cos, sin []float32) {
	y, cos, sin = y[:len(x)], cos[:len(x)], sin[:len(x)]
	for i := range x {
		a, b := x[i], y[i]
		x[i] = a*cos[i] - b*sin[i]
		y[i] = b*cos[i] + a*sin[i]
	}
}

func adamWGeneric(p, g, m, v []float32, c *AdamWStep) {
	g, m, v = g[:len(p)], m[:len(p)], v[:len(p)]
	for i := range p {
		d := g[i] * c.GradScale
		m[i] = c.Beta1*m[i] + c.OneMinusBeta1*d
		v[i] = c.Beta2*v[i] + c.OneMinusBeta2*d*d
		root := float32(math.Sqrt(float64(v[i])))
		p[i] = c.Decay*p[i] - c.Rate*m[i]/(root*c.RootCorrection+c.Eps)
	}
}
