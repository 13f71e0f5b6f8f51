package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/belay-ml/belay/models/tok/added"
)

// Names of the files.
const (
	File    = "tokenizer_config.json"
	MapFile = "special_tokens_map.json"
)

// Config is what both files say that bears on ids. A switch that is absent is nil.
type Config struct {
	Present     bool   // there is a tokenizer_config.json
	Class       string // tokenizer_class without the suffix Fast; "" without one
	Roles       []Role // in the order in which transformers adds their tokens
	Added       []*added.Token
	AddBOS      *bool
	AddEOS      *bool
	PrefixSpace *bool // add_prefix_space
	Legacy      *bool
	LowerCase   *bool // do_lower_case

	members map[string]json.RawMessage // of both files
}

// Role is a special token by its key. Token is what tokenizer_config.json or the class says of it, where that is
// more than the text.
type Role struct {
	Key, Text string
	Token     *added.Token
}

// roleKeys is transformers' order of special tokens.
var roleKeys = [...]string{"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"}

// More is the key of the roles that are special tokens and nothing else.
const More = "additional_special_tokens"

// Parse reads both files; either may be nil. The map counts only where the configuration has no
// added_tokens_decoder, and then it overrides.
func Parse(configJSON, mapJSON []byte) (*Config, error) {
	c := &Config{Present: configJSON != nil}
	members := map[string]json.RawMessage{}
	if configJSON != nil {
		if err := json.Unmarshal(configJSON, &members); err != nil {
			return nil, fmt.Errorf("read %s: %w", File, err)
		}
	}
	if raw, ok := present(members, "added_tokens_decoder"); ok {
		if err := c.readAdded(raw); err != nil {
			return nil, fmt.Errorf("read %s: %w", File, err)
		}
	} else if mapJSON != nil {
		var over map[string]json.RawMessage
		if err := json.Unmarshal(mapJSON, &over); err != nil {
			return nil, fmt.Errorf("read %s: %w", MapFile, err)
		}
		for key, value := range over {
			members[key] = value
		}
	}
	var class string
	for key, target := range map[string]any{
		"tokenizer_class": &class, "add_bos_token": &c.AddBOS, "add_eos_token": &c.AddEOS, "add_prefix_space": &c.PrefixSpace,
		"legacy": &c.Legacy, "do_lower_case": &c.LowerCase,
	} {
		if raw, ok := present(members, key); ok {
			if err := json.Unmarshal(raw, target); err != nil {
				return nil, fmt.Errorf("read %s: %s: %w", File, key, err)
			}
		}
	}
	c.Class = strings.TrimSuffix(class, "Fast")
	c.members = members
	return c, c.readRoles(members)
}

func present(members map[string]json.RawMessage, key string) (json.RawMessage, bool) {
	raw, ok := members[key]
	return raw, ok && !bytes.Equal(bytes.TrimSpace(raw), []byte("null"))
}

func (c *Config) readAdded(raw json.RawMessage) error {
	var byID map[string]*added.Token
	if err := json.Unmarshal(raw, &byID); err != nil {
		return fmt.Errorf("added_tokens_decoder: %w", err)
	}
	for key, a := range byID {
		id, err := strconv.ParseInt(key, 10, 32)
		if err != nil || id < 0 || a == nil {
			return fmt.Errorf("added_tokens_decoder: %q is not the id of a token", key)
		}
		a.ID = int32(id)
		c.Added = append(c.Added, a)
	}
	slices.SortFunc(c.Added, func(a, b *added.Token) int { return int(a.ID) - int(b.ID) })
	return nil
}

func (c *Config) readRoles(members map[string]json.RawMessage) error {
	defaults := classRoles(c.Class)
	c.Roles = nil
	for _, key := range roleKeys {
		raw, ok := members[key]
		if !ok {
			if token := defaults[key]; token != "" {
				c.Roles = append(c.Roles, Role{Key: key, Text: token})
			}
			continue
		}
		token, err := tokenOf(raw)
		if err != nil {
			return fmt.Errorf("read %s: %s: %w", File, key, err)
		}
		if token != nil {
			c.Roles = append(c.Roles, Role{key, token.Content, token})
		}
	}
	if raw, ok := present(members, More); ok {
		var list []json.RawMessage
		if err := json.Unmarshal(raw, &list); err != nil {
			return fmt.Errorf("read %s: %s: %w", File, More, err)
		}
		for _, raw := range list {
			token, err := tokenOf(raw)
			if err != nil {
				return fmt.Errorf("read %s: %s: %w", File, More, err)
			}
			if token != nil {
				c.Roles = append(c.Roles, Role{More, token.Content, token})
			}
		}
	}
	return nil
}

// tokenOf is a token written as a string, as an object with content, or as null.
func tokenOf(raw json.RawMessage) (*added.Token, error) {
	t := &added.Token{}
	if err := json.Unmarshal(raw, &t.Content); err != nil {
		if err := json.Unmarshal(raw, &t); err != nil {
			return nil, fmt.Errorf("want a string, an object with content, or null, have %.40s", raw)
		}
	}
	if t == nil || t.Content == "" {
		return nil, nil
	}
	t.Special = true
	return t, nil
}

// classRoles are the special tokens that a transformers class takes for granted.
func classRoles(class string) map[string]string {
	switch class {
	case "LlamaTokenizer", "CodeLlamaTokenizer":
		return map[string]string{"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
	case "GemmaTokenizer":
		return map[string]string{"bos_token": "<bos>", "eos_token": "<eos>", "unk_token": "<unk>", "pad_token": "<pad>"}
	case "GPT2Tokenizer":
		return map[string]string{"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"}
	case "Qwen2Tokenizer":
		return map[string]string{"eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>", "pad_token": "<|endoftext|>"}
	case "BertTokenizer":
		return map[string]string{"unk_token": "[UNK]", "sep_token": "[SEP]", "pad_token": "[PAD]", "cls_token": "[CLS]", "mask_token": "[MASK]"}
	case "InternLMTokenizer", "InternLM2Tokenizer":
		return map[string]string{"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "</s>"}
	case "BaichuanTokenizer":
		return map[string]string{"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
	case "BloomTokenizer":
		return map[string]string{"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
	}
	return nil
}

// Token is the text of the token with a role, "" without one.
func (c *Config) Token(key string) string {
	for _, r := range c.Roles {
		if r.Key == key {
			return r.Text
		}
	}
	return ""
}
