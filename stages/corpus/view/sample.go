package view

import (
	"fmt"
	"strings"

	"github.com/belay-ml/belay/models/tok"
	"github.com/belay-ml/belay/stages/corpus"
)

// Use is what training makes of a token.
type Use string

// The uses of a token.
const (
	Trained Use = "trained" // it is predicted
	Read    Use = "read"    // it is seen, and not predicted
	Padding Use = "padding"
)

// Border says what begins at a token.
type Border string

// What may begin at a token, besides what goes on.
const (
	Inside   Border = ""
	Packed   Border = "sample"   // the next sample of a pack
	Sequence Border = "sequence" // the next sequence of a document, a sentence for example
)

// Sample is one sample with its tokens.
type Sample struct {
	Number int     `json:"number"`
	Length int     `json:"length"` // of all its ids, shown or not
	Parts  []int   `json:"parts"`  // lengths of the samples of a pack, or the sequences of a document
	Text   string  `json:"text,omitempty"`
	Tokens []Token `json:"tokens"`
}

// Token is one id.
type Token struct {
	ID      int32  `json:"id"`
	Text    string `json:"text"` // "" where a character ends in a later token only
	Use     Use    `json:"use"`
	Label   *int32 `json:"label,omitempty"` // where it is trained as another id than its own
	Special bool   `json:"special,omitempty"`
	Begins  Border `json:"begins,omitempty"`
}

// Count is how many of the tokens shown have a use.
func (s Sample) Count(use Use) int {
	n := 0
	for _, t := range s.Tokens {
		if t.Use == use {
			n++
		}
	}
	return n
}

// Left is how many ids are not shown.
func (s Sample) Left() int { return s.Length - len(s.Tokens) }

// renderer turns ids into tokens.
type renderer struct {
	t       tok.Tokenizer
	most    int
	special map[int32]bool
}

// document renders a document of running text, in which all is trained.
func (r *renderer) document(x *corpus.Index, d int) (Sample, error) {
	s := Sample{Number: d, Length: documentLength(x, d), Tokens: []Token{}}
	var ids []int32
	from, to := x.Document(d)
	for i := from; i < to; i++ {
		s.Parts = append(s.Parts, x.Len(i))
		room := x.Len(i)
		if r.most > 0 {
			room = min(room, r.most-len(s.Tokens))
		}
		var err error
		if ids, err = x.AppendRange(ids[:0], i, 0, room); err != nil {
			return s, err
		}
		for k, id := range ids {
			t := Token{ID: id, Use: Trained}
			if k == 0 && i > from {
				t.Begins = Sequence
			}
			s.Tokens = append(s.Tokens, t)
		}
	}
	r.texts(&s)
	return s, nil
}

// instruction renders an instruction, or a pack of them. Labels stand under their own ids.
func (r *renderer) instruction(d *corpus.Instructions, i int) (Sample, error) {
	in, err := d.At(i)
	if err != nil {
		return Sample{}, err
	}
	s := Sample{Number: i, Length: len(in.IDs), Tokens: []Token{}}
	begins := map[int]bool{}
	at := 0
	for _, n := range in.Lengths {
		begins[at] = at > 0
		s.Parts = append(s.Parts, int(n))
		at += int(n)
	}
	show := len(in.IDs)
	if r.most > 0 {
		show = min(show, r.most)
	}
	for k, id := range in.IDs[:show] {
		t := Token{ID: id, Use: Read}
		switch label := in.Labels[k]; {
		case in.Mask[k] == 0:
			t.Use = Padding
		case label != corpus.Ignored:
			t.Use = Trained
			if label != id {
				t.Label = &label
			}
		}
		if begins[k] && t.Use != Padding {
			t.Begins = Packed
		}
		s.Tokens = append(s.Tokens, t)
	}
	r.texts(&s)
	return s, nil
}

// texts fills in what tokens read. Text goes to the token that completes it; padding has none.
func (r *renderer) texts(s *Sample) {
	if r.t == nil {
		return
	}
	var all strings.Builder
	d := tok.NewDecoder(r.t, false)
	last := 0 // that has text
	for i := range s.Tokens {
		t := &s.Tokens[i]
		if t.Use == Padding {
			t.Special = r.isSpecial(t.ID)
			continue
		}
		if t.Begins != Inside && i > 0 {
			s.Tokens[last].Text += d.Flush()
			d = tok.NewDecoder(r.t, false) // each part is a text of its own
		}
		last = i
		if t.ID < 0 || int(t.ID) >= r.t.VocabSize() {
			t.Text = d.Flush() + fmt.Sprintf("\u27e8%d\u27e9", t.ID)
		} else {
			t.Text = d.Push(t.ID)
			t.Special = r.isSpecial(t.ID)
		}
	}
	if len(s.Tokens) > 0 {
		s.Tokens[last].Text += d.Flush()
	}
	for _, t := range s.Tokens {
		all.WriteString(t.Text)
	}
	s.Text = all.String()
}

// isSpecial says whether a token shows only when special tokens are shown.
func (r *renderer) isSpecial(id int32) bool {
	yes, ok := r.special[id]
	if !ok && id >= 0 && int(id) < r.t.VocabSize() {
		one := []int32{id}
		yes = r.t.Decode(one, true) == "" && r.t.Decode(one, false) != ""
		r.special[id] = yes
	}
	return yes
}
