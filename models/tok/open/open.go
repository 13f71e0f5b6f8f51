package open

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/belay-ml/belay/models/tok"
	"github.com/belay-ml/belay/models/tok/config"
	"github.com/belay-ml/belay/models/tok/hfjson"
	"github.com/belay-ml/belay/models/tok/slow"
	"github.com/belay-ml/belay/models/tok/tiktoken"
)

// Dir opens the tokenizer of a directory as transformers' AutoTokenizer does: tokenizer.json where it is.
func Dir(dir string) (tok.Tokenizer, error) {
	t, err := hfjson.OpenJSON(dir)
	if !errors.Is(err, hfjson.ErrAbsent) {
		return made(t, err)
	}
	return others(dir)
}

// Slow opens it as AutoTokenizer does with use_fast off (the reference's --tokenizer-not-use-fast): tokenizer.json
// is the last choice.
func Slow(dir string) (tok.Tokenizer, error) {
	t, err := others(dir)
	if !errors.Is(err, hfjson.ErrAbsent) {
		return t, err
	}
	return made(hfjson.OpenJSON(dir))
}

// GPT2 opens vocab.json and merges.txt as Megatron does for tokenizer_type GPT2BPETokenizer.
func GPT2(vocabPath, mergesPath string) (tok.Tokenizer, error) {
	return made(hfjson.OpenGPT2(vocabPath, mergesPath))
}

// made keeps a nil pointer from becoming an interface that is not nil.
func made[T tok.Tokenizer](t T, err error) (tok.Tokenizer, error) {
	if err != nil {
		return nil, err
	}
	return t, nil
}

// others opens what stands in for tokenizer.json.
func others(dir string) (tok.Tokenizer, error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("open tokenizer: %w", err)
	}
	data, err := config.Read(dir, slow.ModelFile)
	switch {
	case err != nil:
		return nil, err
	case tiktoken.Is(data):
		return made(tiktoken.Open(dir, slow.ModelFile))
	case data != nil:
		return made(slow.Open(dir))
	}
	name, err := tiktoken.Find(dir)
	if err == nil {
		return made(tiktoken.Open(dir, name))
	}
	if !errors.Is(err, tiktoken.ErrAbsent) {
		return nil, err
	}
	t, err := hfjson.OpenVocab(dir)
	if !errors.Is(err, hfjson.ErrAbsent) {
		return made(t, err)
	}
	for _, name := range []string{"spiece.model", "sentencepiece.bpe.model"} {
		if _, statErr := os.Stat(filepath.Join(dir, name)); statErr == nil {
			return nil, fmt.Errorf("open tokenizer %s: this format is not supported: put tokenizer.json beside it "+
				"(AutoTokenizer.from_pretrained(DIR).save_pretrained(DIR) of transformers writes it)", filepath.Join(dir, name))
		}
	}
	return nil, err
}
