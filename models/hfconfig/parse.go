package hfconfig

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
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

	c.NumLayers = f.required("num_hidden_layers")
	c.Hidden = f.required("hidden_size")
	c.FFN = f.required("intermediate_size")
	c.NumHeads = f.required("num_attention_heads")
	c.Vocab = f.required("vocab_size")
	c.MaxPositions = f.whole("max_position_embeddings", cl.maxPositions)
	c.NumKVHeads = f.whole("num_key_value_heads", c.NumHeads)
	if _, ok := raw["num_key_value_heads"]; !ok && cl.kvHeads > 0 {
		c.NumKVHeads = cl.kvHeads
	}
	c.HeadDim = f.headDim(c.Hidden, c.NumHeads)
	c.NormEps = f.float("rms_norm_eps", cl.normEps)
	f.rope(&c)
	f.window(&c, cl.window)

	name := "silu"
	if f.has("hidden_act") {
		name = f.text("hidden_act")
	}
	var ok bool
	if c.Activation, ok = activation(name); !ok && name != "" {
		f.fail("hidden_act", "silu, gelu or gelu_pytorch_tanh", name)
	}
	c.QKVBias = cl.qkvBias
	if cl.bias != "" {
		c.QKVBias = f.flag(cl.bias, false)
		c.OutBias = c.QKVBias
	}
	if cl.mlpBias {
		c.MLPBias = f.flag("mlp_bias", false)
	}
	c.TieEmbeddings = f.flag("tie_word_embeddings", false)
	c.DType = f.text("torch_dtype")
	if c.DType == "" {
		c.DType = f.text("dtype")
	}
	c.BOS, c.EOS = f.ids("bos_token_id"), f.ids("eos_token_id")
	c.PAD = -1
	if pad := f.ids("pad_token_id"); len(pad) > 0 {
		c.PAD = pad[0]
	}
	if len(f.errs) == 0 {
		f.errs = append(f.errs, c.Check())
	}
	if err := errors.Join(f.errs...); err != nil {
		return Config{}, err
	}
	return c, nil
}

// headDim is the head dimension, by default the hidden size divided among the heads.
func (f *fields) headDim(hidden, heads int) int {
	if f.has("head_dim") {
		return f.whole("head_dim", 1)
	}
	if heads <= 0 || hidden%heads != 0 {
		f.errs = append(f.errs, fmt.Errorf("hidden_size: %d is not a multiple of num_attention_heads %d, and there is no head_dim", hidden, heads))
		return 1
	}
	return hidden / heads
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
	if types == nil && first <= 0 {
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
	for i := range windows {
		sliding := i >= first
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
