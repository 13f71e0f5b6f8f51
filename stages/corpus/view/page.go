package view

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"
)

//go:embed page.html
var pageText string

// Page writes the view as one HTML file.
func (v View) Page(w io.Writer) error {
	t, err := template.New("page").Funcs(template.FuncMap{"runs": runs, "bars": bars, "number": number, "class": class, "title": title, "shown": shown}).Parse(pageText)
	if err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	if err := t.Execute(w, v); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	return nil
}

// run is tokens of one part of a sample, or padding.
type run struct {
	Part    int // from 1; 0 for padding
	Of      int
	What    string // what a part is called
	At      int    // place of the first token
	Tokens  []placed
	Padding int
}

// placed is a token and where it stands.
type placed struct {
	Token
	At int
}

// runs cuts a sample where its parts begin, and puts padding together.
func runs(s Sample) []run {
	what := "sample"
	var out []run
	part := 0
	for i, t := range s.Tokens {
		if t.Use == Padding {
			if n := len(out); n == 0 || out[n-1].Padding == 0 {
				out = append(out, run{At: i})
			}
			out[len(out)-1].Padding++
			continue
		}
		if t.Begins == Sequence {
			what = "sequence"
		}
		if n := len(out); n == 0 || out[n-1].Padding > 0 || t.Begins != Inside {
			part++
			out = append(out, run{Part: part, Of: len(s.Parts), What: what, At: i})
		}
		r := &out[len(out)-1]
		r.Tokens = append(r.Tokens, placed{t, i})
	}
	return out
}

// bar is a column of the histogram.
type bar struct {
	Height float64 // percent of the highest
	Title  string
}

func bars(l Lengths) []bar {
	most := int64(1)
	for _, n := range l.Bins {
		most = max(most, n)
	}
	var out []bar
	for i, n := range l.Bins {
		height := 100 * float64(n) / float64(most)
		if n > 0 {
			height = max(height, 2)
		}
		out = append(out, bar{height, fmt.Sprintf("%d to %d tokens: %s", i*l.Width, (i+1)*l.Width-1, number(n))})
	}
	return out
}

func class(t Token) string {
	c := "t"
	if t.Use == Trained {
		c = "t y"
	}
	if t.Special {
		c += " s"
	}
	if t.Label != nil {
		c += " o"
	}
	return c
}

func title(t placed) string {
	text := fmt.Sprintf("id %d at %d, %s", t.ID, t.At, t.Use)
	if t.Label != nil {
		text += fmt.Sprintf(" as %d", *t.Label)
	}
	return text
}

// shown is a token's text with its line breaks visible.
func shown(t Token) string {
	if t.Text == "" {
		return "\u00b7"
	}
	return strings.ReplaceAll(t.Text, "\n", "\u21b5\n")
}
