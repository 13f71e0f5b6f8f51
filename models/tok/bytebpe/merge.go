package bytebpe

// short is the number of symbols up to which scanning all pairs for the best beats a heap.
const short = 128

// merge joins the symbols of s by rank until nothing merges, and appends what is left.
func (s *Scratch) merge(dst []int32, p *pairs) []int32 {
	if len(s.ids) <= short {
		return s.mergeShort(dst, p)
	}
	return s.mergeLong(dst, p)
}

// mergeShort keeps the symbols dense: find the lowest value, join, close the gap.
func (s *Scratch) mergeShort(dst []int32, p *pairs) []int32 {
	ids, values := s.ids, s.values[:len(s.ids)]
	for {
		least, at := none>>32<<32, -1 // by rank alone: of equal ranks the leftmost counts
		for i, v := range values {
			if v < least {
				least, at = v>>32<<32, i
			}
		}
		if at < 0 {
			return append(dst, ids...)
		}
		ids[at] = int32(uint32(values[at]))
		copy(ids[at+1:], ids[at+2:])
		copy(values[at+1:], values[at+2:])
		ids, values = ids[:len(ids)-1], values[:len(values)-1]
		if at > 0 {
			values[at-1] = p.get(ids[at-1], ids[at])
		}
		if at+1 < len(ids) {
			values[at] = p.get(ids[at], ids[at+1])
		} else {
			values[at] = none
		}
	}
}

// mergeLong keeps the symbols in a list and candidates in a heap of rank<<32|position. A candidate is
// out of date when the pair at its position has another rank by now.
func (s *Scratch) mergeLong(dst []int32, p *pairs) []int32 {
	n := len(s.ids)
	s.next, s.prev, s.heap = s.next[:0], s.prev[:0], s.heap[:0]
	for i := range n {
		s.next = append(s.next, int32(i+1))
		s.prev = append(s.prev, int32(i-1))
		if v := s.values[i]; v != none {
			s.heap = append(s.heap, v>>32<<32|uint64(i))
		}
	}
	for i := len(s.heap)/2 - 1; i >= 0; i-- {
		s.sink(i)
	}
	for len(s.heap) > 0 {
		top := s.pop()
		at := int32(uint32(top))
		v := s.values[at]
		if v == none || v>>32 != top>>32 {
			continue
		}
		gone := s.next[at]
		after := s.next[gone]
		s.ids[at] = int32(uint32(v))
		s.ids[gone], s.values[gone] = -1, none
		s.next[at] = after
		s.values[at] = none
		if int(after) < n {
			s.prev[after] = at
			s.set(at, p.get(s.ids[at], s.ids[after]))
		}
		if before := s.prev[at]; before >= 0 {
			s.set(before, p.get(s.ids[before], s.ids[at]))
		}
	}
	for i := int32(0); int(i) < n; i = s.next[i] {
		dst = append(dst, s.ids[i])
	}
	return dst
}

func (s *Scratch) set(at int32, v uint64) {
	s.values[at] = v
	if v != none {
		s.push(v>>32<<32 | uint64(at))
	}
}

func (s *Scratch) push(x uint64) {
	h := append(s.heap, x)
	i := len(h) - 1
	for i > 0 {
		up := (i - 1) / 2
		if h[up] <= x {
			break
		}
		h[i] = h[up]
		i = up
	}
	h[i] = x
	s.heap = h
}

func (s *Scratch) pop() uint64 {
	top := s.heap[0]
	last := len(s.heap) - 1
	s.heap[0] = s.heap[last]
	s.heap = s.heap[:last]
	if last > 1 {
		s.sink(0)
	}
	return top
}

func (s *Scratch) sink(i int) {
	h := s.heap
	x := h[i]
	for {
		c := 2*i + 1
		if c >= len(h) {
			break
		}
		if c+1 < len(h) && h[c+1] < h[c] {
			c++
		}
		if x <= h[c] {
			break
		}
		h[i] = h[c]
		i = c
	}
	h[i] = x
}
