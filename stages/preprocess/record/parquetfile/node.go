package parquetfile

import (
	"errors"
	"fmt"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"

	"github.com/belay-ml/belay/models/chat/ordjson"
	"github.com/belay-ml/belay/stages/preprocess/record/cell"
)

const maxDepth = 64

// node is a value of the schema's tree. spans holds the values of all leaves; a node looks at those below it.
type node struct {
	first, last int // of the leaves below
	// def is the definition level from which on the node is there (below it it is null, or the list that it is the
	// item of has none), rep the repetition level at which another item begins.
	def, rep uint8
	optional bool
	value    func(spans []span) (any, error)
}

// builder walks the schema: as the library's columns, and as the elements of the footer, which say more.
type builder struct {
	elements []format.SchemaElement // to come
	leaves   int                    // behind
}

func (b *builder) node(c *parquet.Column, depth int) (node, error) {
	if depth > maxDepth {
		return node{}, fmt.Errorf("columns are nested more than %d deep", maxDepth)
	}
	e := b.next()
	n := node{first: b.leaves, def: uint8(c.MaxDefinitionLevel()), rep: uint8(c.MaxRepetitionLevel()), optional: c.Optional()}
	var value func([]span) (any, error)
	var err error
	switch {
	case c.Leaf():
		value, err = leafOf(e, b.leaves)
		b.leaves++
	case isList(e):
		value, err = b.list(c, depth)
	case isMap(e):
		value, err = b.mapping(c, depth)
	default:
		value, err = b.group(c, depth)
	}
	if err != nil {
		return n, err
	}
	n.last = b.leaves
	switch {
	case c.Repeated(): // without a list around it
		item := n
		item.value = value
		n.value = item.items
	case n.optional:
		n.value = func(spans []span) (any, error) {
			if here := spans[n.first]; len(here) == 0 || here[0].def < n.def {
				return nil, nil
			}
			return value(spans)
		}
	default:
		n.value = value
	}
	return n, nil
}

func (b *builder) next() *format.SchemaElement {
	e := &b.elements[0]
	b.elements = b.elements[1:]
	return e
}

// isList and isMap go by the present annotation or by the older one.
func isList(e *format.SchemaElement) bool {
	if _, ok := e.LogicalType.Value.(*format.ListType); ok {
		return true
	}
	return e.ConvertedType.Valid && e.ConvertedType.V == deprecated.List
}

func isMap(e *format.SchemaElement) bool {
	if _, ok := e.LogicalType.Value.(*format.MapType); ok {
		return true
	}
	return e.ConvertedType.Valid && (e.ConvertedType.V == deprecated.Map || e.ConvertedType.V == deprecated.MapKeyValue && e.NumChildren.V == 1)
}

func (b *builder) group(c *parquet.Column, depth int) (func([]span) (any, error), error) {
	var names []string
	var nodes []node
	for _, below := range c.Columns() {
		n, err := b.node(below, depth+1)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", below.Name(), err)
		}
		names, nodes = append(names, below.Name()), append(nodes, n)
	}
	if len(nodes) == 0 {
		return nil, errors.New("the group has no columns")
	}
	return func(spans []span) (any, error) {
		o := &ordjson.Object{Keys: names[:len(names):len(names)], Values: make([]any, len(nodes))}
		for k := range nodes {
			var err error
			if o.Values[k], err = nodes[k].value(spans); err != nil {
				return nil, err
			}
		}
		return o, nil
	}, nil
}

// list reads a group around one repeated column. That column is the item itself in older files, and a group around
// the item in others (the rules of the format's LogicalTypes page).
func (b *builder) list(c *parquet.Column, depth int) (func([]span) (any, error), error) {
	below := c.Columns()
	if len(below) != 1 || !below[0].Repeated() {
		return nil, errors.New("the list has not one repeated column")
	}
	r := below[0]
	inner := r.Columns()
	if r.Leaf() || len(inner) != 1 || r.Name() == "array" || r.Name() == c.Name()+"_tuple" || inner[0].Repeated() {
		n, err := b.node(r, depth+1) // a repeated column is a list
		return n.value, err
	}
	b.next() // of the group around the item
	item, err := b.node(inner[0], depth+1)
	if err != nil {
		return nil, err
	}
	n := node{first: item.first, last: item.last, def: uint8(r.MaxDefinitionLevel()), rep: uint8(r.MaxRepetitionLevel()), value: item.value}
	return n.items, nil
}

func (b *builder) mapping(c *parquet.Column, depth int) (func([]span) (any, error), error) {
	below := c.Columns()
	if len(below) != 1 || !below[0].Repeated() || len(below[0].Columns()) != 2 {
		return nil, errors.New("the map has not one repeated pair of columns")
	}
	r := below[0]
	b.next() // of the pair
	first := b.leaves
	pair, err := b.group(r, depth+1)
	if err != nil {
		return nil, err
	}
	n := node{first: first, last: b.leaves, def: uint8(r.MaxDefinitionLevel()), rep: uint8(r.MaxRepetitionLevel()), value: pair}
	return func(spans []span) (any, error) {
		pairs, err := n.items(spans)
		if err != nil {
			return nil, err
		}
		o := &ordjson.Object{}
		for _, p := range pairs.([]any) {
			kv := p.(*ordjson.Object)
			o.Set(cell.Key(kv.Values[0]), kv.Values[1])
		}
		return o, nil
	}, nil
}

// items cuts the values below a repeated node into its items.
func (n *node) items(spans []span) (any, error) {
	out := []any{}
	if here := spans[n.first]; len(here) == 0 || here[0].def < n.def {
		return out, nil
	}
	rest := make([]span, n.last-n.first)
	copy(rest, spans[n.first:n.last])
	item := make([]span, n.last)
	for len(rest[0]) > 0 {
		for k := range rest {
			s := rest[k]
			if len(s) == 0 {
				return nil, errors.New("damaged: its lists do not fit together")
			}
			end := 1
			for end < len(s) && s[end].rep > n.rep {
				end++
			}
			item[n.first+k], rest[k] = s[:end], s[end:]
		}
		v, err := n.value(item)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}
