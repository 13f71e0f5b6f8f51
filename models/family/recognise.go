package family

import (
	"fmt"
	"slices"
	"strings"

	"github.com/belay-ml/belay/models/hfconfig"
)

// fields are the config fields that Match.Where may name.
var fields = [...]string{
	"rope_base", "rope_scaling", "rope_factor", "vocab", "norm_eps", "max_positions", "num_layers", "hidden", "ffn", "grouped_query", "tie_embeddings",
	"qkv_bias", "norm_head", "experts", "q_lora",
}

func field(cfg hfconfig.Config, name string) any {
	switch name {
	case "rope_base":
		return cfg.RopeBase
	case "rope_scaling":
		if cfg.RopeScaling == nil {
			return "none"
		}
		return cfg.RopeScaling.Kind
	case "rope_factor":
		if cfg.RopeScaling == nil {
			return 1.0
		}
		return cfg.RopeScaling.Factor
	case "ffn":
		return cfg.FFN
	case "norm_head":
		return cfg.NormHead
	case "experts":
		return cfg.MoE.Experts > 0
	case "q_lora":
		return cfg.MLA.QLoRA > 0
	case "vocab":
		return cfg.Vocab
	case "norm_eps":
		return cfg.NormEps
	case "max_positions":
		return cfg.MaxPositions
	case "num_layers":
		return cfg.NumLayers
	case "hidden":
		return cfg.Hidden
	case "grouped_query":
		return cfg.NumKVHeads != cfg.NumHeads
	case "tie_embeddings":
		return cfg.TieEmbeddings
	case "qkv_bias":
		return cfg.QKVBias
	}
	return nil
}

// equal compares a config value with a YAML one; YAML writes 1e6 and 1000000 alike.
func equal(have, want any) bool {
	number := func(v any) (float64, bool) {
		switch x := v.(type) {
		case int:
			return float64(x), true
		case float64:
			return x, true
		}
		return 0, false
	}
	if a, ok := number(have); ok {
		b, ok := number(want)
		return ok && a == b
	}
	return have == want
}

// score is the number of conditions that hold, or -1 when one does not.
func (m Match) score(cfg hfconfig.Config) int {
	switch {
	case cfg.Arch != "" && slices.Contains(m.Architectures, cfg.Arch):
	case cfg.Arch == "" && slices.Contains(m.ModelTypes, cfg.ModelType):
	default:
		return -1
	}
	for name, accepted := range m.Where {
		have := field(cfg, name)
		if !slices.ContainsFunc(accepted, func(want any) bool { return equal(have, want) }) {
			return -1
		}
	}
	return len(m.Where)
}

// Recognise finds the family of a config: the match with the most conditions, the first in the
// alphabet among equals.
func (r *Registry) Recognise(cfg hfconfig.Config) (*Family, error) {
	var best *Family
	top := -1
	for _, name := range r.Names() {
		for _, m := range r.families[name].Match {
			if s := m.score(cfg); s > top {
				best, top = r.families[name], s
			}
		}
	}
	if best == nil {
		return nil, fmt.Errorf("no family has architecture %q (model_type %q): known families are %s; others can be described in a --family-dir",
			cfg.Arch, cfg.ModelType, strings.Join(r.Names(), ", "))
	}
	return best, nil
}
