package philox

import (
	"math"
	"testing"
)

// The known answers are the ones published with the Random123 library.
func TestBlockGivesThePublishedAnswers(t *testing.T) {
	t.Parallel()
	const ones = 0xffffffff
	for _, c := range []struct {
		counter [4]uint32
		key     [2]uint32
		want    [4]uint32
	}{
		{want: [4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
		{[4]uint32{ones, ones, ones, ones}, [2]uint32{ones, ones}, [4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
		{
			[4]uint32{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
			[2]uint32{0xa4093822, 0x299f31d0},
			[4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1},
		},
	} {
		if got := Block(c.counter, c.key); got != c.want {
			t.Errorf("Block(%x, %x) = %x, want %x", c.counter, c.key, got, c.want)
		}
	}
}

func TestNormalsHaveTheMomentsOfANormal(t *testing.T) {
	t.Parallel()
	x := make([]float32, 100001)
	Normals(x, 7, 3)
	var sum, squares float64
	for _, v := range x {
		sum += float64(v)
		squares += float64(v) * float64(v)
	}
	n := float64(len(x))
	if mean := sum / n; math.Abs(mean) > 0.01 {
		t.Errorf("mean %g", mean)
	}
	if variance := squares / n; math.Abs(variance-1) > 0.02 {
		t.Errorf("variance %g", variance)
	}
}

func TestUniformsStayInsideTheBound(t *testing.T) {
	t.Parallel()
	x := make([]float32, 10001)
	Uniforms(x, 1, 2, 0.25)
	lo, hi := float32(0), float32(0)
	for _, v := range x {
		lo, hi = min(lo, v), max(hi, v)
	}
	if lo < -0.25 || hi > 0.25 || lo > -0.249 || hi < 0.249 {
		t.Errorf("range [%g, %g]", lo, hi)
	}
}
