package bytebpe

import "unicode/utf8"

// Alphabet is GPT-2's one-to-one map between the 256 byte values and printable runes, under which
// byte-level vocabularies are written down: 0x20 is Ġ, 0x0A is Ċ, printable Latin-1 stays itself.
type Alphabet struct {
	runes [256]rune
	bytes [alphabetEnd]int16 // rune -> byte value, -1 when the rune stands for no byte
}

// alphabetEnd is one past the largest rune of the map: 68 bytes are not printable and take U+0100 onward.
const alphabetEnd = 0x100 + 68

// NewAlphabet builds the map.
func NewAlphabet() *Alphabet {
	a := new(Alphabet)
	for i := range a.bytes {
		a.bytes[i] = -1
	}
	next := rune(0x100)
	for b := range 256 {
		r := rune(b)
		if !printable(b) {
			r = next
			next++
		}
		a.runes[b] = r
		a.bytes[r] = int16(b)
	}
	return a
}

func printable(b int) bool {
	return b >= 0x21 && b <= 0x7e || b >= 0xa1 && b <= 0xac || b >= 0xae
}

// Rune is the rune that stands for a byte.
func (a *Alphabet) Rune(b byte) rune { return a.runes[b] }

// Byte is the byte that a rune stands for, and whether it stands for one.
func (a *Alphabet) Byte(r rune) (byte, bool) {
	if r < 0 || int(r) >= len(a.bytes) || a.bytes[r] < 0 {
		return 0, false
	}
	return byte(a.bytes[r]), true
}

// AppendRunes appends text, one alphabet rune a byte.
func (a *Alphabet) AppendRunes(dst []byte, text string) []byte {
	for i := range len(text) {
		dst = utf8.AppendRune(dst, a.runes[text[i]])
	}
	return dst
}

// Runes is text with every byte written as its rune.
func (a *Alphabet) Runes(text string) string { return string(a.AppendRunes(nil, text)) }

// AppendBytes appends the bytes that token stands for; false, with dst unchanged, when one of its runes
// is outside the alphabet.
func (a *Alphabet) AppendBytes(dst []byte, token string) ([]byte, bool) {
	start := len(dst)
	for _, r := range token {
		b, ok := a.Byte(r)
		if !ok {
			return dst[:start], false
		}
		dst = append(dst, b)
	}
	return dst, true
}

// Order lists the byte values as byte-level vocabularies number them: by the rune that stands for each.
func (a *Alphabet) Order() []byte {
	order := make([]byte, 0, 256)
	for r := range rune(alphabetEnd) {
		if b, ok := a.Byte(r); ok {
			order = append(order, b)
		}
	}
	return order
}
