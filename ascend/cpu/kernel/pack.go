package kernel

// packA lays rows [row, row+m) and steps [step, step+k) of a out in strips of MR rows: inside a strip,
// step by step, MR elements. Missing rows of the last strip are zero.
func (s *Set) packA(dst []float32, a Matrix, row, m, step, k int) {
	for i := 0; i < m; i += s.mr {
		s.packStrip(dst[i*k:], a.Data[a.at(row+i, step):], a.Stride, !a.Trans, min(s.mr, m-i), k, s.mr)
	}
}

// packB lays steps [step, step+k) and columns [col, col+n) of b out in strips of NR columns.
func (s *Set) packB(dst []float32, b Matrix, step, k, col, n int) {
	for j := 0; j < n; j += s.nr {
		s.packStrip(dst[j*k:], b.Data[b.at(step, col+j):], b.Stride, b.Trans, min(s.nr, n-j), k, s.nr)
	}
}

// packStrip fills one strip of width elements a step from have <= width lanes. With alongRows the
// steps of a lane are neighbours in memory and lanes are ld apart; else lanes are neighbours.
func (s *Set) packStrip(dst, src []float32, ld int, alongRows bool, have, k, width int) {
	if s.strip != nil && have == width {
		s.strip(dst, src, ld, alongRows, k, width)
		return
	}
	if have < width {
		clear(dst[:k*width])
	}
	if alongRows {
		for i := range have {
			lane := src[i*ld : i*ld+k]
			for p, v := range lane {
				dst[p*width+i] = v
			}
		}
		return
	}
	for p := range k {
		copy(dst[p*width:p*width+have], src[p*ld:])
	}
}
