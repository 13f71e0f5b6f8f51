package hfjson

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/belay-ml/belay/models/tok/bytebpe"
)

// vocabulary is the tokens of a model, its merges by id (BPE) or scores (Unigram), and its options.
type vocabulary struct {
	tokens []string // by id; "" where an id has no token
	ids    map[string]int32
	merges []bytebpe.Merge
	scores []float64
	kind   string // BPE, Unigram, WordPiece or WordLevel
	bpe    bpeOptions
	gram   unigramOptions
	word   wordOptions
}

// bpeOptions are the members of a BPE model beside vocab and merges.
type bpeOptions struct {
	Type                    string   `json:"type"`
	Dropout                 *float64 `json:"dropout"`
	UnkToken                *string  `json:"unk_token"`
	ContinuingSubwordPrefix *string  `json:"continuing_subword_prefix"`
	EndOfWordSuffix         *string  `json:"end_of_word_suffix"`
	FuseUnk                 bool     `json:"fuse_unk"`
	ByteFallback            bool     `json:"byte_fallback"`
	IgnoreMerges            bool     `json:"ignore_merges"`
}

// parseModel reads the model, at which s stands.
func parseModel(s *scanner) (*vocabulary, error) {
	v := &vocabulary{}
	var rest bytes.Buffer // the options, as an object
	vocabAt, mergesAt := -1, -1
	err := s.object(func(name []byte) error {
		switch string(name) {
		case "vocab":
			s.peek()
			if vocabAt = s.pos; vocabAt < len(s.data) && s.data[vocabAt] == '[' {
				return v.readPieces(s)
			}
			return v.readTokens(s)
		case "merges":
			s.peek()
			mergesAt = s.pos
			_, err := s.value()
			return err
		}
		raw, err := s.value()
		if err != nil {
			return err
		}
		fmt.Fprintf(&rest, ",%q:%s", name, raw)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := v.readOptions(rest.Bytes(), mergesAt >= 0); err != nil {
		return nil, err
	}
	switch {
	case vocabAt < 0:
		return nil, fmt.Errorf("model of type %q has no vocab", v.kind)
	case (v.kind == "Unigram") != (v.scores != nil):
		return nil, fmt.Errorf("model of type %q: its vocab is that of another type", v.kind)
	case v.kind != "BPE":
		return v, nil
	case mergesAt < 0:
		return nil, fmt.Errorf("model of type %q has no merges", v.kind)
	}
	return v, v.readMerges(&scanner{data: s.data, pos: mergesAt})
}

// readOptions finds the type, which older files leave out, and reads the options that this type has.
func (v *vocabulary) readOptions(rest []byte, merges bool) error {
	text := []byte("{}")
	if len(rest) > 0 {
		rest[0] = '{'
		text = append(rest, '}')
	}
	// the type decides which options there are, so it is looked at before they are
	if err := json.Unmarshal(text, &struct{ Type *string }{&v.kind}); err != nil {
		return fmt.Errorf("read model: %w", err)
	}
	if v.kind == "" {
		switch {
		case merges:
			v.kind = "BPE"
		case v.scores != nil:
			v.kind = "Unigram"
		}
	}
	var into any
	switch v.kind {
	case "BPE":
		into = &v.bpe
	case "WordPiece", "WordLevel":
		v.word.MaxInputCharsPerWord = 100
		into = &v.word
	case "Unigram":
		into = &v.gram
	default:
		return fmt.Errorf("model of type %q is not supported: only BPE, Unigram, WordPiece and WordLevel are", v.kind)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("read model: %w", err)
	}
	if v.bpe.Dropout != nil && *v.bpe.Dropout != 0 {
		return fmt.Errorf("model option dropout %g is not supported: it makes ids random; set it to null", *v.bpe.Dropout)
	}
	return nil
}

// maxMerges is about four times what the largest vocabulary in use has; the table of merges takes 32 bytes for each.
const maxMerges = 1 << 21

// maxSparse bounds the largest id by the number of tokens, so that a small file cannot ask for a large table.
func maxSparse(tokens int) int { return 16*tokens + 1<<16 }

// readTokens reads {"token": id, ...}. All token texts share one allocation.
func (v *vocabulary) readTokens(s *scanner) error {
	type span struct{ start, end, id int }
	var text []byte
	var spans []span
	largest := -1
	err := s.list('{', '}', func(int) error {
		start := len(text)
		var err error
		if text, err = s.text(text); err != nil {
			return err
		}
		if err := s.want(':'); err != nil {
			return err
		}
		id, err := s.integer()
		if err != nil {
			return err
		}
		spans = append(spans, span{start, len(text), id})
		largest = max(largest, id)
		return nil
	})
	if err != nil {
		return err
	}
	if largest > maxSparse(len(spans)) {
		return s.errorf("the vocabulary has %d tokens, yet the id %d", len(spans), largest)
	}
	all := string(text)
	v.tokens = make([]string, largest+1)
	v.ids = make(map[string]int32, len(spans))
	for _, p := range spans {
		token := all[p.start:p.end]
		v.ids[token] = int32(p.id)
		v.tokens[p.id] = token
	}
	return nil
}

// readMerges reads the merges, each "left right" or ["left", "right"], and finds the ids of both and of what they make.
func (v *vocabulary) readMerges(s *scanner) error {
	skip := 0
	if v.bpe.ContinuingSubwordPrefix != nil {
		skip = len(*v.bpe.ContinuingSubwordPrefix)
	}
	var text, joined []byte
	return s.array(func(i int) error {
		var err error
		cut := -1
		text = text[:0]
		if s.peek() == '[' {
			n := 0
			err = s.array(func(k int) error {
				if n = k + 1; k == 1 {
					cut = len(text)
				}
				var err error
				text, err = s.text(text)
				return err
			})
			if err == nil && n != 2 {
				err = s.errorf("merge %d joins %d tokens, not 2", i, n)
			}
		} else {
			if text, err = s.text(text); err == nil {
				if i == 0 && bytes.HasPrefix(text, []byte("#version")) {
					return nil
				}
				if cut = bytes.IndexByte(text, ' '); cut < 0 || bytes.IndexByte(text[cut+1:], ' ') >= 0 {
					err = s.errorf("merge %d %q is not two tokens with a blank between", i, text)
				} else {
					text = append(text[:cut], text[cut+1:]...)
				}
			}
		}
		if err != nil {
			return err
		}
		if i == maxMerges {
			return s.errorf("there are more than %d merges", maxMerges)
		}
		if cut == 0 || cut == len(text) {
			return s.errorf("merge %d %q joins something with nothing", i, text)
		}
		left, ok := v.ids[string(text[:cut])]
		right, ok2 := v.ids[string(text[cut:])]
		if !ok || !ok2 {
			return s.errorf("merge %d of %q and %q: one of them is not in the vocabulary", i, text[:cut], text[cut:])
		}
		joined = append(joined[:0], text[:cut]...)
		joined = append(joined, text[min(cut+skip, len(text)):]...)
		made, ok := v.ids[string(joined)]
		if !ok {
			return s.errorf("merge %d makes %q, which is not in the vocabulary", i, joined)
		}
		if made == left || made == right {
			return s.errorf("merge %d of %q and %q makes one of them again", i, text[:cut], text[cut:])
		}
		v.merges = append(v.merges, bytebpe.Merge{Left: left, Right: right, New: made})
		return nil
	})
}

// build makes the model; inBytes says that pieces come as raw bytes, ranks are those of the merges (nil: their places).
func (v *vocabulary) build(inBytes bool, ranks []uint32) (*bytebpe.Model, error) {
	c := bytebpe.Config{
		Vocab: v.ids, Tokens: v.tokens, Merges: v.merges, Ranks: ranks,
		Bytes: inBytes, IgnoreMerges: v.bpe.IgnoreMerges, ByteFallback: v.bpe.ByteFallback, FuseUnk: v.bpe.FuseUnk,
		Unk: -1,
	}
	if v.bpe.ContinuingSubwordPrefix != nil {
		c.Prefix = *v.bpe.ContinuingSubwordPrefix
	}
	if v.bpe.EndOfWordSuffix != nil {
		c.Suffix = *v.bpe.EndOfWordSuffix
	}
	if v.bpe.UnkToken != nil {
		id, ok := v.ids[*v.bpe.UnkToken]
		if !ok && !inBytes {
			return nil, fmt.Errorf("model option unk_token %q is not in the vocabulary", *v.bpe.UnkToken)
		}
		if ok {
			c.Unk = id
		}
	}
	return bytebpe.New(c), nil
}
