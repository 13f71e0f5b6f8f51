package show

import (
	"fmt"
	"io"
	"strings"
)

// Paint writes a text in the colour of its kind.
type Paint func(text string, special, learned bool) string

// Plain puts marks around what is learned.
func Plain(text string, _, learned bool) string {
	if learned {
		return "⟦" + text + "⟧"
	}
	return text
}

// WriteText writes the sample's text, painted.
func (s *Sample) WriteText(w io.Writer, paint Paint) error {
	var b strings.Builder
	if s.Name != "" {
		b.WriteString(s.Name + ":\n")
	}
	for _, p := range s.Pieces {
		b.WriteString(paint(p.Text, p.Special, p.Learned))
	}
	// Marks of neighbours melt into one.
	out := strings.ReplaceAll(b.String(), "⟧⟦", "")
	if !strings.HasSuffix(out, "\n") {
		out += "\n"
	}
	_, err := io.WriteString(w, out)
	return err
}

// WriteIDs writes a line for each id: its place, id, whether it is learned, and its token.
func (s *Sample) WriteIDs(w io.Writer, paint Paint) error {
	i := 0
	for _, p := range s.Pieces {
		for _, t := range p.Tokens {
			mark := " "
			if p.Learned {
				mark = "*"
			}
			if _, err := fmt.Fprintf(w, "%6d %8d %s %s\n", i, t.ID, mark, paint(fmt.Sprintf("%q", t.Text), p.Special, false)); err != nil {
				return err
			}
			i++
		}
	}
	return nil
}
