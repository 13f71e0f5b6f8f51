package convert

import (
	"slices"
	"strconv"
	"strings"

	"github.com/belay-ml/belay/models/family"
	"github.com/belay-ml/belay/models/hfconfig"
)

// model is a family at the sizes of a config.
type model struct {
	f          *family.Family
	cfg        hfconfig.Config
	plain, moe family.Features // of layers without and with experts
}

// newModel reads the features; grouped says that a checkpoint holds the experts of a rank in one tensor.
func newModel(f *family.Family, cfg hfconfig.Config, grouped bool) model {
	feat := family.FeaturesOf(cfg).With("grouped", grouped)
	return model{f: f, cfg: cfg, plain: feat, moe: feat.With("moe", true)}
}

// features are those of a layer, counted over the whole model; -1 is outside the layers.
func (m model) features(layer int) family.Features {
	if layer >= 0 && m.cfg.ExpertLayer(layer) {
		return m.moe
	}
	return m.plain
}

// holds says whether a layer stores by a rule: its conditions hold, and it has the rule's tensors.
func (m model) holds(r family.Rule, layer int) bool {
	feat := m.features(layer)
	if !feat.Holds(r.If) {
		return false
	}
	for _, from := range r.From {
		if t, ok := m.f.TensorNamed(from); !ok || !feat.Holds(t.If) {
			return false
		}
	}
	return true
}

// slot is an expected canonical tensor.
type slot struct {
	family.Tensor
	name  string // with the numbers of layer and expert in it
	layer int    // -1 outside the layers
	shape []int
}

// at puts the numbers of a layer and an expert into a name.
func at(name string, layer, expert int) string {
	if layer >= 0 {
		name = strings.Replace(name, family.Layer, strconv.Itoa(layer), 1)
	}
	if expert >= 0 {
		name = strings.Replace(name, family.Expert, strconv.Itoa(expert), 1)
	}
	return name
}

// layered says whether a name has the layer placeholder, experted whether it has the expert's.
func layered(name string) bool  { return strings.Contains(name, family.Layer) }
func experted(name string) bool { return strings.Contains(name, family.Expert) }

// shapeOf gives the full canonical shape of a tensor.
func (m model) shapeOf(t family.Tensor) []int {
	c := m.cfg
	out := make([]int, len(t.Shape))
	for i, s := range t.Shape {
		switch s {
		case "hidden":
			out[i] = c.Hidden
		case "q":
			out[i] = c.NumHeads * c.HeadDim
		case "kv":
			out[i] = c.NumKVHeads * c.HeadDim
		case "ffn":
			out[i] = c.FFN
		case "vocab":
			out[i] = c.Vocab
		case "head_dim":
			out[i] = c.HeadDim
		case "positions":
			out[i] = c.MaxPositions
		case "experts":
			out[i] = c.MoE.Experts
		case "moe_ffn":
			out[i] = c.MoE.FFN
		case "shared_ffn":
			out[i] = c.SharedFFN()
		case "q_lora":
			out[i] = c.MLA.QLoRA
		case "kv_lora":
			out[i] = c.MLA.KVLoRA
		case "kv_a":
			out[i] = c.MLA.KVLoRA + c.MLA.RopeDim
		case "mla_kv":
			out[i] = c.NumHeads * (c.MLA.NopeDim + c.MLA.VDim)
		case "attn_out":
			out[i] = c.NumHeads * c.HeadDim
			if c.MLA.KVLoRA > 0 {
				out[i] = c.NumHeads * c.MLA.VDim
			}
		}
	}
	return out
}

// runs groups what is stored expert by expert: the members of a run take turns for each expert.
func runs[T any](all []T, name func(T) string) [][]T {
	var out [][]T
	for i, x := range all {
		if i > 0 && experted(name(x)) && experted(name(all[i-1])) {
			out[len(out)-1] = append(out[len(out)-1], x)
			continue
		}
		out = append(out, []T{x})
	}
	return out
}

// slots lists the canonical tensors of the model in canonical order, optional ones included.
func (m model) slots() []slot {
	var layerTensors []family.Tensor
	for _, t := range m.f.Canonical {
		if layered(t.Name) {
			layerTensors = append(layerTensors, t)
		}
	}
	groups := runs(layerTensors, func(t family.Tensor) string { return t.Name })
	var out []slot
	add := func(t family.Tensor, layer, expert int) {
		if m.features(layer).Holds(t.If) {
			out = append(out, slot{t, at(t.Name, layer, expert), layer, m.shapeOf(t)})
		}
	}
	done := false
	for _, t := range m.f.Canonical {
		if !layered(t.Name) {
			add(t, -1, -1)
			continue
		}
		if done {
			continue
		}
		done = true // the layers stand where the first tensor of a layer stands
		for l := range m.cfg.NumLayers {
			for _, group := range groups {
				n := 1
				if experted(group[0].Name) {
					n = m.cfg.MoE.Experts
				}
				for e := range n {
					for _, t := range group {
						add(t, l, e)
					}
				}
			}
		}
	}
	return out
}

// lacking names a canonical tensor of the model that a format has no place for, and "" when it has all.
func (m model) lacking(format *family.Format) string {
	layers := []int{-1}
	for l := range m.cfg.NumLayers {
		if l == 0 || m.cfg.ExpertLayer(l) != m.cfg.ExpertLayer(l-1) {
			layers = append(layers, l)
		}
	}
	for _, t := range m.f.Canonical {
		for _, l := range layers {
			if layered(t.Name) != (l >= 0) || !m.features(l).Holds(t.If) {
				continue
			}
			if !slices.ContainsFunc(format.Rules, func(r family.Rule) bool {
				return r.When == "" && slices.Contains(r.From, t.Name) && m.holds(r, l)
			}) {
				return t.Name
			}
		}
	}
	return ""
}
