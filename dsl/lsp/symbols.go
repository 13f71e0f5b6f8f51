package lsp

import (
	"slices"

	"github.com/belay-ml/belay/dsl/lsp/internal/outline"
)

// class is what a name stands for.
type class uint8

const (
	stageName class = iota
	paramName
	axisName
	envName
	secretName
)

// symbol is something that has a name in one place and is used in others.
type symbol struct {
	class class
	name  string
	stage string // whose axis it is
}

// mention is a place that names a symbol: bytes of a source.
type mention struct {
	symbol
	from, to int
	declares bool
}

// mentions lists every place of a source that names a symbol of the project.
func (p *project) mentions(src *source) []mention {
	m := &mentioner{p: p}
	root := src.outline()
	if src.settings() {
		m.pairs(root.Follow("secrets"), secretName, "")
		return m.out
	}
	m.pairs(root.Follow("params"), paramName, "")
	m.env(root.Follow("env"))
	if stages := root.Follow("stages"); stages != nil {
		for _, q := range stages.Pairs {
			m.declare(symbol{stageName, q.Key, ""}, q)
			m.stage(q)
		}
	}
	for _, key := range []string{"model", "parallel", "outputs"} {
		m.values(root.Follow(key), "")
	}
	return m.out
}

type mentioner struct {
	p   *project
	out []mention
}

// declare adds a key; quotes are no part of the name.
func (m *mentioner) declare(s symbol, q *outline.Pair) {
	from := q.From + (q.To-q.From-len(q.Key))/2
	m.out = append(m.out, mention{s, from, from + len(q.Key), true})
}

func (m *mentioner) pairs(n *outline.Node, c class, stage string) {
	if n == nil {
		return
	}
	for _, q := range n.Pairs {
		m.declare(symbol{c, q.Key, stage}, q)
	}
}

func (m *mentioner) env(n *outline.Node) {
	m.pairs(n, envName, "")
	for _, item := range scalars(n) {
		m.out = append(m.out, mention{symbol{envName, item.Text, ""}, item.Inner, item.Inner + len(item.Text), true})
	}
}

func (m *mentioner) stage(q *outline.Pair) {
	for _, key := range q.Value.Pairs {
		switch key.Key {
		case "uses", "doc":
		case "needs":
			for _, n := range scalars(key.Value) {
				m.out = append(m.out, mention{symbol{stageName, n.Text, ""}, n.Inner, n.Inner + len(n.Text), false})
			}
		case "when":
			m.scalar(key.Value, q.Key, true)
		case "matrix":
			m.matrix(key.Value, q.Key)
		default:
			m.values(key.Value, q.Key)
		}
	}
}

func (m *mentioner) matrix(n *outline.Node, stage string) {
	for _, q := range n.Pairs {
		if q.Key == "zip" {
			for _, axis := range q.Value.Pairs {
				m.declare(symbol{axisName, axis.Key, stage}, axis)
			}
			continue
		}
		if q.Key != "include" && q.Key != "exclude" {
			m.declare(symbol{axisName, q.Key, stage}, q)
			continue
		}
		for _, item := range q.Value.Items {
			for _, axis := range item.Pairs {
				m.declare(symbol{axisName, axis.Key, stage}, axis)
				m.out[len(m.out)-1].declares = n.Find(axis.Key) == nil && n.Follow("zip", axis.Key) == nil
			}
		}
	}
	m.values(n, stage)
}

// values adds what the expressions below a node name.
func (m *mentioner) values(n *outline.Node, stage string) {
	if n == nil {
		return
	}
	m.scalar(n, stage, false)
	for _, item := range n.Items {
		m.values(item, stage)
	}
	for _, q := range n.Pairs {
		m.values(q.Value, stage)
	}
}

func (m *mentioner) scalar(n *outline.Node, stage string, bare bool) {
	if n.Kind != outline.Scalar {
		return
	}
	for _, x := range expressions(n, bare) {
		sc := scan(x.source)
		for _, u := range append(sc.uses, use{parts: sc.chain}) {
			if s, at, ok := m.p.meaning(u, stage); ok {
				m.out = append(m.out, mention{s, x.from + at.from, x.from + at.to, false})
			}
		}
	}
}

// meaning is the symbol that a use names, and which part of it is the name.
func (p *project) meaning(u use, stage string) (symbol, part, bool) {
	if u.call || len(u.parts) == 0 {
		return symbol{}, part{}, false
	}
	head := u.parts[0]
	i := slices.Index([]string{"params", "matrix", "env", "secret"}, head.name)
	switch {
	case i < 0:
		if slices.Contains([]string{"model", "parallel", "recipe"}, head.name) {
			return symbol{}, part{}, false
		}
		return symbol{stageName, head.name, ""}, head, true
	case len(u.parts) < 2:
		return symbol{}, part{}, false
	}
	s := symbol{class: []class{paramName, axisName, envName, secretName}[i], name: u.parts[1].name}
	if s.class == axisName {
		s.stage, _ = p.axes(stage)
	}
	return s, u.parts[1], true
}

// outlineSymbols is the tree of what a recipe or workspace file declares.
func outlineSymbols(src *source) []documentSymbol {
	var out []documentSymbol
	for _, q := range src.outline().Pairs {
		if q.Colon < 0 {
			continue
		}
		top := src.symbol(q, symbolModule)
		kind := map[string]int{"stages": symbolFunction, "params": symbolVariable, "outputs": symbolProperty, "env": symbolConstant}[q.Key]
		if src.settings() {
			kind = symbolProperty
		}
		if kind != 0 {
			for _, c := range q.Value.Pairs {
				below := src.symbol(c, kind)
				if uses := c.Value.Find("uses"); uses != nil && kind == symbolFunction {
					below.Detail = uses.Value.Text
				} else if c.Value.Kind == outline.Scalar {
					below.Detail = cut(c.Value.Text)
				}
				top.Children = append(top.Children, below)
			}
		}
		out = append(out, top)
	}
	return out
}

func (s *source) symbol(q *outline.Pair, kind int) documentSymbol {
	name := q.Key
	if name == "" {
		name = "?" // clients refuse symbols without a name
	}
	return documentSymbol{Name: name, Kind: kind, Range: s.span(q.From, max(q.To, q.Value.To)), SelectionRange: s.span(q.From, q.To)}
}

// flat is the tree as a list.
func flat(src *source, tree []documentSymbol, container string) []symbolInformation {
	var out []symbolInformation
	for _, d := range tree {
		out = append(out, symbolInformation{Name: d.Name, Kind: d.Kind, Location: location{src.uri, d.Range}, Container: container})
		out = append(out, flat(src, d.Children, d.Name)...)
	}
	return out
}
