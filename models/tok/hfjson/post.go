package hfjson

import "encoding/json"

// frame is what the post-processor puts around a single text.
type frame struct{ before, after []int32 }

func parsePost(raw json.RawMessage) (frame, error) {
	list, err := parts("post_processor", "processors", raw)
	if err != nil {
		return frame{}, err
	}
	var f frame
	for _, c := range list {
		switch c.Type {
		case "ByteLevel": // concerns offsets, which are not computed
		case "TemplateProcessing":
			err = f.addTemplate(c)
		case "RobertaProcessing", "BertProcessing":
			err = f.addPair(c)
		default:
			err = c.unsupported()
		}
		if err != nil {
			return frame{}, err
		}
	}
	return f, nil
}

func (f *frame) wrap(before, after []int32) {
	f.before = append(before, f.before...)
	f.after = append(f.after, after...)
}

// addTemplate reads what stands around A in the template for one text.
func (f *frame) addTemplate(c *component) error {
	type part struct {
		ID     string `json:"id"`
		TypeID int    `json:"type_id"`
	}
	type item struct{ SpecialToken, Sequence *part }
	var o struct {
		typed
		Single  []item `json:"single"`
		Pair    []item `json:"pair"` // for two texts at once, which the interface does not offer
		Special map[string]struct {
			ID     string   `json:"id"`
			IDs    []int32  `json:"ids"`
			Tokens []string `json:"tokens"`
		} `json:"special_tokens"`
	}
	if err := c.options(&o); err != nil {
		return err
	}
	var before, after []int32
	texts := 0
	for _, it := range o.Single {
		switch {
		case it.Sequence != nil:
			if texts++; it.Sequence.ID != "A" {
				return c.errorf("the template for one text names text %q", it.Sequence.ID)
			}
		case it.SpecialToken != nil:
			special, ok := o.Special[it.SpecialToken.ID]
			if !ok {
				return c.errorf("special token %q is not defined", it.SpecialToken.ID)
			}
			if texts == 0 {
				before = append(before, special.IDs...)
			} else {
				after = append(after, special.IDs...)
			}
		}
	}
	if texts != 1 {
		return c.errorf("the template for one text holds the text %d times", texts)
	}
	f.wrap(before, after)
	return nil
}

// tokenAndID is ["</s>", 2] in the file.
type tokenAndID struct {
	token string
	id    int32
}

func (t *tokenAndID) UnmarshalJSON(data []byte) error {
	return json.Unmarshal(data, &[]any{&t.token, &t.id})
}

func (f *frame) addPair(c *component) error {
	var o struct {
		typed
		Sep            tokenAndID `json:"sep"`
		Cls            tokenAndID `json:"cls"`
		TrimOffsets    bool       `json:"trim_offsets"`
		AddPrefixSpace bool       `json:"add_prefix_space"` // concerns offsets
	}
	if err := c.options(&o); err != nil {
		return err
	}
	f.wrap([]int32{o.Cls.id}, []int32{o.Sep.id})
	return nil
}
