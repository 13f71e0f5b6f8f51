package main

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

type vec = reg.VecVirtual

// float gives a constant in all 8 lanes, as a memory operand.
func (g *gen) float(x float64) operand.Mem {
	return g.bits("f", math.Float32bits(float32(x)))
}

// int32 gives an integer constant in all 8 lanes.
func (g *gen) int32(x int32) operand.Mem { return g.bits("i", uint32(x)) }

func (g *gen) bits(kind string, b uint32) operand.Mem {
	name := fmt.Sprintf("%s%08x", kind, b)
	if !g.consts[name] {
		g.define(name, func(int) uint32 { return b }, 8)
	}
	return operand.NewDataAddr(operand.Symbol{Name: name, Static: true}, 0)
}

// define adds static data.
func (g *gen) define(name string, at func(int) uint32, n int) {
	if g.consts == nil {
		g.consts = map[string]bool{}
	}
	g.consts[name] = true
	g.StaticGlobal(name)
	g.DataAttributes(attr.RODATA | attr.NOPTR)
	for i := range n {
		g.AddDatum(4*i, operand.U32(at(i)))
	}
}

// scalar broadcasts a float32 parameter.
func (g *gen) scalar(name string) vec {
	b, err := g.Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	v := g.YMM()
	g.VBROADCASTSS(b.Addr, v)
	return v
}

func (g *gen) zero() vec {
	v := g.YMM()
	g.VXORPS(v, v, v)
	return v
}

// loop goes over equally long vectors of float32.
type loop struct {
	*gen
	n, at reg.Register
	ptr   []reg.Register
	// While a step is made: its place, and in the remainder the mask of the lanes that exist.
	disp int
	mask *vec
}

// over begins a loop; it reads the parameter n and the named pointers.
func (g *gen) over(names ...string) *loop {
	l := &loop{gen: g, n: g.Load(g.Param("n"), g.GP64())}
	for _, name := range names {
		l.ptr = append(l.ptr, g.Load(g.Param(name), g.GP64()))
	}
	return l
}

func (l *loop) place(p int) operand.Mem {
	return operand.Mem{Base: l.ptr[p], Index: l.at, Scale: 4, Disp: l.disp}
}

// load reads 8 numbers of vector p; lanes beyond the end are 0.
func (l *loop) load(p int) vec {
	v := l.YMM()
	if l.mask != nil {
		l.VMASKMOVPS(l.place(p), *l.mask, v)
	} else {
		l.VMOVUPS(l.place(p), v)
	}
	return v
}

func (l *loop) store(v vec, p int) {
	if l.mask != nil {
		l.VMASKMOVPS(v, *l.mask, l.place(p))
	} else {
		l.VMOVUPS(v, l.place(p))
	}
}

// run emits the loop: unroll steps of 8 at a time, then single steps, then a masked one. body gets the
// number of the step among the unrolled, to choose its accumulator.
func (l *loop) run(unroll int, body func(u int)) {
	if !l.consts["lanes"] {
		l.define("lanes", func(i int) uint32 {
			if i < 8 {
				return math.MaxUint32
			}
			return 0
		}, 16)
	}
	wide, single, tail, end := l.label("wide"), l.label("single"), l.label("tail"), l.label("end")
	ref := func(s string) operand.LabelRef { return operand.LabelRef(s) }
	l.at = l.GP64()
	l.XORQ(l.at, l.at)
	if unroll > 1 {
		l.SUBQ(operand.I32(8*unroll), l.n)
		l.JL(ref(single))
		l.Label(wide)
		for u := range unroll {
			l.disp = 32 * u
			body(u)
		}
		l.disp = 0
		l.ADDQ(operand.I32(8*unroll), l.at)
		l.SUBQ(operand.I32(8*unroll), l.n)
		l.JGE(ref(wide))
		l.Label(single)
		l.ADDQ(operand.I32(8*unroll), l.n)
		l.JZ(ref(end))
	}
	next := l.label("next")
	l.SUBQ(operand.I8(8), l.n)
	l.JL(ref(tail))
	l.Label(next)
	body(0)
	l.ADDQ(operand.I8(8), l.at)
	l.SUBQ(operand.I8(8), l.n)
	l.JGE(ref(next))
	l.Label(tail)
	l.ADDQ(operand.I8(8), l.n)
	l.JZ(ref(end))
	// The mask begins 8-n lanes into the table of 8 ones and 8 zeros.
	base := l.GP64()
	l.LEAQ(operand.NewDataAddr(operand.Symbol{Name: "lanes", Static: true}, 32), base)
	l.SHLQ(operand.U8(2), l.n)
	l.SUBQ(l.n, base)
	mask := l.YMM()
	l.VMOVUPS(operand.Mem{Base: base}, mask)
	l.mask = &mask
	body(0)
	l.mask = nil
	l.Label(end)
}

// sums makes n cleared accumulators.
func (g *gen) sums(n int) []vec {
	v := make([]vec, n)
	for i := range v {
		v[i] = g.zero()
	}
	return v
}

// total adds up accumulators and their 8 lanes; the result is in the lowest lane.
func (g *gen) total(v []vec) reg.Register {
	for n := len(v); n > 1; n /= 2 {
		for i := range n / 2 {
			g.VADDPS(v[i+n/2], v[i], v[i])
		}
	}
	x := g.XMM()
	g.VEXTRACTF128(operand.U8(1), v[0], x)
	g.VADDPS(v[0].AsX(), x, x)
	g.VHADDPS(x, x, x)
	g.VHADDPS(x, x, x)
	return x
}

// total64 adds up accumulators of 4 lanes of float64.
func (g *gen) total64(v []vec) reg.Register {
	for n := len(v); n > 1; n /= 2 {
		for i := range n / 2 {
			g.VADDPD(v[i+n/2], v[i], v[i])
		}
	}
	x := g.XMM()
	g.VEXTRACTF128(operand.U8(1), v[0], x)
	g.VADDPD(v[0].AsX(), x, x)
	g.VHADDPD(x, x, x)
	return x
}

// widen gives the lower and the upper half of v as float64.
func (g *gen) widen(v vec) [2]vec {
	low, high, x := g.YMM(), g.YMM(), g.XMM()
	g.VEXTRACTF128(operand.U8(1), v, x)
	g.VCVTPS2PD(v.AsX(), low)
	g.VCVTPS2PD(x, high)
	return [2]vec{low, high}
}
