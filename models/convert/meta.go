package convert

import (
	"encoding/json"
	"fmt"

	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/models/ckpt/megatron"
	"github.com/belay-ml/belay/models/ckpt/torchpt"
	"github.com/belay-ml/belay/models/family"
	"github.com/belay-ml/belay/models/hfconfig"
)

// Format is a kind of checkpoint.
type Format string

// The formats that are read and written.
const (
	HF     Format = "hf"
	Legacy Format = "legacy"
	Mcore  Format = "mcore"
)

// ParseFormat reads a format's name.
func ParseFormat(s string) (Format, error) {
	switch f := Format(s); f {
	case HF, Legacy, Mcore:
		return f, nil
	}
	return "", fmt.Errorf("format %q: want hf, legacy or mcore", s)
}

// Meta is what a checkpoint says about itself beside its tensors.
type Meta struct {
	Config      hfconfig.Config // Family is set
	Format      Format
	DType       dtype.DType // of most elements
	Layout      Layout      // of the files; Whole for Hugging Face
	Iteration   int         // megatron.Release for a folder without a number; 0 for Hugging Face
	PaddedVocab int         // rows of the embedding as stored
	LoRA        *LoRA       // the adapter that the checkpoint holds; nil without
	Args        map[string]any
	Leftovers   []string // stored tensors that are not part of the model
	Notes       []string // what was assumed

	fam *family.Family
}

// LoRA are the parameters of an adapter.
type LoRA struct {
	R       int
	Alpha   float64
	Targets []string // module names of the checkpoint's format
	Own     int      // rank in the files, where joining modules raised it to R; 0 when R is it
}

// configKey is the argument under which belay's Megatron checkpoints carry the Hugging Face config, so
// that rotary base, scaling and token ids survive. Other readers ignore it.
const configKey = "hf_config"

// configOf makes the config of a Megatron checkpoint: from the template, else from the document that
// the arguments carry, else from the arguments and the family's own constants.
func configOf(c *megatron.Checkpoint, opt OpenOptions, reg *family.Registry) (hfconfig.Config, *family.Family, []string, error) {
	var cfg hfconfig.Config
	var err error
	known := true
	switch text := c.Args.Text(configKey, ""); {
	case opt.Template != "":
		if cfg, err = hfconfig.Load(opt.Template); err != nil {
			return cfg, nil, nil, fmt.Errorf("read template: %w", err)
		}
	case text != "":
		if cfg, err = hfconfig.Parse([]byte(text)); err != nil {
			return cfg, nil, nil, fmt.Errorf("read args.%s of %s: %w", configKey, c.Folder, err)
		}
	default:
		known = false
	}
	if known {
		if err := agree(c.Args, cfg); err != nil {
			return cfg, nil, nil, fmt.Errorf("checkpoint %s: %w", c.Folder, err)
		}
		f, err := familyOf(cfg, opt.Family, reg)
		return cfg, f, nil, err
	}
	f, note, err := guess(c, opt.Family, reg)
	if err != nil {
		return cfg, nil, nil, err
	}
	cfg, err = fromArgs(c.Args, f)
	if err != nil {
		return cfg, nil, nil, fmt.Errorf("read args of %s: %w", c.Folder, err)
	}
	notes := []string{note}
	if _, ok := c.Args.Value("rotary_base"); !ok {
		notes = append(notes, fmt.Sprintf("the checkpoint does not carry the rotary base: %g is assumed (family %s); a template tells it", cfg.RopeBase, f.Name))
	}
	return cfg, f, notes, nil
}

func familyOf(cfg hfconfig.Config, name string, reg *family.Registry) (*family.Family, error) {
	if name != "" {
		return reg.Named(name)
	}
	return reg.Recognise(cfg)
}

// guess takes a family of the right block structure for a checkpoint that names none. All llama-like
// families store the same tensors, so a wrong member among them does no harm to a conversion.
func guess(c *megatron.Checkpoint, name string, reg *family.Registry) (*family.Family, string, error) {
	if name != "" {
		f, err := reg.Named(name)
		return f, "family " + name + " as given", err
	}
	a := c.Args
	_, experts := a.Value("num_experts")
	llama := a.Text("normalization", "") == "RMSNorm" && a.Bool("swiglu", false) && a.Text("position_embedding_type", "rope") == "rope" &&
		!experts && !a.Bool("multi_head_latent_attention", false) && !a.Bool("post_norm", false) && !a.Bool("embed_layernorm", false)
	if !llama {
		return nil, "", fmt.Errorf("checkpoint %s does not tell its family: give `family` or a `template` (a Hugging Face directory with config.json)", c.Folder)
	}
	name = "llama2"
	if a.Bool("add_qkv_bias", false) {
		name = "qwen2"
	}
	f, err := reg.Named(name)
	return f, fmt.Sprintf("the checkpoint does not name its family: its arguments fit %s", name), err
}

// fromArgs makes a config of Megatron's arguments.
func fromArgs(a megatron.Args, f *family.Family) (hfconfig.Config, error) {
	heads := a.Int("num_attention_heads", 0)
	cfg := hfconfig.Config{
		Family: f.Name, ModelType: f.ModelType, Arch: f.Architecture,
		NumLayers: a.Int("num_layers", 0), Hidden: a.Int("hidden_size", 0), FFN: a.Int("ffn_hidden_size", 0),
		NumHeads: heads, NumKVHeads: heads,
		Vocab:         a.Int("vocab_size", a.Int("padded_vocab_size", 0)),
		MaxPositions:  a.Int("max_position_embeddings", a.Int("seq_length", 0)),
		NormEps:       a.Float("norm_epsilon", 1e-5),
		RopeBase:      a.Float("rotary_base", f.RopeBase),
		SlidingWindow: a.Int("sliding_window", 0),
		Activation:    "silu",
		QKVBias:       a.Bool("add_qkv_bias", false) || a.Bool("add_bias_linear", false),
		OutBias:       a.Bool("add_dense_bias", false) || a.Bool("add_bias_linear", false),
		MLPBias:       a.Bool("add_bias_linear", false),
		TieEmbeddings: !a.Bool("untie_embeddings_and_output_weights", false),
		PAD:           -1,
	}
	if a.Bool("group_query_attention", false) {
		cfg.NumKVHeads = a.Int("num_query_groups", heads)
	}
	if heads > 0 {
		cfg.HeadDim = a.Int("kv_channels", cfg.Hidden/heads)
	}
	if v, ok := a.Value("params_dtype"); ok {
		if g, ok := v.(torchpt.Global); ok {
			cfg.DType = g.Name
		}
	}
	return cfg, cfg.Check()
}

// agree refuses a template of another model.
func agree(a megatron.Args, cfg hfconfig.Config) error {
	for _, c := range []struct {
		arg  string
		want int
	}{
		{"num_layers", cfg.NumLayers}, {"hidden_size", cfg.Hidden}, {"ffn_hidden_size", cfg.FFN}, {"num_attention_heads", cfg.NumHeads},
	} {
		if have := a.Int(c.arg, c.want); have != c.want {
			return fmt.Errorf("args.%s is %d, but the config of the template says %d: is the template of another model?", c.arg, have, c.want)
		}
	}
	return nil
}

// configText is a config as one line of JSON for the arguments.
func configText(cfg hfconfig.Config) (string, error) {
	text, err := cfg.JSON()
	if err != nil {
		return "", err
	}
	var doc any
	if err := json.Unmarshal(text, &doc); err != nil {
		return "", err
	}
	out, err := json.Marshal(doc)
	return string(out), err
}
