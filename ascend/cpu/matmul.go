package cpu

import (
	"fmt"

	"github.com/belay-ml/belay/ascend/cpu/kernel"
	"github.com/belay-ml/belay/ascend/tensor"
)

// narrow is the number of rows (or columns) up to which a product is done as dot products, one pass
// over the wide operand: packing it would cost more than the product. Decoding is such a product.
const narrow = 8

type matmulPath uint8

const (
	packedPath  matmulPath = iota
	dotRowsPath            // few rows of a, b transposed: every row of b against all rows of a
	dotColsPath            // few rows of b, b transposed: every row of a against all rows of b
	axpyPath               // few rows of a, b as it is: rows of b added up
)

type matmulJob struct {
	path        matmulPath
	c           mat
	a, b        kernel.Matrix
	m, n, k     int
	alpha, beta float32
	// a part is rowStep x colStep of c.
	rowStep, colStep int
}

// MatMul computes c = alpha*op(a)*op(b) + beta*c. The path depends on the shape alone; how c is cut into
// parts depends on the number of threads too, which changes no bit (see package kernel).
func (b *Backend) MatMul(c, a, bt tensor.Tensor, transA, transB bool, alpha, beta float32) {
	m, k, n, kb := a.Rows, a.Cols, bt.Cols, bt.Rows
	if transA {
		m, k = k, m
	}
	if transB {
		n, kb = kb, n
	}
	if k != kb || c.Rows != m || c.Cols != n {
		panic(fmt.Sprintf("cpu: matmul: c %v = a %v (transposed: %t) * b %v (transposed: %t)", c, a, transA, bt, transB))
	}
	switch {
	case m == 0 || n == 0:
		return
	case k == 0 && beta == 0:
		b.Zero(c)
		return
	case k == 0:
		b.Scale(c, beta)
		return
	}
	am, bm := open(a), open(bt)
	j := &b.matmul
	*j = matmulJob{
		c: open(c), m: m, n: n, k: k, alpha: alpha, beta: beta,
		a: kernel.Matrix{Data: am.d, Stride: am.stride, Trans: transA},
		b: kernel.Matrix{Data: bm.d, Stride: bm.stride, Trans: transB},
	}
	j.choose(len(b.pool.workers))
	b.pool.run(j, ceilDiv(m, j.rowStep)*ceilDiv(n, j.colStep))
}

// choose picks the path and cuts c.
func (j *matmulJob) choose(threads int) {
	const partWork = 1 << 16 // multiply-adds of a part of the dot paths
	switch {
	case j.m <= narrow && !j.a.Trans && j.b.Trans:
		j.path, j.rowStep, j.colStep = dotRowsPath, j.m, max(4, partWork/(j.k*j.m))
	case j.n <= narrow && !j.a.Trans && j.b.Trans:
		j.path, j.rowStep, j.colStep = dotColsPath, max(4, partWork/(j.k*j.n)), j.n
	case j.m <= narrow/2 && !j.a.Trans && !j.b.Trans:
		j.path, j.rowStep, j.colStep = axpyPath, j.m, max(64, partWork/(j.k*j.m)/16*16)
	default:
		j.path = packedPath
		j.rowStep, j.colStep = split(j.m, j.n, j.k, threads)
	}
}

// split cuts an m x n product into parts, about four a thread, as square as they get, since a part
// packs its own operands. Parts end at multiples of 24 rows and 32 columns, where tiles of every
// tier end.
func split(m, n, k, threads int) (rowStep, colStep int) {
	const leastWork = 1 << 19
	if threads == 1 {
		return m, n
	}
	parts := min(4*threads, m*n*k/leastWork)
	p, q := 1, 1
	for p*q < parts {
		rows, cols := ceilDiv(m, p), ceilDiv(n, q)
		switch {
		case rows >= cols && rows > 24:
			p++
		case cols > 32:
			q++
		case rows > 24:
			p++
		default:
			parts = 0
		}
	}
	return ceilDiv(ceilDiv(m, p), 24) * 24, ceilDiv(ceilDiv(n, q), 32) * 32
}

func (j *matmulJob) run(w *worker, i int) {
	across := ceilDiv(j.n, j.colStep)
	r0, c0 := i/across*j.rowStep, i%across*j.colStep
	rows, cols := min(j.rowStep, j.m-r0), min(j.colStep, j.n-c0)
	switch j.path {
	case packedPath:
		w.k.Gemm(&w.scratch, rows, cols, j.k, j.alpha, j.a.From(r0, 0), j.b.From(0, c0), j.beta, j.c.d[r0*j.c.stride+c0:], j.c.stride)
	case dotRowsPath:
		for c := c0; c < c0+cols; c++ {
			j.dots(w.k, j.b.Data[c*j.b.Stride:][:j.k], j.a, j.m, j.c.d[c:], j.c.stride)
		}
	case dotColsPath:
		for r := r0; r < r0+rows; r++ {
			j.dots(w.k, j.a.Data[r*j.a.Stride:][:j.k], j.b, j.n, j.c.d[r*j.c.stride:], 1)
		}
	case axpyPath:
		j.sums(w.k, c0, cols)
	}
}

// dots writes alpha * v . (row i of x) + beta*out to out[i*step].
func (j *matmulJob) dots(k *kernel.Set, v []float32, x kernel.Matrix, n int, out []float32, step int) {
	i := 0
	for ; i+4 <= n; i += 4 {
		d0, d1, d2, d3 := k.Dot4(v, x.Data[i*x.Stride:], x.Stride)
		j.put(&out[i*step], d0)
		j.put(&out[(i+1)*step], d1)
		j.put(&out[(i+2)*step], d2)
		j.put(&out[(i+3)*step], d3)
	}
	for ; i < n; i++ {
		j.put(&out[i*step], k.Dot(v, x.Data[i*x.Stride:]))
	}
}

func (j *matmulJob) put(c *float32, d float32) {
	if j.beta == 0 {
		*c = j.alpha * d
		return
	}
	*c = j.alpha*d + j.beta**c
}

func (j *matmulJob) sums(k *kernel.Set, c0, cols int) {
	for r := range j.m {
		out := j.c.part(r, c0, cols)
		if j.beta == 0 {
			clear(out)
		} else if j.beta != 1 {
			k.Scale(out, j.beta)
		}
		if j.alpha == 1 {
			k.AddRows(out, j.b.Data[c0:], j.b.Stride, j.a.Data[r*j.a.Stride:][:j.k])
		}
	}
	if j.alpha == 1 {
		return
	}
	for p := range j.k {
		row := j.b.Data[p*j.b.Stride+c0:][:cols]
		for r := range j.m {
			k.Axpy(j.c.part(r, c0, cols), row, j.alpha*j.a.Data[r*j.a.Stride+p])
		}
	}
}
