package pretrain

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

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
	Data       artifact.Ref `yaml:"data" alias:"data_path" required:"true" kind:"token-index" doc:"token index of pretraining text"`
	Name       string       `yaml:"data_name" default:"" doc:"which index of the folder, without .idx; needed only when there are several"`
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
	return engine.Spec{
		Name:    "pretrain",
		Version: version,
		Doc:     "Train a model on next-token prediction over a token index, in Megatron's sample order.",
		Params:  Params{},
		Outputs: []artifact.Port{
			{Name: "checkpoint", Kind: artifact.Megatron, Doc: "trained weights in Megatron-Core form"},
			{Name: "metrics", Kind: artifact.Metrics, Doc: "metrics.json and the curve train.jsonl", Metrics: trainer.MetricNames()},
		},
		Resumable: true,
		Backend:   true,
		Env:       inference.Env(),
		Resources: engine.Resources{CPU: -1},
	}
}

// Run trains.
func (Stage) Run(ctx context.Context, in engine.In, out engine.Out) error {
	p := in.Params.(*Params)
	if err := p.check(); err != nil {
		return err
	}
	index, err := openIndex(p.Data.Path, p.Name)
	if err != nil {
		return fault.Wrap(fault.Data, err)
	}
	defer index.Close()
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
	data, err := newSamples(p, index, meta.Config.EOS, filepath.Join(in.Work, "maps"))
	if err != nil {
		return fault.Wrap(fault.Data, err)
	}
	defer data.close()
	j := trainer.Job{
		Model: model, Meta: meta, Data: data, Hyper: p.Hyper, Layout: p.Layout, SeqLen: p.SeqLength,
		Work: in.Work, Events: in.Events, Version: version,
	}
	res, err := trainer.Run(ctx, j)
	if err != nil {
		return err
	}
	return trainer.Finish(ctx, j, res, in, out)
}

// check finds the mistakes in the parameters before anything large is read.
func (p *Params) check() error {
	if p.Name != "" && !filepath.IsLocal(p.Name) {
		return fault.New(fault.Recipe, "data_name %q leads out of the token index", p.Name)
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

// openIndex opens the folder's only token index, or the named one.
func openIndex(dir, name string) (*corpus.Index, error) {
	if name != "" {
		return corpus.Open(filepath.Join(dir, name))
	}
	entries, err := os.ReadDir(dir) // sorted
	if err != nil {
		return nil, fmt.Errorf("open token index: %w", err)
	}
	var names []string
	for _, e := range entries {
		if base, ok := strings.CutSuffix(e.Name(), ".idx"); ok {
			names = append(names, base)
		}
	}
	switch len(names) {
	case 0:
		return nil, fmt.Errorf("open token index: no .idx file in %s", dir)
	case 1:
		return corpus.Open(filepath.Join(dir, names[0]))
	}
	return nil, fault.New(fault.Recipe, "open token index: %s holds several (%s): choose one with data_name", dir, strings.Join(names, ", "))
}
