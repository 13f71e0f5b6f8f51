package hfjson

import (
	"encoding/json"
	"strings"
	"unicode"

	"github.com/belay-ml/belay/models/tok/bytebpe"
	"github.com/belay-ml/belay/models/tok/pretok"
)

// normalizer rewrites the text between added tokens.
type normalizer func(s string) string

// normalizers runs one after the other.
type normalizers []normalizer

func (n normalizers) apply(s string) string {
	for _, f := range n {
		s = f(s)
	}
	return s
}

func parseNormalizer(raw json.RawMessage) (normalizers, error) {
	list, err := parts("normalizer", "normalizers", raw)
	if err != nil {
		return nil, err
	}
	var all normalizers
	for _, c := range list {
		f, err := newNormalizer(c)
		if err != nil {
			return nil, err
		}
		all = append(all, f)
	}
	return all, nil
}

func newNormalizer(c *component) (normalizer, error) {
	switch c.Type {
	case "NFC", "NFD", "NFKC", "NFKD":
		return newForm(c.Type), c.options(&typed{})
	case "Lowercase":
		return lowercase, c.options(&typed{})
	case "StripAccents":
		return func(s string) string { return without(unicode.M, s) }, c.options(&typed{})
	case "ByteLevel":
		return bytebpe.NewAlphabet().Runes, c.options(&typed{})
	case "BertNormalizer":
		return newBert(c)
	case "Nmt":
		return nmt, c.options(&typed{})
	case "Precompiled":
		return newPrecompiled(c)
	case "Strip":
		return newStrip(c)
	case "Prepend":
		var o struct {
			typed
			Prepend string `json:"prepend"`
		}
		err := c.options(&o)
		return func(s string) string {
			if s == "" {
				return s
			}
			return o.Prepend + s
		}, err
	case "Replace":
		return newReplace(c)
	}
	return nil, c.unsupported()
}

func newStrip(c *component) (normalizer, error) {
	var o struct {
		typed
		Left  bool `json:"strip_left"`
		Right bool `json:"strip_right"`
	}
	err := c.options(&o)
	return func(s string) string {
		if o.Left {
			s = strings.TrimLeftFunc(s, unicode.IsSpace)
		}
		if o.Right {
			s = strings.TrimRightFunc(s, unicode.IsSpace)
		}
		return s
	}, err
}

// newReplace is used by normalizers and decoders alike.
func newReplace(c *component) (normalizer, error) {
	var o struct {
		typed
		Pattern pattern `json:"pattern"`
		Content string  `json:"content"`
	}
	if err := c.options(&o); err != nil {
		return nil, err
	}
	if o.Pattern.String != nil && *o.Pattern.String != "" {
		from := *o.Pattern.String
		return func(s string) string { return strings.ReplaceAll(s, from, o.Content) }, nil
	}
	find, err := o.Pattern.compile(c)
	if err != nil {
		return nil, err
	}
	return func(s string) string {
		var b strings.Builder
		for _, span := range find.Spans(nil, s) {
			if span.Match {
				b.WriteString(o.Content)
			} else {
				b.WriteString(s[span.Start:span.End])
			}
		}
		return b.String()
	}, nil
}

func (p pattern) compile(c *component) (pretok.Pattern, error) {
	switch {
	case p.String != nil && p.Regex == nil:
		if *p.String == "" {
			return nil, c.errorf("the pattern is empty")
		}
		return pretok.Literal(*p.String), nil
	case p.Regex != nil && p.String == nil:
		re, err := pretok.Regex(*p.Regex)
		if err != nil {
			return nil, c.errorf("%w", err)
		}
		return re, nil
	}
	return nil, c.errorf("the pattern wants a String or a Regex")
}

// lowercase maps rune by rune, without regard to context; U+0130 alone becomes two runes.
func lowercase(s string) string {
	if strings.ContainsRune(s, 'İ') {
		s = strings.ReplaceAll(s, "İ", "i̇")
	}
	return strings.ToLower(s)
}

// without is s without the runes of a class.
func without(class *unicode.RangeTable, s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(class, r) {
			return -1
		}
		return r
	}, s)
}
