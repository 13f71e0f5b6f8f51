package ast

import (
	"strconv"
	"strings"

	"github.com/belay-ml/belay/dsl/pos"
)

// Kind is what a node is.
type Kind uint8

// The kinds of nodes.
const (
	Null Kind = iota
	Bool
	Int
	Float
	Text
	List
	Map
)

func (k Kind) String() string {
	return [...]string{"nothing", "a boolean", "an integer", "a number", "text", "a list", "a map"}[k]
}

// Style is how a scalar was written, which positions inside it depend on.
type Style uint8

// The styles of scalars.
const (
	Plain Style = iota
	Single
	Double
	Literal
	Folded
)

// Node is a YAML value and where it was written.
type Node struct {
	Kind  Kind
	Bool  bool
	Int   int64
	Float float64
	Text  string // of every scalar: the text, unquoted
	Items []*Node
	Pairs []*Pair
	Style Style
	Span  pos.Span

	start int // byte offset of a scalar's first character, behind its quote
	unset bool
	holes bool // of a recipe: what it extends could not be read, so what it lacks may be there
}

// Pair is a key of a map and its value.
type Pair struct {
	Key   *Node
	Value *Node
}

// File is where the node was written.
func (n *Node) File() *pos.File { return n.Span.Start.File }

// Find is the value of a map's key.
func (n *Node) Find(key string) *Pair {
	if n == nil {
		return nil
	}
	for _, p := range n.Pairs {
		if p.Key.Text == key {
			return p
		}
	}
	return nil
}

// Value is the node as plain Go values: nil, bool, int64, float64, string, []any, map[string]any.
func (n *Node) Value() any {
	switch n.Kind {
	case Bool:
		return n.Bool
	case Int:
		return n.Int
	case Float:
		return n.Float
	case Text:
		return n.Text
	case List:
		out := make([]any, len(n.Items))
		for i, item := range n.Items {
			out[i] = item.Value()
		}
		return out
	case Map:
		out := make(map[string]any, len(n.Pairs))
		for _, p := range n.Pairs {
			out[p.Key.Text] = p.Value.Value()
		}
		return out
	}
	return nil
}

// Follow goes down a path of keys and list indexes as far as the node reaches. last is the pair through
// which it went last, nil when that was no map.
func (n *Node) Follow(path []string) (at *Node, last *Pair, rest []string) {
	at = n
	for len(path) > 0 {
		var next *Node
		switch at.Kind {
		case Map:
			p := at.Find(path[0])
			if p == nil {
				return at, last, path
			}
			next, last = p.Value, p
		case List:
			i, err := strconv.Atoi(path[0])
			if err != nil || i < 0 || i >= len(at.Items) {
				return at, last, path
			}
			next, last = at.Items[i], nil
		default:
			return at, last, path
		}
		at, path = next, path[1:]
	}
	return at, last, nil
}

// MapOf makes a map node, for values that come from elsewhere than a file.
func MapOf(at pos.Span, pairs ...*Pair) *Node { return &Node{Kind: Map, Span: at, Pairs: pairs} }

// TextOf makes a text node that stands for all of an inline file.
func TextOf(f *pos.File, text string) *Node {
	return &Node{Kind: Text, Text: text, Span: pos.Of(f, 0, len(f.Text)), Style: Plain, start: strings.Index(f.Text, text)}
}
