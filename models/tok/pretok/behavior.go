package pretok

import "fmt"

// Behavior says what becomes of matches.
type Behavior int

// The behaviours of tokenizer.json.
const (
	Isolated           Behavior = iota // a match is a piece, and so is what lies between two
	Removed                            // matches are left out
	MergedWithPrevious                 // a match ends the piece in front of it
	MergedWithNext                     // a match begins the piece behind it
	Contiguous                         // neighbouring matches are one piece
)

// ParseBehavior reads a name as tokenizer.json writes it.
func ParseBehavior(name string) (Behavior, error) {
	names := []string{"Isolated", "Removed", "MergedWithPrevious", "MergedWithNext", "Contiguous"}
	for i, n := range names {
		if n == name {
			return Behavior(i), nil
		}
	}
	return 0, fmt.Errorf("unknown behavior %q: want one of %q", name, names)
}

// Apply turns the spans of a pattern into pieces, in place; pieces that are empty are left out.
func (b Behavior) Apply(spans []Span) []Span {
	switch b {
	case Removed:
		return keep(spans, func(s Span) bool { return !s.Match })
	case Contiguous:
		spans = join(spans, func(before, now bool) bool { return before == now })
	case MergedWithPrevious:
		spans = join(spans, func(before, now bool) bool { return now && !before })
	case MergedWithNext:
		spans = joinNext(spans)
	}
	return keep(spans, func(Span) bool { return true })
}

func keep(spans []Span, want func(Span) bool) []Span {
	out := spans[:0]
	for _, s := range spans {
		if s.Start < s.End && want(s) {
			out = append(out, s)
		}
	}
	return out
}

// join appends a span to the piece before it where glue says so of their kinds.
func join(spans []Span, glue func(before, now bool) bool) []Span {
	out := spans[:0]
	before := false
	for _, s := range spans {
		if n := len(out); n > 0 && glue(before, s.Match) {
			out[n-1].End = s.End
		} else {
			out = append(out, s)
		}
		before = s.Match
	}
	return out
}

// joinNext puts a match in front of the piece behind it, unless that is a match too.
func joinNext(spans []Span) []Span {
	at := len(spans)
	behind := false
	for i := len(spans) - 1; i >= 0; i-- {
		s := spans[i]
		if s.Match && !behind && at < len(spans) {
			spans[at].Start = s.Start
		} else {
			at--
			spans[at] = s
		}
		behind = s.Match
	}
	return spans[at:]
}
