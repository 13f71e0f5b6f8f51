package slow

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/belay-ml/belay/models/tok/added"
	"github.com/belay-ml/belay/models/tok/config"
	"github.com/belay-ml/belay/models/tok/spm"
)

// Names of the files of a directory.
const (
	ModelFile = "tokenizer.model"
	addedFile = "added_tokens.json"
)

// ErrAbsent says that a directory has no tokenizer.model.
var ErrAbsent = errors.New("no " + ModelFile)

// Open reads tokenizer.model, with the configuration and added_tokens.json where they are.
func Open(dir string) (*Tokenizer, error) {
	data, err := config.Read(dir, ModelFile)
	if err != nil {
		return nil, err
	}
	if data == nil {
		return nil, fmt.Errorf("open tokenizer %s: %w", dir, ErrAbsent)
	}
	c, err := config.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("open tokenizer %s: %w", dir, err)
	}
	if c.Added == nil {
		if c.Added, err = readAdded(dir); err != nil {
			return nil, err
		}
	}
	m, err := spm.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("open tokenizer %s: %w", filepath.Join(dir, ModelFile), err)
	}
	t, err := New(m, c)
	if err != nil {
		return nil, fmt.Errorf("open tokenizer %s: %w", dir, err)
	}
	return t, nil
}

// readAdded reads the older way to write added tokens: {"text": id}.
func readAdded(dir string) ([]*added.Token, error) {
	data, err := config.Read(dir, addedFile)
	if err != nil || data == nil {
		return nil, err
	}
	var ids map[string]int32
	if err := json.Unmarshal(data, &ids); err != nil {
		return nil, fmt.Errorf("open tokenizer %s: %w", filepath.Join(dir, addedFile), err)
	}
	var list []*added.Token
	for text, id := range ids {
		list = append(list, &added.Token{Content: text, ID: id})
	}
	slices.SortFunc(list, func(a, b *added.Token) int {
		if a.ID != b.ID {
			return int(a.ID - b.ID)
		}
		return strings.Compare(a.Content, b.Content)
	})
	return list, nil
}
