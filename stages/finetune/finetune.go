package finetune

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/models/decoder"
	"github.com/belay-ml/belay/stages/corpus"
	"github.com/belay-ml/belay/stages/inference"
	"github.com/belay-ml/belay/stages/trainer"
)

// version is raised when the same inputs give other weights.
const version = 1

// Params are the stage's parameters.
type Params struct {
	Checkpoint artifact.Ref `yaml:"checkpoint" alias:"load" required:"true" kind:"megatron-checkpoint,hf-model" doc:"weights to begin with"`
	Data       artifact.Ref `yaml:"data" alias:"data_path" required:"true" kind:"token-index" doc:"token index of instruction data: input ids, attention mask, labels; several sets are mixed where they are made, as sources of preprocess"`
	SeqLength  int          `yaml:"seq_length" required:"true" min:"2" doc:"most tokens of one sample; longer ones are cut"`
	Split      string       `yaml:"split" default:"100,0,0" doc:"shares of train, valid and test"`
	Mode       string       `yaml:"mode" default:"full" enum:"full,lora" doc:"train all weights, or low-rank adapters beside frozen ones"`
	LoRAR      int          `yaml:"lora_r" default:"16" min:"1" doc:"rank of the adapters (mode lora)"`
	LoRAAlpha  float64      `yaml:"lora_alpha" default:"32" min:"0" doc:"scale of the adapters times their rank (mode lora)"`
	Targets    []string     `yaml:"lora_target_modules" default:"[linear_qkv, linear_proj, linear_fc1, linear_fc2]" doc:"modules that get adapters (mode lora)"`

	trainer.Hyper  `yaml:",inline"`
	trainer.Layout `yaml:",inline"`
}

// Stage fine-tunes.
type Stage struct{}

// Describe says what the stage takes and gives.
func (Stage) Describe() engine.Spec {
	return trainer.Spec("finetune", version, "Tune a model on instruction data: all weights, or low-rank adapters (LoRA). Only answers count.",
		"tuned weights in Megatron-Core form; with mode lora the frozen weights and the adapters", Params{})
}

// modules maps the names that users of Megatron know to the decoder's joined projections.
var modules = map[string]string{
	"linear_qkv": "qkv", "linear_proj": "o", "linear_fc1": "gate_up", "linear_fc2": "down",
	"query_key_value": "qkv", "dense": "o", "dense_h_to_4h": "gate_up", "dense_4h_to_h": "down",
}

func (p *Params) lora() (decoder.LoRA, error) {
	l := decoder.LoRA{Rank: p.LoRAR, Alpha: p.LoRAAlpha}
	if !(p.LoRAAlpha > 0) {
		return l, fault.New(fault.Recipe, "lora_alpha %g: want a number above 0", p.LoRAAlpha)
	}
	for _, t := range p.Targets {
		name, ok := modules[t]
		if !ok {
			return l, fault.New(fault.Recipe, "lora_target_modules: unknown module %q", t).
				WithHint("use linear_qkv, linear_proj, linear_fc1, linear_fc2: Megatron checkpoints store adapters on joined projections")
		}
		if !slices.Contains(l.Targets, name) {
			l.Targets = append(l.Targets, name)
		}
	}
	if len(l.Targets) == 0 {
		return l, fault.New(fault.Recipe, "lora_target_modules is empty: name a module, or set mode: full")
	}
	return l, nil
}

// Run tunes.
func (Stage) Run(ctx context.Context, in engine.In, out engine.Out) error {
	p := in.Params.(*Params)
	lora, err := p.check()
	if err != nil {
		return err
	}
	data, err := newSamples(p)
	if err != nil {
		return fault.Wrap(fault.Data, err)
	}
	defer data.close()
	be, end, err := inference.Device(in.CPU, in.Env[inference.TierVariable])
	if err != nil {
		return err
	}
	defer end()
	model, meta, err := inference.Load(be, p.Checkpoint.Path)
	if err != nil {
		return fault.Wrap(fault.Data, err)
	}
	if lora != nil {
		if err := model.Attach(*lora, uint64(p.Seed)); err != nil {
			return fault.Wrap(fault.Recipe, err)
		}
	}
	return trainer.Train(ctx, trainer.Job{
		Model: model, Meta: meta, Data: data, Hyper: p.Hyper, Layout: p.Layout, SeqLen: p.SeqLength, Version: version,
	}, in, out)
}

// check finds the mistakes in the parameters before anything large is read; lora is nil in mode full.
func (p *Params) check() (lora *decoder.LoRA, err error) {
	if p.Mode == "lora" {
		l, err := p.lora()
		if err != nil {
			return nil, err
		}
		lora = &l
	}
	if _, err := corpus.ParseSplit(p.Split); err != nil {
		return nil, fault.Wrap(fault.Recipe, err)
	}
	return lora, p.Hyper.Check()
}

// findPrefix is what stands before _packed_input_ids_document in the folder.
func findPrefix(dir string) (string, error) {
	tail := corpus.FieldPrefix("", corpus.FieldInputIDs) + ".idx"
	entries, err := os.ReadDir(dir) // sorted
	if err != nil {
		return "", fmt.Errorf("open instruction data: %w", err)
	}
	var found []string
	for _, e := range entries {
		if base, ok := strings.CutSuffix(e.Name(), tail); ok {
			found = append(found, base)
		}
	}
	switch len(found) {
	case 0:
		return "", fmt.Errorf("open instruction data: %s holds no file *%s: was it preprocessed with an instruction style?", dir, tail)
	case 1:
		return filepath.Join(dir, found[0]), nil
	}
	return "", fmt.Errorf("open instruction data: %s holds several sets (%s), want one", dir, strings.Join(found, ", "))
}
