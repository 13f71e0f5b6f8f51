package hfjson

import (
	"encoding/base64"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"

	"github.com/belay-ml/belay/models/tok/spm"
)

// newBert is BERT's cleaning: control characters go, white space is a blank, ideographs stand alone, and accents and
// capitals go with lowercase.
func newBert(c *component) (normalizer, error) {
	o := struct {
		typed
		CleanText          bool  `json:"clean_text"`
		HandleChineseChars bool  `json:"handle_chinese_chars"`
		StripAccents       *bool `json:"strip_accents"` // nil: as lowercase
		Lowercase          bool  `json:"lowercase"`
	}{CleanText: true, HandleChineseChars: true, Lowercase: true}
	if err := c.options(&o); err != nil {
		return nil, err
	}
	strip := o.Lowercase
	if o.StripAccents != nil {
		strip = *o.StripAccents
	}
	nfd := newForm("NFD")
	return func(s string) string {
		if o.CleanText {
			s = strings.Map(cleanRune, s)
		}
		if o.HandleChineseChars {
			s = apart(s)
		}
		if strip {
			s = without(unicode.Mn, nfd(s))
		}
		if o.Lowercase {
			s = lowercase(s)
		}
		return s
	}, nil
}

func cleanRune(r rune) rune {
	switch {
	case r == '\t' || r == '\n' || r == '\r' || unicode.IsSpace(r):
		if r == '\u0085' {
			return -1 // a control character before it is white space
		}
		return ' '
	case r == 0 || r == utf8.RuneError || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co):
		return -1
	}
	return r
}

// apart puts blanks around ideographs.
func apart(s string) string {
	if strings.IndexFunc(s, ideograph) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if ideograph(r) {
			b.WriteByte(' ')
			b.WriteRune(r)
			b.WriteByte(' ')
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// ideograph is BERT's list of blocks, with the reference's slip in the fourth extension.
func ideograph(r rune) bool {
	return r >= 0x4e00 && r <= 0x9fff || r >= 0x3400 && r <= 0x4dbf || r >= 0x20000 && r <= 0x2a6df || r >= 0x2a700 && r <= 0x2b73f ||
		r >= 0x2b740 && r <= 0x2b81f || r >= 0x2b920 && r <= 0x2ceaf || r >= 0xf900 && r <= 0xfaff || r >= 0x2f800 && r <= 0x2fa1f
}

// nmt removes control characters and makes odd blanks plain ones, as SentencePiece's nmt rules begin.
func nmt(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 0x01 && r <= 0x08, r == 0x0b, r >= 0x0e && r <= 0x1f, r == 0x7f, r == 0x8f, r == 0x9f:
			return -1
		case r == '\t', r == '\n', r == 0x0c, r == '\r', r == 0x1680, r >= 0x200b && r <= 0x200f,
			r == 0x2028, r == 0x2029, r == 0x2581, r == 0xfeff, r == 0xfffd:
			return ' '
		}
		return r
	}, s)
}

// newPrecompiled is SentencePiece's table of characters as the tokenizers library applies it: to each grapheme of
// less than 6 bytes as a whole, else to its characters; and of all texts that match, the shortest counts.
func newPrecompiled(c *component) (normalizer, error) {
	var o struct {
		typed
		Charsmap *string `json:"precompiled_charsmap"`
	}
	if err := c.options(&o); err != nil {
		return nil, err
	}
	if o.Charsmap == nil {
		return func(s string) string { return s }, nil
	}
	data, err := base64.StdEncoding.DecodeString(*o.Charsmap)
	if err != nil {
		return nil, c.errorf("precompiled_charsmap: %w", err)
	}
	table, err := spm.ParseCharsmap(data)
	if err != nil {
		return nil, c.errorf("precompiled_charsmap: %w", err)
	}
	return func(s string) string {
		out := make([]byte, 0, len(s)+16)
		state := -1
		for rest := s; rest != ""; {
			var g string
			g, rest, _, state = uniseg.FirstGraphemeClusterInString(rest, state)
			if len(g) < 6 {
				if to, n := table.Shortest(g); n > 0 {
					out = append(out, to...)
					continue
				}
			}
			for i, n := 0, 0; i < len(g); i += n {
				_, n = utf8.DecodeRuneInString(g[i:])
				if to, m := table.Shortest(g[i : i+n]); m > 0 {
					out = append(out, to...)
				} else {
					out = append(out, g[i:i+n]...)
				}
			}
		}
		return string(out)
	}, nil
}
