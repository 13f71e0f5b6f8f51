package convert

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/models/ckpt"
	"github.com/belay-ml/belay/models/hfconfig"
)

// scaleSuffix ends the name of the tensor that scales blocks of an 8-bit weight, after the weight's name.
const scaleSuffix = "_scale_inv"

// scaledView shows 8-bit weights with a scale for each block, as DeepSeek V3 is published, as bfloat16:
// each element times its block's scale in float32, rounded once.
type scaledView struct {
	ckpt.Source
	block  [2]int // rows and columns of a block
	infos  []ckpt.Info
	scaled map[string][2]ckpt.Info // weight and scale, by the weight's name
}

// withScales is src with its scales applied, and whether there were any. The config then no
// longer says that they are 8-bit.
func withScales(src ckpt.Source, cfg *hfconfig.Config) (ckpt.Source, bool, error) {
	infos := map[string]ckpt.Info{}
	for _, i := range src.List() {
		infos[i.Name] = i
	}
	v := &scaledView{Source: src, block: blockSize(cfg.Raw), scaled: map[string][2]ckpt.Info{}}
	for name, scale := range infos {
		weight, ok := strings.CutSuffix(name, scaleSuffix)
		if !ok {
			continue
		}
		w, ok := infos[weight]
		switch {
		case !ok:
			return nil, false, fmt.Errorf("tensor %s scales %s, which is not there", name, weight)
		case w.DType != dtype.F8E4M3 || len(w.Shape) != 2 || scale.DType != dtype.F32:
			return nil, false, fmt.Errorf("tensor %s is %v %v with scales of %v: F8_E4M3 matrices with F32 scales are read", weight, w.DType, w.Shape, scale.DType)
		}
		want := []int{(w.Shape[0] + v.block[0] - 1) / v.block[0], (w.Shape[1] + v.block[1] - 1) / v.block[1]}
		if !slices.Equal(scale.Shape, want) {
			return nil, false, fmt.Errorf("tensor %s: shape %v, blocks of %v of %v need %v", name, scale.Shape, v.block, w.Shape, want)
		}
		v.scaled[weight] = [2]ckpt.Info{w, scale}
	}
	if len(v.scaled) == 0 {
		return src, false, nil
	}
	for _, i := range src.List() {
		if _, ok := v.scaled[strings.TrimSuffix(i.Name, scaleSuffix)]; ok && strings.HasSuffix(i.Name, scaleSuffix) {
			continue
		}
		if _, ok := v.scaled[i.Name]; ok {
			i.DType = dtype.BF16
		}
		v.infos = append(v.infos, i)
	}
	unquantised(cfg)
	return v, true, nil
}

// unquantised is a config whose weights are no longer in 8-bit blocks.
func unquantised(cfg *hfconfig.Config) {
	if cfg.Raw["quantization_config"] == nil {
		return
	}
	cfg.Raw = maps.Clone(cfg.Raw)
	delete(cfg.Raw, "quantization_config")
}

// blockSize reads quantization_config.weight_block_size; blocks are of 128 by 128 without it.
func blockSize(raw map[string]any) [2]int {
	out := [2]int{128, 128}
	q, _ := raw["quantization_config"].(map[string]any)
	list, _ := q["weight_block_size"].([]any)
	if len(list) == 2 {
		for i, v := range list {
			if n, ok := v.(json.Number); ok {
				if k, err := n.Int64(); err == nil && k > 0 && k < 1<<20 {
					out[i] = int(k)
				}
			}
		}
	}
	return out
}

func (v *scaledView) List() []ckpt.Info { return slices.Clone(v.infos) }

func (v *scaledView) Bytes(name string) ([]byte, error) {
	pair, ok := v.scaled[name]
	b, err := v.Source.Bytes(name)
	if !ok || err != nil {
		return b, err
	}
	scales, err := v.Source.Bytes(pair[1].Name)
	if err != nil {
		return nil, err
	}
	var table [256]float32
	for i := range table {
		table[i] = dtype.F8E4M3ToF32(uint8(i))
	}
	rows, cols, across := pair[0].Shape[0], pair[0].Shape[1], pair[1].Shape[1]
	out := make([]byte, 2*len(b))
	for r := range rows {
		line := scales[4*(r/v.block[0])*across:]
		for c := range cols {
			x := table[b[r*cols+c]] * load(line[4*(c/v.block[1]):], dtype.F32)
			store(out[2*(r*cols+c):], dtype.BF16, x)
		}
	}
	return out, nil
}
