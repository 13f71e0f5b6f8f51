package gguf

import (
	"encoding/binary"
	"math"

	"github.com/belay-ml/belay/ascend/dtype"
)

// superBlock is the number of elements in a block of a k-quant.
const superBlock = 256

func half(b []byte) float32 { return dtype.F16ToF32(binary.LittleEndian.Uint16(b)) }

func put(dst []byte, i int, v float32) { binary.LittleEndian.PutUint32(dst[4*i:], math.Float32bits(v)) }

// q80 decodes 32 signed bytes under one scale: d (f16), 32 x int8.
func q80(dst, src []byte) {
	d := half(src)
	for i, q := range src[2:34] {
		put(dst, i, d*float32(int8(q)))
	}
}

// q4k decodes eight runs of 32 four-bit numbers, each with a scale and a minimum of six bits:
// d, dmin (f16), 12 bytes of scales and minima, 128 bytes of pairs of numbers.
func q4k(dst, src []byte) {
	d, dmin := half(src), half(src[2:])
	scales, qs := src[4:16], src[16:144]
	for j := range 4 {
		s1, m1 := scaleMin(scales, 2*j)
		s2, m2 := scaleMin(scales, 2*j+1)
		low, lowMin := d*s1, dmin*m1
		high, highMin := d*s2, dmin*m2
		for l, q := range qs[32*j : 32*j+32] {
			// The conversions keep the products from being fused with the differences.
			put(dst, 64*j+l, float32(low*float32(q&15))-lowMin)
			put(dst, 64*j+32+l, float32(high*float32(q>>4))-highMin)
		}
	}
}

// scaleMin unpacks the scale and the minimum of run j: six bits each, those of the last four runs in two parts.
func scaleMin(b []byte, j int) (scale, minimum float32) {
	if j < 4 {
		return float32(b[j] & 63), float32(b[j+4] & 63)
	}
	return float32(b[j+4]&15 | b[j-4]>>6<<4), float32(b[j+4]>>4 | b[j]>>6<<4)
}

// q6k decodes sixteen runs of 16 six-bit numbers, each run with a signed scale of eight bits:
// 128 bytes of low nibbles, 64 bytes of two high bits, 16 x int8, d (f16).
func q6k(dst, src []byte) {
	d := half(src[208:])
	for n := range 2 {
		low, high, scales := src[64*n:64*n+64], src[128+32*n:160+32*n], src[192+8*n:200+8*n]
		for l := range 32 {
			run := l / 16
			quads := [4]byte{
				low[l]&15 | high[l]&3<<4,
				low[l+32]&15 | high[l]>>2&3<<4,
				low[l]>>4 | high[l]>>4&3<<4,
				low[l+32]>>4 | high[l]>>6<<4,
			}
			for k, q := range quads {
				put(dst, 128*n+32*k+l, d*float32(int8(scales[2*k+run]))*float32(int(q)-32))
			}
		}
	}
}
