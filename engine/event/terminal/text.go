package terminal

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/width"

	"github.com/belay-ml/belay/engine/event"
)

// ANSI colours.
const (
	bold   = "\x1b[1m"
	dim    = "\x1b[2m"
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	cyan   = "\x1b[36m"
	reset  = "\x1b[0m"
)

func (p *Printer) paint(color, s string) string {
	if !p.opt.Color || color == "" || s == "" {
		return s
	}
	return color + s + reset
}

// visible drops what moves a cursor or hides text: control characters and marks of writing direction.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// bare is s without colours.
func bare(s string) string {
	var b strings.Builder
	for {
		head, rest, ok := strings.Cut(s, "\x1b[")
		b.WriteString(head)
		if !ok {
			return b.String()
		}
		_, s, _ = strings.Cut(rest, "m")
	}
}

// cells is how many columns s takes.
func cells(s string) int {
	n := 0
	for _, r := range s {
		n += cell(r)
	}
	return n
}

func cell(r rune) int {
	if r < 0x1100 {
		return 1
	}
	if k := width.LookupRune(r).Kind(); k == width.EastAsianWide || k == width.EastAsianFullwidth {
		return 2
	}
	return 1
}

// clip cuts s to a number of columns.
func clip(s string, columns int) string {
	n := 0
	for i, r := range s {
		if n += cell(r); n > columns {
			return s[:i]
		}
	}
	return s
}

// pad fills s up to a number of columns.
func pad(s string, columns int) string {
	return s + strings.Repeat(" ", max(columns-cells(s), 0))
}

// clock is a duration for people: 0.4s, 41.3s, 3m05s, 2h04m, 3d04h.
func clock(d time.Duration) string {
	switch {
	case d < 0:
		return "0.0s"
	case d < time.Minute:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd%02dh", int(d.Hours())/24, int(d.Hours())%24)
}

// whole is clock without tenths.
func whole(d time.Duration) string {
	if d = d.Round(time.Second); d < time.Minute {
		return fmt.Sprintf("%ds", int(d.Seconds()))
	}
	return clock(d)
}

// amount is "3.1 / 12.0 MB" or "120 / 250 iterations".
func amount(done, total int64, unit string) string {
	div, name := 1.0, visible(unit)
	switch big := max(done, total); {
	case unit == "bytes":
		div, name = scale(float64(big), []string{"B", "kB", "MB", "GB", "TB"})
	case big >= 100_000:
		var letter string
		div, letter = scale(float64(big), []string{"", "k", "M", "G", "T"})
		name = letter + " " + name
		if letter == "" {
			name = visible(unit)
		}
	}
	show := func(n int64) string {
		if div == 1 {
			return strconv.FormatInt(n, 10)
		}
		return fmt.Sprintf("%.1f", float64(n)/div)
	}
	if total > 0 {
		return show(done) + "/" + show(total) + " " + name
	}
	return show(done) + " " + name
}

// speed is a rate in a unit that reads well.
func speed(r float64, unit string) string {
	if unit == "bytes" {
		div, name := scale(r, []string{"B", "kB", "MB", "GB", "TB"})
		return fmt.Sprintf("%.1f %s/s", r/div, name)
	}
	div, letter := scale(r, []string{"", "k", "M", "G"})
	switch {
	case r < 0.1:
		return fmt.Sprintf("%.1f s each", 1/r)
	case r < 10:
		return fmt.Sprintf("%.2f/s", r)
	}
	return fmt.Sprintf("%.*f%s/s", map[bool]int{true: 0, false: 1}[letter == ""], r/div, letter)
}

// scale finds the decimal prefix for n.
func scale(n float64, names []string) (float64, string) {
	div, i := 1.0, 0
	for n/div >= 1000 && i < len(names)-1 {
		div, i = div*1000, i+1
	}
	return div, names[i]
}

// number is a result for people.
func number(v float64) string {
	if v == math.Trunc(v) && math.Abs(v) < 1e9 {
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}

// grid lays a table out in columns; the first is left-aligned, numbers are right-aligned.
func grid(t *event.Table) []string {
	rows := append([][]string{t.Columns}, t.Rows...)
	var widths []int
	for _, row := range rows {
		for i, c := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], cells(visible(c)))
		}
	}
	out := make([]string, 0, len(rows))
	for _, row := range rows {
		var b strings.Builder
		for i, c := range row {
			c = visible(c)
			b.WriteString("  ")
			if i == 0 {
				b.WriteString(pad(c, widths[i]))
			} else {
				b.WriteString(strings.Repeat(" ", widths[i]-cells(c)) + c)
			}
		}
		out = append(out, "  "+strings.TrimRight(b.String(), " "))
	}
	return out
}
