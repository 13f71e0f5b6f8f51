package trainer

import (
	"context"
	"fmt"

	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/ascend/op"
	"github.com/belay-ml/belay/models/ckpt"
	"github.com/belay-ml/belay/models/convert"
	"github.com/belay-ml/belay/models/decoder"
)

// Loaded is a model ready to train and what its checkpoint said.
type Loaded struct {
	Model *decoder.Model
	Meta  convert.Meta
}

// Load opens a checkpoint of any format; adapters in it are merged into the weights.
func Load(be op.Backend, dir string) (Loaded, error) {
	src, meta, err := convert.OpenCanonical(dir, convert.OpenOptions{Merge: true})
	if err != nil {
		return Loaded{}, err
	}
	defer src.Close()
	m, err := decoder.New(be, meta.Config)
	if err != nil {
		return Loaded{}, fmt.Errorf("open %s: %w", dir, err)
	}
	if err := m.Load(src); err != nil {
		return Loaded{}, fmt.Errorf("open %s: %w", dir, err)
	}
	return Loaded{Model: m, Meta: meta}, nil
}

// Save writes the model as a Megatron-Core checkpoint, with its adapters where it has some.
func (l Loaded) Save(ctx context.Context, dir string, lay Layout, iteration, workers int) error {
	dt := l.Meta.DType
	if lay.DType != "" {
		var err error
		if dt, err = convert.ParseDType(lay.DType); err != nil {
			return err
		}
	}
	if dt == dtype.Invalid || dt == dtype.F64 {
		dt = dtype.F32
	}
	to := l.Meta.Layout
	to.EP = 1
	if lay.TP > 0 {
		to.TP = lay.TP
	}
	if lay.PP > 0 && lay.PP != to.PP {
		to.PP, to.NumLayerList, to.NumLayersPerVirtualStage = lay.PP, nil, 0
	}
	src := l.Model.ExportAs(dt)
	opt := convert.WriteOptions{To: convert.Mcore, Layout: to, Iteration: iteration, Workers: workers}
	if cfg, ok := l.Model.LoRA(); ok {
		adapters, err := l.Model.ExportAdapters(dt)
		if err != nil {
			return err
		}
		if src, err = ckpt.Join(src, adapters); err != nil {
			return err
		}
		opt.Args = map[string]any{"lora_alpha": cfg.Alpha}
	}
	_, err := convert.Write(ctx, src, l.Meta.Config, dir, opt)
	return err
}
