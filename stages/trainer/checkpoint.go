package trainer

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/models/ckpt"
	"github.com/belay-ml/belay/models/convert"
)

// Layout is how a checkpoint is cut into rank files.
type Layout struct {
	TP    int    `yaml:"tp" alias:"tensor_model_parallel_size" default:"0" min:"0" doc:"tensor parallel size of the saved checkpoint; 0 keeps the source's"`
	PP    int    `yaml:"pp" alias:"pipeline_model_parallel_size" default:"0" min:"0" doc:"pipeline parallel size of the saved checkpoint; 0 keeps the source's"`
	DType string `yaml:"dtype" alias:"params_dtype" default:"" enum:",fp32,bf16,fp16" doc:"element type of the saved weights; empty keeps the source's. Training computes in fp32"`
}

// Save writes the model as a Megatron-Core checkpoint, with its adapters where it has some. What the
// layout leaves open stays as in the source: ranks, stages, rows that pad the vocabulary, element type.
func (j Job) Save(ctx context.Context, dir string, iteration, workers int) error {
	dt := j.Meta.DType
	if j.Layout.DType != "" {
		var err error
		if dt, err = convert.ParseDType(j.Layout.DType); err != nil {
			return err
		}
	}
	if dt == dtype.Invalid || dt == dtype.F64 {
		dt = dtype.F32
	}
	to := j.Meta.Layout
	to.EP = 1
	if j.Layout.TP > 0 {
		to.TP = j.Layout.TP
	}
	if j.Layout.PP > 0 && j.Layout.PP != to.PP {
		to.PP, to.NumLayerList, to.NumLayersPerVirtualStage = j.Layout.PP, nil, 0
	}
	opt := convert.WriteOptions{To: convert.Mcore, Layout: to, Iteration: iteration, Workers: workers}
	if rows := j.Meta.PaddedVocab; rows > j.Meta.Config.Vocab && to.TP > 0 && rows%to.TP == 0 {
		opt.MakeVocabSizeDivisibleBy = rows / to.TP
	}
	src := j.Model.ExportAs(dt)
	if cfg, ok := j.Model.LoRA(); ok {
		adapters, err := j.Model.ExportAdapters(dt)
		if err != nil {
			return err
		}
		if src, err = ckpt.Join(src, adapters); err != nil {
			return err
		}
		opt.Args = map[string]any{"lora_alpha": cfg.Alpha}
	}
	_, err := convert.Write(ctx, src, j.Meta.Config, dir, opt)
	return err
}

// rehearse finds out whether Save will work before days of training hang on it: everything is planned
// and the files are opened, but the cancelled context keeps the weights out of them.
func (j Job) rehearse() error {
	dir, err := os.MkdirTemp(j.Work, "rehearsal-")
	if err != nil {
		return fmt.Errorf("rehearse saving: %w", err)
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := j.Save(ctx, dir, j.Hyper.TrainIters, 1); !errors.Is(err, context.Canceled) {
		return fault.Wrap(fault.Recipe, err)
	}
	return nil
}
