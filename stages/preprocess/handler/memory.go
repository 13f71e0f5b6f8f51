package handler

import "slices"

const (
	blockIDs = 64 << 10
	// blocksKept is how many blocks of the usual size are used again: a few long documents must not make them many.
	blocksKept = 4
	blockForm  = 256 // samples, and fields of text
)

// Memory is where documents lie. A nil one takes new memory for each.
type Memory struct {
	blocks  [][]int32 // filled up to their lengths
	current int
	forms   []Sample
	texts   [][][]int32
}

// Reset makes the memory free for other documents.
func (m *Memory) Reset() {
	kept := m.blocks[:0]
	for _, b := range m.blocks {
		if cap(b) == blockIDs && len(kept) < blocksKept {
			kept = append(kept, b[:0])
		}
	}
	clear(m.blocks[len(kept):])
	clear(m.forms)
	clear(m.texts)
	m.blocks, m.current, m.forms, m.texts = kept, 0, m.forms[:0], m.texts[:0]
}

// room is space for n numbers, to be appended to.
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

// sample keeps a sample.
func (m *Memory) sample(ids, labels []int32) Sample { return Sample{m.copy(ids), m.copy(labels)} }

// samples is space for n samples, to be appended to.
func (m *Memory) samples(n int) []Sample {
	if m == nil {
		return make([]Sample, 0, n)
	}
	var out []Sample
	m.forms, out = cutOff(m.forms, n)
	return out[:0]
}

// fields is space for the texts of n fields.
func (m *Memory) fields(n int) [][][]int32 {
	if m == nil {
		return make([][][]int32, n)
	}
	var out [][][]int32
	m.texts, out = cutOff(m.texts, n)
	return out
}

// cutOff takes n elements off the free end of from, which is another slice when that has no room: what was cut off before
// stays where it is.
func cutOff[T any](from []T, n int) (rest, out []T) {
	if cap(from)-len(from) < n {
		from = make([]T, 0, max(n, blockForm))
	}
	at := len(from)
	return from[:at+n], slices.Clip(from[at : at+n])
}
