package show

import (
	"github.com/belay-ml/belay/models/chat"
	"github.com/belay-ml/belay/models/chat/hf"
	"github.com/belay-ml/belay/models/chat/jinja"
	"github.com/belay-ml/belay/models/tok"
	"github.com/belay-ml/belay/models/tok/offset"
)

// Sample is a conversation as the model gets it.
type Sample struct {
	Name   string  `json:"name,omitempty"` // of one of two samples, such as chosen
	Text   string  `json:"text"`
	IDs    []int32 `json:"ids"`
	Labels []int32 `json:"labels"` // -100 where nothing is learned
	Pieces []Piece `json:"pieces"` // the text, in order
}

// Piece is a stretch of the text whose tokens are all of one kind.
type Piece struct {
	Text    string  `json:"text"`
	IDs     []int32 `json:"ids"`
	Tokens  []Token `json:"-"`
	Special bool    `json:"special,omitempty"`
	Learned bool    `json:"learned,omitempty"`
}

// Token is an id with its text as the vocabulary has it.
type Token struct {
	ID   int32
	Text string
}

// FromText encodes a text as a whole; what overlaps a span is learned.
func FromText(t tok.Tokenizer, text string, spans []jinja.Span) (Sample, error) {
	ids, learned, err := hf.Tokens(t, text, spans)
	if err != nil {
		return Sample{}, err
	}
	places, err := offset.Find(nil, t, text, ids)
	if err != nil {
		return Sample{}, err
	}
	s := Sample{Text: text, IDs: ids, Labels: make([]int32, len(ids))}
	at := 0
	s.cut(t, func(i int) bool { return learned[i] }, func(_, end int) string {
		to := len(text)
		if end < len(ids) {
			to = max(places[end].Start, at)
		}
		part := text[at:to]
		at = to
		return part
	})
	return s, nil
}

// FromIDs is a sample by its ids and labels, which may be nil for one that is only read.
func FromIDs(t tok.Tokenizer, ids, labels []int32) Sample {
	s := Sample{Text: t.Decode(ids, false), IDs: ids, Labels: make([]int32, len(ids))}
	s.cut(t, func(i int) bool { return labels != nil && labels[i] != chat.Ignored }, func(start, end int) string {
		return t.Decode(ids[start:end], false)
	})
	if labels != nil {
		s.Labels = labels
	}
	return s
}

// cut makes pieces of runs of ids.
func (s *Sample) cut(t tok.Tokenizer, learned func(i int) bool, text func(start, end int) string) {
	special := func(id int32) bool { return t.Token(id) != "" && t.Decode([]int32{id}, true) == "" }
	for start := 0; start < len(s.IDs); {
		p := Piece{Special: special(s.IDs[start]), Learned: learned(start)}
		end := start
		for end < len(s.IDs) && special(s.IDs[end]) == p.Special && learned(end) == p.Learned {
			id := s.IDs[end]
			p.Tokens = append(p.Tokens, Token{id, t.Token(id)})
			s.Labels[end] = chat.Ignored
			if p.Learned {
				s.Labels[end] = id
			}
			end++
		}
		p.IDs = s.IDs[start:end]
		p.Text = text(start, end)
		s.Pieces = append(s.Pieces, p)
		start = end
	}
}

// Learned is the number of ids that are learned.
func (s *Sample) Learned() int {
	n := 0
	for _, l := range s.Labels {
		if l != chat.Ignored {
			n++
		}
	}
	return n
}
