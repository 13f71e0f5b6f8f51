package kernel

import "unsafe"

// microFunc computes one MR x NR tile: c = alpha*(a*b), plus c when accumulate is not 0. a is a packed
// strip of k steps of MR elements, b of k steps of NR; the rows of c are ldc elements apart.
type microFunc func(k int, a, b, c *float32, ldc int, alpha float32, accumulate int)

const genericMR, genericNR = 4, 4

// generic is the reference in plain Go; it runs on every target.
func generic() *Set {
	return &Set{
		Tier: Generic,
		Dot:  dotGeneric, Dot4: dot4Generic, Axpy: axpyGeneric, AddRows: addRowsGeneric, Scale: scaleGeneric, Max: maxGeneric,
		SumSquares: sumSquaresGeneric, Dot3: dot3Generic, Exp: expGeneric,
		NormScale: normScaleGeneric, NormBackward: normBackwardGeneric, MulAdd: mulAddGeneric,
		SoftmaxBackward: softmaxBackwardGeneric,
		SwishMul:        swishMulGeneric, SwishMulBackward: swishMulBackwardGeneric,
		Rotate: rotateGeneric, AdamW: adamWGeneric,
		mr: genericMR, nr: genericNR, micro: microGeneric,
	}
}

// microGeneric keeps a 4 x 4 tile in registers.
func microGeneric(k int, a, b, c *float32, ldc int, alpha float32, accumulate int) {
	const m, n = genericMR, genericNR
	as := unsafe.Slice(a, k*m)
	bs := unsafe.Slice(b, k*n)
	cs := unsafe.Slice(c, (m-1)*ldc+n)
	var t [m * n]float32
	for len(as) >= m && len(bs) >= n {
		b0, b1, b2, b3 := bs[0], bs[1], bs[2], bs[3]
		for i := range m {
			x := as[i]
			t[i*n] += x * b0
			t[i*n+1] += x * b1
			t[i*n+2] += x * b2
			t[i*n+3] += x * b3
		}
		as, bs = as[m:], bs[n:]
	}
	for i := range m {
		row := cs[i*ldc : i*ldc+n]
		for j := range row {
			if accumulate != 0 {
				row[j] += alpha * t[i*n+j]
			} else {
				row[j] = alpha * t[i*n+j]
			}
		}
	}
}
