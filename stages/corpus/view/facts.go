package view

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Fact is a line about the whole index.
type Fact struct{ Name, Value string }

// Facts are what the manifest says, for people.
func (v View) Facts() []Fact {
	m := v.Manifest
	if m == nil {
		return nil
	}
	var out []Fact
	add := func(name, value string) {
		if value != "" {
			out = append(out, Fact{name, value})
		}
	}
	style := m.Style
	if m.Template != "" {
		style += ", template " + m.Template
	}
	if m.Compat != "" {
		style += ", compat " + m.Compat
	}
	add("style", style)
	if m.SeqLength > 0 {
		how := "samples up to that long"
		if m.Packed {
			how = "packed"
		}
		add("seq_length", fmt.Sprintf("%d, %s", m.SeqLength, how))
	}
	if m.Records > 0 {
		add("records", number(m.Records))
	}
	if m.Samples > 0 {
		add("samples", number(m.Samples))
		text := number(m.Tokens)
		if m.Tokens > 0 && m.Records > 0 {
			text += fmt.Sprintf(", %s trained (%.1f %%)", number(m.Trained), 100*float64(m.Trained)/float64(m.Tokens))
		}
		add("tokens", text)
	}
	if m.Truncated > 0 {
		add("truncated", number(m.Truncated))
	}
	add("dropped", Reasons(m.Dropped))
	if m.VocabSize > 0 {
		add("vocabulary", fmt.Sprintf("%s ids, end of text %s, padding %s", number(int64(m.VocabSize)), idOrNone(m.EOD), idOrNone(m.PAD)))
	}
	if n := len(m.Files); n > 8 {
		add("files", strings.Join(m.Files[:8], ", ")+fmt.Sprintf(" and %d more", n-8))
	} else {
		add("files", strings.Join(m.Files, ", "))
	}
	add("left out", strings.Join(m.LeftOut, ", "))
	return out
}

// Reasons lists counts by reason, most first.
func Reasons(counts map[string]int64) string {
	all := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		if d := counts[b] - counts[a]; d != 0 {
			return int(min(max(d, -1), 1))
		}
		return strings.Compare(a, b)
	})
	for i, r := range all {
		all[i] = number(counts[r]) + " " + r
	}
	return strings.Join(all, ", ")
}

// Facts are the counts of a set in a line.
func (s Set) Facts() string {
	var out []string
	switch {
	case s.Packs != nil:
		out = append(out, fmt.Sprintf("%s packs of %s samples, %.1f %% filled", number(int64(s.Total)), number(s.Packs.Samples), 100*s.Packs.Fill))
	case s.Kind == Text:
		out = append(out, fmt.Sprintf("%s documents", number(int64(s.Total))))
		if x := s.Indexes[0]; x.Sequences != x.Documents {
			out = append(out, fmt.Sprintf("%s sequences", number(int64(x.Sequences))))
		}
	default:
		out = append(out, fmt.Sprintf("%s samples", number(int64(s.Total))))
	}
	l := s.Lengths
	out = append(out, fmt.Sprintf("%s tokens", number(s.Indexes[0].Tokens)), fmt.Sprintf("lengths %d to %d, median %d", l.Shortest, l.Longest, l.Median))
	if l.Empty > 0 {
		out = append(out, fmt.Sprintf("%s empty", number(int64(l.Empty))))
	}
	return strings.Join(out, ", ")
}

// Sum is how a sample is made up.
func (s Sample) Sum() string {
	out := fmt.Sprintf("%d tokens", s.Length)
	if len(s.Parts) > 1 {
		out += fmt.Sprintf(" in %d parts", len(s.Parts))
	}
	if s.Left() > 0 {
		out += fmt.Sprintf(", the first %d", len(s.Tokens))
	}
	return fmt.Sprintf("%s: %d trained, %d read, %d padding", out, s.Count(Trained), s.Count(Read), s.Count(Padding))
}

func idOrNone(id int32) string {
	if id < 0 {
		return "none"
	}
	return strconv.Itoa(int(id))
}

func number(n int64) string { return strconv.FormatInt(n, 10) }
