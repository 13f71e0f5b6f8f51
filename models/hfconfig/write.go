package hfconfig

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"strings"
)

// JSON is the document with the fields replaced whose canonical value differs from what Raw says,
// under the spelling that Raw uses. Keys are sorted and indented as transformers writes them. Without
// Raw it makes a document of the class that Arch names.
func (c Config) JSON() ([]byte, error) {
	if err := c.Check(); err != nil {
		return nil, fmt.Errorf("write config: %w", err)
	}
	raw := maps.Clone(c.Raw)
	var was Config
	if len(raw) == 0 {
		raw = map[string]any{}
	} else {
		var err error
		if was, err = fromRaw(c.Raw); err != nil {
			return nil, fmt.Errorf("write config: %w", err)
		}
	}
	cl, err := classOf([]string{c.Arch}, c.ModelType)
	if err != nil {
		return nil, fmt.Errorf("write config: %w", err)
	}
	c.write(raw, was, cl)
	// Only what reads back as the same configuration may leave.
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(raw); err != nil {
		return nil, fmt.Errorf("write config: %w", err)
	}
	back, err := Parse(buf.Bytes())
	if err != nil {
		return nil, fmt.Errorf("write config: %w", err)
	}
	if name := difference(c, back); name != "" {
		return nil, fmt.Errorf("write config: %s cannot be said in a config.json of %s", name, c.Arch)
	}
	return buf.Bytes(), nil
}

// Completed is a config of which only sizes and the class are known, with what the class adds to them:
// the block structure and the values assumed for fields that are zero.
func (c Config) Completed() (Config, error) {
	cl, err := classOf([]string{c.Arch}, c.ModelType)
	if err != nil {
		return c, err
	}
	c.Raw = nil
	for _, e := range cl.more { // zero means that nobody said
		switch p := e.at(&c).(type) {
		case *int:
			*p = orDefault(*p, e.def.(int))
		case *float64:
			*p = orDefault(*p, e.def.(float64))
		case *bool:
			*p = orDefault(*p, e.def.(bool))
		case *string:
			*p = orDefault(*p, e.def.(string))
		}
	}
	raw := map[string]any{}
	c.write(raw, Config{}, cl)
	text, err := json.Marshal(raw)
	if err != nil {
		return c, fmt.Errorf("complete config: %w", err)
	}
	out, err := Parse(text)
	out.Family = c.Family
	return out, err
}

func orDefault[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

// write puts every changed field into raw.
func (c Config) write(raw map[string]any, was Config, cl class) {
	set := func(key string, now, before any) {
		if !reflect.DeepEqual(now, before) {
			raw[key] = now
		}
	}
	fresh := len(was.Raw) == 0
	key := func(common string) string { return cl.key(raw, common) }
	set("architectures", []string{c.Arch}, []string{was.Arch})
	set("model_type", c.ModelType, was.ModelType)
	set(key("num_hidden_layers"), c.NumLayers, was.NumLayers)
	set(key("hidden_size"), c.Hidden, was.Hidden)
	width := 1
	if cl.halved {
		width = 2
	}
	set(key("intermediate_size"), width*c.FFN, width*was.FFN)
	set(key("num_attention_heads"), c.NumHeads, was.NumHeads)
	set(key("num_key_value_heads"), c.NumKVHeads, was.NumKVHeads)
	set(key("vocab_size"), c.Vocab, was.Vocab)
	set(key("rms_norm_eps"), c.NormEps, was.NormEps)
	if c.Positions != "alibi" || cl.modelType != "baichuan" {
		set(key("max_position_embeddings"), c.MaxPositions, was.MaxPositions)
	} else { // whose absence says ALiBi
		set("model_max_length", c.MaxPositions, was.MaxPositions)
	}
	if tie := key("tie_word_embeddings"); c.TieEmbeddings != was.TieEmbeddings || fresh {
		raw[tie] = c.TieEmbeddings != strings.HasPrefix(tie, "untie")
	}
	if head := key("head_dim"); c.MLA.KVLoRA == 0 && (c.HeadDim*c.NumHeads != c.Hidden || raw[head] != nil || cl.headDim > 0) {
		set(head, c.HeadDim, was.HeadDim)
	}
	if act := cl.actKey; c.Activation != was.Activation && act != "-" {
		if act == "" {
			act = "hidden_act"
		}
		raw[act] = activations[c.Activation]
	}
	if cl.bias != "" {
		set(cl.bias, c.QKVBias, was.QKVBias)
	}
	if cl.mlpBias != "" {
		set(cl.mlpBias, c.MLPBias, was.MLPBias)
	}
	for _, e := range cl.more {
		before := e.value(&was)
		if _, ok := raw[e.key]; !ok && fresh {
			before = e.def
		}
		set(e.key, e.value(&c), before)
	}
	if fresh && cl.put != nil {
		cl.put(c, raw)
	}
	if c.DType != was.DType {
		key := "torch_dtype"
		if raw["dtype"] != nil && raw["torch_dtype"] == nil {
			key = "dtype"
		}
		raw[key] = c.DType
	}
	setIDs(raw, "bos_token_id", c.BOS, was.BOS)
	setIDs(raw, "eos_token_id", c.EOS, was.EOS)
	if c.PAD != was.PAD || len(was.Raw) == 0 {
		setIDs(raw, "pad_token_id", padList(c.PAD), nil)
	}
	c.writeWindow(raw, was, cl)
	c.writeRope(raw, was, cl)
}

func padList(pad int32) []int32 {
	if pad < 0 {
		return nil
	}
	return []int32{pad}
}

// setIDs writes one id as a number and several as a list, none as null.
func setIDs(raw map[string]any, key string, now, before []int32) {
	if reflect.DeepEqual(now, before) {
		return
	}
	switch len(now) {
	case 0:
		raw[key] = nil
	case 1:
		raw[key] = now[0]
	default:
		raw[key] = now
	}
}

func (c Config) writeWindow(raw map[string]any, was Config, cl class) {
	if c.SlidingWindow == was.SlidingWindow && reflect.DeepEqual(c.LayerWindows, was.LayerWindows) {
		return
	}
	raw["sliding_window"] = nil
	if c.SlidingWindow > 0 {
		raw["sliding_window"] = c.SlidingWindow
	}
	if cl.window == windowSwitch {
		raw["use_sliding_window"] = c.SlidingWindow > 0
		raw["max_window_layers"] = 0
	}
	delete(raw, "layer_types")
	if c.LayerWindows != nil {
		types := make([]string, len(c.LayerWindows))
		for i, w := range c.LayerWindows {
			types[i] = "full_attention"
			if w > 0 {
				types[i] = "sliding_attention"
			}
		}
		raw["layer_types"] = types
	}
}

func (c Config) writeRope(raw map[string]any, was Config, cl class) {
	params, inParams := raw["rope_parameters"].(map[string]any)
	if c.RopeBase != was.RopeBase {
		switch {
		case inParams:
			params = maps.Clone(params)
			params["rope_theta"] = c.RopeBase
			raw["rope_parameters"] = params
		case cl.ratio:
			raw["rope_ratio"] = c.RopeBase / 10000
		default:
			raw[cl.key(raw, "rope_theta")] = c.RopeBase
		}
	}
	if c.RotaryPart != was.RotaryPart && cl.part != 0 {
		raw["partial_rotary_factor"] = c.RotaryPart
	}
	if reflect.DeepEqual(c.RopeScaling, was.RopeScaling) {
		return
	}
	object := map[string]any{}
	if inParams {
		object["rope_theta"] = c.RopeBase
		object["rope_type"] = "default"
	}
	if s := c.RopeScaling; s != nil {
		object["rope_type"] = s.Kind
		number := func(key string, v float64) {
			if v != 0 {
				object[key] = v
			}
		}
		number("factor", s.Factor)
		number("low_freq_factor", s.LowFreqFactor)
		number("high_freq_factor", s.HighFreqFactor)
		number("beta_fast", s.BetaFast)
		number("beta_slow", s.BetaSlow)
		number("attention_factor", s.AttentionFactor)
		number("mscale", s.MScale)
		number("mscale_all_dim", s.MScaleAllDim)
		if s.OriginalMaxPos != 0 {
			object["original_max_position_embeddings"] = s.OriginalMaxPos
		}
	}
	switch {
	case inParams:
		raw["rope_parameters"] = object
	case c.RopeScaling == nil:
		raw["rope_scaling"] = nil
	default:
		raw["rope_scaling"] = object
	}
}

// difference names the first field of two configs that differs, Family and Raw aside.
func difference(a, b Config) string {
	va, vb := reflect.ValueOf(a), reflect.ValueOf(b)
	for i := range va.NumField() {
		name := va.Type().Field(i).Name
		if name == "Family" || name == "Raw" {
			continue
		}
		x, y := va.Field(i), vb.Field(i)
		if x.Kind() == reflect.Slice && x.Len() == 0 && y.Len() == 0 {
			continue
		}
		if !reflect.DeepEqual(x.Interface(), y.Interface()) {
			return fmt.Sprintf("%s %v", name, x.Interface())
		}
	}
	return ""
}
