package bytebpe

import "unicode/utf8"

// joins is a set of pairs of runes between which some merge joins two tokens, in a hashed bit map: it may have a
// pair that was not put, which costs a cut, never lack one that was. Between any other two a piece can be cut and the
// parts encoded one by one: the first token that reached across would come of a merge there.
//
// The tokens of byte mode may end or begin inside a rune. Such a side is its bytes, and stands for every rune that
// ends or begins with them; kinds has how many bytes of each side (0: a whole rune) there are.
type joins struct {
	bits  [1 << joinBits / 64]uint64
	kinds []sides
}

type sides struct{ left, right int }

const joinBits = 19

// newJoins has what the merges of c join. text appends what a token stands for.
func newJoins(c Config, text func(dst []byte, token string) []byte) *joins {
	j := new(joins)
	seen := map[sides]bool{}
	var left, right []byte
	for _, x := range c.Merges {
		left, right = text(left[:0], c.Tokens[x.Left]), text(right[:0], c.Tokens[x.Right])
		a, n, ok := tail(left)
		b, m, ok2 := head(right)
		if !ok || !ok2 {
			continue // the two meet inside a rune
		}
		h := joinHash(a, b)
		j.bits[h/64] |= 1 << (h % 64)
		if k := (sides{n, m}); !seen[k] {
			seen[k] = true
			j.kinds = append(j.kinds, k)
		}
	}
	return j
}

// part is some bytes of a rune, at most 3, as a number that is no rune.
func part[B []byte | string](b B) uint32 {
	n := uint32(len(b)) << 24
	for i := range len(b) {
		n |= uint32(b[i]) << (8 * i)
	}
	return n | 1<<31
}

// tail is what a token ends with: a rune, or n bytes that end one. It is false for a token that ends inside a rune.
func tail(b []byte) (side uint32, n int, ok bool) {
	if r, size := utf8.DecodeLastRune(b); size > 1 || size == 1 && r != utf8.RuneError {
		return uint32(r), 0, true
	}
	for _, c := range b {
		if utf8.RuneStart(c) {
			return 0, 0, false
		}
	}
	if len(b) == 0 || len(b) > 3 {
		return 0, 0, false
	}
	return part(b), len(b), true
}

// head is what a token begins with: a rune, or n bytes that begin one. It is false for a token that begins inside a rune.
func head(b []byte) (side uint32, n int, ok bool) {
	if r, size := utf8.DecodeRune(b); size > 1 || size == 1 && r != utf8.RuneError {
		return uint32(r), 0, true
	}
	if len(b) == 0 || len(b) > 3 || !utf8.RuneStart(b[0]) {
		return 0, 0, false
	}
	return part(b), len(b), true
}

// between says whether a merge may join the rune that ends s[:i] and that which begins s[i:], both valid. left and
// right are these runes.
func (j *joins) between(s string, i int, left, right rune) bool {
	for _, k := range j.kinds {
		a, b := uint32(left), uint32(right)
		if k.left > 0 {
			if k.left >= utf8.RuneLen(left) {
				continue
			}
			a = part(s[i-k.left : i])
		}
		if k.right > 0 {
			if k.right >= utf8.RuneLen(right) {
				continue
			}
			b = part(s[i : i+k.right])
		}
		if h := joinHash(a, b); j.bits[h/64]>>(h%64)&1 != 0 {
			return true
		}
	}
	return false
}

func joinHash(left, right uint32) uint32 {
	key := uint64(left)<<32 | uint64(right)
	return uint32((key ^ key>>29) * 0x9e3779b97f4a7c15 >> (64 - joinBits))
}
