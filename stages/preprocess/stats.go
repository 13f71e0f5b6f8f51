package preprocess

import (
	"slices"

	"github.com/belay-ml/belay/models/tok"
	"github.com/belay-ml/belay/stages/corpus"
)

const (
	topTokens   = 20
	sampleIDs   = 512     // of the sample that is rendered
	lengthCells = 1 << 16 // lengths above it share the last cell
)

// stats counts what goes by. It belongs to the collector.
type stats struct {
	tokenizer tok.Tokenizer
	records   int64
	samples   int64
	tokens    int64
	trained   int64
	truncated int64
	dropped   map[string]int64
	counts    []int64 // by id
	lengths   []int64 // samples by length
	longest   int
	shortest  int
	sample    []corpus.Piece
}

func newStats(t tok.Tokenizer) *stats {
	return &stats{tokenizer: t, dropped: map[string]int64{}, counts: make([]int64, t.VocabSize()), lengths: make([]int64, 256)}
}

func (s *stats) drop(reason string) { s.dropped[reason]++ }

// add counts one sample; labels are nil for running text.
func (s *stats) add(ids, labels []int32) {
	n := len(ids)
	if s.samples == 0 || n < s.shortest {
		s.shortest = n
	}
	s.longest = max(s.longest, n)
	s.samples++
	s.tokens += int64(n)
	cell := min(n, lengthCells-1)
	for cell >= len(s.lengths) {
		s.lengths = append(s.lengths, make([]int64, len(s.lengths))...)
	}
	s.lengths[cell]++
	for _, id := range ids {
		for int(id) >= len(s.counts) {
			s.counts = append(s.counts, 0)
		}
		if id >= 0 {
			s.counts[id]++
		}
	}
	if labels == nil {
		s.trained += int64(n)
	}
	for _, l := range labels {
		if l >= 0 {
			s.trained++
		}
	}
	if s.sample == nil {
		s.render(ids, labels)
	}
}

// render writes a sample as runs of learned and unlearned text.
func (s *stats) render(ids, labels []int32) {
	ids = ids[:min(len(ids), sampleIDs)]
	learned := func(i int) bool { return labels == nil || i < len(labels) && labels[i] >= 0 }
	s.sample = []corpus.Piece{}
	for from := 0; from < len(ids); {
		to := from + 1
		for to < len(ids) && learned(to) == learned(from) {
			to++
		}
		s.sample = append(s.sample, corpus.Piece{Text: s.tokenizer.Decode(ids[from:to], false), IDs: to - from, Trained: learned(from)})
		from = to
	}
}

func (s *stats) lengthSummary() corpus.LengthSummary {
	l := corpus.LengthSummary{Shortest: s.shortest, Longest: s.longest}
	if s.samples == 0 {
		return l
	}
	l.Mean = float64(s.tokens*100/s.samples) / 100
	at := func(share int64) int {
		seen := int64(0)
		for n, c := range s.lengths {
			if seen += c; seen*100 > s.samples*share {
				return n
			}
		}
		return s.longest
	}
	l.Median, l.P90 = at(50), at(90)
	return l
}

func (s *stats) tokenSummary() corpus.TokenSummary {
	t := corpus.TokenSummary{Top: []corpus.TokenCount{}}
	for id, n := range s.counts {
		if n == 0 {
			continue
		}
		t.Distinct++
		t.Top = append(t.Top, corpus.TokenCount{ID: int32(id), Count: n})
		if len(t.Top) > 8*topTokens {
			t.Top = most(t.Top)
		}
	}
	t.Top = most(t.Top)
	for i := range t.Top {
		t.Top[i].Token = s.tokenizer.Token(t.Top[i].ID)
	}
	return t
}

func most(c []corpus.TokenCount) []corpus.TokenCount {
	slices.SortStableFunc(c, func(a, b corpus.TokenCount) int {
		if a.Count != b.Count {
			return int(min(max(b.Count-a.Count, -1), 1))
		}
		return int(a.ID - b.ID)
	})
	return c[:min(len(c), topTokens)]
}
