package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func packFile(g *gen) {
	transpose(g, 8)
	transpose(g, 6)
	copyStrip(g, 16)
	copyStrip(g, 6)
}

// transpose makes the packing of lanes that lie along rows, 8 steps at a time. With fewer than 8 rows
// each step still stores 8 numbers; the next step's store overwrites the excess.
func transpose(g *gen, rows int) {
	name := fmt.Sprintf("transpose%dAVX2", rows)
	g.function(name, "(dst, src *float32, k, lds, ldd int)", fmt.Sprintf(
		"writes dst[j*ldd+i] = src[i*lds+j] for i < %d and j < k, k a multiple of 8; eight numbers are written at each j.", rows))
	dst := g.Load(g.Param("dst"), g.GP64())
	src := g.Load(g.Param("src"), g.GP64())
	k := g.Load(g.Param("k"), g.GP64())
	lds := g.Load(g.Param("lds"), g.GP64())
	ldd := g.Load(g.Param("ldd"), g.GP64())
	g.SHLQ(operand.U8(2), lds)
	g.SHLQ(operand.U8(2), ldd)
	lds3, src4 := g.GP64(), g.GP64()
	g.LEAQ(operand.Mem{Base: lds, Index: lds, Scale: 2}, lds3)
	g.LEAQ(operand.Mem{Base: src, Index: lds, Scale: 4}, src4)
	rowAt := func(i int) operand.Mem {
		base := src
		if i >= 4 {
			base, i = src4, i-4
		}
		switch i {
		case 0:
			return operand.Mem{Base: base}
		case 1:
			return operand.Mem{Base: base, Index: lds, Scale: 1}
		case 2:
			return operand.Mem{Base: base, Index: lds, Scale: 2}
		default:
			return operand.Mem{Base: base, Index: lds3, Scale: 1}
		}
	}
	loop := g.label("loop")
	g.Label(loop)
	// The halves of the 8 x 8 block are joined while loading: vector i holds steps 0-3 of row i and of
	// row i+4; vector i+4 steps 4-7.
	v := make([]reg.VecVirtual, 8)
	for half := range 2 {
		for i := range 4 {
			low, high := rowAt(i), rowAt(min(i+4, rows-1))
			low.Disp, high.Disp = 16*half, 16*half
			y := g.YMM()
			g.VMOVUPS(low, y.AsX())
			g.VINSERTF128(operand.U8(1), high, y, y)
			v[4*half+i] = y
		}
	}
	for half := range 2 {
		a, b, c, d := v[4*half], v[4*half+1], v[4*half+2], v[4*half+3]
		ab0, ab1, cd0, cd1 := g.YMM(), g.YMM(), g.YMM(), g.YMM()
		g.VUNPCKLPS(b, a, ab0)
		g.VUNPCKHPS(b, a, ab1)
		g.VUNPCKLPS(d, c, cd0)
		g.VUNPCKHPS(d, c, cd1)
		for _, pair := range [][2]reg.VecVirtual{{ab0, cd0}, {ab1, cd1}} {
			for _, half := range []uint64{0x44, 0xee} {
				out := g.YMM()
				g.VSHUFPS(operand.U8(half), pair[1], pair[0], out)
				g.VMOVUPS(out, operand.Mem{Base: dst})
				g.ADDQ(ldd, dst)
			}
		}
	}
	g.ADDQ(operand.I8(32), src)
	g.ADDQ(operand.I8(32), src4)
	g.SUBQ(operand.I8(8), k)
	g.JNZ(operand.LabelRef(loop))
	g.end()
}

// copyStrip makes the packing of lanes that are neighbours. 6 lanes are moved as 8: the next step
// overwrites the excess.
func copyStrip(g *gen, lanes int) {
	g.function(fmt.Sprintf("copy%dAVX2", lanes), "(dst, src *float32, k, lds int)", fmt.Sprintf(
		"writes dst[j*%d+i] = src[j*lds+i] for i < %d and j < k; whole vectors are read and written at each j.", lanes, lanes))
	dst := g.Load(g.Param("dst"), g.GP64())
	src := g.Load(g.Param("src"), g.GP64())
	k := g.Load(g.Param("k"), g.GP64())
	lds := g.Load(g.Param("lds"), g.GP64())
	g.SHLQ(operand.U8(2), lds)
	loop := g.label("loop")
	g.Label(loop)
	for at := 0; at < lanes; at += 8 {
		v := g.YMM()
		g.VMOVUPS(operand.Mem{Base: src, Disp: 4 * at}, v)
		g.VMOVUPS(v, operand.Mem{Base: dst, Disp: 4 * at})
	}
	g.ADDQ(lds, src)
	g.ADDQ(operand.I8(4*lanes), dst)
	g.DECQ(k)
	g.JNZ(operand.LabelRef(loop))
	g.end()
}
