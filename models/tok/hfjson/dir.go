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

// endOfText ends documents in GPT-2's vocabulary.
const endOfText = "<|endoftext|>"

// OpenGPT2 reads a vocab.json and a merges.txt by their paths, as Megatron's GPT2BPETokenizer does: no text is taken
// for a special token, and eos is <|endoftext|>.
func OpenGPT2(vocabPath, mergesPath string) (*Tokenizer, error) {
	var files [2][]byte
	for i, path := range []string{vocabPath, mergesPath} {
		data, err := config.Read(filepath.Dir(path), filepath.Base(path))
		if err == nil && data == nil {
			err = fmt.Errorf("open tokenizer: there is no file %s", path)
		}
		if err != nil {
			return nil, err
		}
		files[i] = data
	}
	data, err := fromMerges(files[0], files[1], nil, byteLevel(true))
	if err != nil {
		return nil, fmt.Errorf("open tokenizer %s: %w", vocabPath, err)
	}
	t, err := parse(data, &config.Config{Class: "GPT2Tokenizer"})
	if err != nil {
		return nil, fmt.Errorf("open tokenizer %s and %s: %w", vocabPath, mergesPath, err)
	}
	id, ok := t.ID(endOfText)
	if !ok {
		return nil, fmt.Errorf("open tokenizer %s: it has no token %s", vocabPath, endOfText)
	}
	t.roles.EOS = id
	return t, nil
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
	out, err := fromMerges(vocab, text, normalizer, pre)
	if err != nil {
		return nil, fmt.Errorf("open tokenizer %s: %w", filepath.Join(dir, vocabFile), err)
	}
	return out, nil
}

// fromMerges writes a vocabulary and a list of merges as tokenizer.json.
func fromMerges(vocab, text []byte, normalizer, pre any) ([]byte, error) {
	merges := []string{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\r\n")
		if line != "" && !strings.HasPrefix(line, "#version") {
			merges = append(merges, line)
		}
	}
	return plain(object{
		{"normalizer", normalizer}, {"pre_tokenizer", pre}, {"decoder", byteLevel(true)},
		{"model", object{{"type", "BPE"}, {"vocab", json.RawMessage(bytes.TrimSpace(vocab))}, {"merges", merges}}},
	})
}
