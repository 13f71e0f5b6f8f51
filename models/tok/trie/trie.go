package trie

import (
	"cmp"
	"slices"
)

// Trie maps byte strings to values that are not negative.
type Trie struct {
	units []unit
}

// unit is a place of the array. base is where its children are counted from; check is its parent, free for no node.
type unit struct {
	base, check, value int32
}

const (
	free = int32(-1)
	// None is the value of a node at which no key ends.
	None = int32(-1)
	// block is how many places are added at a time: every child of one base lies in one block of bytes.
	block = 256
)

// New builds the trie of keys[i] -> values[i]; with values nil, the index is the value. Of two equal keys the
// first counts; an empty key is left out.
func New(keys []string, values []int32) *Trie {
	b := &builder{}
	b.entries = make([]entry, 0, len(keys))
	for i, k := range keys {
		v := int32(i)
		if values != nil {
			v = values[i]
		}
		if k != "" {
			b.entries = append(b.entries, entry{k, v})
		}
	}
	slices.SortStableFunc(b.entries, func(x, y entry) int { return cmp.Compare(x.key, y.key) })
	b.entries = slices.CompactFunc(b.entries, func(x, y entry) bool { return x.key == y.key })
	b.grow()
	b.take(0, 0)
	b.t.units[0].value = None
	b.place(0, 0, len(b.entries), 0)
	b.t.units = slices.Clip(b.t.units)
	return &b.t
}

// Next is the child of a node by a byte, and whether there is one.
func (t *Trie) Next(node int32, c byte) (int32, bool) {
	at := t.units[node].base ^ int32(c)
	return at, t.units[at].check == node && at != 0
}

// Value is the value of the key that ends at a node, None without one.
func (t *Trie) Value(node int32) int32 { return t.units[node].value }

// Step is Next and Value in one: ok says that there is a child, value what ends there.
func (t *Trie) Step(node int32, c byte) (next, value int32, ok bool) {
	at := t.units[node].base ^ int32(c)
	u := &t.units[at]
	return at, u.value, u.check == node && at != 0
}

// Longest is the value of the longest key that text begins with, and its size in bytes; 0 without one.
func (t *Trie) Longest(text string) (value int32, size int) {
	value = None
	node := int32(0)
	for i := range len(text) {
		next, v, ok := t.Step(node, text[i])
		if !ok {
			break
		}
		if node = next; v != None {
			value, size = v, i+1
		}
	}
	return value, size
}

// Has says whether a key begins with b.
func (t *Trie) Has(b byte) bool {
	_, ok := t.Next(0, b)
	return ok
}
