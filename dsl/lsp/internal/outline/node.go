package outline

// Kind is what a node is.
type Kind uint8

// The kinds. Empty is a value that is not there (yet).
const (
	Empty Kind = iota
	Scalar
	List
	Map
)

// Style is how a scalar is written.
type Style uint8

// The styles.
const (
	Plain Style = iota
	Single
	Double
	Block // | and >
)

// Node is a value and the bytes [From, To) it covers.
type Node struct {
	Kind     Kind
	From, To int
	Flow     bool // a map or list in brackets, or something inside one

	Style Style
	Text  string // of scalars: as written, without quotes
	Inner int    // where Text begins
	Bare  bool   // a scalar on a line of its own, which may be a key that is being typed

	Items []*Node
	Pairs []*Pair
}

// Pair is a key of a map and its value.
type Pair struct {
	Key      string
	From, To int // of the key, with its quotes
	Colon    int // offset of the colon, -1 when there is none
	Value    *Node
}

// Find is the pair of a key, nil when there is none.
func (n *Node) Find(key string) *Pair {
	if n == nil {
		return nil
	}
	for _, p := range n.Pairs {
		if p.Key == key {
			return p
		}
	}
	return nil
}

// Follow is the value at a path of keys, nil when there is none.
func (n *Node) Follow(path ...string) *Node {
	for _, key := range path {
		p := n.Find(key)
		if p == nil {
			return nil
		}
		n = p.Value
	}
	return n
}

// Step leads from a node to one below it: through a key, or to an item.
type Step struct {
	Key   string
	Index int // of an item; -1 for a key
}

// Place is where an offset lies.
type Place struct {
	Path  []Step  // to the map whose key or the value that the offset is in
	Above []*Node // the nodes along the path, outermost first; the last one holds the place
	Pair  *Pair   // the offset is in its key
	Value *Node   // the offset is in this scalar
}

// Keys is the path with "*" for items.
func (p *Place) Keys() []string {
	keys := make([]string, len(p.Path))
	for i, s := range p.Path {
		if keys[i] = s.Key; s.Index >= 0 {
			keys[i] = "*"
		}
	}
	return keys
}

// Locate finds the key or scalar that an offset touches; nil when it touches none.
func Locate(root *Node, offset int) *Place {
	p := &Place{}
	if !p.down(root, offset) {
		return nil
	}
	return p
}

func (p *Place) down(n *Node, off int) bool {
	if off < n.From || off > n.To {
		return false
	}
	switch n.Kind {
	case Empty:
		return false
	case Scalar:
		p.Value = n
		return true
	}
	p.Above = append(p.Above, n)
	for _, q := range n.Pairs {
		if q.From <= off && off <= q.To {
			p.Pair = q
			return true
		}
		p.Path = append(p.Path, Step{q.Key, -1})
		if p.down(q.Value, off) {
			return true
		}
		p.Path = p.Path[:len(p.Path)-1]
	}
	for i, item := range n.Items {
		p.Path = append(p.Path, Step{"", i})
		if p.down(item, off) {
			return true
		}
		p.Path = p.Path[:len(p.Path)-1]
	}
	p.Above = p.Above[:len(p.Above)-1]
	return false
}
