package convert

import (
	"bytes"
	"fmt"

	"github.com/belay-ml/belay/models/ckpt"
)

// unpack is how one canonical tensor comes out of stored pieces.
type unpack struct {
	info   ckpt.Info
	cuts   []cut // of each part
	pieces []piece
	twins  []piece // copies on further expert-parallel ranks
	chain  chain
	env    Env
	shapes [][]int // canonical shapes of all parts of one piece
	part   int     // -1: all parts, one below the other (the B matrix of an adapter)
	all    gather  // what the pieces hold beside this tensor's expert
	expert int     // number among those
}

// checked is the size up to which copies on several ranks are compared. Larger ones are those of latent
// attention; comparing them would read a checkpoint several times.
const checked = 1 << 20

// block unpacks and joins the pieces.
func (u unpack) block() (Block, error) {
	count := 1
	if u.part < 0 {
		count = len(u.shapes)
	}
	whole := make([]Block, count) // the joined parts asked for
	for k := range count {
		part := u.part
		if part < 0 {
			part = k
		}
		c := u.cuts[part]
		pieces := u.pieces
		if c.split == "" {
			if err := u.agree(part); err != nil {
				return Block{}, err
			}
			pieces = pieces[:1]
		}
		var shards []Block
		for _, p := range pieces {
			b, err := u.shard(p, part)
			if err != nil {
				return Block{}, err
			}
			shards = append(shards, b)
		}
		var err error
		if whole[k], err = c.join(shards); err != nil {
			return Block{}, err
		}
	}
	return joinRows(whole), nil
}

// shard unpacks a part of one piece.
func (u unpack) shard(p piece, part int) (Block, error) {
	data, err := p.load()
	if err != nil {
		return Block{}, err
	}
	b := Block{Shape: p.Shape, Size: p.DType.Size(), Data: data}
	if u.all.axis != "" {
		one, err := u.chain.shape(u.env, u.shapes)
		if err != nil {
			return Block{}, err
		}
		b = u.all.one(b, one, u.expert)
	}
	return u.chain.inverse(u.env, b, u.shapes, part)
}

// agree compares the copies of a small part that every rank should have.
func (u unpack) agree(part int) error {
	if len(u.pieces)+len(u.twins) == 1 || u.info.Size() > checked {
		return nil
	}
	first, err := u.shard(u.pieces[0], part)
	if err != nil {
		return err
	}
	same := func(p piece, what string, rank int) error {
		b, err := u.shard(p, part)
		if err == nil && !bytes.Equal(b.Data, first.Data) {
			err = fmt.Errorf("the copy on %s parallel rank %d differs from that on rank 0", what, rank)
		}
		return err
	}
	for t, p := range u.pieces[1:] {
		if err := same(p, "tensor", t+1); err != nil {
			return err
		}
	}
	for e, p := range u.twins {
		if err := same(p, "expert", e+1); err != nil {
			return err
		}
	}
	return nil
}
