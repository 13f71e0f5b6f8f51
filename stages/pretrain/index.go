package pretrain

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/stages/corpus"
)

// text is an open token index.
type text struct {
	*corpus.Index
	label  string
	weight float64
}

// openTexts opens the indexes of all parts that have a share. On an error nothing stays open.
func openTexts(parts []Part) (_ []text, err error) {
	var texts []text
	defer func() {
		if err != nil {
			closeTexts(texts)
		}
	}()
	var vocabulary *corpus.Manifest
	of := ""
	for _, p := range parts {
		if p.Weight != nil && *p.Weight == 0 {
			continue
		}
		x, err := openIndex(p)
		if err != nil {
			return texts, err
		}
		t := text{Index: x, label: p.label(), weight: float64(x.Tokens())}
		if p.Weight != nil {
			t.weight = *p.Weight
		}
		texts = append(texts, t)
		if len(parts) == 1 {
			continue // nothing to compare
		}
		m, err := corpus.ReadManifest(p.Data.Path)
		switch {
		case errors.Is(err, fs.ErrNotExist): // another program made it
		case err != nil:
			return texts, err
		case vocabulary == nil:
			vocabulary, of = &m, t.label
		case m.VocabSize != vocabulary.VocabSize || m.EOD != vocabulary.EOD:
			return texts, fault.New(fault.Data, "blend: %s has ids of %d tokens with end %d, %s of %d with end %d",
				of, vocabulary.VocabSize, vocabulary.EOD, t.label, m.VocabSize, m.EOD).
				WithHint("preprocess both with the tokenizer of the model")
		}
	}
	return texts, nil
}

func closeTexts(texts []text) {
	for _, t := range texts {
		t.Close()
	}
}

// openIndex opens the folder's only index of running text, or the named one.
func openIndex(p Part) (*corpus.Index, error) {
	dir := p.Data.Path
	if p.Name != "" {
		return corpus.Open(filepath.Join(dir, p.Name))
	}
	found, err := corpus.Find(dir)
	switch {
	case err != nil:
		return nil, err
	case len(found.Text) == 1:
		return corpus.Open(found.Text[0])
	case len(found.Text) == 0:
		return nil, fault.New(fault.Data, "open token index: %s holds instruction data, not running text", p.label()).
			WithHint("train on it in a stage that uses finetune, or preprocess with style pretrain")
	}
	var names []string
	for _, prefix := range found.Text {
		names = append(names, filepath.Base(prefix))
	}
	return nil, fmt.Errorf("open token index: %w", fault.New(fault.Recipe, "%s holds several (%s): choose one with data_name", p.label(), strings.Join(names, ", ")))
}
