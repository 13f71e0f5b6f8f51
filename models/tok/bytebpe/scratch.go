package bytebpe

import "math/bits"

// Scratch is the working memory of one goroutine.
type Scratch struct {
	ids    []int32  // symbols, left to right
	values []uint64 // values[i] is the merge of ids[i] and the symbol behind it; none at the end
	next   []int32  // long pieces only: the list of symbols that are left
	prev   []int32
	heap   []uint64
	text   []byte
	recent []entry
}

// keyBytes is the longest piece that the cache holds, in bytes.
const keyBytes = 24

const recentBits = 14

// inner marks a piece that was cut out of a larger one, which ignore_merges does not concern.
const inner = 0x80

// key is a piece of at most keyBytes bytes, padded with zeros: the piece, together with its size.
type key struct {
	a, b, c uint64
}

// entry is one recent piece and its ids, in one cache line of 64 bytes.
type entry struct {
	key  key
	size uint8 // of the piece in bytes, with the mark inner; 0: the entry is empty
	n    uint8 // of ids
	ids  [9]int32
}

func makeKey(piece string) key {
	var buf [keyBytes]byte
	copy(buf[:], piece)
	return key{load(buf[0:8]), load(buf[8:16]), load(buf[16:24])}
}

func load(b []byte) uint64 {
	_ = b[7]
	return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
		uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
}

// slot is where the one entry lives that may hold the piece.
func (k key) slot() int {
	h := k.a * 0x9e3779b97f4a7c15
	h = (h ^ h>>32 ^ k.b) * 0xd6e8feb86659fd93
	h = (h ^ h>>32 ^ bits.RotateLeft64(k.c, 7)) * 0x9e3779b97f4a7c15
	return int(h >> (64 - recentBits))
}

// Scratch takes a scratch that is idle, or makes one; Release gives it back.
func (m *Model) Scratch() *Scratch {
	s := m.idle.Take()
	if s.recent == nil {
		s.recent = make([]entry, 1<<recentBits)
	}
	return s
}

// Release keeps s for later use; its cache belongs to this model.
func (m *Model) Release(s *Scratch) {
	const keep = 1 << 20 // symbols; a larger scratch served one huge piece and is not worth holding
	if cap(s.ids) > keep {
		s.ids, s.values, s.next, s.prev, s.heap, s.text = nil, nil, nil, nil, nil, nil
	}
	m.idle.Put(s)
}
