package hfjson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/google/renameio/v2"

	"github.com/belay-ml/belay/models/tok/config"
	"github.com/belay-ml/belay/models/tok/pretok"
)

// Spec is a byte-level BPE tokenizer to write down. Vocab and Merges are what bytebpe.Train returns;
// special tokens that Vocab lacks get the ids behind it, in order.
type Spec struct {
	Vocab   []string
	Merges  [][2]string
	Special []string
	// Pattern cuts text into words: pretok.GPT2Pattern (also when empty), Llama3Pattern, Qwen2Pattern.
	Pattern string
	// BOS, EOS, PAD and UNK give roles to special tokens; empty leaves a role without a token.
	BOS, EOS, PAD, UNK string
	// AddBOS makes the post-processor put BOS in front of every text.
	AddBOS bool
	// Class is tokenizer_class of tokenizer_config.json; empty means PreTrainedTokenizerFast.
	Class        string
	ChatTemplate string
	MaxLength    int // model_max_length in tokens; 0 leaves it out
}

// Write writes tokenizer.json and tokenizer_config.json into dir, each in one step.
func Write(dir string, s Spec) error {
	tokenizer, err := s.tokenizerJSON()
	if err != nil {
		return fmt.Errorf("write tokenizer %s: %w", dir, err)
	}
	roles, err := s.configJSON()
	if err != nil {
		return fmt.Errorf("write tokenizer %s: %w", dir, err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("write tokenizer: %w", err)
	}
	for name, data := range map[string][]byte{tokenizerFile: tokenizer, config.File: roles} {
		if err := renameio.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return fmt.Errorf("write tokenizer: %w", err)
		}
	}
	return nil
}

// member is one name and value of an object whose order is kept.
type member struct {
	name  string
	value any
}

type object []member

func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		for j, v := range []any{m.name, m.value} {
			if j > 0 {
				b.WriteByte(':')
			}
			text, err := plain(v)
			if err != nil {
				return nil, err
			}
			b.Write(text)
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// plain is JSON without the escapes that HTML would need.
func plain(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

func (s Spec) tokenizerJSON() ([]byte, error) {
	ids := make(map[string]int, len(s.Vocab))
	vocab := make(object, len(s.Vocab))
	for id, token := range s.Vocab {
		if _, twice := ids[token]; twice {
			return nil, fmt.Errorf("token %q is in the vocabulary twice", token)
		}
		ids[token] = id
		vocab[id] = member{token, id}
	}
	added := []object{}
	for _, token := range s.Special {
		id, ok := ids[token]
		if !ok {
			id = len(ids)
			ids[token] = id
		}
		added = append(added, object{
			{"id", id}, {"content", token}, {"single_word", false}, {"lstrip", false}, {"rstrip", false},
			{"normalized", false}, {"special", true},
		})
	}
	merges := make([]string, len(s.Merges))
	for i, m := range s.Merges {
		merges[i] = m[0] + " " + m[1]
	}
	pre, err := s.pretokenizer()
	if err != nil {
		return nil, err
	}
	post := any(byteLevel(true))
	if s.AddBOS {
		bos, ok := ids[s.BOS]
		if !ok {
			return nil, fmt.Errorf("bos token %q has no id", s.BOS)
		}
		post = object{{"type", "Sequence"}, {"processors", []any{post, bosTemplate(s.BOS, bos)}}}
	}
	return indented(object{
		{"version", "1.0"}, {"truncation", nil}, {"padding", nil},
		{"added_tokens", added},
		{"normalizer", nil}, {"pre_tokenizer", pre}, {"post_processor", post}, {"decoder", byteLevel(true)},
		{"model", object{
			{"type", "BPE"}, {"dropout", nil}, {"unk_token", nil}, {"continuing_subword_prefix", nil},
			{"end_of_word_suffix", nil}, {"fuse_unk", false}, {"byte_fallback", false}, {"ignore_merges", false},
			{"vocab", vocab}, {"merges", merges},
		}},
	})
}

func (s Spec) pretokenizer() (any, error) {
	switch s.Pattern {
	case "", pretok.GPT2Pattern:
		return byteLevel(true), nil
	case pretok.Llama3Pattern, pretok.Qwen2Pattern:
		split := object{{"type", "Split"}, {"pattern", object{{"Regex", s.Pattern}}}, {"behavior", "Isolated"}, {"invert", false}}
		return object{{"type", "Sequence"}, {"pretokenizers", []any{split, byteLevel(false)}}}, nil
	}
	return nil, fmt.Errorf("pattern %q is none of the patterns of package pretok that a tokenizer can be written with", s.Pattern)
}

func byteLevel(regex bool) object {
	return object{{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", regex}}
}

func bosTemplate(token string, id int) object {
	piece := func(kind, name string, typeID int) object {
		return object{{kind, object{{"id", name}, {"type_id", typeID}}}}
	}
	return object{
		{"type", "TemplateProcessing"},
		{"single", []any{piece("SpecialToken", token, 0), piece("Sequence", "A", 0)}},
		{"pair", []any{
			piece("SpecialToken", token, 0), piece("Sequence", "A", 0),
			piece("SpecialToken", token, 1), piece("Sequence", "B", 1),
		}},
		{"special_tokens", object{{token, object{{"id", token}, {"ids", []int{id}}, {"tokens", []string{token}}}}}},
	}
}

func (s Spec) configJSON() ([]byte, error) {
	class := s.Class
	if class == "" {
		class = "PreTrainedTokenizerFast"
	}
	o := object{{"tokenizer_class", class}, {"clean_up_tokenization_spaces", false}}
	for _, role := range []struct{ key, token string }{
		{"bos_token", s.BOS}, {"eos_token", s.EOS}, {"pad_token", s.PAD}, {"unk_token", s.UNK},
	} {
		switch {
		case role.token == "":
			o = append(o, member{role.key, nil})
		case slices.Contains(s.Special, role.token):
			o = append(o, member{role.key, role.token})
		default:
			return nil, fmt.Errorf("%s %q is not among the special tokens", role.key, role.token)
		}
	}
	if s.MaxLength > 0 {
		o = append(o, member{"model_max_length", s.MaxLength})
	}
	if s.ChatTemplate != "" {
		o = append(o, member{"chat_template", s.ChatTemplate})
	}
	return indented(o)
}

func indented(o object) ([]byte, error) {
	flat, err := plain(o)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, flat, "", "  "); err != nil {
		return nil, err
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}
