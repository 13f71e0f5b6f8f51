package main

import (
	"math"

	"github.com/mmcloughlin/avo/operand"
)

func vectorFile(g *gen) {
	dot(g)
	dot4(g)
	axpy(g)
	addRows(g)
	scale(g)
	largest(g)
	sumSquares(g)
	dot3(g)
	normScale(g)
	normBackward(g)
	mulAdd(g)
	softmaxBackward(g)
	rotate(g)
	adamW(g)
}

func dot(g *gen) {
	g.function("dotAVX2", "(n int, x, y *float32) float32", "is the sum of x*y.")
	l := g.over("x", "y")
	s := g.sums(4)
	l.run(4, func(u int) {
		x := l.load(0)
		if l.mask != nil {
			g.VFMADD231PS(l.load(1), x, s[u])
		} else {
			g.VFMADD231PS(l.place(1), x, s[u])
		}
	})
	g.Store(g.total(s), g.ReturnIndex(0))
	g.end()
}

func dot4(g *gen) {
	g.function("dot4AVX2", "(n int, w, x *float32, ldx int) (d0, d1, d2, d3 float32)", "is the dot products of w with four rows of x, ldx apart.")
	l := g.over("w", "x")
	ldx := g.Load(g.Param("ldx"), g.GP64())
	g.SHLQ(operand.U8(2), ldx)
	for i := 2; i <= 4; i++ {
		p := g.GP64()
		g.MOVQ(l.ptr[i-1], p)
		g.ADDQ(ldx, p)
		l.ptr = append(l.ptr, p)
	}
	s := g.sums(8)
	l.run(2, func(u int) {
		w := l.load(0)
		for i := range 4 {
			if l.mask != nil {
				g.VFMADD231PS(l.load(1+i), w, s[2*i+u])
			} else {
				g.VFMADD231PS(l.place(1+i), w, s[2*i+u])
			}
		}
	})
	for i := range 4 {
		g.Store(g.total(s[2*i:2*i+2]), g.ReturnIndex(i))
	}
	g.end()
}

func axpy(g *gen) {
	g.function("axpyAVX2", "(n int, y, x *float32, a float32)", "computes y += a*x.")
	l := g.over("y", "x")
	a := g.scalar("a")
	l.run(4, func(int) {
		y := l.load(0)
		g.VFMADD231PS(l.load(1), a, y)
		l.store(y, 0)
	})
	g.end()
}

// addRows keeps up to 64 columns of y in registers while it goes down the rows.
func addRows(g *gen) {
	g.function("addRowsAVX2", "(n int, y, x *float32, ldx int, a *float32, rows int)", "computes y += sum of a[i] * row i of x, rows > 0.")
	n := g.Load(g.Param("n"), g.GP64())
	y := g.Load(g.Param("y"), g.GP64())
	x := g.Load(g.Param("x"), g.GP64())
	ldx := g.Load(g.Param("ldx"), g.GP64())
	a := g.Load(g.Param("a"), g.GP64())
	rows := g.Load(g.Param("rows"), g.GP64())
	g.SHLQ(operand.U8(2), ldx)
	end := g.label("end")
	for _, width := range []int{64, 8} {
		next, below, down := g.label("next"), g.label("below"), g.label("down")
		g.Label(next)
		g.CMPQ(n, operand.I8(width))
		g.JL(operand.LabelRef(below))
		sum := make([]vec, width/8)
		for i := range sum {
			sum[i] = g.YMM()
			g.VMOVUPS(operand.Mem{Base: y, Disp: 32 * i}, sum[i])
		}
		row, at := g.GP64(), g.GP64()
		g.MOVQ(x, row)
		g.XORQ(at, at)
		g.Label(down)
		v := g.YMM()
		g.VBROADCASTSS(operand.Mem{Base: a, Index: at, Scale: 4}, v)
		for i := range sum {
			g.VFMADD231PS(operand.Mem{Base: row, Disp: 32 * i}, v, sum[i])
		}
		g.ADDQ(ldx, row)
		g.INCQ(at)
		g.CMPQ(at, rows)
		g.JL(operand.LabelRef(down))
		for i := range sum {
			g.VMOVUPS(sum[i], operand.Mem{Base: y, Disp: 32 * i})
		}
		g.ADDQ(operand.I32(4*width), x)
		g.ADDQ(operand.I32(4*width), y)
		g.SUBQ(operand.I8(width), n)
		g.JMP(operand.LabelRef(next))
		g.Label(below)
	}
	g.TESTQ(n, n)
	g.JZ(operand.LabelRef(end))
	last, at, down := g.GP64(), g.GP64(), g.label("down")
	column := g.label("column")
	g.Label(column)
	sum, v := g.XMM(), g.XMM()
	g.VMOVSS(operand.Mem{Base: y}, sum)
	g.MOVQ(x, last)
	g.XORQ(at, at)
	g.Label(down)
	g.VMOVSS(operand.Mem{Base: a, Index: at, Scale: 4}, v)
	g.VFMADD231SS(operand.Mem{Base: last}, v, sum)
	g.ADDQ(ldx, last)
	g.INCQ(at)
	g.CMPQ(at, rows)
	g.JL(operand.LabelRef(down))
	g.VMOVSS(sum, operand.Mem{Base: y})
	g.ADDQ(operand.I8(4), x)
	g.ADDQ(operand.I8(4), y)
	g.DECQ(n)
	g.JNZ(operand.LabelRef(column))
	g.Label(end)
	g.end()
}

func scale(g *gen) {
	g.function("scaleAVX2", "(n int, x *float32, a float32)", "computes x *= a.")
	l := g.over("x")
	a := g.scalar("a")
	l.run(4, func(int) {
		x := l.load(0)
		g.VMULPS(a, x, x)
		l.store(x, 0)
	})
	g.end()
}

func largest(g *gen) {
	g.function("maxAVX2", "(n int, x *float32) float32", "is the largest number, n > 0.")
	l := g.over("x")
	least := g.float(math.Inf(-1))
	m := g.sums(4)
	for _, v := range m {
		g.VMOVUPS(least, v)
	}
	l.run(4, func(u int) {
		x := l.load(0)
		if l.mask != nil {
			low := g.YMM()
			g.VMOVUPS(least, low)
			g.VBLENDVPS(*l.mask, x, low, x)
		}
		g.VMAXPS(x, m[u], m[u])
	})
	g.VMAXPS(m[1], m[0], m[0])
	g.VMAXPS(m[3], m[2], m[2])
	g.VMAXPS(m[2], m[0], m[0])
	a, b := g.XMM(), g.XMM()
	g.VEXTRACTF128(operand.U8(1), m[0], a)
	g.VMAXPS(m[0].AsX(), a, a)
	g.VSHUFPS(operand.U8(0x4e), a, a, b)
	g.VMAXPS(b, a, a)
	g.VSHUFPS(operand.U8(0xb1), a, a, b)
	g.VMAXPS(b, a, a)
	g.Store(a, g.ReturnIndex(0))
	g.end()
}

func sumSquares(g *gen) {
	g.function("sumSquaresAVX2", "(n int, x *float32) float64", "is the sum of squares in float64.")
	l := g.over("x")
	s := g.sums(8)
	l.run(4, func(u int) {
		for i, v := range g.widen(l.load(0)) {
			g.VFMADD231PD(v, v, s[2*u+i])
		}
	})
	g.Store(g.total64(s), g.ReturnIndex(0))
	g.end()
}

func dot3(g *gen) {
	g.function("dot3AVX2", "(n int, x, y, z *float32) float64", "is the sum of x*y*z in float64.")
	l := g.over("x", "y", "z")
	s := g.sums(4)
	l.run(2, func(u int) {
		x, y, z := g.widen(l.load(0)), g.widen(l.load(1)), g.widen(l.load(2))
		for i := range 2 {
			g.VMULPD(y[i], x[i], x[i])
			g.VFMADD231PD(z[i], x[i], s[2*u+i])
		}
	})
	g.Store(g.total64(s), g.ReturnIndex(0))
	g.end()
}

func normScale(g *gen) {
	g.function("normScaleAVX2", "(n int, y, x, w *float32, r float32)", "writes y = x*r*w.")
	l := g.over("y", "x", "w")
	r := g.scalar("r")
	l.run(2, func(int) {
		x := l.load(1)
		g.VMULPS(r, x, x)
		g.VMULPS(l.load(2), x, x)
		l.store(x, 0)
	})
	g.end()
}

func normBackward(g *gen) {
	g.function("normBackwardAVX2", "(n int, dx, dy, w, x *float32, a, b float32)", "computes dx += a*w*dy + b*x.")
	l := g.over("dx", "dy", "w", "x")
	a, b := g.scalar("a"), g.scalar("b")
	l.run(2, func(int) {
		w := l.load(2)
		g.VMULPS(a, w, w)
		g.VMULPS(l.load(1), w, w)
		g.VFMADD231PS(l.load(3), b, w)
		g.VADDPS(l.load(0), w, w)
		l.store(w, 0)
	})
	g.end()
}

func mulAdd(g *gen) {
	g.function("mulAddAVX2", "(n int, dst, x, y *float32, a float32)", "computes dst += a*x*y.")
	l := g.over("dst", "x", "y")
	a := g.scalar("a")
	l.run(2, func(int) {
		d, x := l.load(0), l.load(1)
		g.VMULPS(a, x, x)
		g.VFMADD231PS(l.load(2), x, d)
		l.store(d, 0)
	})
	g.end()
}

func softmaxBackward(g *gen) {
	g.function("softmaxBackwardAVX2", "(n int, dp, p *float32, delta float32)", "computes dp = p*(dp-delta).")
	l := g.over("dp", "p")
	delta := g.scalar("delta")
	l.run(4, func(int) {
		d := l.load(0)
		g.VSUBPS(delta, d, d)
		g.VMULPS(l.load(1), d, d)
		l.store(d, 0)
	})
	g.end()
}

func rotate(g *gen) {
	g.function("rotateAVX2", "(n int, x, y, cos, sin *float32)", "turns the pairs (x[i], y[i]).")
	l := g.over("x", "y", "cos", "sin")
	l.run(2, func(int) {
		x, y, c, s := l.load(0), l.load(1), l.load(2), l.load(3)
		xs, ys := g.YMM(), g.YMM()
		g.VMULPS(s, x, xs)
		g.VMULPS(s, y, ys)
		g.VFMSUB231PS(c, x, ys)
		g.VFMADD231PS(c, y, xs)
		l.store(ys, 0)
		l.store(xs, 1)
	})
	g.end()
}

func adamW(g *gen) {
	g.function("adamWAVX2", "(n int, p, grad, m, v, c *float32)", "makes one optimizer step; c points at the constants of AdamWStep in their order.")
	l := g.over("p", "grad", "m", "v", "c")
	constant := make([]vec, 9)
	for i := range constant {
		constant[i] = g.YMM()
		g.VBROADCASTSS(operand.Mem{Base: l.ptr[4], Disp: 4 * i}, constant[i])
	}
	gradScale, beta1, one1, beta2, one2 := constant[0], constant[1], constant[2], constant[3], constant[4]
	decay, rate, root, eps := constant[5], constant[6], constant[7], constant[8]
	l.run(1, func(int) {
		d := l.load(1)
		g.VMULPS(gradScale, d, d)
		m := l.load(2)
		g.VMULPS(beta1, m, m)
		g.VFMADD231PS(d, one1, m)
		l.store(m, 2)
		v := l.load(3)
		g.VMULPS(beta2, v, v)
		g.VMULPS(d, d, d)
		g.VFMADD231PS(d, one2, v)
		l.store(v, 3)
		g.VSQRTPS(v, v)
		g.VFMADD132PS(root, eps, v)
		g.VMULPS(rate, m, m)
		g.VDIVPS(v, m, m)
		p := l.load(0)
		g.VFMSUB132PS(decay, m, p)
		l.store(p, 0)
	})
	g.end()
}
