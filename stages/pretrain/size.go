package pretrain

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/belay-ml/belay/models/convert"
	"github.com/belay-ml/belay/models/hfconfig"
)

// Size describes a llama-shaped model that begins with random weights, under Megatron's names.
type Size struct {
	Family    string  `yaml:"family" doc:"model family; llama2 when left out"`
	Layers    int     `yaml:"num_layers" min:"1" doc:"transformer blocks"`
	Hidden    int     `yaml:"hidden_size" min:"1" doc:"width of the residual stream"`
	FFN       int     `yaml:"ffn_hidden_size" min:"1" doc:"width of one feed-forward branch"`
	Heads     int     `yaml:"num_attention_heads" min:"1" doc:"query heads"`
	Groups    int     `yaml:"num_query_groups" min:"1" doc:"key/value heads; as many as query heads when left out"`
	Vocab     int     `yaml:"vocab_size" min:"1" doc:"tokens of the vocabulary"`
	Positions int     `yaml:"max_position_embeddings" min:"1" doc:"longest sequence the model is made for; 2048 when left out"`
	NormEps   float64 `yaml:"norm_epsilon" min:"0" doc:"added to the mean square in norms; 1e-5 when left out"`
	RopeBase  float64 `yaml:"rotary_base" min:"0" doc:"base of rotary embedding; the family's when left out"`
	Tied      bool    `yaml:"tie_word_embeddings" doc:"one tensor for embedding and head"`
	EOS       int     `yaml:"eos_token_id" min:"-1" doc:"id that ends a text"`
}

// config is the model as a config.json of its family would describe it.
func (s Size) config() (hfconfig.Config, error) {
	var missing []string
	for name, v := range map[string]int{
		"num_layers": s.Layers, "hidden_size": s.Hidden, "ffn_hidden_size": s.FFN, "num_attention_heads": s.Heads, "vocab_size": s.Vocab,
	} {
		if v == 0 {
			missing = append(missing, "model."+name)
		}
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		return hfconfig.Config{}, fmt.Errorf("%s: a model needs its sizes", strings.Join(missing, ", "))
	}
	reg, err := convert.Families("")
	if err != nil {
		return hfconfig.Config{}, err
	}
	name := s.Family
	if name == "" {
		name = "llama2"
	}
	f, err := reg.Named(name)
	if err != nil {
		return hfconfig.Config{}, fmt.Errorf("model.family: %w", err)
	}
	if err := (hfconfig.Config{Arch: f.Architecture, ModelType: f.ModelType}).Plain(); err != nil {
		return hfconfig.Config{}, fmt.Errorf("model.family: %s: %w", name, err)
	}
	doc := map[string]any{
		"architectures": []string{f.Architecture}, "model_type": f.ModelType,
		"num_hidden_layers": s.Layers, "hidden_size": s.Hidden, "intermediate_size": s.FFN,
		"num_attention_heads": s.Heads, "num_key_value_heads": orElse(s.Groups, s.Heads),
		"vocab_size": s.Vocab, "max_position_embeddings": orElse(s.Positions, 2048),
		"rms_norm_eps": orElse(s.NormEps, 1e-5), "rope_theta": orElse(s.RopeBase, orElse(f.RopeBase, 10000)),
		"hidden_act": "silu", "tie_word_embeddings": s.Tied, "torch_dtype": "float32",
	}
	if s.EOS > 0 {
		doc["eos_token_id"] = s.EOS
	}
	text, err := json.Marshal(doc)
	if err != nil {
		return hfconfig.Config{}, err
	}
	cfg, err := hfconfig.Parse(text)
	if err != nil {
		return cfg, fmt.Errorf("model: %w", err)
	}
	cfg.Family = name
	return cfg, nil
}

func orElse[T int | float64](v, otherwise T) T {
	if v == 0 {
		return otherwise
	}
	return v
}
