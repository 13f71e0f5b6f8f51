package open

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/belay-ml/belay/models/tok"
	"github.com/belay-ml/belay/models/tok/hfjson"
)

// Dir opens the tokenizer of a directory: tokenizer.json, or vocab.json with merges.txt.
func Dir(dir string) (tok.Tokenizer, error) {
	t, err := hfjson.Open(dir)
	if err == nil {
		return t, nil
	}
	if !errors.Is(err, hfjson.ErrAbsent) {
		return nil, err
	}
	if _, statErr := os.Stat(dir); statErr != nil {
		return nil, fmt.Errorf("open tokenizer: %w", statErr)
	}
	for _, pattern := range []string{"*.model", "*.tiktoken", "vocab.txt", "spiece.*"} {
		found, globErr := filepath.Glob(filepath.Join(escape(dir), pattern))
		if globErr == nil && len(found) > 0 {
			return nil, fmt.Errorf("open tokenizer %s: this format is not supported: put tokenizer.json beside it "+
				"(AutoTokenizer.from_pretrained(DIR).save_pretrained(DIR) of transformers writes it)", found[0])
		}
	}
	return nil, err
}

// escape takes a directory name literally in a pattern.
func escape(dir string) string {
	var out []rune
	for _, r := range dir {
		switch r {
		case '*', '?', '[', '\\':
			out = append(out, '\\')
		}
		out = append(out, r)
	}
	return string(out)
}
