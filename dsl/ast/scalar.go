package ast

import (
	"math"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/belay-ml/belay/dsl/pos"
)

// scalar fills n by the YAML 1.2 core schema and finds where the scalar ends.
func (c *converter) scalar(n *Node, y *yaml.Node) {
	n.Text = y.Value
	switch {
	case y.Style&yaml.DoubleQuotedStyle != 0:
		n.Style = Double
	case y.Style&yaml.SingleQuotedStyle != 0:
		n.Style = Single
	case y.Style&yaml.LiteralStyle != 0:
		n.Style = Literal
	case y.Style&yaml.FoldedStyle != 0:
		n.Style = Folded
	}
	n.Span = c.extent(n)
	tag := ""
	if y.Style&yaml.TaggedStyle != 0 {
		tag = y.Tag
	}
	switch tag {
	case "":
		if n.Style != Plain {
			n.Kind = Text
			return
		}
		c.plain(n)
	case "!unset":
		n.unset = true
		if n.Text != "" {
			c.diags.Errorf(n.Span, "write `key: !unset`", "!unset takes no value")
		}
	case "!!str", "!":
		n.Kind = Text
	case "!!null", "!!bool", "!!int", "!!float":
		c.plain(n)
		want := map[string]Kind{"!!null": Null, "!!bool": Bool, "!!int": Int, "!!float": Float}[tag]
		if want == Float && n.Kind == Int {
			n.Kind, n.Float = Float, float64(n.Int)
		}
		if n.Kind != want {
			c.diags.Errorf(n.Span, "", "%s is not %s", strconv.Quote(n.Text), want)
		}
	default:
		c.diags.Errorf(n.Span, "known tags are !unset, !!str, !!int, !!float, !!bool and !!null", "unknown tag %s", tag)
		n.Kind = Text
	}
}

// plain resolves an unquoted scalar.
func (c *converter) plain(n *Node) {
	var ok bool
	if n.Kind, n.Bool, n.Int, n.Float, ok = resolve(n.Text); !ok {
		c.diags.Errorf(n.Span, "put it in quotes if it is text", "the number %s is outside the range of 64-bit integers", n.Text)
	}
}

// resolve is the YAML 1.2 core schema. ok is false for integers that 64 bits cannot hold.
func resolve(s string) (k Kind, b bool, i int64, f float64, ok bool) {
	switch s {
	case "", "~", "null", "Null", "NULL":
		return Null, false, 0, 0, true
	case "true", "True", "TRUE":
		return Bool, true, 0, 0, true
	case "false", "False", "FALSE":
		return Bool, false, 0, 0, true
	case ".nan", ".NaN", ".NAN":
		return Float, false, 0, math.NaN(), true
	case ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF":
		return Float, false, 0, math.Inf(1), true
	case "-.inf", "-.Inf", "-.INF":
		return Float, false, 0, math.Inf(-1), true
	}
	switch {
	case isInt(s):
		i, err := strconv.ParseInt(s, 10, 64)
		return Int, false, i, 0, err == nil
	case based(s, "0o", "01234567"):
		i, err := strconv.ParseInt(s[2:], 8, 64)
		return Int, false, i, 0, err == nil
	case based(s, "0x", "0123456789abcdefABCDEF"):
		i, err := strconv.ParseInt(s[2:], 16, 64)
		return Int, false, i, 0, err == nil
	case isFloat(s):
		// Out of range gives infinity, which no parameter takes.
		f, _ := strconv.ParseFloat(s, 64)
		return Float, false, 0, f, true
	}
	return Text, false, 0, 0, true
}

// PlainValue is what an unquoted scalar means: nil, bool, int64, float64 or string.
func PlainValue(text string) any {
	n := Node{Text: text}
	n.Kind, n.Bool, n.Int, n.Float, _ = resolve(text)
	return n.Value()
}

func digits(s string) (n int) {
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

func unsigned(s string) string {
	if s != "" && (s[0] == '+' || s[0] == '-') {
		return s[1:]
	}
	return s
}

func isInt(s string) bool {
	s = unsigned(s)
	return s != "" && digits(s) == len(s)
}

func based(s, prefix, signs string) bool {
	rest, ok := strings.CutPrefix(s, prefix)
	return ok && rest != "" && strings.Trim(rest, signs) == ""
}

// isFloat is [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?
func isFloat(s string) bool {
	s = unsigned(s)
	whole := digits(s)
	s = s[whole:]
	fraction := 0
	if strings.HasPrefix(s, ".") {
		fraction = digits(s[1:])
		s = s[1+fraction:]
	}
	if whole+fraction == 0 {
		return false
	}
	if s == "" {
		return true
	}
	if s[0] != 'e' && s[0] != 'E' {
		return false
	}
	return isInt(s[1:])
}

// content skips the anchor and the tag that may stand before a value.
func (c *converter) content(off int) int {
	t := c.file.Text
	for off < len(t) && (t[off] == '&' || t[off] == '!') {
		end := off
		for end < len(t) && !strings.ContainsRune(" \t\r\n,]}", rune(t[end])) {
			end++
		}
		next := end
		for next < len(t) && strings.ContainsRune(" \t\r\n", rune(t[next])) {
			next++
		}
		if next == end && end < len(t) {
			return end
		}
		off = next
	}
	return off
}

// extent is the span of a scalar in the source; it also moves n.start behind an opening quote.
func (c *converter) extent(n *Node) pos.Span {
	t, from := c.file.Text, n.start
	switch n.Style {
	case Single, Double:
		if from >= len(t) || (t[from] != '"' && t[from] != '\'') {
			break
		}
		quote := t[from]
		n.start = from + 1
		for i := from + 1; i < len(t); i++ {
			switch {
			case t[i] == '\\' && quote == '"':
				i++
			case t[i] == quote && quote == '\'' && i+1 < len(t) && t[i+1] == '\'':
				i++
			case t[i] == quote:
				return pos.Of(c.file, from, i+1)
			}
		}
		return pos.Of(c.file, from, from+1)
	case Literal, Folded:
		// The header line is what gets underlined; the text begins on the next line.
		end := from + strings.IndexByte(t[min(from, len(t)):]+"\n", '\n')
		n.start = min(end+1, len(t))
		return pos.Of(c.file, from, max(from+1, min(from+len(strings.TrimRight(t[from:end], " \r")), len(t))))
	}
	if strings.HasPrefix(t[min(from, len(t)):], n.Text) {
		return pos.Of(c.file, from, from+len(n.Text))
	}
	// Folded over several lines: to the end of the first.
	end := from + strings.IndexByte(t[min(from, len(t)):]+"\n", '\n')
	return pos.Of(c.file, from, from+len(strings.TrimRight(t[from:min(end, len(t))], " \r")))
}

// Within is the span of characters [from, to) of a text node, counted from the nth "${" in it, or from its
// first character when nth is negative. It is exact for scalars on one line, and right to the line for others.
func (n *Node) Within(nth, from, to int) pos.Span {
	f := n.File()
	if f == nil {
		return n.Span
	}
	at := min(n.start, len(f.Text))
	for ; nth >= 0; nth-- {
		i := strings.Index(f.Text[at:], "${")
		if i < 0 {
			return n.Span
		}
		at += i
		if nth > 0 {
			at += 2
		}
	}
	a := n.walk(at, from)
	b := n.walk(a, max(to-from, 0))
	return pos.Of(f, a, b)
}

// walk goes count decoded characters on in the source.
func (n *Node) walk(at, count int) int {
	t := n.File().Text
	for ; count > 0 && at < len(t); count-- {
		switch {
		case n.Style == Double && t[at] == '\\' && at+1 < len(t):
			at += 2 + map[byte]int{'x': 2, 'u': 4, 'U': 8}[t[at+1]]
		case n.Style == Single && strings.HasPrefix(t[at:], "''"):
			at += 2
		case t[at] == '\n' || t[at] == '\r':
			for at < len(t) && strings.ContainsRune("\r\n \t", rune(t[at])) {
				at++
			}
		default:
			at++
			for at < len(t) && t[at]&0xc0 == 0x80 {
				at++
			}
		}
	}
	return min(at, len(t))
}
