package diag

import (
	"fmt"
	"io"
	"strings"

	"golang.org/x/text/width"

	"github.com/belay-ml/belay/dsl/pos"
)

// Text prints findings for a person: place and summary, the source line with the subject underlined, the
// hint, and related places.
func Text(w io.Writer, l List, colour bool) error {
	var b strings.Builder
	shown, more := l.Shown()
	for _, d := range shown {
		writeText(&b, d, colour)
	}
	if more > 0 {
		fmt.Fprintf(&b, "and %d more\n", more)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeText(b *strings.Builder, d Diagnostic, colour bool) {
	paint := func(code, s string) string {
		if !colour || s == "" {
			return s
		}
		return "\x1b[" + code + "m" + s + "\x1b[0m"
	}
	signal := "31;1"
	if d.Severity != Error {
		signal = "33;1"
	}
	if at := d.Subject.String(); at != "" {
		b.WriteString(paint("1", at+":") + " ")
	}
	if d.Severity != Error {
		b.WriteString(d.Severity.String() + ": ")
	}
	b.WriteString(paint(signal, d.Summary) + "\n")
	context(b, d)
	if line, mark := excerpt(d.Subject); mark != "" {
		fmt.Fprintf(b, "    %s\n    %s\n", line, paint(signal, mark))
	}
	for _, line := range strings.Split(d.Detail, "\n") {
		if line != "" {
			fmt.Fprintf(b, "  %s\n", line)
		}
	}
	if d.Hint != "" {
		fmt.Fprintf(b, "  %s %s\n", paint("36", "hint:"), d.Hint)
	}
	for _, n := range d.Notes {
		if at := n.Span.String(); at != "" {
			fmt.Fprintf(b, "  %s: %s\n", at, n.Text)
		} else {
			fmt.Fprintf(b, "  %s\n", n.Text)
		}
	}
}

// context prints the lines of the context above the subject, four at most.
func context(b *strings.Builder, d Diagnostic) {
	if !d.Context.Known() || d.Context.Start.File != d.Subject.Start.File {
		return
	}
	from, to := d.Context.Start.Line, d.Subject.Start.Line
	for n := max(from, to-4); n < to; n++ {
		line, _ := visible(d.Subject.Start.File.Line(n))
		fmt.Fprintf(b, "    %s\n", line)
	}
}

// excerpt is the subject's source line and the carets under it, cut to a stretch around the subject when
// the line is long. Both are "" when there is no line to show.
func excerpt(s pos.Span) (line, mark string) {
	p := s.Start
	if p.File == nil || p.File.Inline || p.Line == 0 || p.Line > p.File.Lines() {
		return "", ""
	}
	runes := []rune(p.File.Line(p.Line))
	if strings.TrimSpace(string(runes)) == "" {
		return "", "" // nothing to point at, or a line that must not be seen
	}
	from := min(max(p.Col-1, 0), len(runes))
	to := from + 1
	if s.End.Line == p.Line && s.End.Col > p.Col {
		to = s.End.Col - 1
	} else if s.End.Line > p.Line {
		to = len(runes)
	}
	to = max(min(to, len(runes)), from)
	const most = 160
	lead, tail := "", ""
	if len(runes) > most {
		cut := max(0, min(from-20, len(runes)-most))
		end := min(len(runes), cut+most)
		if cut > 0 {
			lead = "..."
		}
		if end < len(runes) {
			tail = "..."
		}
		runes, from, to = runes[cut:end], from-cut, min(to, end)-cut
		to = max(to, from)
	}
	before, w := visible(string(runes[:from]))
	subject, sw := visible(string(runes[from:to]))
	after, _ := visible(string(runes[to:]))
	line = strings.TrimRight(lead+before+subject+after+tail, " ")
	return line, strings.Repeat(" ", len(lead)+w) + strings.Repeat("^", max(sw, 1))
}

// visible makes a piece of source printable (tabs as one space, control characters as dots) and counts its
// columns on a terminal.
func visible(s string) (string, int) {
	cols := 0
	out := strings.Map(func(r rune) rune {
		switch k := width.LookupRune(r).Kind(); {
		case r == '\t':
			r = ' '
		case r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0xfeff || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069:
			r = '.'
		case k == width.EastAsianWide || k == width.EastAsianFullwidth:
			cols++
		}
		cols++
		return r
	}, s)
	return out, cols
}
