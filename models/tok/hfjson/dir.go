package hfjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/belay-ml/belay/models/tok/pretok"
)

// Names of the files of a tokenizer directory.
const (
	tokenizerFile  = "tokenizer.json"
	configFile     = "tokenizer_config.json"
	specialMapFile = "special_tokens_map.json"
	vocabFile      = "vocab.json"
	mergesFile     = "merges.txt"
)

// maxFile is the size from which on a file is refused, in bytes; the largest known is about half of it.
const maxFile = 64 << 20

// ErrAbsent says that a directory holds none of the files that this package reads.
var ErrAbsent = errors.New("no " + tokenizerFile)

// Open reads the tokenizer of a directory: tokenizer.json, else vocab.json and merges.txt, with
// tokenizer_config.json and special_tokens_map.json where they are.
func Open(dir string) (*Tokenizer, error) {
	configJSON, err := read(dir, configFile)
	if err != nil {
		return nil, err
	}
	mapJSON, err := read(dir, specialMapFile)
	if err != nil {
		return nil, err
	}
	c, err := parseConfig(configJSON, mapJSON)
	if err != nil {
		return nil, fmt.Errorf("open tokenizer %s: %w", dir, err)
	}
	file := tokenizerFile
	data, err := read(dir, file)
	if err == nil && data == nil {
		file = vocabFile
		data, err = fromVocab(dir, c.class)
	}
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
	c, err := parseConfig(configJSON, mapJSON)
	if err != nil {
		return nil, fmt.Errorf("read tokenizer: %w", err)
	}
	t, err := parse(tokenizerJSON, c)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", tokenizerFile, err)
	}
	return t, nil
}

func parse(data []byte, c *config) (*Tokenizer, error) {
	if len(data) > maxFile {
		return nil, fmt.Errorf("the file has %d bytes, more than %d", len(data), maxFile)
	}
	d, err := parseDocument(data)
	if err != nil {
		return nil, err
	}
	return newTokenizer(d, c)
}

// read is the content of a file, nil when there is none.
func read(dir, name string) ([]byte, error) {
	path := filepath.Join(dir, name)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open tokenizer: %w", err)
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("open tokenizer %s: the file has %d bytes, more than %d", path, info.Size(), maxFile)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("open tokenizer: %w", err)
	}
	return data, nil
}

// fromVocab writes vocab.json and merges.txt as the tokenizer.json that transformers would convert them
// to, nil when they are absent. Only the tokenizer's class tells how text is cut.
func fromVocab(dir, class string) ([]byte, error) {
	vocab, err := read(dir, vocabFile)
	if err != nil || vocab == nil {
		return nil, err
	}
	text, err := read(dir, mergesFile)
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
