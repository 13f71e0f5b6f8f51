package sample

import (
	"cmp"
	"math"
	"slices"
)

// Warp applies temperature and the filters to scores in place; tokens that fall out become -Inf.
// At least one token stays. Arithmetic is float32 where PyTorch's is, sums of probabilities are
// accumulated in float64 and rounded, so that ties at a threshold fall the same way.
func (s *Sampler) Warp(scores []float32) {
	p := &s.p
	if p.Temperature != 1 {
		t := float32(p.Temperature)
		for i := range scores {
			scores[i] /= t
		}
	}
	if p.TopK > 0 && p.TopK < len(scores) {
		s.topK(scores)
	}
	if p.TopP < 1 {
		s.topP(scores)
	}
	if p.MinP > 0 {
		s.minP(scores)
	}
	if p.TypicalP < 1 {
		s.typical(scores)
	}
}

// topK keeps scores from the k-th largest up, ties with it included.
func (s *Sampler) topK(scores []float32) {
	// heap holds the k largest so far, the smallest of them first.
	heap := append(s.heap[:0], scores[:s.p.TopK]...)
	for i := len(heap)/2 - 1; i >= 0; i-- {
		sink(heap, i)
	}
	for _, x := range scores[s.p.TopK:] {
		if x > heap[0] {
			heap[0] = x
			sink(heap, 0)
		}
	}
	s.heap = heap
	for i, x := range scores {
		if x < heap[0] {
			scores[i] = none
		}
	}
}

func sink(heap []float32, i int) {
	for {
		child := 2*i + 1
		if child >= len(heap) {
			return
		}
		if child+1 < len(heap) && heap[child+1] < heap[child] {
			child++
		}
		if heap[i] <= heap[child] {
			return
		}
		heap[i], heap[child] = heap[child], heap[i]
		i = child
	}
}

// survivors lists the ids with a finite score, ascending, and their probabilities.
func (s *Sampler) survivors(scores []float32) {
	s.ids, s.prob = s.ids[:0], s.prob[:0]
	top := none
	for i, x := range scores {
		if x > none {
			s.ids = append(s.ids, int32(i))
			top = max(top, x)
		}
	}
	sum := 0.0
	for _, id := range s.ids {
		e := float32(math.Exp(float64(scores[id] - top)))
		s.prob = append(s.prob, e)
		sum += float64(e)
	}
	for i := range s.prob {
		s.prob[i] /= float32(sum)
	}
}

// topP keeps the smallest set of the most likely tokens with at least probability p (Holtzman et al.
// 2020): those are dropped whose cumulative probability, from the least likely up, is within 1-p.
func (s *Sampler) topP(scores []float32) {
	s.survivors(scores)
	order := s.byRank(func(a, b int) int { return cmp.Compare(scores[s.ids[a]], scores[s.ids[b]]) })
	limit := float32(1 - s.p.TopP)
	sum := 0.0
	for _, i := range order[:max(len(order)-1, 0)] {
		sum += float64(s.prob[i])
		if float32(sum) > limit {
			break
		}
		scores[s.ids[i]] = none
	}
}

// minP drops tokens less likely than p times the most likely one.
func (s *Sampler) minP(scores []float32) {
	s.survivors(scores)
	if len(s.prob) == 0 {
		return
	}
	limit := float32(s.p.MinP) * slices.Max(s.prob)
	for i, id := range s.ids {
		if s.prob[i] < limit {
			scores[id] = none
		}
	}
}

// typical keeps tokens whose information is nearest to the entropy, up to mass p (Meister et al. 2023).
func (s *Sampler) typical(scores []float32) {
	s.survivors(scores)
	entropy := 0.0
	for _, p := range s.prob {
		if p > 0 {
			entropy -= float64(p) * math.Log(float64(p))
		}
	}
	s.shift = s.shift[:0]
	for _, p := range s.prob {
		s.shift = append(s.shift, float32(math.Abs(-math.Log(float64(p))-entropy)))
	}
	order := s.byRank(func(a, b int) int { return cmp.Compare(s.shift[a], s.shift[b]) })
	if len(order) == 0 {
		return
	}
	sum, last := 0.0, 0
	for _, i := range order {
		sum += float64(s.prob[i])
		if !(float32(sum) < float32(s.p.TypicalP)) {
			break
		}
		last++
	}
	limit := s.shift[order[min(last, len(order)-1)]]
	for i, id := range s.ids {
		if s.shift[i] > limit {
			scores[id] = none
		}
	}
}

// byRank sorts the indices of survivors; equals stay in order of ids.
func (s *Sampler) byRank(compare func(a, b int) int) []int {
	s.order = s.order[:0]
	for i := range s.ids {
		s.order = append(s.order, i)
	}
	slices.SortStableFunc(s.order, compare)
	return s.order
}
