package hfjson

import (
	"encoding/json"
	"fmt"

	"github.com/belay-ml/belay/models/tok/added"
)

// document is a tokenizer.json, read but not put together yet.
type document struct {
	added                       []*added.Token
	normalizer, pre, post, deco json.RawMessage
	model                       *vocabulary
}

// parseDocument reads tokenizer.json. Truncation and padding, which belong to a call and not to the
// tokenizer, are left alone, as transformers does.
func parseDocument(data []byte) (*document, error) {
	d := &document{}
	s := &scanner{data: data}
	err := s.object(func(name []byte) error {
		if string(name) == "model" {
			var err error
			d.model, err = parseModel(s)
			return err
		}
		raw, err := s.value()
		if err != nil {
			return err
		}
		switch string(name) {
		case "version", "truncation", "padding":
		case "added_tokens":
			err = json.Unmarshal(raw, &d.added)
		case "normalizer":
			d.normalizer = raw
		case "pre_tokenizer":
			d.pre = raw
		case "post_processor":
			d.post = raw
		case "decoder":
			d.deco = raw
		default:
			err = fmt.Errorf("unknown member %q", name)
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := s.end(); err != nil {
		return nil, err
	}
	if d.model == nil {
		return nil, fmt.Errorf("the file has no model")
	}
	for _, a := range d.added {
		if a == nil || a.ID < 0 {
			return nil, fmt.Errorf("read added_tokens: a token has no id")
		}
	}
	return d, nil
}
