package shell

import (
	"strings"

	"github.com/belay-ml/belay/dsl/pos"
)

// piece is a stretch of a value that was written in one place: text that lies at a byte of the file, or a hole.
type piece struct {
	text string
	at   int
	hole *Hole
}

// value is what a variable holds: one item, or those of an array.
type value struct {
	items [][]piece
	array bool
}

func scalar(p []piece) value { return value{items: [][]piece{p}} }

// first is what $NAME means, of an array too.
func (v value) first() []piece {
	if len(v.items) == 0 {
		return nil
	}
	return v.items[0]
}

// splitter cuts pieces into fields as bash does without quotes.
type splitter struct {
	done [][]piece
	cur  []piece
	open bool // a field has begun, though it may be empty
}

// add takes pieces that are quoted, or literal: they stay together.
func (s *splitter) add(ps ...piece) {
	s.cur = append(s.cur, ps...)
	s.open = s.open || len(ps) > 0
}

// split takes the pieces of an expansion without quotes.
func (s *splitter) split(ps []piece) {
	for _, p := range ps {
		if p.hole != nil {
			s.add(p)
			continue
		}
		for rest, at := p.text, p.at; rest != ""; {
			i := strings.IndexAny(rest, " \t\n")
			if i < 0 {
				s.add(piece{text: rest, at: at})
				break
			}
			if i > 0 {
				s.add(piece{text: rest[:i], at: at})
			}
			s.end()
			rest, at = rest[i+1:], at+i+1
		}
	}
}

// end closes a field.
func (s *splitter) end() {
	if s.open {
		s.done = append(s.done, s.cur)
	}
	s.cur, s.open = nil, false
}

// field makes an argument of pieces. around is where the word stands that gave it, for one without text.
func (e *eval) field(ps []piece, around pos.Span) Field {
	f := Field{Span: around}
	var b strings.Builder
	from, to := -1, -1
	for _, p := range ps {
		if p.hole != nil {
			if f.Hole == nil {
				f.Hole = p.hole
			}
			b.WriteString(p.hole.Text)
			continue
		}
		b.WriteString(p.text)
		switch {
		case p.text == "":
		case from < 0:
			from, to = p.at, p.at+len(p.text)
		case p.at >= to && p.at-to <= 2: // a quote or an escape between them
			to = p.at + len(p.text)
		}
	}
	f.Text = b.String()
	switch {
	case from >= 0:
		f.Span = pos.Of(e.file, from, to)
	case f.Hole != nil:
		f.Span = f.Hole.Span
	}
	return f
}
