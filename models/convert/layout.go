package convert

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/belay-ml/belay/models/hfconfig"
)

// Layout is how a Megatron checkpoint is spread over ranks.
type Layout struct {
	TP, PP, EP               int
	NumLayersPerVirtualStage int   // layers of a virtual pipeline chunk; 0 without virtual pipelines
	NumLayerList             []int // layers of each pipeline stage; nil for equal stages
	NoopLayers               []int // places, counted over the whole model, whose layer does nothing and has no weights
}

// Whole is the layout of one rank.
func Whole() Layout { return Layout{TP: 1, PP: 1, EP: 1} }

// filled replaces zero sizes by one.
func (l Layout) filled() Layout {
	l.TP, l.PP, l.EP = max(l.TP, 1), max(l.PP, 1), max(l.EP, 1)
	return l
}

// ParseNumLayerList reads Megatron's spelling, "1,3,4".
func ParseNumLayerList(text string) ([]int, error) {
	if text == "" {
		return nil, nil
	}
	var out []int
	for _, s := range strings.Split(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(s))
		if err != nil || n < 1 {
			return nil, fmt.Errorf("num_layer_list %q: %q is not a number of layers", text, s)
		}
		out = append(out, n)
	}
	return out, nil
}

// ParseNoopLayers reads Megatron's spelling, "0,47": places in rising order.
func ParseNoopLayers(text string) ([]int, error) {
	if text == "" {
		return nil, nil
	}
	var out []int
	for _, s := range strings.Split(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(s))
		if err != nil || n < 0 {
			return nil, fmt.Errorf("noop_layers %q: %q is not the number of a layer", text, s)
		}
		out = append(out, n)
	}
	slices.Sort(out)
	if len(slices.Compact(slices.Clone(out))) != len(out) {
		return nil, fmt.Errorf("noop_layers %q: a layer is named twice", text)
	}
	return out, nil
}

// noopText is NoopLayers in Megatron's spelling.
func (l Layout) noopText() string {
	var parts []string
	for _, n := range l.NoopLayers {
		parts = append(parts, strconv.Itoa(n))
	}
	return strings.Join(parts, ",")
}

// total is the number of places for layers: those of the model and those that do nothing.
func (l Layout) total(cfg hfconfig.Config) int { return cfg.NumLayers + len(l.NoopLayers) }

// places gives the place of each of the model's layers.
func (l Layout) places(cfg hfconfig.Config) []placed {
	all := l.placement(l.total(cfg))
	var out []placed
	for i, p := range all {
		if !slices.Contains(l.NoopLayers, i) {
			out = append(out, p)
		}
	}
	return out
}

// listText is NumLayerList in Megatron's spelling.
func (l Layout) listText() string {
	var parts []string
	for _, n := range l.NumLayerList {
		parts = append(parts, strconv.Itoa(n))
	}
	return strings.Join(parts, ",")
}

// check refuses layouts that the model does not fit.
func (l Layout) check(cfg hfconfig.Config) error {
	n, heads := l.total(cfg), cfg.NumKVHeads
	what := fmt.Sprintf("the %d layers", n)
	if len(l.NoopLayers) > 0 {
		what = fmt.Sprintf("the %d layers (%d of them noop)", n, len(l.NoopLayers))
		if last := l.NoopLayers[len(l.NoopLayers)-1]; last >= n {
			return fmt.Errorf("noop_layers %s: with them there are %d layers, so the last is %d", l.noopText(), n, n-1)
		}
	}
	switch experts := cfg.MoE.Experts; {
	case l.EP > 1 && experts == 0:
		return fmt.Errorf("ep %d: family %s has no experts to spread: leave ep at 1", l.EP, cfg.Family)
	case l.EP > 1 && experts%l.EP != 0:
		return fmt.Errorf("ep %d does not divide the %d experts", l.EP, experts)
	case cfg.NumHeads%l.TP != 0:
		return fmt.Errorf("tp %d does not divide num_attention_heads %d", l.TP, cfg.NumHeads)
	case cfg.MLA.KVLoRA == 0 && heads%l.TP != 0 && l.TP%heads != 0:
		return fmt.Errorf("tp %d neither divides the %d key/value groups nor is a multiple of them", l.TP, heads)
	case cfg.FFN%l.TP != 0 && cfg.HasDenseLayers():
		return fmt.Errorf("tp %d does not divide ffn_hidden_size %d", l.TP, cfg.FFN)
	case experts > 0 && (cfg.MoE.FFN%l.TP != 0 || cfg.SharedFFN()%l.TP != 0):
		return fmt.Errorf("tp %d does not divide the width of an expert, %d", l.TP, cfg.MoE.FFN)
	}
	switch {
	case l.NumLayerList != nil:
		sum := 0
		for _, k := range l.NumLayerList {
			if k < 1 {
				return fmt.Errorf("num_layer_list %s: a stage needs at least one layer", l.listText())
			}
			sum += k
		}
		switch {
		case l.NumLayersPerVirtualStage > 0:
			return fmt.Errorf("num_layer_list and num_layers_per_virtual_pipeline_stage exclude each other: give one of them")
		case l.PP < 2:
			return fmt.Errorf("num_layer_list %s needs pp > 1", l.listText())
		case len(l.NumLayerList) != l.PP:
			return fmt.Errorf("num_layer_list %s has %d stages, pp is %d", l.listText(), len(l.NumLayerList), l.PP)
		case sum != n:
			return fmt.Errorf("num_layer_list %s sums to %d, the model has %d layers", l.listText(), sum, n)
		}
	case n%l.PP != 0:
		return fmt.Errorf("pp %d does not divide %s: give the stages with num_layer_list, for example %q", l.PP, what, evenish(n, l.PP))
	case l.NumLayersPerVirtualStage > 0:
		switch {
		case l.PP < 2:
			return fmt.Errorf("num_layers_per_virtual_pipeline_stage %d needs pp > 1", l.NumLayersPerVirtualStage)
		case n/l.PP%l.NumLayersPerVirtualStage != 0:
			return fmt.Errorf("num_layers_per_virtual_pipeline_stage %d does not divide the %d layers of a stage", l.NumLayersPerVirtualStage, n/l.PP)
		}
	}
	return nil
}

// evenish is the nearest to equal stages, as a hint.
func evenish(layers, pp int) string {
	l := Layout{}
	for p := range pp {
		l.NumLayerList = append(l.NumLayerList, (layers+pp-1-p)/pp)
	}
	return l.listText()
}

// vpp is the number of chunks of a rank.
func (l Layout) vpp(layers int) int {
	if l.NumLayersPerVirtualStage == 0 {
		return 1
	}
	return layers / l.PP / l.NumLayersPerVirtualStage
}

// placed is where a layer lives.
type placed struct {
	stage, chunk int
	local        int // number within the chunk
}

// placement gives the place of every layer. Chunk v of stage p holds the run of layers that comes after
// all chunks of lower v and those of lower stages with the same v.
func (l Layout) placement(layers int) []placed {
	out := make([]placed, 0, layers)
	for v := range l.vpp(layers) {
		for p := range l.PP {
			n := layers / l.PP / l.vpp(layers)
			if l.NumLayerList != nil {
				n = l.NumLayerList[p]
			}
			for j := range n {
				out = append(out, placed{p, v, j})
			}
		}
	}
	return out
}
