//go:build !noasm

//go:generate sh -c "cd _avo && go run . -out .."

package kernel

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

// best is the highest tier of this machine.
func best() *Set {
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		return avx2()
	}
	return generic()
}

// Pause lets a moment pass in a loop that waits.
func Pause() { pause() }

func avx2() *Set {
	return &Set{
		Tier: AVX2,
		mr:   6, nr: 16,
		micro: gemm6x16AVX2,
		strip: stripAVX2,

		Dot: func(x, y []float32) float32 {
			if len(x) == 0 {
				return 0
			}
			return dotAVX2(len(x), &x[0], &y[:len(x)][0])
		},
		Dot4: func(w, x []float32, ldx int) (d0, d1, d2, d3 float32) {
			if len(w) == 0 {
				return 0, 0, 0, 0
			}
			return dot4AVX2(len(w), &w[0], &x[:3*ldx+len(w)][0], ldx)
		},
		Axpy: func(y, x []float32, a float32) {
			if len(y) > 0 {
				axpyAVX2(len(y), &y[0], &x[:len(y)][0], a)
			}
		},
		AddRows: addRowsInTurns,
		Scale: func(x []float32, a float32) {
			if len(x) > 0 {
				scaleAVX2(len(x), &x[0], a)
			}
		},
		Max: func(x []float32) float32 {
			if len(x) == 0 {
				return maxGeneric(x)
			}
			return maxAVX2(len(x), &x[0])
		},
		SumSquares: func(x []float32) float64 {
			if len(x) == 0 {
				return 0
			}
			return sumSquaresAVX2(len(x), &x[0])
		},
		Dot3: func(x, y, z []float32) float64 {
			if len(x) == 0 {
				return 0
			}
			return dot3AVX2(len(x), &x[0], &y[:len(x)][0], &z[:len(x)][0])
		},
		Exp: func(dst, x []float32, shift float32) float32 {
			if len(x) == 0 {
				return 0
			}
			return expAVX2(len(x), &dst[:len(x)][0], &x[0], shift)
		},
		NormScale: func(y, x, w []float32, r float32) {
			if n := len(y); n > 0 {
				normScaleAVX2(n, &y[0], &x[:n][0], &w[:n][0], r)
			}
		},
		NormBackward: func(dx, dy, w, x []float32, a, b float32) {
			if n := len(dx); n > 0 {
				normBackwardAVX2(n, &dx[0], &dy[:n][0], &w[:n][0], &x[:n][0], a, b)
			}
		},
		MulAdd: func(dst, x, y []float32, a float32) {
			if n := len(dst); n > 0 {
				mulAddAVX2(n, &dst[0], &x[:n][0], &y[:n][0], a)
			}
		},
		SoftmaxBackward: func(dp, p []float32, delta float32) {
			if n := len(dp); n > 0 {
				softmaxBackwardAVX2(n, &dp[0], &p[:n][0], delta)
			}
		},
		SwishMul: func(y, gate, up []float32, c Curve) {
			if n := len(y); n > 0 {
				swishMulAVX2(n, &y[0], &gate[:n][0], &up[:n][0], c.C1, c.C3)
			}
		},
		SwishMulBackward: func(dgate, dup, dy, gate, up []float32, c Curve) {
			if n := len(dgate); n > 0 {
				swishMulBackwardAVX2(n, &dgate[0], &dup[:n][0], &dy[:n][0], &gate[:n][0], &up[:n][0], c.C1, c.C3)
			}
		},
		Rotate: func(x, y, cos, sin []float32) {
			if n := len(x); n > 0 {
				rotateAVX2(n, &x[0], &y[:n][0], &cos[:n][0], &sin[:n][0])
			}
		},
		AdamW: func(p, g, m, v []float32, c *AdamWStep) {
			if n := len(p); n > 0 {
				adamWAVX2(n, &p[0], &g[:n][0], &m[:n][0], &v[:n][0], (*float32)(unsafe.Pointer(c)))
			}
		},
	}
}

// addRowsInTurns keeps one call of assembly short.
func addRowsInTurns(y, x []float32, ldx int, a []float32) {
	const most = 2048
	for len(a) > 0 && len(y) > 0 {
		n := min(len(a), most)
		addRowsAVX2(len(y), &y[0], &x[:(n-1)*ldx+len(y)][0], ldx, &a[0], n)
		if a = a[n:]; len(a) > 0 {
			x = x[n*ldx:]
		}
	}
}

// stripAVX2 packs a whole strip 6 or 16 wide. dst must have room for 2 numbers more.
func stripAVX2(dst, src []float32, ld int, alongRows bool, k, width int) {
	blocks := k &^ 7
	switch {
	case alongRows && blocks > 0:
		_ = src[(width-1)*ld+k-1]
		if width == 6 {
			transpose6AVX2(&dst[:blocks*6+2][0], &src[0], blocks, ld, 6)
		} else {
			transpose8AVX2(&dst[:blocks*16][0], &src[0], blocks, ld, 16)
			transpose8AVX2(&dst[8], &src[8*ld], blocks, ld, 16)
		}
	case !alongRows && width == 16:
		_, _ = src[(k-1)*ld+15], dst[16*k-1]
		copy16AVX2(&dst[0], &src[0], k, ld)
		return
	case !alongRows && k > 1 && ld >= 8:
		// The vectors of 8 must not reach past src, so the last step is left to the loop below.
		_, _ = src[(k-1)*ld+5], dst[6*k-1]
		copy6AVX2(&dst[0], &src[0], k-1, ld)
		copy(dst[6*(k-1):6*k], src[(k-1)*ld:])
		return
	}
	if alongRows {
		for i := range width {
			lane := src[i*ld : i*ld+k]
			for p := blocks; p < k; p++ {
				dst[p*width+i] = lane[p]
			}
		}
		return
	}
	for p := range k {
		copy(dst[p*width:p*width+width], src[p*ld:])
	}
}
