package ast

import (
	"fmt"
	"slices"
	"strings"

	"github.com/belay-ml/belay/dsl/diag"
	"github.com/belay-ml/belay/engine/param"
)

// Merge lays over upon base: maps merge key by key, anything else replaces. `key+: [...]` appends to the
// list below, `key: !unset` removes the key. base may be nil.
func Merge(base, over *Node, l *diag.List) *Node { return merge(base, over, nil, l) }

func merge(base, over *Node, path []string, l *diag.List) *Node {
	if over.Kind == List {
		out := *over
		out.Items = make([]*Node, len(over.Items))
		for i, item := range over.Items {
			out.Items[i] = merge(nil, item, append(slices.Clip(path), "[]"), l)
		}
		return &out
	}
	if over.unset {
		// Reached only where no map pair holds it.
		l.Errorf(over.Span, "", "!unset can only remove a key of a map")
		return over
	}
	if over.Kind != Map {
		return over
	}
	out := *over
	out.Pairs = nil
	if base != nil && base.Kind == Map {
		out.Pairs = slices.Clone(base.Pairs)
	} else {
		base = nil
	}
	// Where the keys are; removed ones leave nil behind until the end.
	at := make(map[string]int, len(out.Pairs)+len(over.Pairs))
	for i, p := range out.Pairs {
		at[p.Key.Text] = i
	}
	here := make(map[string]bool, len(over.Pairs))
	for _, p := range over.Pairs {
		key, appends := strings.CutSuffix(p.Key.Text, "+")
		appends = appends && key != ""
		if !appends {
			key = p.Key.Text
		}
		if here[key] {
			l.Errorf(p.Key.Span, "keep one of them", "%s and %s+ stand side by side", key, key)
			continue
		}
		here[key] = true
		var old *Pair
		i, found := at[key]
		if found {
			old = out.Pairs[i]
		}
		if p.Value.unset {
			if old == nil {
				hint := "only keys of an extended recipe can be removed"
				if near := param.Near(key, keysOf(base)); near != "" {
					hint = fmt.Sprintf("did you mean %s?", near)
				}
				l.Errorf(p.Key.Span, hint, "nothing to unset: what is extended has no %s here", key)
				continue
			}
			out.Pairs[i] = nil
			continue
		}
		next := &Pair{Key: p.Key, Value: p.Value}
		var below *Node
		if old != nil {
			below = old.Value
		}
		switch {
		case appends:
			k := *p.Key
			k.Text = key
			next.Key = &k
			next.Value = appended(below, p, key, path, l)
		case len(path) == 1 && path[0] == "params":
			next.Value = mergeParam(below, p.Value, append(slices.Clip(path), key), l)
		default:
			next.Value = merge(below, p.Value, append(slices.Clip(path), key), l)
		}
		if found {
			out.Pairs[i] = next
		} else {
			at[key] = len(out.Pairs)
			out.Pairs = append(out.Pairs, next)
		}
	}
	out.Pairs = slices.DeleteFunc(out.Pairs, func(p *Pair) bool { return p == nil })
	return &out
}

func appended(below *Node, p *Pair, key string, path []string, l *diag.List) *Node {
	if p.Value.Kind != List {
		l.Errorf(p.Value.Span, "maps merge by themselves", "%s+ appends a list, have %s", key, p.Value.Kind)
		if below != nil {
			return below
		}
		return p.Value
	}
	v := merge(nil, p.Value, append(slices.Clip(path), key), l)
	if below == nil {
		return v
	}
	if below.Kind != List {
		l.Add(diag.Diagnostic{
			Summary: fmt.Sprintf("%s+ appends to a list, but %s is %s", key, key, below.Kind), Subject: p.Key.Span,
			Notes: []diag.Note{{Text: "given here", Span: below.Span}},
		})
		return below
	}
	out := *v
	out.Items = slices.Concat(below.Items, v.Items)
	return &out
}

// mergeParam lets `lr: 2e-5` above a declaration {type: float, default: 1e-5, min: 0} replace its default only.
func mergeParam(below, over *Node, path []string, l *diag.List) *Node {
	if below == nil || !LongParam(below) || LongParam(over) {
		if below != nil && LongParam(over) && !LongParam(below) && over.Find("default") == nil {
			below = MapOf(below.Span, &Pair{Key: &Node{Kind: Text, Text: "default", Span: below.Span}, Value: below})
		}
		return merge(below, over, path, l)
	}
	over = merge(nil, over, path, l)
	out := *below
	out.Pairs = slices.DeleteFunc(slices.Clone(below.Pairs), func(p *Pair) bool { return p.Key.Text == "default" })
	out.Pairs = append(out.Pairs, &Pair{Key: &Node{Kind: Text, Text: "default", Span: over.Span}, Value: over})
	return &out
}

func keysOf(n *Node) []string {
	var keys []string
	if n != nil {
		for _, p := range n.Pairs {
			keys = append(keys, p.Key.Text)
		}
	}
	return keys
}
