package outline

import "strings"

// flow reads what stands in brackets. It ends with the bracket, or before a line that is not indented by more than
// indent, unless that line begins with a closing bracket.
type flow struct {
	*parser
	at     int // next byte
	line   int // which line that is on
	indent int
}

// end says whether nothing is left of the flow.
func (f *flow) end() bool {
	f.space()
	return f.at >= f.lines[f.line].to
}

// space skips blanks, comments and line breaks inside the flow.
func (f *flow) space() {
	for {
		l := f.lines[f.line]
		for f.at < l.to && (f.text[f.at] == ' ' || f.text[f.at] == '\t') {
			f.at++
		}
		if f.at < l.to && !(f.text[f.at] == '#' && (f.at == l.from || strings.IndexByte(" \t", f.text[f.at-1]) >= 0)) {
			return
		}
		// The rest of the line is blank. Which line comes next?
		next := f.line + 1
		for next < len(f.lines) && (f.lines[next].from == f.lines[next].to || f.text[f.lines[next].from] == '#') {
			next++
		}
		if next >= len(f.lines) || f.lines[next].indent <= f.indent && strings.IndexByte("]}", f.text[f.lines[next].from]) < 0 {
			f.at = l.to
			return
		}
		f.line, f.at = next, f.lines[next].from
	}
}

func (f *flow) node(depth int) *Node {
	if f.end() || depth > maxDepth {
		n := &Node{From: f.at, To: f.at, Flow: true}
		if depth > maxDepth {
			f.at = f.lines[f.line].to
		}
		return n
	}
	switch f.text[f.at] {
	case '{':
		return f.braces(depth)
	case '[':
		return f.brackets(depth)
	}
	return f.scalar()
}

func (f *flow) braces(depth int) *Node {
	n := &Node{Kind: Map, From: f.at, Flow: true}
	f.at++
	for !f.end() {
		switch f.text[f.at] {
		case '}':
			f.at++
			n.To = f.at
			return n
		case ']': // belongs to somebody above, or to nobody
			n.To = f.at
			return n
		case ',':
			f.at++
			continue
		}
		n.Pairs = append(n.Pairs, f.pair(depth))
	}
	n.To = f.at
	return n
}

func (f *flow) pair(depth int) *Pair {
	before := f.at
	var k *Node
	if c := f.text[f.at]; c == '{' || c == '[' {
		k = f.node(depth + 1) // a key that is no word
	} else if c != ':' {
		k = f.scalar()
	} else {
		k = &Node{From: f.at, To: f.at}
	}
	q := &Pair{Key: k.Text, From: k.From, To: k.To, Colon: -1, Value: &Node{From: k.To, To: k.To, Flow: true}}
	if !f.end() && f.text[f.at] == ':' {
		q.Colon = f.at
		f.at++
		q.Value = f.value(depth)
	}
	if f.at == before {
		f.at++
	}
	return q
}

// value is what follows a colon.
func (f *flow) value(depth int) *Node {
	at := f.at
	if !f.end() {
		f.at = f.properties(f.at, f.lines[f.line].to)
	}
	if f.end() || strings.IndexByte(",}]", f.text[f.at]) >= 0 {
		at = min(at+1, f.at)
		return &Node{From: at, To: at, Flow: true}
	}
	return f.node(depth + 1)
}

func (f *flow) brackets(depth int) *Node {
	n := &Node{Kind: List, From: f.at, Flow: true}
	f.at++
	for !f.end() {
		before := f.at
		switch f.text[f.at] {
		case ']':
			f.at++
			n.To = f.at
			return n
		case '}':
			n.To = f.at
			return n
		case ',':
			f.at++
			continue
		}
		item := f.value(depth)
		if !f.end() && f.text[f.at] == ':' && item.Kind == Scalar { // [a: 1] is [{a: 1}]
			q := &Pair{Key: item.Text, From: item.From, To: item.To, Colon: f.at}
			f.at++
			q.Value = f.value(depth)
			item = &Node{Kind: Map, From: item.From, To: q.Value.To, Flow: true, Pairs: []*Pair{q}}
		}
		n.Items = append(n.Items, item)
		if f.at == before {
			f.at++
		}
	}
	n.To = f.at
	return n
}

func (f *flow) scalar() *Node {
	l := f.lines[f.line]
	from := f.at
	if c := f.text[from]; c == '"' || c == '\'' {
		saved := f.i
		f.i = f.line
		n := f.quoted(from, f.indent)
		f.line, f.at = f.i-1, n.To
		f.i = saved
		n.Flow = true
		return n
	}
	i := from
	for ; i < l.to; i++ {
		c := f.text[i]
		if c == '$' && i+1 < l.to && f.text[i+1] == '{' {
			// YAML wants quotes here; whoever forgot them still means an expression.
			if n := strings.IndexByte(f.text[i:l.to], '}'); n >= 0 {
				i += n
				continue
			}
			i = l.to
			break
		}
		if strings.IndexByte(",[]{}", c) >= 0 || c == '#' && i > from && f.text[i-1] == ' ' ||
			c == ':' && (i+1 == l.to || strings.IndexByte(" \t,[]{}", f.text[i+1]) >= 0) {
			break
		}
	}
	i = min(i, l.to)
	f.at = i
	to := from + len(strings.TrimRight(f.text[from:i], " \t"))
	return &Node{Kind: Scalar, Flow: true, From: from, To: to, Inner: from, Text: f.text[from:to]}
}
