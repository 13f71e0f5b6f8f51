package hfconfig

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Load reads DIR/config.json.
func Load(dir string) (Config, error) {
	path := filepath.Join(dir, "config.json")
	file, err := os.Open(path)
	if err != nil {
		return Config{}, fmt.Errorf("load config: %w", err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, MaxSize+1))
	if err != nil {
		return Config{}, fmt.Errorf("load config %s: %w", path, err)
	}
	c, err := Parse(data)
	if err != nil {
		return Config{}, fmt.Errorf("load config %s: %w", path, err)
	}
	return c, nil
}

// Parse reads the text of a config.json. An error names every field that is missing or wrong.
func Parse(data []byte) (Config, error) {
	if len(data) > MaxSize {
		return Config{}, fmt.Errorf("parse config: more than %d bytes", MaxSize)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var raw map[string]any
	if err := dec.Decode(&raw); err != nil {
		return Config{}, fmt.Errorf("parse config: byte %d: %w", dec.InputOffset(), err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Config{}, fmt.Errorf("parse config: byte %d: text after the document", dec.InputOffset())
	}
	if raw == nil {
		return Config{}, errors.New("parse config: want an object, have null")
	}
	c, err := fromRaw(raw)
	if err != nil {
		return Config{}, fmt.Errorf("parse config: %w", err)
	}
	return c, nil
}

// fromRaw reads the canonical fields: class first, then sizes, then what the class makes of its flags.
func fromRaw(raw map[string]any) (Config, error) {
	f := &fields{raw: raw}
	archs := f.texts("architectures")
	c := Config{ModelType: f.text("model_type"), Raw: raw}
	if len(f.errs) > 0 {
		return Config{}, errors.Join(f.errs...)
	}
	cl, err := classOf(archs, c.ModelType)
	if err != nil {
		return Config{}, err
	}
	if len(archs) > 0 {
		c.Arch = archs[0]
	} else {
		c.Arch = cl.archs[0]
	}

	key := func(common string) string { return cl.key(raw, common) }
	c.NumLayers = f.required(key("num_hidden_layers"))
	c.Hidden = f.required(key("hidden_size"))
	c.NumHeads = f.required(key("num_attention_heads"))
	c.Vocab = f.required(key("vocab_size"))
	f.ffn(&c, cl)
	c.MaxPositions = f.whole(key("max_position_embeddings"), cl.maxPositions)
	c.NumKVHeads = f.whole(key("num_key_value_heads"), c.NumHeads)
	if _, ok := raw[key("num_key_value_heads")]; !ok && cl.kvHeads > 0 {
		c.NumKVHeads = cl.kvHeads
	}
	f.headDim(&c, cl)
	c.NormEps = f.float(key("rms_norm_eps"), cl.normEps)
	f.rope(&c, cl)
	f.window(&c, cl.window)
	f.activation(&c, cl)
	c.QKVBias, c.OutBias, c.MLPBias = cl.qkvBias || cl.allBias, cl.allBias, cl.allBias
	if cl.bias != "" {
		c.QKVBias = f.flag(cl.bias, false)
		c.OutBias = c.QKVBias && !cl.qkvOnly
	}
	if cl.mlpBias != "" {
		c.MLPBias = f.flag(cl.mlpBias, false)
	}
	f.tie(&c, cl)
	c.DType = f.text("torch_dtype")
	if c.DType == "" {
		c.DType = f.text("dtype")
	}
	c.BOS, c.EOS = f.ids("bos_token_id"), f.ids("eos_token_id")
	c.PAD = -1
	if pad := f.ids("pad_token_id"); len(pad) > 0 {
		c.PAD = pad[0]
	}
	for _, e := range cl.more {
		e.read(f, &c)
	}
	if cl.finish != nil {
		cl.finish(f, &c)
	}
	if len(f.errs) == 0 {
		f.errs = append(f.errs, c.Check())
	}
	if err := errors.Join(f.errs...); err != nil {
		return Config{}, err
	}
	return c, nil
}

// ffn is the width of one branch of the MLP.
func (f *fields) ffn(c *Config, cl class) {
	key := cl.key(f.raw, "intermediate_size")
	if cl.wide > 0 {
		c.FFN = f.whole(key, cl.wide*c.Hidden)
		return
	}
	c.FFN = f.required(key)
	if cl.halved {
		if c.FFN%2 != 0 {
			f.fail(key, "an even number: it counts gate and up", c.FFN)
		}
		c.FFN /= 2
	}
}

// headDim is the head dimension, by default the hidden size divided among the heads.
func (f *fields) headDim(c *Config, cl class) {
	key := cl.key(f.raw, "head_dim")
	switch {
	case f.has(key):
		c.HeadDim = f.whole(key, 1)
	case cl.headDim > 0:
		c.HeadDim = cl.headDim
	case c.NumHeads <= 0 || c.Hidden%c.NumHeads != 0:
		c.HeadDim = 1
		if !slices.ContainsFunc(cl.more, func(e extra) bool { return e.key == "kv_lora_rank" }) { // whose heads have sizes of their own
			f.errs = append(f.errs, fmt.Errorf("hidden_size: %d is not a multiple of num_attention_heads %d, and there is no %s", c.Hidden, c.NumHeads, key))
		}
	default:
		c.HeadDim = c.Hidden / c.NumHeads
	}
}

// activation reads the class's key; "-" means that the class has only one.
func (f *fields) activation(c *Config, cl class) {
	name, key := cl.act, cl.actKey
	if name == "" {
		name = "silu"
	}
	c.Activation = name
	if key == "-" {
		return
	}
	if key == "" {
		key = "hidden_act"
	}
	if f.has(key) {
		var ok bool
		if name = f.text(key); name == "" {
			return
		}
		if c.Activation, ok = activation(name); !ok {
			f.fail(key, "silu, gelu or gelu_pytorch_tanh", name)
		}
	}
}

// tie reads whether the head is the embedding; Megatron's flag says the opposite.
func (f *fields) tie(c *Config, cl class) {
	key := cl.key(f.raw, "tie_word_embeddings")
	if strings.HasPrefix(key, "untie") {
		c.TieEmbeddings = !f.flag(key, !cl.tied)
		return
	}
	c.TieEmbeddings = f.flag(key, cl.tied)
}

// window reads which layers have a sliding window.
func (f *fields) window(c *Config, use windowUse) {
	size := f.whole("sliding_window", 0)
	if use == windowNever || (use == windowSwitch && !f.flag("use_sliding_window", false)) {
		return
	}
	if size == 0 {
		return
	}
	types := f.texts("layer_types")
	first := 0
	if use == windowSwitch {
		first = f.whole("max_window_layers", 28) // the default of Qwen2Config
	}
	if types == nil && first <= 0 && use != windowEven && use != windowSixth {
		c.SlidingWindow = size
		return
	}
	if c.NumLayers < 0 || c.NumLayers > maxLayers {
		return // Check names the field
	}
	if types != nil && len(types) != c.NumLayers {
		f.errs = append(f.errs, fmt.Errorf("layer_types: %d entries for %d layers", len(types), c.NumLayers))
		return
	}
	windows := make([]int, c.NumLayers)
	every := f.whole("sliding_window_pattern", 6)
	for i := range windows {
		sliding := i >= first
		switch use {
		case windowEven:
			sliding = i%2 == 0
		case windowSixth:
			sliding = every < 1 || (i+1)%every != 0
		}
		if types != nil {
			switch types[i] {
			case "sliding_attention":
				sliding = true
			case "full_attention":
				sliding = false
			default:
				f.fail("layer_types", "full_attention or sliding_attention", types[i])
				return
			}
		}
		if sliding {
			windows[i] = size
		}
	}
	c.SlidingWindow, c.LayerWindows = size, windows
}
