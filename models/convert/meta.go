package convert

import (
	"context"
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
	GGUF   Format = "gguf" // read only
)

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

	fam    *family.Family
	copies func(ctx context.Context, workers int) error // compares those of all ranks; nil where there are none
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
		unquantised(&cfg) // of the template's own weights
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

// familyOf is the family that the user names or that the config fits; either must agree with the config.
func familyOf(cfg hfconfig.Config, name string, reg *family.Registry) (*family.Family, error) {
	if name == "" {
		f, err := reg.Recognise(cfg)
		if err != nil {
			return nil, err
		}
		return f, f.Contradicts(cfg)
	}
	f, err := reg.Named(name)
	if err != nil {
		return nil, err
	}
	if err := f.Contradicts(cfg); err != nil {
		if right, rerr := reg.Recognise(cfg); rerr == nil && right != f && right.Contradicts(cfg) == nil {
			return nil, fmt.Errorf("%w: leave `family` out, the config is one of %s", err, right.Name)
		}
		return nil, err
	}
	return f, nil
}

// guess takes a family of the right block structure for a checkpoint that names none. Families of one
// structure store the same tensors, so a wrong member among them does no harm to a conversion.
func guess(c *megatron.Checkpoint, name string, reg *family.Registry) (*family.Family, string, error) {
	if name != "" {
		f, err := reg.Named(name)
		return f, "family " + name + " as given", err
	}
	name = guessed(c.Args)
	f, err := reg.Named(name)
	return f, fmt.Sprintf("the checkpoint does not name its family: its arguments fit %s", name), err
}

// guessed is the family that shows most plainly the structure that the arguments describe.
func guessed(a megatron.Args) string {
	_, experts := a.Value("num_experts")
	_, lowRank := a.Value("q_lora_rank")
	qkNorm := a.Bool("qk_layernorm", false)
	switch {
	case a.Bool("multi_head_latent_attention", false) && a.Bool("moe_router_enable_expert_bias", false):
		return "deepseek-v3"
	case a.Bool("multi_head_latent_attention", false) && lowRank:
		return "deepseek-v2"
	case a.Bool("multi_head_latent_attention", false):
		return "deepseek-v2-lite"
	case a.Bool("embed_layernorm", false):
		return "bloom"
	case !a.Bool("swiglu", false) && experts:
		return "gpt4"
	case !a.Bool("swiglu", false) && a.Bool("add_bias_linear", false) && a.Text("position_embedding_type", "") == "learned_absolute":
		return "gpt3"
	case !a.Bool("swiglu", false) || a.Text("normalization", "RMSNorm") != "RMSNorm":
		return "megatron-gpt"
	case a.Bool("post_norm", false) && experts:
		return "grok1"
	case a.Bool("post_norm", false) && qkNorm:
		return "gemma3"
	case a.Bool("post_norm", false):
		return "gemma2"
	case experts && qkNorm:
		return "qwen3-moe"
	case experts:
		return "mixtral"
	case qkNorm:
		return "qwen3"
	case a.Bool("add_qkv_bias", false) && !a.Bool("add_dense_bias", false) && !a.Bool("add_bias_linear", false):
		return "qwen2"
	}
	return "llama2"
}

// fromArgs makes a config of Megatron's arguments and of what the family's class adds to them.
func fromArgs(a megatron.Args, f *family.Family) (hfconfig.Config, error) {
	heads := a.Int("num_attention_heads", 0)
	noop, err := ParseNoopLayers(noopArg(a))
	if err != nil {
		return hfconfig.Config{}, err
	}
	linear := a.Bool("add_bias_linear", false)
	cfg := hfconfig.Config{
		Family: f.Name, ModelType: f.ModelType, Arch: f.Architecture,
		NumLayers: a.Int("num_layers", 0) - len(noop), Hidden: a.Int("hidden_size", 0), FFN: a.Int("ffn_hidden_size", 0),
		NumHeads: heads, NumKVHeads: heads,
		Vocab:         a.Int("vocab_size", a.Int("padded_vocab_size", 0)),
		MaxPositions:  a.Int("max_position_embeddings", a.Int("seq_length", 0)),
		NormEps:       a.Float("norm_epsilon", 1e-5),
		RopeBase:      a.Float("rotary_base", f.RopeBase),
		SlidingWindow: a.Int("sliding_window", 0),
		Activation:    "silu",
		QKVBias:       a.Bool("add_qkv_bias", false) || linear,
		OutBias:       a.Bool("add_dense_bias", false) || linear,
		MLPBias:       linear,
		TieEmbeddings: !a.Bool("untie_embeddings_and_output_weights", false),
		PAD:           -1,
		MLA: hfconfig.MLA{
			QLoRA: a.Int("q_lora_rank", 0), KVLoRA: a.Int("kv_lora_rank", 0), NopeDim: a.Int("qk_nope_head_dim", 0),
			RopeDim: a.Int("qk_rope_head_dim", 0), VDim: a.Int("v_head_dim", 0),
		},
		MoE: hfconfig.MoE{
			Experts: a.Int("num_experts", 0), TopK: a.Int("moe_router_topk", 0), FFN: a.Int("moe_intermediate_size", a.Int("moe_ffn_hidden_size", 0)),
			Shared: a.Int("n_shared_experts", 0), FirstDense: a.Int("first_k_dense_replace", 0), Freq: a.Int("moe_layer_freq", 0),
			Groups: a.Int("n_group", 0), TopKGroups: a.Int("topk_group", 0), NormTopK: a.Bool("norm_topk_prob", false), RoutedScale: a.Float("routed_scaling_factor", 0),
		},
	}
	cfg.LayerNorm, cfg.Ungated = a.Text("normalization", "RMSNorm") == "LayerNorm", !a.Bool("swiglu", true)
	cfg.Positions = map[string]string{"learned_absolute": "learned", "alibi": "alibi"}[a.Text("position_embedding_type", "rope")]
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
	if cfg, err = cfg.Completed(); err != nil {
		return cfg, err
	}
	return cfg, f.Contradicts(cfg)
}

// agree refuses a template of another model.
func agree(a megatron.Args, cfg hfconfig.Config) error {
	noop, err := ParseNoopLayers(noopArg(a))
	if err != nil {
		return err
	}
	for _, c := range []struct {
		arg  string
		want int
	}{
		{"num_layers", cfg.NumLayers + len(noop)}, {"hidden_size", cfg.Hidden}, {"ffn_hidden_size", cfg.FFN}, {"num_attention_heads", cfg.NumHeads},
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
