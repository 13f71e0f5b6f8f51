package convert

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/belay-ml/belay/models/family"
	"github.com/belay-ml/belay/models/hfconfig"
)

// slot is an expected canonical tensor.
type slot struct {
	family.Tensor
	name  string // with the layer number in it
	layer int    // -1 outside the layers
	shape []int
}

// at puts a layer number into a name.
func at(name string, layer int) string {
	return strings.Replace(name, family.Layer, strconv.Itoa(layer), 1)
}

// layered says whether a name has the layer placeholder.
func layered(name string) bool { return strings.Contains(name, family.Layer) }

// shapeOf gives the full canonical shape of a tensor.
func shapeOf(t family.Tensor, cfg hfconfig.Config) []int {
	out := make([]int, len(t.Shape))
	for i, s := range t.Shape {
		switch s {
		case "hidden":
			out[i] = cfg.Hidden
		case "q":
			out[i] = cfg.NumHeads * cfg.HeadDim
		case "kv":
			out[i] = cfg.NumKVHeads * cfg.HeadDim
		case "ffn":
			out[i] = cfg.FFN
		case "vocab":
			out[i] = cfg.Vocab
		}
	}
	return out
}

// slots lists the canonical tensors of a model in canonical order, optional ones included.
func slots(f *family.Family, cfg hfconfig.Config) []slot {
	var out []slot
	done := false
	for _, t := range f.Canonical {
		if !layered(t.Name) {
			out = append(out, slot{t, t.Name, -1, shapeOf(t, cfg)})
			continue
		}
		if done {
			continue
		}
		done = true // the layers stand where the first tensor of a layer stands
		for l := range cfg.NumLayers {
			for _, t := range f.Canonical {
				if layered(t.Name) {
					out = append(out, slot{t, at(t.Name, l), l, shapeOf(t, cfg)})
				}
			}
		}
	}
	return out
}

// shardShape is the shape of one of tp shards.
func shardShape(shape []int, split string, tp int) ([]int, error) {
	axis := 0
	switch split {
	case "":
		return shape, nil
	case family.Columns:
		axis = 1
	}
	if shape[axis]%tp != 0 {
		return nil, fmt.Errorf("axis %d of %v is not divisible by tensor parallel size %d", axis, shape, tp)
	}
	out := slices.Clone(shape)
	out[axis] /= tp
	return out, nil
}

// shard cuts shard t of tp from a whole tensor.
func shard(b Block, split string, t, tp int) Block {
	if split == "" || tp == 1 {
		return b
	}
	if split == family.Columns {
		n := b.Shape[1] / tp
		return b.columns(t*n, (t+1)*n)
	}
	n := b.Shape[0] / tp
	return b.rows(t*n, (t+1)*n)
}

// join puts the shards of all tensor-parallel ranks together.
func join(parts []Block, split string) Block {
	switch split {
	case family.Rows:
		return joinRows(parts)
	case family.Columns:
		return joinColumns(parts)
	}
	return parts[0]
}
