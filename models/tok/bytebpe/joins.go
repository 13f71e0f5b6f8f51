package bytebpe

import "unicode/utf8"

// joins is a set of pairs of runes in a hashed bit map: it may have a pair that was not put, which costs a cut,
// never lack one that was.
type joins [1 << joinBits / 64]uint64

const joinBits = 18

// newJoins has the runes that meet where a merge of c joins its two tokens.
func newJoins(c Config) *joins {
	j := new(joins)
	for _, x := range c.Merges {
		left, _ := utf8.DecodeLastRuneInString(c.Tokens[x.Left])
		right, _ := utf8.DecodeRuneInString(c.Tokens[x.Right])
		h := joinHash(left, right)
		j[h/64] |= 1 << (h % 64)
	}
	return j
}

func (j *joins) has(left, right rune) bool {
	h := joinHash(left, right)
	return j[h/64]>>(h%64)&1 != 0
}

func joinHash(left, right rune) uint32 {
	return uint32((uint64(left)<<21 | uint64(right)) * 0x9e3779b97f4a7c15 >> (64 - joinBits))
}
