package convert

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/belay-ml/belay/models/family"
)

// cut says how a canonical tensor is spread over tp tensor-parallel ranks.
type cut struct {
	split  string // family.Rows, family.Columns, or "" for a copy on every rank
	tp     int
	copies int // ranks in a row that hold the same shard
}

// cutOf is a tensor's cut. When there are more ranks than key and value heads, each head goes to as many
// ranks as share its queries: rank t takes head t*heads/tp, as Megatron assigns them.
func (m model) cutOf(t family.Tensor, tp int) cut {
	c := cut{split: t.Split, tp: tp, copies: 1}
	if heads := m.cfg.NumKVHeads; t.Shape[0] == "kv" && tp > heads && tp%heads == 0 {
		c.copies = tp / heads
	}
	return c
}

// shape is that of one shard.
func (c cut) shape(whole []int) ([]int, error) {
	axis := 0
	switch c.split {
	case "":
		return whole, nil
	case family.Columns:
		axis = 1
	}
	n := c.tp / c.copies
	if whole[axis]%n != 0 {
		return nil, fmt.Errorf("axis %d of %v is not divisible by tensor parallel size %d", axis, whole, n)
	}
	out := slices.Clone(whole)
	out[axis] /= n
	return out, nil
}

// whole turns a shard's shape into that of the tensor.
func (c cut) whole(shard []int) []int {
	out := slices.Clone(shard)
	switch c.split {
	case family.Rows:
		out[0] *= c.tp / c.copies
	case family.Columns:
		out[1] *= c.tp / c.copies
	}
	return out
}

// shard cuts the part of rank t.
func (c cut) shard(b Block, t int) Block {
	n := c.tp / c.copies
	t /= c.copies
	switch {
	case n == 1:
	case c.split == family.Columns:
		w := b.Shape[1] / n
		return b.columns(t*w, (t+1)*w)
	case c.split == family.Rows:
		h := b.Shape[0] / n
		return b.rows(t*h, (t+1)*h)
	}
	return b
}

// join puts the shards of all ranks together, checks that copies agree, and drops them.
func (c cut) join(parts []Block) (Block, error) {
	if c.copies > 1 {
		var kept []Block
		for i, p := range parts {
			first := i - i%c.copies
			if i == first {
				kept = append(kept, p)
			} else if !bytes.Equal(p.Data, parts[first].Data) {
				return Block{}, fmt.Errorf("the copies on tensor parallel ranks %d and %d differ", first, i)
			}
		}
		parts = kept
	}
	switch c.split {
	case family.Rows:
		return joinRows(parts), nil
	case family.Columns:
		return joinColumns(parts), nil
	}
	return parts[0], nil
}
