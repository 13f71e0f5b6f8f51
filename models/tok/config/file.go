package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// MaxFile is the size from which on a file is refused, in bytes; the largest known is about half of it.
const MaxFile = 64 << 20

// Open reads the two files of a directory, where they are.
func Open(dir string) (*Config, error) {
	configJSON, err := Read(dir, File)
	if err != nil {
		return nil, err
	}
	mapJSON, err := Read(dir, MapFile)
	if err != nil {
		return nil, err
	}
	c, err := Parse(configJSON, mapJSON)
	if err != nil || c.Class != "" {
		return c, err
	}
	model, err := Read(dir, modelFile)
	if err != nil || model == nil {
		return c, err
	}
	var of struct {
		TokenizerClass string `json:"tokenizer_class"`
		ModelType      string `json:"model_type"`
	}
	if json.Unmarshal(model, &of) != nil {
		return c, nil // what is wrong with it is for those to say who need it
	}
	if c.Class = of.TokenizerClass; c.Class == "" {
		c.Class = classOfModel(of.ModelType)
	}
	c.Class = strings.TrimSuffix(c.Class, "Fast")
	return c, c.readRoles(c.members)
}

// modelFile tells the class when tokenizer_config.json does not.
const modelFile = "config.json"

// classOfModel is what AutoTokenizer takes for a model_type; "" where the tokenizer's own files say all.
func classOfModel(model string) string {
	switch model {
	case "llama", "mistral", "mixtral":
		return "LlamaTokenizer"
	case "code_llama":
		return "CodeLlamaTokenizer"
	case "gemma", "gemma2", "gemma3", "gemma3_text":
		return "GemmaTokenizer"
	case "baichuan":
		return "BaichuanTokenizer"
	case "chatglm":
		return "ChatGLMTokenizer"
	case "internlm":
		return "InternLMTokenizer"
	case "internlm2":
		return "InternLM2Tokenizer"
	case "qwen":
		return "QWenTokenizer"
	case "qwen2", "qwen2_moe", "qwen3":
		return "Qwen2Tokenizer"
	case "bert":
		return "BertTokenizer"
	case "gpt2":
		return "GPT2Tokenizer"
	case "bloom":
		return "BloomTokenizer"
	}
	return ""
}

// Read is the content of a file, nil when there is none.
func Read(dir, name string) ([]byte, error) {
	path := filepath.Join(dir, name)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open tokenizer: %w", err)
	}
	if info.Size() > MaxFile {
		return nil, fmt.Errorf("open tokenizer %s: the file has %d bytes, more than %d", path, info.Size(), MaxFile)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("open tokenizer: %w", err)
	}
	return data, nil
}
