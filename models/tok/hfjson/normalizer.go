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
type normalizers struct {
	all []normalizer
	// plain is set when they only put a text in front and replace one character: SentencePiece's blanks
	plain *blanks
}

// blanks puts front before a text that is not empty and writes to for from.
type blanks struct {
	front    string
	from, to string
}

func (n *normalizers) apply(s string) string {
	for _, f := range n.all {
		s = f(s)
	}
	return s
}

// append is apply, in memory that is given, for plain normalizers.
func (b *blanks) append(dst []byte, s string) []byte {
	if s == "" {
		return dst
	}
	dst = append(dst, b.front...)
	for {
		i := strings.Index(s, b.from)
		if i < 0 {
			return append(dst, s...)
		}
		dst = append(append(dst, s[:i]...), b.to...)
		s = s[i+len(b.from):]
	}
}

func parseNormalizer(raw json.RawMessage) (normalizers, error) {
	list, err := parts("normalizer", "normalizers", raw)
	if err != nil {
		return normalizers{}, err
	}
	var n normalizers
	for _, c := range list {
		f, err := newNormalizer(c)
		if err != nil {
			return normalizers{}, err
		}
		n.all = append(n.all, f)
	}
	n.plain = plainBlanks(list)
	return n, nil
}

// plainBlanks is what the parts amount to when they are Replace, or Prepend and Replace, of one ASCII character.
func plainBlanks(list []*component) *blanks {
	var front struct{ Prepend string }
	if len(list) == 2 && list[0].Type == "Prepend" {
		if json.Unmarshal(list[0].raw, &front) != nil {
			return nil
		}
		list = list[1:]
	}
	if len(list) != 1 || list[0].Type != "Replace" {
		return nil
	}
	var o struct {
		Pattern pattern
		Content string
	}
	if json.Unmarshal(list[0].raw, &o) != nil || o.Pattern.String == nil || len(*o.Pattern.String) != 1 {
		return nil
	}
	from := *o.Pattern.String
	return &blanks{strings.ReplaceAll(front.Prepend, from, o.Content), from, o.Content}
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
