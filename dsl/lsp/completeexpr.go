package lsp

import (
	"fmt"
	"slices"
	"strings"

	"github.com/belay-ml/belay/dsl/ast"
	"github.com/belay-ml/belay/dsl/expr"
	"github.com/belay-ml/belay/dsl/lsp/internal/outline"
	"github.com/belay-ml/belay/engine/param"
)

// expression adds what fits at the cursor inside one.
func (c *completer) expression(x stretch, s slot) {
	before := x.source[:c.off-x.from]
	sc := scan(before)
	// A name that touches the cursor is being typed: what counts is what stands in front of it.
	chain := sc.chain
	if !sc.dotted && !sc.open && len(sc.uses) > 0 {
		if last := sc.uses[len(sc.uses)-1]; !last.call && last.parts[len(last.parts)-1].to == len(before) {
			chain = last.parts[:len(last.parts)-1]
		}
	}
	names := use{parts: chain}.names()
	switch {
	case sc.open && !sc.dotted, sc.opaque:
		return // inside text, or behind something without fields
	case sc.open:
		c.word(x.from+min(sc.quote, len(before)), c.off)
		c.cells(names)
	default:
		if end := strings.TrimRight(before, " "); len(names) == 0 && end != "" && end[len(end)-1] >= '0' && end[len(end)-1] <= '9' && end == before && !nameBefore(before) {
			return // a number
		}
		from, to := wordAround(c.files[0].text, c.off)
		c.word(max(from, x.from), min(to, max(x.to, c.off)))
		if len(names) == 0 {
			c.roots(s)
			return
		}
		c.members(names, s)
	}
}

// nameBefore says whether a text ends with a name rather than a number.
func nameBefore(s string) bool {
	from, _ := wordAround(s, len(s))
	return from < len(s) && (s[from] < '0' || s[from] > '9')
}

// roots adds the names that an expression may begin with.
func (c *completer) roots(s slot) {
	inStage := c.stage != ""
	_, axes := c.axes(c.stage)
	for _, name := range ast.Reserved() {
		switch name {
		case "params":
			if len(c.names("params")) == 0 {
				continue
			}
		case "matrix":
			if len(axes) == 0 {
				continue
			}
		case "model":
			if c.project.value("model") == nil {
				continue
			}
		case "env":
			if len(c.env()) == 0 {
				continue
			}
		case "secret":
			if s.bare {
				continue
			}
		}
		c.add(itemKeyword, name, "", rootDocs()[name], name, 1)
	}
	if inStage || s.field != nil {
		for _, name := range c.stages() {
			if name == c.stage || s.bare && !slices.ContainsFunc(c.ports(name), holds) {
				continue
			}
			rank := 1
			for _, port := range c.ports(name) {
				if s.field != nil && s.field.Type.IsInput() && accepts(s.field, port) {
					rank = 0
				}
			}
			c.add(itemModule, name, c.stageWord("uses", name), c.stageDoc(name), name, rank)
		}
	}
	for _, name := range expr.Functions() {
		f := signatures()[name]
		item := c.add(itemFunction, name, f.call, f.doc, name, 2)
		if !strings.HasPrefix(c.files[0].text[c.to:], "(") {
			c.snippet(item, name+"($0)")
		}
	}
}

// members adds what may follow the dot behind names.
func (c *completer) members(names []string, s slot) {
	if len(names) > 1 {
		c.deeper(names, s)
		return
	}
	switch names[0] {
	case "params":
		for _, name := range c.names("params") {
			f := c.param(name)
			c.add(itemVariable, name, typeWords(&f), c.paramDoc(name), name, 0)
		}
	case "env":
		for _, name := range c.env() {
			c.add(itemVariable, name, "text", "", name, 0)
		}
	case "matrix":
		_, axes := c.axes(c.stage)
		for _, a := range axes {
			c.add(itemVariable, a, "", c.axisDoc(c.stage, a), a, 0)
		}
	case "recipe":
		c.add(itemField, "name", "text", "The recipe's name.", "name", 0)
	case "parallel":
		c.fieldsOf(layoutFields())
	case "model":
		c.keysOf(c.project.value("model"))
	case "secret":
		if f := c.workspace(); f != nil {
			if n := f.outline().Follow("secrets"); n != nil {
				c.keysOf(n)
			}
		}
	default:
		c.portsOf(names[0], s)
	}
}

// portsOf adds the ports of a stage; in `matrix` it is the stage's matrix that can be taken over.
func (c *completer) portsOf(stage string, s slot) {
	if s.field == nil && len(s.keys) > 0 && s.keys[0].name == ast.MatrixKeys()[0] {
		c.add(itemField, "matrix", "", "The cells of stage "+stage+", taken over.", "matrix", 0)
		return
	}
	for _, port := range c.ports(stage) {
		rank := 0
		if s.bare && !holds(port) {
			continue
		}
		if s.field != nil && s.field.Type.IsInput() && !accepts(s.field, port) {
			rank = 1
		}
		c.add(itemField, port.Name, string(port.Kind), c.portDoc(stage, port), port.Name, rank)
	}
}

// deeper adds fields of values: of a parameter or a model that is a map, or the ports of one instance.
func (c *completer) deeper(names []string, s slot) {
	switch names[0] {
	case "params":
		n := c.project.value("params", names[1])
		if q := n.Find("default"); q != nil {
			n = q.Value
		}
		if n != nil {
			c.keysOf(n.Follow(names[2:]...))
		}
	case "model":
		c.keysOf(c.project.value(names...))
	default:
		switch {
		case len(names) == 2 && strings.Contains(names[1], "="):
			c.portsOf(names[0], s)
		case s.bare:
			c.numbers(names)
		}
	}
}

func (c *completer) keysOf(n *outline.Node) {
	if n == nil {
		return
	}
	for _, q := range n.Pairs {
		c.add(itemField, q.Key, showValue(plainValue(q.Value)), "", q.Key, 0)
	}
}

func (c *completer) fieldsOf(fields []param.Field) {
	for i := range fields {
		c.add(itemField, fields[i].Name, typeWords(&fields[i]), fieldDoc(&fields[i]), fields[i].Name, 0)
	}
}

// cells adds the instances of a stage, for sft['seed=1'].
func (c *completer) cells(names []string) {
	if len(names) != 1 || !c.isStage(names[0]) {
		return
	}
	owner, axes := c.axes(names[0])
	keys := []string{""}
	for _, a := range axes {
		var next []string
		for _, n := range scalars(c.project.axis(owner, a)) {
			for _, k := range keys {
				next = append(next, strings.TrimPrefix(fmt.Sprintf("%s,%s=%s", k, a, cellText(n)), ","))
			}
		}
		if keys = next; len(keys) > 200 {
			return
		}
	}
	slices.Sort(keys)
	for _, k := range keys {
		if k != "" {
			c.add(itemValue, k, "one instance of "+names[0], "", k, 0)
		}
	}
}

// cellText is a value of an axis as it stands in the name of an instance.
func cellText(n *outline.Node) string {
	if s, ok := expr.Format(plainValue(n)); ok {
		return s
	}
	return n.Text
}
