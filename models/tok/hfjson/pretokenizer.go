package hfjson

import (
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/belay-ml/belay/models/tok/bytebpe"
	"github.com/belay-ml/belay/models/tok/pretok"
)

// piece is a part of the text; first says that it begins where the text does.
type piece struct {
	text  string
	first bool
}

// pretokenizer cuts or rewrites a piece and appends what comes of it; w has memory for it.
type pretokenizer func(dst []piece, p piece, w *work) []piece

// pretokenization is the chain of pre-tokenizers, with its common shape singled out.
type pretokenization struct {
	steps []pretokenizer
	// bytes says that the last step was ByteLevel's rewriting, which the model in byte mode does itself.
	bytes bool
	// scan is set when the whole chain is one well-known pattern whose every span is a piece.
	scan pretok.Scanner
}

func parsePretokenizer(raw json.RawMessage, prefixSpace *bool) (pretokenization, error) {
	list, err := parts("pre_tokenizer", "pretokenizers", raw)
	if err != nil {
		return pretokenization{}, err
	}
	var all pretokenization
	for i, c := range list {
		if c.Type == "ByteLevel" {
			override := prefixSpace
			if len(list) > 1 {
				override = nil
			}
			if err := all.addByteLevel(c, i == len(list)-1, override); err != nil {
				return all, err
			}
			continue
		}
		if err := all.add(c); err != nil {
			return all, err
		}
	}
	if len(all.steps) != 1 {
		all.scan = nil
	}
	return all, nil
}

// addByteLevel adds the blank in front, GPT-2's pattern and the rewriting of bytes as runes.
func (all *pretokenization) addByteLevel(c *component, last bool, prefixSpace *bool) error {
	o := struct {
		typed
		AddPrefixSpace bool `json:"add_prefix_space"`
		TrimOffsets    bool `json:"trim_offsets"` // offsets are not computed
		UseRegex       bool `json:"use_regex"`
	}{AddPrefixSpace: true, UseRegex: true}
	if err := c.options(&o); err != nil {
		return err
	}
	if prefixSpace != nil {
		o.AddPrefixSpace = *prefixSpace
	}
	if o.AddPrefixSpace {
		all.steps = append(all.steps, func(dst []piece, p piece, w *work) []piece {
			if !strings.HasPrefix(p.text, " ") {
				p.text = " " + p.text
			}
			return append(dst, p)
		})
	}
	if o.UseRegex {
		all.addSplit(pretok.GPT2(), pretok.Isolated)
	}
	if last {
		all.bytes = true
		return nil
	}
	all.addRewriting()
	return nil
}

// rewriteBytes makes the rewriting of bytes as runes a step again, for models without byte mode.
func (all *pretokenization) rewriteBytes() error {
	if all.bytes {
		all.addRewriting()
		all.bytes, all.scan = false, nil
	}
	return nil
}

func (all *pretokenization) addRewriting() {
	alphabet := bytebpe.NewAlphabet()
	all.steps = append(all.steps, func(dst []piece, p piece, w *work) []piece {
		p.text = alphabet.Runes(p.text)
		return append(dst, p)
	})
}

func (all *pretokenization) add(c *component) error {
	switch c.Type {
	case "Split":
		return all.addSplitPart(c)
	case "Metaspace":
		m, err := parseMetaspace(c)
		if err != nil {
			return err
		}
		all.steps = append(all.steps, m.pretokenize)
	case "Digits":
		var o struct {
			typed
			Individual bool `json:"individual_digits"`
		}
		if err := c.options(&o); err != nil {
			return err
		}
		behavior := pretok.Contiguous
		if o.Individual {
			behavior = pretok.Isolated
		}
		all.addSplit(pretok.Rune(unicode.IsNumber), behavior)
	case "Whitespace":
		all.addSplit(words(), pretok.Removed)
		return c.options(&typed{})
	case "WhitespaceSplit":
		all.addSplit(pretok.Rune(unicode.IsSpace), pretok.Removed)
		return c.options(&typed{})
	case "BertPreTokenizer":
		all.addSplit(pretok.Rune(unicode.IsSpace), pretok.Removed)
		all.addSplit(pretok.Rune(punctuation), pretok.Isolated)
		return c.options(&typed{})
	case "Punctuation":
		o := struct {
			typed
			Behavior string `json:"behavior"`
		}{Behavior: "Isolated"}
		if err := c.options(&o); err != nil {
			return err
		}
		behavior, err := pretok.ParseBehavior(o.Behavior)
		if err != nil {
			return c.errorf("%w", err)
		}
		all.addSplit(pretok.Rune(punctuation), behavior)
	case "CharDelimiterSplit":
		var o struct {
			typed
			Delimiter string `json:"delimiter"`
		}
		if err := c.options(&o); err != nil {
			return err
		}
		if utf8.RuneCountInString(o.Delimiter) != 1 {
			return c.errorf("delimiter %q is not one character", o.Delimiter)
		}
		all.addSplit(pretok.Literal(o.Delimiter), pretok.Removed)
	default:
		return c.unsupported()
	}
	return nil
}

func (all *pretokenization) addSplitPart(c *component) error {
	var o struct {
		typed
		Pattern  pattern `json:"pattern"`
		Behavior string  `json:"behavior"`
		Invert   bool    `json:"invert"`
	}
	if err := c.options(&o); err != nil {
		return err
	}
	find, err := o.Pattern.compile(c)
	if err != nil {
		return err
	}
	behavior, err := pretok.ParseBehavior(o.Behavior)
	if err != nil {
		return c.errorf("%w", err)
	}
	if o.Invert {
		find = inverted{find}
	}
	all.addSplit(find, behavior)
	return nil
}

func (all *pretokenization) addSplit(find pretok.Pattern, behavior pretok.Behavior) {
	if scan, ok := find.(pretok.Scanner); ok && behavior == pretok.Isolated {
		all.scan = scan
	}
	all.steps = append(all.steps, func(dst []piece, p piece, w *work) []piece {
		w.spans = find.Spans(w.spans[:0], p.text)
		for _, span := range behavior.Apply(w.spans) {
			dst = append(dst, piece{p.text[span.Start:span.End], p.first && span.Start == 0})
		}
		return dst
	})
}

// run puts a piece through all steps. The two buffers are worked in by turns.
func (all *pretokenization) run(p piece, w *work) []piece {
	buf := &w.pieces
	now := append(buf[0][:0], p)
	other := buf[1]
	for _, step := range all.steps {
		other = other[:0]
		for _, p := range now {
			if p.text != "" {
				other = step(other, p, w)
			}
		}
		now, other = other, now
	}
	buf[0], buf[1] = now, other
	return now
}

// inverted swaps matches with what lies between them.
type inverted struct{ pretok.Pattern }

func (p inverted) Spans(dst []pretok.Span, s string) []pretok.Span {
	start := len(dst)
	dst = p.Pattern.Spans(dst, s)
	for i := range dst[start:] {
		dst[start+i].Match = !dst[start+i].Match
	}
	return dst
}

// words matches what `\w+|[^\w\s]+` does not: the matches are the blanks between.
func words() pretok.Pattern {
	return inverted{pretok.Scanner(func(s string, i int) (int, bool) {
		kind := func(i int) (int, int) {
			r, n := utf8.DecodeRuneInString(s[i:])
			switch {
			case pretok.IsWord(r):
				return 0, n
			case unicode.IsSpace(r):
				return 1, n
			}
			return 2, n
		}
		first, n := kind(i)
		for i += n; i < len(s); i += n {
			var k int
			if k, n = kind(i); k != first {
				break
			}
		}
		return i, first != 1
	})}
}

func punctuation(r rune) bool {
	if r < utf8.RuneSelf {
		return r >= '!' && r <= '/' || r >= ':' && r <= '@' || r >= '[' && r <= '`' || r >= '{' && r <= '~'
	}
	return unicode.IsPunct(r)
}
