package handler

const (
	blockIDs = 64 << 10
	// blockMost is the size of a block that is kept.
	blockMost = 16 * blockIDs
)

// Memory is where documents lie. A nil one takes new memory for each.
type Memory struct {
	blocks  [][]int32 // filled up to their lengths
	current int
	forms   []fields
}

// fields holds a document's slices in one piece.
type fields struct {
	fields    [3][][]int32
	sequences [3][]int32
}

// Reset makes the memory free for other documents.
func (m *Memory) Reset() {
	kept := m.blocks[:0]
	for _, b := range m.blocks {
		if cap(b) <= blockMost {
			kept = append(kept, b[:0])
		}
	}
	clear(m.blocks[len(kept):])
	clear(m.forms)
	m.blocks, m.current, m.forms = kept, 0, m.forms[:0]
}

// room is space for n ids, to be appended to.
func (m *Memory) room(n int) []int32 {
	if m == nil {
		return make([]int32, 0, n)
	}
	for ; m.current < len(m.blocks); m.current++ {
		b := m.blocks[m.current]
		if at := len(b); cap(b)-at >= n {
			m.blocks[m.current] = b[:at+n]
			return b[at : at : at+n]
		}
	}
	b := make([]int32, n, max(n, blockIDs))
	m.blocks = append(m.blocks, b)
	return b[0:0:n]
}

// copy keeps ids.
func (m *Memory) copy(ids []int32) []int32 { return append(m.room(len(ids)), ids...) }

// fields is space for the slices of a document.
func (m *Memory) fields() *fields {
	if m == nil {
		return &fields{}
	}
	if len(m.forms) == cap(m.forms) {
		m.forms = make([]fields, 0, 256) // those in use stay where they are
	}
	m.forms = m.forms[:len(m.forms)+1]
	return &m.forms[len(m.forms)-1]
}
