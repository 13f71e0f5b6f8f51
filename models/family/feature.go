package family

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/belay-ml/belay/models/hfconfig"
)

// Features are what a model's layers have, by name.
type Features map[string]bool

// features are the names that `block:` and `if:` may use. moe is one of a layer: experts is one of the
// model. grouped is one of a checkpoint: its experts lie in one tensor.
var features = [...]string{
	"gated", "qkv_bias", "out_bias", "mlp_bias", "layer_norm", "embed_norm", "learned_positions", "qk_norm", "post_norms",
	"experts", "shared_experts", "router_bias", "mla", "q_lora", "moe", "grouped",
}

// blockFeatures are those that a config decides.
var blockFeatures = features[:len(features)-2]

// FeaturesOf reads a config. moe and grouped are left to the caller.
func FeaturesOf(c hfconfig.Config) Features {
	return Features{
		"gated": !c.Ungated, "qkv_bias": c.QKVBias, "out_bias": c.OutBias, "mlp_bias": c.MLPBias, "layer_norm": c.LayerNorm,
		"embed_norm": c.EmbedNorm, "learned_positions": c.Positions == "learned", "qk_norm": c.QKNorm, "post_norms": c.PostNorms,
		"experts": c.MoE.Experts > 0, "shared_experts": c.MoE.Shared > 0, "router_bias": c.MoE.RouterBias,
		"mla": c.MLA.KVLoRA > 0, "q_lora": c.MLA.QLoRA > 0,
	}
}

// With is a copy with one more feature.
func (s Features) With(name string, on bool) Features {
	out := maps.Clone(s)
	out[name] = on
	return out
}

// Holds says whether all conditions of an `if:` hold.
func (s Features) Holds(conditions []string) bool {
	for _, c := range conditions {
		name, not := strings.CutPrefix(c, "!")
		if s[name] == not {
			return false
		}
	}
	return true
}

// Contradicts says which fields of a config do not fit the family; nil when all do.
func (f *Family) Contradicts(c hfconfig.Config) error {
	have := FeaturesOf(c)
	var wrong []string
	for _, name := range blockFeatures {
		switch kind := f.Block[name]; {
		case kind == Always && !have[name]:
			wrong = append(wrong, "has "+words[name]+", the config says it does not")
		case kind == "" && have[name]:
			wrong = append(wrong, "has no "+words[name]+", the config says it does")
		}
	}
	if wrong == nil {
		return nil
	}
	return fmt.Errorf("config of %s (%s) contradicts family %s: the family %s", c.Arch, c.ModelType, f.Name, strings.Join(wrong, "; the family "))
}

// words are the features in plain language.
var words = map[string]string{
	"gated": "a gate in the MLP", "qkv_bias": "biases on q, k and v (qkv_bias)", "out_bias": "a bias on the attention output (out_bias)",
	"mlp_bias": "biases in the MLP (mlp_bias)", "layer_norm": "LayerNorm", "embed_norm": "a norm after the embedding",
	"learned_positions": "learned positions", "qk_norm": "norms on q and k", "post_norms": "norms after attention and MLP",
	"experts": "experts", "shared_experts": "shared experts", "router_bias": "a correction bias in the router",
	"mla": "latent attention (kv_lora_rank)", "q_lora": "a low-rank query (q_lora_rank)",
}

// may says whether conditions can hold in some layer of some model of the family.
func (f *Family) may(conditions []string) bool {
	for _, c := range conditions {
		name, not := strings.CutPrefix(c, "!")
		switch name {
		case "grouped":
			continue
		case "moe":
			name = "experts" // where they are always, they are in every layer
		}
		if kind := f.Block[name]; not && kind == Always || !not && kind == "" {
			return false
		}
	}
	return true
}

// checkConditions names unknown features.
func checkConditions(conditions []string) error {
	for _, c := range conditions {
		if name := strings.TrimPrefix(c, "!"); !slices.Contains(features[:], name) {
			return fmt.Errorf("unknown feature %q in `if:`: known are %s", name, strings.Join(features[:], ", "))
		}
	}
	return nil
}

// Shown is the family with only the tensors and rules that some model of it can have, and without
// Megatron-Legacy where that has no place for what every model has.
func (f *Family) Shown() *Family {
	out := *f
	out.Canonical = nil
	for _, t := range f.Canonical {
		if f.may(t.If) {
			out.Canonical = append(out.Canonical, t)
		}
	}
	out.HF, out.Legacy, out.Mcore = f.shown(f.HF), f.shown(f.Legacy), f.shown(f.Mcore)
	out.GGUF = f.shown(f.GGUF)
	if !f.legacyHolds() {
		out.Legacy = nil
	}
	return &out
}

func (f *Family) shown(format *Format) *Format {
	if format == nil {
		return nil
	}
	out := &Format{Ignore: format.Ignore, Prefix: format.Prefix, Also: format.Also}
	for _, r := range format.Rules {
		if f.may(r.If) && !slices.ContainsFunc(r.From, func(name string) bool {
			t, ok := f.TensorNamed(name)
			return !ok || !f.may(t.If)
		}) {
			out.Rules = append(out.Rules, r)
		}
	}
	return out
}

// legacyHolds says whether Megatron-Legacy has a place for every tensor that all models of the family
// have.
func (f *Family) legacyHolds() bool {
	if f.Legacy == nil {
		return false
	}
	for _, t := range f.Canonical {
		always := !t.Optional
		for _, c := range t.If {
			name, not := strings.CutPrefix(c, "!")
			if name == "moe" {
				name = "experts"
			}
			if kind := f.Block[name]; not && kind != "" || !not && kind != Always {
				always = false
			}
		}
		if always && !slices.ContainsFunc(f.Legacy.Rules, func(r Rule) bool { return slices.Contains(r.From, t.Name) }) {
			return false
		}
	}
	return true
}
