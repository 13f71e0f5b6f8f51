package bytebpe

import "math/bits"

// none is the value of a pair that does not merge; it compares above every value that does.
const none = ^uint64(0)

// value packs what a merge gives: the rank above, the new id below, so that comparing values compares ranks.
func value(rank int, id int32) uint64 { return uint64(rank)<<32 | uint64(uint32(id)) }

// pairs maps two adjacent ids to the value of their merge: open addressing, linear probing, at most
// half full, key and value side by side in memory.
type pairs struct {
	slots []slot
	shift uint8
}

type slot struct{ key, value uint64 }

func newPairs(n int) pairs {
	size := 1 << bits.Len(uint(2*n+1))
	p := pairs{make([]slot, size), uint8(64 - bits.TrailingZeros(uint(size)))}
	for i := range p.slots {
		p.slots[i] = slot{none, none} // no pair has this key: ids are not negative
	}
	return p
}

func pairKey(left, right int32) uint64 { return uint64(uint32(left))<<32 | uint64(uint32(right)) }

func (p *pairs) home(key uint64) int {
	return int((key ^ key>>29) * 0x9e3779b97f4a7c15 >> p.shift)
}

// put sets the value of a pair; the last one put counts, as in the reference's map.
func (p *pairs) put(left, right int32, v uint64) {
	key := pairKey(left, right)
	for i := p.home(key); ; i = (i + 1) & (len(p.slots) - 1) {
		if k := p.slots[i].key; k == none || k == key {
			p.slots[i] = slot{key, v}
			return
		}
	}
}

func (p *pairs) get(left, right int32) uint64 {
	key := pairKey(left, right)
	for i := p.home(key); ; i++ {
		s := &p.slots[i&(len(p.slots)-1)]
		if s.key == key {
			return s.value
		}
		if s.key == none {
			return none
		}
	}
}
