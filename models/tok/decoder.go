package tok

import (
	"strings"
	"unicode/utf8"
)

// Decoder turns ids into text as they come and shows only whole characters. With byte-level vocabularies
// the texts of all calls together are what Tokenizer.Decode gives for all ids. With byte tokens
// (<0xE4>) a run of them is shown as soon as it is text, though the reference gives U+FFFD for
// the whole run when a later token spoils it. Where a special token puts a blank in front of what stands before it
// (Baichuan's class does), that blank is not shown.
type Decoder struct {
	t           Tokenizer
	skipSpecial bool

	exact   byter
	pending []byte // bytes that may still become a character

	// for vocabularies whose tokens mean something only side by side
	ids  []int32 // from before the last two texts that were shown: classes differ in what they do at the start
	seen int     // how many of them are shown
	last int     // where those of the last text begin
}

// byter is what tokenizers have whose text is the bytes of their tokens.
type byter interface {
	AppendBytes(dst []byte, id int32, skipSpecial bool) ([]byte, bool)
}

// NewDecoder starts an empty sequence.
func NewDecoder(t Tokenizer, skipSpecial bool) *Decoder {
	d := &Decoder{t: t, skipSpecial: skipSpecial}
	if b, ok := t.(byter); ok {
		if _, ok := b.AppendBytes(nil, -1, skipSpecial); ok {
			d.exact = b
		}
	}
	return d
}

// Push adds an id and returns the text that is certain now, often "".
func (d *Decoder) Push(id int32) string {
	if d.exact != nil {
		d.pending, _ = d.exact.AppendBytes(d.pending, id, d.skipSpecial)
		return d.take(wholeRunes(d.pending))
	}
	d.ids = append(d.ids, id)
	text := d.fresh()
	if text == "" || strings.HasSuffix(text, "\uFFFD") {
		return ""
	}
	n := len(d.ids)
	d.ids = append(d.ids[:0], d.ids[d.last:]...)
	d.last, d.seen = d.seen-(n-len(d.ids)), len(d.ids)
	return text
}

// Flush ends the sequence and returns what was held back; the Decoder is empty then.
func (d *Decoder) Flush() string {
	var text string
	if d.exact != nil {
		text = d.take(len(d.pending))
	} else if len(d.ids) > d.seen {
		text = d.fresh()
	}
	d.ids, d.seen, d.last = d.ids[:0], 0, 0
	return text
}

// fresh is the text that the tokens not shown yet add behind those shown last. The latter are decoded
// along because the first token of a text may lose its blank.
func (d *Decoder) fresh() string {
	shown := d.t.Decode(d.ids[:d.seen], d.skipSpecial)
	all := d.t.Decode(d.ids, d.skipSpecial)
	if text, ok := strings.CutPrefix(all, shown); ok {
		return text
	}
	// a special token changed the text before it, as in some of transformers' classes, but that is shown
	return d.t.Decode(d.ids[d.seen:], d.skipSpecial)
}

// take removes the first n bytes and returns them as text, what is not UTF-8 replaced as Replace does.
func (d *Decoder) take(n int) string {
	text := Replace(d.pending[:n])
	d.pending = append(d.pending[:0], d.pending[n:]...)
	return text
}

// wholeRunes is the length of raw without a rune at its end that more bytes could complete.
func wholeRunes(raw []byte) int {
	for n := 1; n <= min(3, len(raw)); n++ {
		if end := raw[len(raw)-n:]; utf8.RuneStart(end[0]) {
			if !utf8.FullRune(end) {
				return len(raw) - n
			}
			break
		}
	}
	return len(raw)
}

// Replace is raw as text: each longest beginning of a rune that does not go on as one, and each byte
// that can begin none, becomes one U+FFFD, as Unicode recommends (chapter 3, table 3-8).
func Replace(raw []byte) string {
	if utf8.Valid(raw) {
		return string(raw)
	}
	out := make([]byte, 0, len(raw)+16)
	for len(raw) > 0 {
		r, n := utf8.DecodeRune(raw)
		if r == utf8.RuneError && n == 1 {
			n = partial(raw)
			out = append(out, "\uFFFD"...)
		} else {
			out = append(out, raw[:n]...)
		}
		raw = raw[n:]
	}
	return string(out)
}

// partial is how many bytes at the start of raw begin a rune that is not completed there, at least 1.
func partial(raw []byte) int {
	// utf8.FullRune denies as long as a beginning may still be completed
	for n := min(3, len(raw)); n > 1; n-- {
		if !utf8.FullRune(raw[:n]) {
			return n
		}
	}
	return 1
}
