package hfjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/belay-ml/belay/models/tok/config"
	"github.com/belay-ml/belay/models/tok/pretok"
)

// Names of the files of a tokenizer directory.
const (
	tokenizerFile = "tokenizer.json"
	vocabFile     = "vocab.json"
	mergesFile    = "merges.txt"
	wordsFile     = "vocab.txt" // a token a line
)

// ErrAbsent says that a directory holds none of the files that this package reads.
var ErrAbsent = errors.New("no " + tokenizerFile)

// Open reads the tokenizer of a directory: tokenizer.json, else vocab.json and merges.txt, with
// tokenizer_config.json and special_tokens_map.json where they are.
func Open(dir string) (*Tokenizer, error) {
	t, err := OpenJSON(dir)
	if errors.Is(err, ErrAbsent) {
		return OpenVocab(dir)
	}
	return t, err
}

// OpenJSON reads tokenizer.json alone.
func OpenJSON(dir string) (*Tokenizer, error) {
	return openFile(dir, tokenizerFile, func(*config.Config) ([]byte, error) { return config.Read(dir, tokenizerFile) })
}

// OpenVocab reads vocab.json and merges.txt, or vocab.txt.
func OpenVocab(dir string) (*Tokenizer, error) {
	t, err := openFile(dir, vocabFile, func(c *config.Config) ([]byte, error) { return fromVocab(dir, c.Class) })
	if errors.Is(err, ErrAbsent) {
		return openFile(dir, wordsFile, func(c *config.Config) ([]byte, error) { return fromWords(dir, c) })
	}
	return t, err
}

func openFile(dir, file string, read func(*config.Config) ([]byte, error)) (*Tokenizer, error) {
	c, err := config.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("open tokenizer %s: %w", dir, err)
	}
	data, err := read(c)
	if err != nil {
		return nil, err
	}
	if data == nil {
		return nil, fmt.Errorf("open tokenizer %s: %w", dir, ErrAbsent)
	}
	t, err := parse(data, c)
	if err != nil {
		return nil, fmt.Errorf("open tokenizer %s: %w", filepath.Join(dir, file), err)
	}
	return t, nil
}

// Parse reads the bytes of tokenizer.json and, where they are not nil, of tokenizer_config.json and special_tokens_map.json.
func Parse(tokenizerJSON, configJSON, mapJSON []byte) (*Tokenizer, error) {
	c, err := config.Parse(configJSON, mapJSON)
	if err != nil {
		return nil, fmt.Errorf("read tokenizer: %w", err)
	}
	t, err := parse(tokenizerJSON, c)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", tokenizerFile, err)
	}
	return t, nil
}

func parse(data []byte, c *config.Config) (*Tokenizer, error) {
	if len(data) > config.MaxFile {
		return nil, fmt.Errorf("the file has %d bytes, more than %d", len(data), config.MaxFile)
	}
	d, err := parseDocument(data)
	if err != nil {
		return nil, err
	}
	return newTokenizer(d, c)
}

// fromVocab writes vocab.json and merges.txt as the tokenizer.json that transformers would convert them
// to, nil when they are absent. Only the tokenizer's class tells how text is cut.
func fromVocab(dir, class string) ([]byte, error) {
	vocab, err := config.Read(dir, vocabFile)
	if err != nil || vocab == nil {
		return nil, err
	}
	text, err := config.Read(dir, mergesFile)
	if err != nil || text == nil {
		return nil, err
	}
	var normalizer, pre any
	switch class {
	case "GPT2Tokenizer":
		pre = byteLevel(true)
	case "Qwen2Tokenizer":
		normalizer = object{{"type", "NFC"}}
		if pre, err = (Spec{Pattern: pretok.Qwen2Pattern}).pretokenizer(); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("open tokenizer %s: %s of tokenizer_class %q cannot be read without %s: "+
			"write it with save_pretrained of transformers' AutoTokenizer", dir, vocabFile, class, tokenizerFile)
	}
	merges := []string{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\r\n")
		if line != "" && !strings.HasPrefix(line, "#version") {
			merges = append(merges, line)
		}
	}
	out, err := plain(object{
		{"normalizer", normalizer}, {"pre_tokenizer", pre}, {"decoder", byteLevel(true)},
		{"model", object{{"type", "BPE"}, {"vocab", json.RawMessage(bytes.TrimSpace(vocab))}, {"merges", merges}}},
	})
	if err != nil {
		return nil, fmt.Errorf("open tokenizer %s: %w", filepath.Join(dir, vocabFile), err)
	}
	return out, nil
}
