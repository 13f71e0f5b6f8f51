package preprocess

import (
	"math"
	"slices"

	"github.com/belay-ml/belay/models/tok"
	"github.com/belay-ml/belay/stages/corpus"
	"github.com/belay-ml/belay/stages/preprocess/handler"
)

const (
	topTokens   = 20
	sampleIDs   = 512     // of the sample that is rendered
	lengthCells = 1 << 16 // lengths above it share the last cell
)

// stats counts what goes by. It belongs to the collector, and goes into checkpoints.
type stats struct {
	tokenizer tok.Tokenizer
	recent    []uint32 // by id, since the last fold: small enough to stay near the processor
	unfolded  int64    // ids in recent

	Records   int64            `json:"records"`
	Samples   int64            `json:"samples"`
	Tokens    int64            `json:"tokens"`
	Trained   int64            `json:"trained"`
	Truncated int64            `json:"truncated"`
	Dropped   map[string]int64 `json:"dropped"`
	Counts    []int64          `json:"counts"`  // by id, once folded
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
	s.tokenizer, s.recent, s.unfolded = t, nil, 0
	if s.Dropped == nil {
		s.Dropped = map[string]int64{}
	}
	if n := t.VocabSize(); len(s.Counts) < n {
		s.Counts = append(s.Counts, make([]int64, n-len(s.Counts))...)
	}
	s.recent = make([]uint32, len(s.Counts))
	if n := 256; len(s.Lengths) < n {
		s.Lengths = append(s.Lengths, make([]int64, n-len(s.Lengths))...)
	}
}

func (s *stats) drop(reason string) { s.Dropped[reason]++ }

// addText counts a sequence of running text.
func (s *stats) addText(ids []int32) {
	s.length(len(ids), len(ids))
	s.tokens(ids)
	if s.Sample == nil {
		s.show(ids, nil)
	}
}

// addSample counts a sample.
func (s *stats) addSample(one handler.Sample) {
	s.addLength(one)
	s.tokens(one.IDs)
}

// addLength counts a sample whose tokens are counted elsewhere.
func (s *stats) addLength(one handler.Sample) {
	s.length(len(one.IDs), one.Labels.Learned())
	if s.Sample != nil {
		return
	}
	labels := slices.Clone(one.IDs)
	if one.Labels.Apply(labels) == nil {
		s.show(one.IDs, labels)
	}
}

// length counts a sequence of n ids.
func (s *stats) length(n, learned int) {
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
	s.Trained += int64(learned)
}

// tokens counts ids by what they are.
func (s *stats) tokens(ids []int32) {
	if s.unfolded += int64(len(ids)); s.unfolded > math.MaxUint32 {
		s.fold()
		s.unfolded = int64(len(ids))
	}
	recent := s.recent
	for _, id := range ids {
		if uint(id) >= uint(len(recent)) { // nor is a negative id one of the vocabulary
			s.beyond(id)
			recent = s.recent
			continue
		}
		recent[id]++
	}
}

// beyond counts an id that is not in the vocabulary: handlers write some of their own.
func (s *stats) beyond(id int32) {
	if id < 0 {
		return
	}
	s.fold()
	s.Counts = append(s.Counts, make([]int64, int(id)+1-len(s.Counts))...)
	s.recent = make([]uint32, len(s.Counts))
	s.recent[id]++
}

// fold adds what was counted last to Counts.
func (s *stats) fold() {
	for id, n := range s.recent {
		s.Counts[id] += int64(n)
	}
	clear(s.recent)
	s.unfolded = 0
}

// show keeps a sample as runs of learned and unlearned text.
func (s *stats) show(ids, labels []int32) {
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
	s.fold()
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
