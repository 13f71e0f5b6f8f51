package outline

import "strings"

// maxDepth bounds nesting; what is deeper is skipped.
const maxDepth = 100

// Parse reads a text.
func Parse(text string) *Node {
	p := &parser{text: text}
	for from := 0; from <= len(text); {
		to := len(text)
		if n := strings.IndexAny(text[from:], "\r\n"); n >= 0 {
			to = from + n
		}
		body := from + len(text[from:to]) - len(strings.TrimLeft(text[from:to], " \t\ufeff"))
		p.lines = append(p.lines, line{from: body, to: to, indent: body - from})
		if from = to + 1; strings.HasPrefix(text[to:], "\r\n") {
			from++
		}
	}
	root := &Node{Kind: Map}
	for p.skip() {
		n := p.block(-1, false)
		if root.Kind == Map && len(root.Pairs)+len(root.Items) == 0 {
			root = n
			continue
		}
		// Only after something that ended early, such as a root in brackets.
		root.Pairs = append(root.Pairs, n.Pairs...)
		root.To = max(root.To, n.To)
	}
	return root
}

// line is a line's content: without indentation, line break and, after a dash was read, the dash.
type line struct {
	from, to int
	indent   int
}

// parser goes through the lines of block structure.
type parser struct {
	text  string
	lines []line
	i     int
	depth int
}

// skip moves to the next line that has content; false at the end.
func (p *parser) skip() bool {
	for ; p.i < len(p.lines); p.i++ {
		l := p.lines[p.i]
		if l.from < l.to && p.text[l.from] != '#' && !(l.indent == 0 && marker(p.text[l.from:l.to])) {
			return true
		}
	}
	return false
}

// marker says whether a line is a directive or the border of a document.
func marker(s string) bool {
	return s[0] == '%' || s == "---" || s == "..." || strings.HasPrefix(s, "--- ")
}

func (p *parser) dash() bool {
	l := p.lines[p.i]
	return p.text[l.from] == '-' && (l.from+1 == l.to || p.text[l.from+1] == ' ' || p.text[l.from+1] == '\t')
}

// block reads the lines that are indented by more than parent. beside says that it is a list whose dashes stand below
// the key's first letter, so that anything else ends it.
func (p *parser) block(parent int, beside bool) *Node {
	first := p.lines[p.i]
	n := &Node{From: first.from, To: first.from}
	if p.depth++; p.depth > maxDepth {
		p.i++
		p.depth--
		return &Node{From: first.from, To: first.from}
	}
	defer func() { p.depth-- }()
	if !p.dash() && !p.entry(first) && strings.IndexByte("{[\"'|>", p.text[first.from]) >= 0 {
		return p.value(first.from, parent)
	}
	for p.skip() && p.lines[p.i].indent > parent {
		l := p.lines[p.i]
		if p.dash() {
			item := p.item()
			n.Items = append(n.Items, item)
			n.To = max(n.To, item.To, l.from+1)
			continue
		}
		if beside {
			break
		}
		q := p.pair()
		n.Pairs = append(n.Pairs, q)
		n.To = max(n.To, q.To, q.Value.To, q.Colon+1)
	}
	switch {
	case len(n.Pairs) == 0:
		n.Kind = List
	case len(n.Items) == 0 && p.words(n):
		n.Kind, n.Bare, n.Inner = Scalar, true, n.From
		n.To = n.Pairs[len(n.Pairs)-1].To
		n.Text, n.Pairs = p.text[n.From:n.To], nil
	case len(n.Items) > 0 && p.words(n):
		// A list with an item whose dash is not typed yet.
		n.Kind = List
		for _, q := range n.Pairs {
			n.Items = append(n.Items, &Node{Kind: Scalar, From: q.From, To: q.To, Inner: q.From, Text: p.text[q.From:q.To], Bare: true})
		}
		n.Pairs = nil
	default:
		n.Kind = Map
	}
	return n
}

// words says whether no line of a block has a colon or anything below it.
func (p *parser) words(n *Node) bool {
	for _, q := range n.Pairs {
		if q.Colon >= 0 || q.Value.Kind != Empty {
			return false
		}
	}
	return true
}

// item reads "- ..." and what belongs to it.
func (p *parser) item() *Node {
	l := &p.lines[p.i]
	at, indent := l.from, l.indent
	rest := at + 1
	for rest < l.to && (p.text[rest] == ' ' || p.text[rest] == '\t') {
		rest++
	}
	if rest < l.to && p.text[rest] != '#' {
		inner := line{from: rest, to: l.to, indent: indent + rest - at}
		saved := *l
		*l = inner
		if p.dash() || p.entry(inner) {
			return p.block(indent, false)
		}
		*l = saved
	}
	return p.value(at+1, indent)
}

// entry says whether a line begins with a key and a colon.
func (p *parser) entry(l line) bool {
	_, colon := p.key(l.from, l.to)
	return colon >= 0
}

// key is where a key ends and where its colon is; colon is -1 when the line has none.
func (p *parser) key(from, to int) (end, colon int) {
	s := p.text[:to]
	if from < to && (s[from] == '"' || s[from] == '\'') {
		if end = closingQuote(s, from, to); end < 0 {
			return to, -1
		}
		at := end
		for at < to && (s[at] == ' ' || s[at] == '\t') {
			at++
		}
		if at < to && s[at] == ':' && (at+1 == to || s[at+1] == ' ' || s[at+1] == '\t') {
			return end, at
		}
		return end, -1
	}
	if from < to && (s[from] == '{' || s[from] == '[') {
		return to, -1
	}
	for i := from; i < to; i++ {
		switch {
		case s[i] == ':' && (i+1 == to || s[i+1] == ' ' || s[i+1] == '\t'):
			return from + len(strings.TrimRight(s[from:i], " \t")), i
		case s[i] == '#' && i > from && (s[i-1] == ' ' || s[i-1] == '\t'):
			return from + len(strings.TrimRight(s[from:i], " \t")), -1
		}
	}
	return from + len(strings.TrimRight(s[from:to], " \t")), -1
}

func (p *parser) pair() *Pair {
	l := p.lines[p.i]
	end, colon := p.key(l.from, l.to)
	q := &Pair{From: l.from, To: end, Colon: colon, Key: unquoted(p.text[l.from:end])}
	if colon >= 0 {
		q.Value = p.value(colon+1, l.indent)
		return q
	}
	p.i++
	q.Value = &Node{From: end, To: end}
	if p.skip() && p.lines[p.i].indent > l.indent && (p.dash() || p.entry(p.lines[p.i])) {
		q.Value = p.block(l.indent, false)
	}
	return q
}

// value reads what stands behind a colon or a dash of the current line, or below it. indent is that of the key.
func (p *parser) value(from, indent int) *Node {
	l := p.lines[p.i]
	at := p.properties(from, l.to)
	if at >= l.to || p.text[at] == '#' {
		n := &Node{From: min(from+1, l.to), To: min(from+1, l.to)}
		p.i++
		if !p.skip() {
			return n
		}
		switch next := p.lines[p.i]; {
		case next.indent > indent:
			return p.block(indent, false)
		case next.indent == indent && p.dash() && from > 0 && p.text[from-1] == ':':
			return p.block(indent-1, true)
		}
		return n
	}
	var n *Node
	switch c := p.text[at]; {
	case (c == '|' || c == '>') && header(p.text[at:l.to]):
		return p.literal(at, indent)
	case c == '{' || c == '[':
		f := flow{parser: p, at: at, line: p.i, indent: indent}
		n = f.node(0)
		p.i = f.line + 1
	case c == '"' || c == '\'':
		n = p.quoted(at, indent)
	default:
		n = p.plain(at, l.to)
	}
	p.below(n, indent)
	return n
}

// properties skips anchors and tags.
func (p *parser) properties(at, to int) int {
	for {
		for at < to && (p.text[at] == ' ' || p.text[at] == '\t') {
			at++
		}
		if at >= to || p.text[at] != '&' && p.text[at] != '!' {
			return at
		}
		for at < to && p.text[at] != ' ' && p.text[at] != '\t' {
			at++
		}
	}
}

// below reads lines that are indented more than a value's key, behind a value that began beside it: more of a plain
// text, or a map that the value hides while it is typed.
func (p *parser) below(n *Node, indent int) {
	for p.skip() && p.lines[p.i].indent > indent {
		if p.entry(p.lines[p.i]) {
			m := p.block(indent, false)
			*n = Node{Kind: Map, From: n.From, To: max(n.To, m.To), Pairs: append(n.Pairs, m.Pairs...), Items: append(n.Items, m.Items...)}
			continue
		}
		l := p.lines[p.i]
		if n.Kind == Scalar && n.Style == Plain {
			n.To = l.from + len(strings.TrimRight(p.text[l.from:l.to], " \t"))
			n.Text = p.text[n.Inner:n.To]
		}
		p.i++
	}
}

// plain is an unquoted scalar up to the end of its line or a comment.
func (p *parser) plain(from, to int) *Node {
	p.i++
	if i := strings.Index(p.text[from:to], " #"); i >= 0 {
		to = from + i
	}
	to = from + len(strings.TrimRight(p.text[from:to], " \t"))
	return &Node{Kind: Scalar, From: from, To: to, Inner: from, Text: p.text[from:to]}
}

// quoted is a scalar in quotes, over several lines when they are indented. Without a closing quote it ends with its line.
func (p *parser) quoted(from, indent int) *Node {
	style := Double
	if p.text[from] == '\'' {
		style = Single
	}
	for i := p.i; i < len(p.lines) && (i == p.i || p.lines[i].from == p.lines[i].to || p.lines[i].indent > indent); i++ {
		if end := closingQuote(p.text, from, p.lines[i].to); end >= 0 {
			p.i = i + 1
			return &Node{Kind: Scalar, Style: style, From: from, To: end, Inner: from + 1, Text: p.text[from+1 : end-1]}
		}
	}
	to := p.lines[p.i].to
	p.i++
	return &Node{Kind: Scalar, Style: style, From: from, To: to, Inner: from + 1, Text: p.text[from+1 : to]}
}

// closingQuote is the offset behind the quote that ends the text opened at from, -1 when [from, to) has none.
func closingQuote(s string, from, to int) int {
	for i := from + 1; i < to; i++ {
		switch {
		case s[i] == '\\' && s[from] == '"':
			i++
		case s[i] == s[from]:
			if s[from] == '\'' && i+1 < to && s[i+1] == '\'' {
				i++
				continue
			}
			return i + 1
		}
	}
	return -1
}

// header says whether a line's rest begins a block scalar: | or > with its marks.
func header(s string) bool {
	rest := strings.TrimLeft(s[1:], "+-0123456789")
	trimmed := strings.TrimLeft(rest, " \t")
	return trimmed == "" || trimmed[0] == '#' && len(trimmed) < len(rest)
}

// literal is a block scalar: all lines that are blank or indented by more than indent.
func (p *parser) literal(from, indent int) *Node {
	n := &Node{Kind: Scalar, Style: Block, From: from, To: p.lines[p.i].to}
	p.i++
	if p.i < len(p.lines) {
		n.Inner = p.lines[p.i].from - p.lines[p.i].indent
	} else {
		n.Inner = n.To
	}
	for ; p.i < len(p.lines); p.i++ {
		l := p.lines[p.i]
		if l.from < l.to && l.indent <= indent {
			break
		}
		if l.from < l.to {
			n.To = l.to
		}
	}
	if n.Inner = min(n.Inner, n.To); n.Inner < n.To {
		n.Text = p.text[n.Inner:n.To]
	}
	return n
}

func unquoted(s string) string {
	if len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		return s[1 : len(s)-1]
	}
	return s
}
