package tiktoken

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/belay-ml/belay/models/tok"
	"github.com/belay-ml/belay/models/tok/added"
	"github.com/belay-ml/belay/models/tok/config"
	"github.com/belay-ml/belay/models/tok/hfjson"
	"github.com/belay-ml/belay/models/tok/pretok"
)

// Suffix is how the name of a rank file ends, unless it is called ModelFile.
const (
	Suffix    = ".tiktoken"
	ModelFile = "tokenizer.model"
)

// ErrAbsent says that a directory has no rank file.
var ErrAbsent = errors.New("no *" + Suffix)

// Find is the name of the rank file of a directory.
func Find(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", fmt.Errorf("open tokenizer: %w", err)
	}
	var found []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), Suffix) {
			found = append(found, e.Name())
		}
	}
	switch len(found) {
	case 0:
		return "", fmt.Errorf("open tokenizer %s: %w", dir, ErrAbsent)
	case 1:
		return found[0], nil
	}
	return "", fmt.Errorf("open tokenizer %s: it has %d rank files (%s): leave one", dir, len(found), strings.Join(found, ", "))
}

// Open reads the rank file of that name, with the configuration where it is.
func Open(dir, name string) (*hfjson.Tokenizer, error) {
	data, err := config.Read(dir, name)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, name)
	if data == nil {
		return nil, fmt.Errorf("open tokenizer %s: %w", path, os.ErrNotExist)
	}
	c, err := config.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("open tokenizer %s: %w", dir, err)
	}
	tokens, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("open tokenizer %s: %w", path, err)
	}
	p, err := kindOf(c, name, tokens)
	if err != nil {
		return nil, fmt.Errorf("open tokenizer %s: %w", path, err)
	}
	p.Tokens = tokens
	p.Merges, p.Ranks = merges(tokens)
	t, err := hfjson.New(p)
	if err != nil {
		return nil, fmt.Errorf("open tokenizer %s: %w", path, err)
	}
	return t.Roles(c), nil
}

// kindOf is what the class named in c has beside the ranks.
func kindOf(c *config.Config, name string, tokens []string) (hfjson.Parts, error) {
	switch {
	case c.Class == "QWenTokenizer", c.Class == "" && name != ModelFile:
		return qwen(len(tokens)), nil
	case c.Class == "ChatGLM4Tokenizer":
		return glm4(c)
	}
	return hfjson.Parts{}, fmt.Errorf("tokenizer_class %q over a rank file is not supported: known are QWenTokenizer and "+
		"ChatGLM4Tokenizer; tokenizer.json is read for any class", c.Class)
}

// qwen has its special tokens behind the ranks. Qwen's class names no eos; the end of a text is <|endoftext|>.
func qwen(next int) hfjson.Parts {
	p := hfjson.Parts{Pattern: pretok.Qwen2Pattern, NFC: true, Special: tok.Special{BOS: -1, EOS: int32(next), PAD: -1, UNK: -1}}
	names := []string{"<|endoftext|>", "<|im_start|>", "<|im_end|>"}
	for i := range 205 {
		names = append(names, fmt.Sprintf("<|extra_%d|>", i))
	}
	for i, name := range names {
		p.Added = append(p.Added, &added.Token{ID: int32(next + i), Content: name, Special: true})
	}
	return p
}

// glm4 has its special tokens in tokenizer_config.json and begins each text with two of them.
func glm4(c *config.Config) (hfjson.Parts, error) {
	p := hfjson.Parts{Pattern: pretok.Llama3Pattern, Added: c.Added, Special: tok.Special{BOS: -1, EOS: -1, PAD: -1, UNK: -1}}
	for _, text := range []string{"[gMASK]", "<sop>"} {
		id := int32(-1)
		for _, a := range c.Added {
			if a.Content == text {
				id = a.ID
			}
		}
		if id < 0 {
			return p, fmt.Errorf("added_tokens_decoder of %s lacks %q", config.File, text)
		}
		p.Before = append(p.Before, id)
	}
	return p, nil
}
