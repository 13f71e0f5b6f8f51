package hfjson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// config is what tokenizer_config.json and special_tokens_map.json say that bears on ids.
type config struct {
	class       string // tokenizer_class without the suffix Fast; "" without tokenizer_config.json
	roles       []role // in the order in which transformers adds their tokens
	added       []*added
	addBOS      *bool
	addEOS      *bool
	prefixSpace *bool
}

// role is a special token by its key; token is "" when the role has none.
type role struct{ key, token string }

// roleKeys is transformers' order of special tokens.
var roleKeys = [...]string{"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"}

const moreTokens = "additional_special_tokens"

// parseConfig reads both files; either may be nil. The map counts only where the configuration has no
// added_tokens_decoder, and then it overrides.
func parseConfig(configJSON, mapJSON []byte) (*config, error) {
	c := &config{}
	members := map[string]json.RawMessage{}
	if configJSON != nil {
		if err := json.Unmarshal(configJSON, &members); err != nil {
			return nil, fmt.Errorf("read %s: %w", configFile, err)
		}
	}
	if raw, ok := present(members, "added_tokens_decoder"); ok {
		if err := c.readAdded(raw); err != nil {
			return nil, fmt.Errorf("read %s: %w", configFile, err)
		}
	} else if mapJSON != nil {
		var over map[string]json.RawMessage
		if err := json.Unmarshal(mapJSON, &over); err != nil {
			return nil, fmt.Errorf("read %s: %w", specialMapFile, err)
		}
		for key, value := range over {
			members[key] = value
		}
	}
	var class string
	for key, target := range map[string]any{
		"tokenizer_class": &class, "add_bos_token": &c.addBOS, "add_eos_token": &c.addEOS, "add_prefix_space": &c.prefixSpace,
	} {
		if raw, ok := present(members, key); ok {
			if err := json.Unmarshal(raw, target); err != nil {
				return nil, fmt.Errorf("read %s: %s: %w", configFile, key, err)
			}
		}
	}
	c.class = strings.TrimSuffix(class, "Fast")
	return c, c.readRoles(members)
}

func present(members map[string]json.RawMessage, key string) (json.RawMessage, bool) {
	raw, ok := members[key]
	return raw, ok && !bytes.Equal(bytes.TrimSpace(raw), []byte("null"))
}

func (c *config) readAdded(raw json.RawMessage) error {
	var byID map[string]*added
	if err := json.Unmarshal(raw, &byID); err != nil {
		return fmt.Errorf("added_tokens_decoder: %w", err)
	}
	for key, a := range byID {
		id, err := strconv.ParseInt(key, 10, 32)
		if err != nil || id < 0 || a == nil {
			return fmt.Errorf("added_tokens_decoder: %q is not the id of a token", key)
		}
		a.ID = int32(id)
		c.added = append(c.added, a)
	}
	slices.SortFunc(c.added, func(a, b *added) int { return int(a.ID) - int(b.ID) })
	return nil
}

func (c *config) readRoles(members map[string]json.RawMessage) error {
	defaults := classRoles(c.class)
	for _, key := range roleKeys {
		raw, ok := members[key]
		if !ok {
			if token := defaults[key]; token != "" {
				c.roles = append(c.roles, role{key, token})
			}
			continue
		}
		token, err := tokenText(raw)
		if err != nil {
			return fmt.Errorf("read %s: %s: %w", configFile, key, err)
		}
		if token != "" {
			c.roles = append(c.roles, role{key, token})
		}
	}
	if raw, ok := present(members, moreTokens); ok {
		var list []json.RawMessage
		if err := json.Unmarshal(raw, &list); err != nil {
			return fmt.Errorf("read %s: %s: %w", configFile, moreTokens, err)
		}
		for _, raw := range list {
			token, err := tokenText(raw)
			if err != nil {
				return fmt.Errorf("read %s: %s: %w", configFile, moreTokens, err)
			}
			if token != "" {
				c.roles = append(c.roles, role{moreTokens, token})
			}
		}
	}
	return nil
}

// tokenText is the text of a token written as a string, as an object with content, or as null.
func tokenText(raw json.RawMessage) (string, error) {
	var text string
	if err := json.Unmarshal(raw, &text); err == nil {
		return text, nil
	}
	var o struct {
		Content string `json:"content"`
	}
	if err := json.Unmarshal(raw, &o); err != nil {
		return "", fmt.Errorf("want a string, an object with content, or null, have %.40s", raw)
	}
	return o.Content, nil
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
	case "BloomTokenizer":
		return map[string]string{"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
	}
	return nil
}

// ownsFrame says whether the class puts bos and eos around a text by add_bos_token and add_eos_token,
// whatever the post-processor of tokenizer.json is.
func (c *config) ownsFrame() bool {
	switch c.class {
	case "LlamaTokenizer", "CodeLlamaTokenizer", "GemmaTokenizer":
		return true
	}
	return false
}

// prefixSpaceOverride is the add_prefix_space with which the class replaces that of a lone ByteLevel pre-tokenizer.
func (c *config) prefixSpaceOverride() *bool {
	yes := c.prefixSpace != nil && *c.prefixSpace
	switch {
	case c.class == "GPT2Tokenizer", c.class == "BloomTokenizer" && yes:
		return &yes
	}
	return nil
}
