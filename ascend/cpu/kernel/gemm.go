package kernel

// The block sizes: a strip of B (KC x NR) stays in the first-level cache, a block of A (MC x KC) in
// the second, a panel of B (KC x NC) in the third (Goto and van de Geijn 2008).
const (
	blockK = 256
	blockM = 120 // a multiple of every MR
	blockN = 1024
	// maxMR and maxNR bound the tile of any tier.
	maxMR, maxNR = 16, 32
)

// Matrix is an operand in memory: element (r, c) is Data[r*Stride + c], or with Trans set the product
// takes element (c, r) instead.
type Matrix struct {
	Data   []float32
	Stride int
	Trans  bool
}

// From is the operand without its first row rows and col columns (after transposition).
func (m Matrix) From(row, col int) Matrix {
	m.Data = m.Data[m.at(row, col):]
	return m
}

// at is the index of element (r, c) after transposition.
func (m Matrix) at(r, c int) int {
	if m.Trans {
		return c*m.Stride + r
	}
	return r*m.Stride + c
}

// Scratch holds the packing buffers of one caller at a time.
type Scratch struct {
	a, b []float32
	edge [maxMR * maxNR]float32
}

// Gemm computes c = alpha*a*b + beta*c for an m x k matrix a and a k x n matrix b. beta 0 never reads c.
//
// Plan: cut k into equal blocks; for each, pack a panel of b into strips NR wide, then block by block
// of rows pack a into strips MR high, and run the micro-kernel over all pairs of strips.
func (s *Set) Gemm(w *Scratch, m, n, k int, alpha float32, a, b Matrix, beta float32, c []float32, ldc int) {
	if m == 0 || n == 0 {
		return
	}
	if beta != 0 && beta != 1 {
		for i := range m {
			s.Scale(c[i*ldc:i*ldc+n], beta)
		}
		beta = 1
	}
	if k == 0 || alpha == 0 {
		if beta == 0 {
			for i := range m {
				clear(c[i*ldc : i*ldc+n])
			}
		}
		return
	}
	kBlocks := (k + blockK - 1) / blockK
	for j := 0; j < n; j += blockN {
		nb := min(blockN, n-j)
		for kb := range kBlocks {
			from, to := k*kb/kBlocks, k*(kb+1)/kBlocks
			kc := to - from
			w.b = grow(w.b, roundUp(nb, s.nr)*kc+8)
			s.packB(w.b, b, from, kc, j, nb)
			accumulate := 1
			if kb == 0 && beta == 0 {
				accumulate = 0
			}
			for i := 0; i < m; i += blockM {
				mb := min(blockM, m-i)
				w.a = grow(w.a, roundUp(mb, s.mr)*kc+8)
				s.packA(w.a, a, i, mb, from, kc)
				s.macro(w, mb, nb, kc, alpha, c[i*ldc+j:], ldc, accumulate)
			}
		}
	}
}

// macro runs the micro-kernel over the packed block. Tiles that stick out of c are computed whole
// beside it, and the part inside is then taken over by the same arithmetic.
func (s *Set) macro(w *Scratch, m, n, k int, alpha float32, c []float32, ldc, accumulate int) {
	for j := 0; j < n; j += s.nr {
		bp := &w.b[j*k]
		for i := 0; i < m; i += s.mr {
			ap := &w.a[i*k]
			if i+s.mr <= m && j+s.nr <= n {
				s.micro(k, ap, bp, &c[i*ldc+j], ldc, alpha, accumulate)
				continue
			}
			rows, cols := min(s.mr, m-i), min(s.nr, n-j)
			if accumulate != 0 {
				for r := range rows {
					copy(w.edge[r*s.nr:r*s.nr+cols], c[(i+r)*ldc+j:])
				}
			}
			s.micro(k, ap, bp, &w.edge[0], s.nr, alpha, accumulate)
			for r := range rows {
				copy(c[(i+r)*ldc+j:][:cols], w.edge[r*s.nr:])
			}
		}
	}
}

func roundUp(n, to int) int { return (n + to - 1) / to * to }

func grow(b []float32, n int) []float32 {
	if cap(b) < n {
		return make([]float32, n)
	}
	return b[:n]
}
