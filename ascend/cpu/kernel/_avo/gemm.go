package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func gemmFile(g *gen) {
	micro(g, 6, 2)
	g.function("pause", "()", "waits some hundred nanoseconds in a way that saves power.")
	for range 8 {
		g.PAUSE()
	}
	g.RET()
}

// micro makes the micro-kernel of mr rows by nv vectors of 8: mr*nv sums, nv vectors of b and the
// broadcasts of a must fit 16 registers.
func micro(g *gen, mr, nv int) {
	const unroll = 4
	nr := 8 * nv
	g.function(fmt.Sprintf("gemm%dx%dAVX2", mr, nr), "(k int, a, b, c *float32, ldc int, alpha float32, accumulate int)",
		fmt.Sprintf("computes a tile of %d x %d from packed strips: c = alpha*a*b, plus c when accumulate is not 0.", mr, nr))
	k := g.Load(g.Param("k"), g.GP64())
	a := g.Load(g.Param("a"), g.GP64())
	b := g.Load(g.Param("b"), g.GP64())
	c := g.Load(g.Param("c"), g.GP64())
	ldc := g.Load(g.Param("ldc"), g.GP64())
	g.SHLQ(operand.U8(2), ldc)

	g.Comment("Fetch the tile of c while the sums are made.")
	row := g.GP64()
	g.MOVQ(c, row)
	for i := range mr {
		g.PREFETCHT0(operand.Mem{Base: row})
		g.PREFETCHT0(operand.Mem{Base: row, Disp: 4*nr - 4})
		if i+1 < mr {
			g.ADDQ(ldc, row)
		}
	}
	sum := make([][]reg.VecVirtual, mr)
	for i := range sum {
		for range nv {
			v := g.YMM()
			g.VXORPS(v, v, v)
			sum[i] = append(sum[i], v)
		}
	}
	step := func(u int) {
		bv := make([]reg.VecVirtual, nv)
		for j := range bv {
			bv[j] = g.YMM()
			g.VMOVUPS(operand.Mem{Base: b, Disp: 4*nr*u + 32*j}, bv[j])
		}
		for i := range mr {
			av := g.YMM()
			g.VBROADCASTSS(operand.Mem{Base: a, Disp: 4 * (mr*u + i)}, av)
			for j := range bv {
				g.VFMADD231PS(av, bv[j], sum[i][j])
			}
		}
	}
	blocks, rest, tail, done := g.label("blocks"), g.label("rest"), g.label("tail"), g.label("done")
	count := g.GP64()
	g.MOVQ(k, count)
	g.SHRQ(operand.U8(2), count)
	g.JZ(operand.LabelRef(rest))
	g.Label(blocks)
	for u := range unroll {
		g.PREFETCHT0(operand.Mem{Base: b, Disp: 4*nr*(u+unroll*2) + 0})
		step(u)
	}
	g.ADDQ(operand.I32(4*mr*unroll), a)
	g.ADDQ(operand.I32(4*nr*unroll), b)
	g.DECQ(count)
	g.JNZ(operand.LabelRef(blocks))
	g.Label(rest)
	g.ANDQ(operand.I8(3), k)
	g.JZ(operand.LabelRef(done))
	g.Label(tail)
	step(0)
	g.ADDQ(operand.I8(4*mr), a)
	g.ADDQ(operand.I8(4*nr), b)
	g.DECQ(k)
	g.JNZ(operand.LabelRef(tail))
	g.Label(done)

	alpha := g.YMM()
	addr, err := g.Param("alpha").Resolve()
	if err != nil {
		panic(err)
	}
	g.VBROADCASTSS(addr.Addr, alpha)
	add := g.Load(g.Param("accumulate"), g.GP64())
	over, end := g.label("over"), g.label("end")
	g.TESTQ(add, add)
	g.JZ(operand.LabelRef(over))
	for i := range sum {
		for j, v := range sum[i] {
			old := g.YMM()
			g.VMOVUPS(operand.Mem{Base: c, Disp: 32 * j}, old)
			g.VFMADD231PS(v, alpha, old)
			g.VMOVUPS(old, operand.Mem{Base: c, Disp: 32 * j})
		}
		if i+1 < mr {
			g.ADDQ(ldc, c)
		}
	}
	g.JMP(operand.LabelRef(end))
	g.Label(over)
	for i := range sum {
		for j, v := range sum[i] {
			g.VMULPS(alpha, v, v)
			g.VMOVUPS(v, operand.Mem{Base: c, Disp: 32 * j})
		}
		if i+1 < mr {
			g.ADDQ(ldc, c)
		}
	}
	g.Label(end)
	g.end()
}
