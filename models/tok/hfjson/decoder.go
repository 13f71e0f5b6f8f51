package hfjson

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/belay-ml/belay/models/tok"
	"github.com/belay-ml/belay/models/tok/bytebpe"
)

// decoder turns the list of tokens into a list of texts; it may change the list it is given.
type decoder func(tokens []string) []string

// decoding is the chain of decoders, with the most common one singled out.
type decoding struct {
	steps []decoder
	// bytes says that the chain is ByteLevel alone, which the tokenizer does from a table.
	bytes bool
	// bare says that there is no decoder: tokens are joined with blanks.
	bare bool
}

func parseDecoder(raw json.RawMessage) (decoding, error) {
	list, err := parts("decoder", "decoders", raw)
	if err != nil {
		return decoding{}, err
	}
	all := decoding{bare: raw == nil || string(raw) == "null"}
	for _, c := range list {
		step, err := newDecoder(c)
		if err != nil {
			return decoding{}, err
		}
		all.steps = append(all.steps, step)
	}
	all.bytes = len(list) == 1 && list[0].Type == "ByteLevel"
	return all, nil
}

func (d *decoding) run(tokens []string) string {
	if d.bare {
		return strings.Join(tokens, " ")
	}
	for _, step := range d.steps {
		tokens = step(tokens)
	}
	return strings.Join(tokens, "")
}

func newDecoder(c *component) (decoder, error) {
	switch c.Type {
	case "ByteLevel":
		alphabet := bytebpe.NewAlphabet()
		return func(tokens []string) []string {
				var raw []byte
				for _, t := range tokens {
					raw = appendToken(raw, t, alphabet)
				}
				return append(tokens[:0], tok.Replace(raw))
			}, c.options(&struct {
				typed
				AddPrefixSpace bool `json:"add_prefix_space"` // none of these plays a part in decoding
				TrimOffsets    bool `json:"trim_offsets"`
				UseRegex       bool `json:"use_regex"`
			}{})
	case "ByteFallback":
		return byteFallback, c.options(&typed{})
	case "Fuse":
		return func(tokens []string) []string {
			return append(tokens[:0], strings.Join(tokens, ""))
		}, c.options(&typed{})
	case "Replace":
		replace, err := newReplace(c)
		return func(tokens []string) []string {
			for i, t := range tokens {
				tokens[i] = replace(t)
			}
			return tokens
		}, err
	case "Strip":
		return newStripDecoder(c)
	case "Metaspace":
		m, err := parseMetaspace(c)
		if err != nil {
			return nil, err
		}
		return m.decode, nil
	case "WordPiece":
		return newWordPieceDecoder(c)
	case "BPEDecoder":
		return newSuffixDecoder(c)
	}
	return nil, c.unsupported()
}

// appendToken appends the bytes of a byte-level token; one with a rune outside the alphabet stands for itself.
func appendToken(dst []byte, token string, alphabet *bytebpe.Alphabet) []byte {
	if out, ok := alphabet.AppendBytes(dst, token); ok {
		return out
	}
	return append(dst, token...)
}

// byteFallback joins runs of tokens <0x..> into text; a run that is no text gives U+FFFD for each token.
func byteFallback(tokens []string) []string {
	var out []string
	var run []byte
	flush := func() {
		if utf8.Valid(run) {
			if len(run) > 0 {
				out = append(out, string(run))
			}
		} else {
			for range run {
				out = append(out, "\uFFFD")
			}
		}
		run = run[:0]
	}
	for _, t := range tokens {
		if b, ok := byteToken(t); ok {
			run = append(run, b)
			continue
		}
		flush()
		out = append(out, t)
	}
	flush()
	return out
}

func byteToken(t string) (byte, bool) {
	if len(t) != 6 || t[:3] != "<0x" || t[5] != '>' {
		return 0, false
	}
	b, err := strconv.ParseUint(strings.TrimPrefix(t[3:5], "+"), 16, 8)
	return byte(b), err == nil
}

func newStripDecoder(c *component) (decoder, error) {
	var o struct {
		typed
		Content string `json:"content"`
		Start   int    `json:"start"`
		Stop    int    `json:"stop"`
	}
	if err := c.options(&o); err != nil {
		return nil, err
	}
	if utf8.RuneCountInString(o.Content) != 1 {
		return nil, c.errorf("content %q is not one character", o.Content)
	}
	return func(tokens []string) []string {
		for i, t := range tokens {
			for n := 0; n < o.Start && strings.HasPrefix(t, o.Content); n++ {
				t = t[len(o.Content):]
			}
			for n := 0; n < o.Stop && strings.HasSuffix(t, o.Content); n++ {
				t = t[:len(t)-len(o.Content)]
			}
			tokens[i] = t
		}
		return tokens
	}, nil
}

func newWordPieceDecoder(c *component) (decoder, error) {
	var o struct {
		typed
		Prefix  string `json:"prefix"`
		Cleanup bool   `json:"cleanup"`
	}
	err := c.options(&o)
	// in this order, each over the whole text
	pairs := []string{
		" .", ".", " ?", "?", " !", "!", " ,", ",", " ' ", "'", " n't", "n't", " 'm", "'m",
		" do not", " don't", " 's", "'s", " 've", "'ve", " 're", "'re",
	}
	return func(tokens []string) []string {
		for i, t := range tokens {
			if i > 0 {
				if strings.HasPrefix(t, o.Prefix) {
					t = t[len(o.Prefix):]
				} else {
					t = " " + t
				}
			}
			for k := 0; o.Cleanup && k < len(pairs); k += 2 {
				t = strings.ReplaceAll(t, pairs[k], pairs[k+1])
			}
			tokens[i] = t
		}
		return tokens
	}, err
}

func newSuffixDecoder(c *component) (decoder, error) {
	var o struct {
		typed
		Suffix string `json:"suffix"`
	}
	if err := c.options(&o); err != nil {
		return nil, err
	}
	if o.Suffix == "" {
		return nil, c.errorf("the suffix is empty")
	}
	return func(tokens []string) []string {
		for i, t := range tokens {
			blank := " "
			if i == len(tokens)-1 {
				blank = ""
			}
			tokens[i] = strings.ReplaceAll(t, o.Suffix, blank)
		}
		return tokens
	}, nil
}
