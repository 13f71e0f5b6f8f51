package convert

import (
	"fmt"

	"github.com/belay-ml/belay/models/ckpt"
	"github.com/belay-ml/belay/models/family"
)

// stretched is a ckpt.Source that can give a tensor in stretches of bytes, one after the other, so that the shards of
// ranks need not be joined in memory.
type stretched interface {
	Stretches(name string) ([][]byte, error)
}

// stretches are a tensor's bytes, in one stretch where src knows no better.
func stretches(src ckpt.Source, name string) ([][]byte, error) {
	if s, ok := src.(stretched); ok {
		return s.Stretches(name)
	}
	b, err := src.Bytes(name)
	return [][]byte{b}, err
}

// Stretches are the shards of a tensor that is split by rows.
func (v *view) Stretches(name string) ([][]byte, error) {
	u, ok := v.index[name]
	if !ok || u.part < 0 || u.cuts[u.part].split != family.Rows || u.cuts[u.part].copies > 1 {
		b, err := v.Bytes(name)
		return [][]byte{b}, err
	}
	var out [][]byte
	for _, p := range u.pieces {
		b, err := u.shard(p, u.part)
		if err != nil {
			return nil, fmt.Errorf("read tensor %s: %w", name, err)
		}
		out = append(out, b.Data)
	}
	return out, nil
}

// Stretches cuts the last rows off, or adds the last one again and again.
func (v *vocabView) Stretches(name string) ([][]byte, error) {
	all, err := stretches(v.Source, name)
	i, ok := v.infos[name]
	if err != nil || !ok {
		return all, err
	}
	width := int(i.Size()) / max(i.Shape[0], 1)
	last := all[len(all)-1]
	if v.rows > i.Shape[0] && (width == 0 || len(last) < width) {
		b, err := v.Bytes(name)
		return [][]byte{b}, err
	}
	for n := i.Shape[0]; n < v.rows; n++ {
		all = append(all, last[len(last)-width:])
	}
	left := v.rows * width
	for k, b := range all {
		if len(b) >= left {
			all[k] = b[:left]
			return all[:k+1], nil
		}
		left -= len(b)
	}
	return all, nil
}
