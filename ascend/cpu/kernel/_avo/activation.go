package main

import (
	"github.com/mmcloughlin/avo/operand"
)

func activationFile(g *gen) {
	exp(g)
	swishMul(g)
	swishMulBackward(g)
}

// expOf replaces x by e^x; below expFloor the result is 0 and NaN stays NaN. With n the whole number
// next to x/ln 2, e^x = 2^n * e^(x - n*ln 2), the latter by the polynomial of the Cephes library's
// expf, which is good to about one unit in the last place.
func expOf(g *gen, x vec) {
	const floor, ceiling = -87.33654, 88.37626
	under, bound := g.YMM(), g.YMM()
	g.VCMPPS(operand.U8(1), g.float(floor), x, under) // x < floor
	// The order of operands lets a NaN in x through.
	g.VMOVUPS(g.float(floor), bound)
	g.VMAXPS(x, bound, x)
	g.VMOVUPS(g.float(ceiling), bound)
	g.VMINPS(x, bound, x)
	n := g.YMM()
	g.VMULPS(g.float(1.44269504088896341), x, n)
	g.VROUNDPS(operand.U8(8), n, n)
	g.VFNMADD231PS(g.float(0.693359375), n, x)
	g.VFNMADD231PS(g.float(-2.12194440e-4), n, x)
	p, square := g.YMM(), g.YMM()
	g.VMOVUPS(g.float(1.9875691500e-4), p)
	for _, c := range []float64{1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1} {
		g.VFMADD213PS(g.float(c), x, p)
	}
	g.VMULPS(x, x, square)
	g.VFMADD213PS(x, square, p)
	g.VADDPS(g.float(1), p, p)
	g.VCVTPS2DQ(n, n)
	g.VPADDD(g.int32(127), n, n)
	g.VPSLLD(operand.U8(23), n, n)
	g.VMULPS(n, p, x)
	g.VANDNPS(x, under, x)
}

func exp(g *gen) {
	g.function("expAVX2", "(n int, dst, x *float32, shift float32) float32", "writes e^(x-shift) and is the sum.")
	l := g.over("dst", "x")
	shift := g.scalar("shift")
	s := g.sums(2)
	l.run(2, func(u int) {
		x := l.load(1)
		g.VSUBPS(shift, x, x)
		expOf(g, x)
		if l.mask != nil {
			g.VANDPS(*l.mask, x, x)
		}
		l.store(x, 0)
		g.VADDPS(x, s[u], s[u])
	})
	g.Store(g.total(s), g.ReturnIndex(0))
	g.end()
}

// sigmoidOf gives 1/(1 + e^-(x*(c1 + c3*x*x))).
func sigmoidOf(g *gen, x, c1, c3 vec) vec {
	z := g.YMM()
	g.VMULPS(x, x, z)
	g.VFMADD213PS(c1, c3, z)
	g.VMULPS(x, z, z)
	g.VXORPS(g.int32(-1<<31), z, z)
	expOf(g, z)
	one := g.YMM()
	g.VMOVUPS(g.float(1), one)
	g.VADDPS(one, z, z)
	g.VDIVPS(z, one, z)
	return z
}

func swishMul(g *gen) {
	g.function("swishMulAVX2", "(n int, y, gate, up *float32, c1, c3 float32)", "writes y = gate*sigmoid(gate*(c1+c3*gate*gate))*up.")
	l := g.over("y", "gate", "up")
	c1, c3 := g.scalar("c1"), g.scalar("c3")
	l.run(2, func(int) {
		x := l.load(1)
		s := sigmoidOf(g, x, c1, c3)
		g.VMULPS(x, s, s)
		g.VMULPS(l.load(2), s, s)
		l.store(s, 0)
	})
	g.end()
}

func swishMulBackward(g *gen) {
	g.function("swishMulBackwardAVX2", "(n int, dgate, dup, dy, gate, up *float32, c1, c3 float32)", "writes the gradients of swishMulAVX2.")
	l := g.over("dgate", "dup", "dy", "gate", "up")
	c1, c3 := g.scalar("c1"), g.scalar("c3")
	l.run(1, func(int) {
		x, d, u := l.load(3), l.load(2), l.load(4)
		s := sigmoidOf(g, x, c1, c3)
		xs, rest, slope := g.YMM(), g.YMM(), g.YMM()
		g.VMULPS(x, s, xs)
		g.VMULPS(d, u, u)
		g.VMULPS(d, xs, d)
		l.store(d, 1)
		// slope = c1 + 3*c3*x*x
		g.VMULPS(x, x, slope)
		g.VMULPS(g.float(3), slope, slope)
		g.VFMADD213PS(c1, c3, slope)
		// rest = x*s*(1-s)*slope + s
		g.VMOVUPS(g.float(1), rest)
		g.VSUBPS(s, rest, rest)
		g.VMULPS(xs, rest, rest)
		g.VFMADD213PS(s, slope, rest)
		g.VMULPS(u, rest, rest)
		l.store(rest, 0)
	})
	g.end()
}
