package convert

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/belay-ml/belay/models/ckpt"
)

// rankCopy is a copy of another rank's tensor: those outside the experts are on every expert-parallel rank.
type rankCopy struct {
	of    int // tensor-parallel rank
	where string
	piece
}

// compareCopies compares the copies of every tensor on all ranks that hold one, whatever their size. Reading a tensor
// compares small ones only, and those of tensor-parallel rank 0.
func compareCopies(ctx context.Context, s *stored, v *view, workers int) error {
	g, inner := errgroup.WithContext(ctx)
	g.SetLimit(max(workers, 1))
	for _, name := range s.names {
		for _, c := range s.copies[name] {
			g.Go(func() error {
				if err := inner.Err(); err != nil {
					return err
				}
				return c.compare(name, s.pieces[name][c.of], s.place[name])
			})
		}
	}
	for _, i := range v.infos {
		u := v.index[i.Name]
		parts := []int{u.part}
		if u.part < 0 {
			parts = parts[:0]
			for k := range u.shapes {
				parts = append(parts, k)
			}
		}
		for _, part := range parts {
			if u.cuts[part].split != "" || len(u.pieces) == 1 {
				continue
			}
			g.Go(func() error {
				if err := inner.Err(); err != nil {
					return err
				}
				u := u
				u.info = ckpt.Info{DType: u.info.DType, Shape: []int{0}} // as small as it takes to be compared
				if err := u.agree(part); err != nil {
					return fmt.Errorf("tensor %s: %w", i.Name, err)
				}
				return nil
			})
		}
	}
	return g.Wait()
}

func (c rankCopy) compare(name string, first piece, where string) error {
	a, err := first.load()
	if err != nil {
		return err
	}
	b, err := c.load()
	if err != nil {
		return err
	}
	if !bytes.Equal(a, b) {
		return fmt.Errorf("tensor %s: the copy in %s differs from that of the same tensor parallel rank in expert parallel rank 0 (beside %s)", name, c.where, where)
	}
	return nil
}

// sameForm says whether a copy has the type and shape of the original.
func (c rankCopy) sameForm(first piece) bool {
	return c.DType == first.DType && slices.Equal(c.Shape, first.Shape)
}
