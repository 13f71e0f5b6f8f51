package lsp

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/belay-ml/belay/dsl/expr"
	"github.com/belay-ml/belay/dsl/lsp/internal/outline"
)

// stretch is an expression inside a text: the bytes of its source, between ${ and }.
type stretch struct {
	from, to int
	source   string // escapes of the YAML quotes blanked out, so that offsets stay
}

// expressions finds those of a scalar. bare says that the whole text is one, as in `when`. The last one may be open.
func expressions(n *outline.Node, bare bool) []stretch {
	text := plainQuotes(n)
	if bare && !strings.Contains(text, "${") {
		return []stretch{{n.Inner, n.Inner + len(text), text}}
	}
	var out []stretch
	for i := 0; i < len(text); {
		switch {
		case strings.HasPrefix(text[i:], "$${"):
			i += 3
		case strings.HasPrefix(text[i:], "${"):
			end := expr.Closing(text, i+2)
			if end < 0 {
				end = len(text)
			}
			out = append(out, stretch{n.Inner + i + 2, n.Inner + end, text[i+2 : end]})
			i = end + 1
		default:
			i++
		}
	}
	return out
}

// plainQuotes is a scalar's text with the quotes that YAML escapes as an expression sees them.
func plainQuotes(n *outline.Node) string {
	switch n.Style {
	case outline.Double:
		return strings.ReplaceAll(n.Text, `\"`, ` "`)
	case outline.Single:
		return strings.ReplaceAll(n.Text, `''`, ` '`)
	}
	return n.Text
}

// use is a name in an expression and the fields that follow it: params.lr, sft['seed=1'].checkpoint. Offsets are
// bytes of the expression's source.
type use struct {
	parts []part
	call  bool // a function
}

type part struct {
	name     string
	from, to int
}

func (u use) names() []string {
	names := make([]string, len(u.parts))
	for i, p := range u.parts {
		names[i] = p.name
	}
	return names
}

// scanner finds the names of an expression without understanding it: it may be half typed.
type scanner struct {
	s     string
	i     int
	uses  []use
	chain []part // of the use that goes on
	// How the text ends, for completion.
	open   bool // inside quotes
	dotted bool // behind the dot of chain, or inside its ['
	opaque bool // behind the dot of something that is no name
	quote  int  // where the open quotes began
}

// scan reads the whole source.
func scan(source string) *scanner {
	c := &scanner{s: source}
	for c.i < len(c.s) {
		c.step()
	}
	if !c.dotted && !c.open && !c.opaque {
		c.flush()
	}
	return c
}

// flush ends the use that goes on.
func (c *scanner) flush() {
	if len(c.chain) > 0 {
		c.uses = append(c.uses, use{parts: c.chain})
	}
	c.chain, c.dotted, c.opaque = nil, false, false
}

func (c *scanner) step() {
	switch b := c.s[c.i]; {
	case b == '"' || b == '\'' || b == '`':
		c.flush()
		c.text()
	case b == ' ' || b == '\t' || b == '\n' || b == '\r':
		c.i++
	case b >= '0' && b <= '9':
		c.flush()
		for c.i < len(c.s) && (letter(c.s[c.i]) || c.s[c.i] == '.' && !strings.HasPrefix(c.s[c.i:], "..")) {
			c.i++
		}
	case letter(b):
		c.name()
	case b == '.' && strings.HasPrefix(c.s[c.i:], ".."):
		c.flush()
		c.i += 2
	case b == '.':
		c.opaque = len(c.chain) == 0
		c.dotted = !c.opaque
		c.i++
	case b == '?' && strings.HasPrefix(c.s[c.i:], "?."):
		c.i++
	case b == '[' && len(c.chain) > 0 && !c.dotted:
		c.index()
	default:
		c.flush()
		c.i++
	}
}

// text skips what stands in quotes.
func (c *scanner) text() string {
	q, from := c.s[c.i], c.i+1
	for c.i++; c.i < len(c.s); c.i++ {
		if c.s[c.i] == '\\' && q != '`' {
			c.i++
		} else if c.s[c.i] == q {
			c.i++
			return c.s[from : c.i-1]
		}
	}
	c.i = len(c.s)
	c.open, c.quote = true, from
	return c.s[min(from, len(c.s)):]
}

// index reads [...] behind a name: a constant text goes on with it.
func (c *scanner) index() {
	at := c.i + 1
	for at < len(c.s) && c.s[at] == ' ' {
		at++
	}
	if at >= len(c.s) || c.s[at] != '"' && c.s[at] != '\'' {
		c.flush()
		c.i++
		return
	}
	c.i = at
	name := c.text()
	if c.open {
		c.dotted = true
		return
	}
	p := part{strings.TrimRight(name, " "), at + 1, c.i - 1}
	for c.i < len(c.s) && c.s[c.i] == ' ' {
		c.i++
	}
	if c.i < len(c.s) && c.s[c.i] == ']' {
		c.i++
		c.chain = append(c.chain, p)
		return
	}
	c.flush()
}

func (c *scanner) name() {
	from := c.i
	for c.i < len(c.s) && letter(c.s[c.i]) {
		c.i++
	}
	p := part{c.s[from:c.i], from, c.i}
	switch {
	case c.opaque:
		c.opaque = false
		return
	case c.dotted:
		c.chain, c.dotted = append(c.chain, p), false
		return
	}
	c.flush()
	rest := strings.TrimLeft(c.s[c.i:], " ")
	if strings.HasPrefix(rest, "(") {
		c.uses = append(c.uses, use{parts: []part{p}, call: true})
		return
	}
	before := strings.TrimRight(c.s[:from], " ")
	if strings.HasPrefix(rest, ":") && (strings.HasSuffix(before, "{") || strings.HasSuffix(before, ",")) {
		return // the key of a map
	}
	c.chain = []part{p}
}

// letter says whether a byte may be part of a name.
func letter(b byte) bool {
	return b == '_' || b >= utf8.RuneSelf || unicode.IsLetter(rune(b)) || b >= '0' && b <= '9'
}
