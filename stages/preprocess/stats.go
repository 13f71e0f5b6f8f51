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

// stats counts what goes by. It belongs to the collector, and goes into checkpoints.
type stats struct {
	tokenizer tok.Tokenizer

	Records   int64            `json:"records"`
	Samples   int64            `json:"samples"`
	Tokens    int64            `json:"tokens"`
	Trained   int64            `json:"trained"`
	Truncated int64            `json:"truncated"`
	Dropped   map[string]int64 `json:"dropped"`
	Counts    []int64          `json:"counts"`  // by id
	Lengths   []int64          `json:"lengths"` // samples by length
	Longest   int              `json:"longest"`
	Shortest  int              `json:"shortest"`
	Sample    []corpus.Piece   `json:"sample"`
}

func newStats(t tok.Tokenizer) *stats {
	s := &stats{tokenizer: t}
	s.restore(&stats{})
	return s
}

// restore takes the counts of a checkpoint.
func (s *stats) restore(from *stats) {
	t := s.tokenizer
	*s = *from
	s.tokenizer = t
	if s.Dropped == nil {
		s.Dropped = map[string]int64{}
	}
	if n := t.VocabSize(); len(s.Counts) < n {
		s.Counts = append(s.Counts, make([]int64, n-len(s.Counts))...)
	}
	if n := 256; len(s.Lengths) < n {
		s.Lengths = append(s.Lengths, make([]int64, n-len(s.Lengths))...)
	}
}

func (s *stats) drop(reason string) { s.Dropped[reason]++ }

// add counts one sample; labels are nil for running text.
func (s *stats) add(ids, labels []int32) {
	n := len(ids)
	if s.Samples == 0 || n < s.Shortest {
		s.Shortest = n
	}
	s.Longest = max(s.Longest, n)
	s.Samples++
	s.Tokens += int64(n)
	cell := min(n, lengthCells-1)
	for cell >= len(s.Lengths) {
		s.Lengths = append(s.Lengths, make([]int64, len(s.Lengths))...)
	}
	s.Lengths[cell]++
	for _, id := range ids {
		for int(id) >= len(s.Counts) {
			s.Counts = append(s.Counts, 0)
		}
		if id >= 0 {
			s.Counts[id]++
		}
	}
	if labels == nil {
		s.Trained += int64(n)
	}
	for _, l := range labels {
		if l >= 0 {
			s.Trained++
		}
	}
	if s.Sample == nil {
		s.render(ids, labels)
	}
}

// render writes a sample as runs of learned and unlearned text.
func (s *stats) render(ids, labels []int32) {
	ids = ids[:min(len(ids), sampleIDs)]
	learned := func(i int) bool { return labels == nil || i < len(labels) && labels[i] >= 0 }
	s.Sample = []corpus.Piece{}
	for from := 0; from < len(ids); {
		to := from + 1
		for to < len(ids) && learned(to) == learned(from) {
			to++
		}
		s.Sample = append(s.Sample, corpus.Piece{Text: s.tokenizer.Decode(ids[from:to], false), IDs: to - from, Trained: learned(from)})
		from = to
	}
}

func (s *stats) lengthSummary() corpus.LengthSummary {
	l := corpus.LengthSummary{Shortest: s.Shortest, Longest: s.Longest}
	if s.Samples == 0 {
		return l
	}
	l.Mean = float64(s.Tokens*100/s.Samples) / 100
	at := func(share int64) int {
		seen := int64(0)
		for n, c := range s.Lengths {
			if seen += c; seen*100 > s.Samples*share {
				return n
			}
		}
		return s.Longest
	}
	l.Median, l.P90 = at(50), at(90)
	return l
}

func (s *stats) tokenSummary() corpus.TokenSummary {
	t := corpus.TokenSummary{Top: []corpus.TokenCount{}}
	for id, n := range s.Counts {
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
