package trie

type entry struct {
	key   string
	value int32
}

// builder places nodes. The free places form a list in the array itself: base is the next, value the last.
type builder struct {
	t       Trie
	entries []entry // sorted, without doubles
	head    int32   // the first free place
	labels  []byte
}

// tries is how many free places are looked at before a node with several children gets a new block.
const tries = 32

// grow adds a block of free places at the end of the array and of the list.
func (b *builder) grow() {
	start := int32(len(b.t.units))
	last := free
	if start > 0 && b.head != free {
		last = b.t.units[b.head].value // the list is a ring, so this is its end
	}
	for i := start; i < start+block; i++ {
		b.t.units = append(b.t.units, unit{base: i + 1, check: free, value: i - 1})
	}
	end := start + block - 1
	if last == free {
		b.head = start
		b.t.units[start].value, b.t.units[end].base = end, start
		return
	}
	b.t.units[last].base, b.t.units[start].value = start, last
	b.t.units[end].base, b.t.units[b.head].value = b.head, end
}

// take makes a free place a node.
func (b *builder) take(at, parent int32) {
	u := &b.t.units[at]
	next, last := u.base, u.value
	if next == at {
		b.head = free
	} else {
		b.t.units[next].value, b.t.units[last].base = last, next
		if b.head == at {
			b.head = next
		}
	}
	*u = unit{base: 0, check: parent, value: None}
}

// place gives the node its children: the entries from lo to hi, which agree in the first depth bytes.
func (b *builder) place(node int32, lo, hi, depth int) {
	if lo < hi && len(b.entries[lo].key) == depth {
		b.t.units[node].value = b.entries[lo].value
		lo++
	}
	if lo == hi {
		return
	}
	first := len(b.labels)
	for i := lo; i < hi; i++ {
		if c := b.entries[i].key[depth]; len(b.labels) == first || b.labels[len(b.labels)-1] != c {
			b.labels = append(b.labels, c)
		}
	}
	labels := b.labels[first:]
	base := b.find(labels)
	for _, c := range labels {
		b.take(base^int32(c), node)
	}
	b.t.units[node].base = base
	for i := range len(labels) {
		c := b.labels[first+i] // the buffer moves when it grows
		end := lo
		for end < hi && b.entries[end].key[depth] == c {
			end++
		}
		b.place(base^int32(c), lo, end, depth+1)
		lo = end
	}
	b.labels = b.labels[:first]
}

// find is a base under which the places of all labels are free.
func (b *builder) find(labels []byte) int32 {
	if b.head == free {
		b.grow()
	}
	at := b.head
search:
	for range tries {
		base := at ^ int32(labels[0])
		for _, c := range labels[1:] {
			if b.t.units[base^int32(c)].check != free {
				if at = b.t.units[at].base; at == b.head {
					break search
				}
				continue search
			}
		}
		return base
	}
	base := int32(len(b.t.units))
	b.grow()
	return base
}
