package pretrain

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/ascend/op"
	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/models/convert"
	"github.com/belay-ml/belay/models/decoder"
	"github.com/belay-ml/belay/stages/corpus"
	"github.com/belay-ml/belay/stages/inference"
	"github.com/belay-ml/belay/stages/trainer"
)

// version is raised when the same inputs give other weights.
const version = 1

// Params are the stage's parameters.
type Params struct {
	Checkpoint artifact.Ref `yaml:"checkpoint" alias:"load" kind:"megatron-checkpoint,hf-model" doc:"weights to begin with; without them, model gives the sizes and the weights are drawn at random"`
	Size       Size         `yaml:"model" doc:"sizes of a model that begins with random weights"`
	Data       artifact.Ref `yaml:"data" alias:"data_path,train_data_path" kind:"token-index" doc:"token index of pretraining text; blend takes several"`
	Name       string       `yaml:"data_name" default:"" doc:"which index of the folder, without .idx; needed only when there are several"`
	Blend      *[]Part      `yaml:"blend" doc:"in place of data: several token indexes, whose samples are dealt by weight in the order that Megatron blends them"` // a pointer: absent from the keys of runs without one
	SeqLength  int          `yaml:"seq_length" required:"true" min:"2" doc:"tokens of one sample"`
	Split      string       `yaml:"split" default:"100,0,0" doc:"shares of train, valid and test"`
	EOD        int          `yaml:"eod_token" default:"-1" min:"-1" doc:"id that ends a document, for the three options below; -1 takes the model's eos"`
	ResetPos   bool         `yaml:"reset_position_ids" default:"false" doc:"positions begin again after each document end"`
	ResetMask  bool         `yaml:"reset_attention_mask" default:"false" doc:"documents inside a sample do not see one another"`
	EODMask    bool         `yaml:"eod_mask_loss" default:"false" doc:"no loss on what follows a document end"`

	trainer.Hyper  `yaml:",inline"`
	trainer.Layout `yaml:",inline"`
}

// Stage pretrains.
type Stage struct{}

// Describe says what the stage takes and gives.
func (Stage) Describe() engine.Spec {
	return trainer.Spec("pretrain", version,
		"Train a model on next-token prediction over a token index, or a blend of several by weight, in Megatron's sample order.",
		"trained weights in Megatron-Core form", Params{})
}

// Run trains.
func (Stage) Run(ctx context.Context, in engine.In, out engine.Out) error {
	p := in.Params.(*Params)
	if err := p.check(); err != nil {
		return err
	}
	parts, blended := p.parts()
	texts, err := openTexts(parts)
	if err != nil {
		return fault.Wrap(fault.Data, err)
	}
	defer closeTexts(texts)
	for _, part := range parts {
		if part.Weight != nil && *part.Weight == 0 {
			in.Events.Warn(fmt.Sprintf("%s has weight 0: nothing of it is read", part.label()), nil)
		}
	}
	be, end, err := inference.Device(in.CPU, in.Env[inference.TierVariable])
	if err != nil {
		return err
	}
	defer end()
	model, meta, err := p.begin(be)
	if err != nil {
		return err
	}
	if most := meta.Config.MaxPositions; most > 0 && p.SeqLength > most {
		in.Events.Warn(fmt.Sprintf("seq_length %d is beyond the %d positions that the model was made for", p.SeqLength, most), nil)
	}
	data, err := newSamples(p, texts, blended, meta.Config.EOS, filepath.Join(in.Work, "maps"))
	if err != nil {
		return fault.Wrap(fault.Data, err)
	}
	defer data.close()
	return trainer.Train(ctx, trainer.Job{
		Model: model, Meta: meta, Data: data, Hyper: p.Hyper, Layout: p.Layout, SeqLen: p.SeqLength, Version: version,
	}, in, out)
}

// check finds the mistakes in the parameters before anything large is read.
func (p *Params) check() error {
	if err := p.checkData(); err != nil {
		return err
	}
	if _, err := corpus.ParseSplit(p.Split); err != nil {
		return fault.Wrap(fault.Recipe, err)
	}
	switch {
	case p.Checkpoint.Given() && p.Size != (Size{}):
		return fault.New(fault.Recipe, "both checkpoint and model are given: the sizes come from the checkpoint").WithHint("leave one of them out")
	case !p.Checkpoint.Given() && p.Size == (Size{}):
		return fault.New(fault.Recipe, "neither checkpoint nor model is given").WithHint("checkpoint is what to go on from; model: {num_layers: ..., hidden_size: ...} begins with random weights")
	}
	return p.Hyper.Check()
}

// begin loads the checkpoint, or makes the model of the given sizes with random weights.
func (p *Params) begin(be op.Backend) (*decoder.Model, convert.Meta, error) {
	if p.Checkpoint.Given() {
		m, meta, err := inference.Load(be, p.Checkpoint.Path)
		return m, meta, fault.Wrap(fault.Data, err)
	}
	cfg, err := p.Size.config()
	if err != nil {
		return nil, convert.Meta{}, fault.Wrap(fault.Recipe, err)
	}
	m, err := decoder.New(be, cfg)
	if err != nil {
		return nil, convert.Meta{}, fault.Wrap(fault.Recipe, err)
	}
	m.Init(uint64(p.Seed))
	return m, convert.Meta{Config: cfg, Format: convert.Mcore, DType: dtype.F32, Layout: convert.Whole(), PaddedVocab: cfg.Vocab}, nil
}
