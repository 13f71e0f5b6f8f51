package inference

import (
	"fmt"

	"github.com/belay-ml/belay/ascend/op"
	"github.com/belay-ml/belay/models/convert"
	"github.com/belay-ml/belay/models/decoder"
)

// Load builds on be the model of a checkpoint directory, of any format that package convert
// recognises, and gives what the checkpoint says about itself. Adapters in it are merged.
func Load(be op.Backend, dir string) (*decoder.Model, convert.Meta, error) {
	src, meta, err := convert.OpenCanonical(dir, convert.OpenOptions{Merge: true})
	if err != nil {
		return nil, convert.Meta{}, err
	}
	defer src.Close()
	m, err := decoder.New(be, meta.Config)
	if err != nil {
		return nil, convert.Meta{}, fmt.Errorf("open %s: %w", dir, err)
	}
	if err := m.Load(src); err != nil {
		return nil, convert.Meta{}, fmt.Errorf("open %s: %w", dir, err)
	}
	return m, meta, nil
}
