package terminal

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// vt is a terminal as far as a printer uses one: newlines, carriage returns, cursor up, erase to the end of the line or of
// the screen. Lines are kept whole, so a change of its width wraps them anew, as most terminals do.
type vt struct {
	t          *testing.T
	cols, rows int
	lines      [][]rune // of cells; a wide rune is followed by 0
	line, col  int      // of the cursor
	writes     int
	deepest    int // the most rows that the cursor went up
}

func newVT(t *testing.T, cols, rows int) *vt {
	return &vt{t: t, cols: cols, rows: rows, lines: [][]rune{nil}}
}

func (v *vt) size() (int, int) { return v.cols, v.rows }

var sequence = regexp.MustCompile(`^\x1b\[(\d*)([AKJm])`)

func (v *vt) Write(b []byte) (int, error) {
	v.writes++
	for s := string(b); s != ""; {
		if m := sequence.FindStringSubmatch(s); m != nil {
			v.control(m[1], m[2])
			s = s[len(m[0]):]
			continue
		}
		r, n := utf8.DecodeRuneInString(s)
		s = s[n:]
		switch {
		case r == '\r':
			v.col -= v.col % v.cols
		case r == '\n':
			if v.height(v.line)-1 > v.col/v.cols {
				v.t.Fatal("a newline inside a wrapped line")
			}
			if v.line++; v.line == len(v.lines) {
				v.lines = append(v.lines, nil)
			}
			v.col = 0
		case r < ' ' || r == 0x7f:
			v.t.Fatalf("control character %q in %q", r, b)
		default:
			v.put(r)
		}
	}
	return len(b), nil
}

func (v *vt) put(r rune) {
	l := v.lines[v.line]
	for _, c := range append([]rune{r}, make([]rune, cell(r)-1)...) {
		if v.col == len(l) {
			l = append(l, c)
		} else {
			l[v.col] = c
		}
		v.col++
	}
	v.lines[v.line] = l
}

func (v *vt) control(n, what string) {
	switch what {
	case "A":
		up, _ := strconv.Atoi(n)
		v.deepest = max(v.deepest, up)
		at := v.col / v.cols
		for i := range v.line {
			at += v.height(i)
		}
		at = max(at-up, v.total()-v.rows, 0) // it stops at the top of the screen
		for v.line = 0; at >= v.height(v.line); v.line++ {
			at -= v.height(v.line)
		}
		v.col = at * v.cols
	case "K":
		v.lines[v.line] = v.lines[v.line][:v.col]
	case "J":
		v.lines[v.line] = v.lines[v.line][:v.col]
		v.lines = v.lines[:v.line+1]
	}
}

// height is how many rows a line takes.
func (v *vt) height(line int) int { return max((len(v.lines[line])+v.cols-1)/v.cols, 1) }

func (v *vt) total() (rows int) {
	for i := range v.lines {
		rows += v.height(i)
	}
	return rows
}

// all is everything that was ever written and not erased, also what has left the screen. The empty line of the cursor is
// left out.
func (v *vt) all() []string {
	var out []string
	for _, l := range v.lines {
		out = append(out, strings.ReplaceAll(string(l), "\x00", ""))
	}
	if out[len(out)-1] == "" {
		out = out[:len(out)-1]
	}
	return out
}

// screen is what can be seen, where no line wraps.
func (v *vt) screen() []string {
	all := v.all()
	return all[max(len(all)-v.rows+1, 0):]
}
