package dsltest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/artifact"
)

type fake struct{ spec engine.Spec }

func (f fake) Describe() engine.Spec { return f.spec }

func (f fake) Run(context.Context, engine.In, engine.Out) error {
	return errors.New("a fake does not run")
}

type fetchParams struct {
	Repo     string   `yaml:"repo" required:"true" doc:"owner/name on the hub"`
	Revision string   `yaml:"revision" default:"main" doc:"branch, tag or commit"`
	Patterns []string `yaml:"patterns" doc:"files to take"`
	Token    string   `yaml:"token" key:"secret"`
}

type prepParams struct {
	Input     artifact.Ref `yaml:"input" required:"true" kind:"files,text" doc:"records"`
	Tokenizer artifact.Ref `yaml:"tokenizer" kind:"tokenizer" doc:"tokenizer"`
	Style     string       `yaml:"style" enum:"alpaca,sharegpt,pretrain" default:"pretrain"`
	SeqLength int          `yaml:"seq_length" alias:"seq_len,cutoff_len" default:"2048" min:"1" max:"65536" doc:"tokens"`
	Pack      bool         `yaml:"pack"`
}

type convertParams struct {
	From artifact.Ref `yaml:"from" required:"true" kind:"hf-model"`
	TP   int          `yaml:"tp" alias:"tensor_model_parallel_size" default:"1" min:"1"`
	PP   int          `yaml:"pp" default:"1" min:"1"`
}

type lora struct {
	R     int     `yaml:"r" default:"8" min:"1"`
	Alpha float64 `yaml:"alpha" default:"16"`
}

type trainParams struct {
	Checkpoint artifact.Ref `yaml:"checkpoint" required:"true" kind:"megatron-checkpoint"`
	Data       artifact.Ref `yaml:"data" required:"true" kind:"token-index"`
	LR         float64      `yaml:"lr" default:"1e-4" min:"0" doc:"peak learning rate"`
	Iters      int          `yaml:"train_iters" default:"10" min:"1"`
	Seed       int          `yaml:"seed"`
	Mode       string       `yaml:"mode" enum:"full,lora" default:"full"`
	Lora       lora         `yaml:"lora"`
}

type evalParams struct {
	Checkpoints []artifact.Ref          `yaml:"checkpoints" required:"true" kind:"megatron-checkpoint,hf-model"`
	Labels      []string                `yaml:"labels"`
	Tags        map[string]string       `yaml:"tags"`
	Extra       map[string]artifact.Ref `yaml:"extra"`
	Parts       []part                  `yaml:"parts"`
}

type part struct {
	Input  []artifact.Ref `yaml:"input" required:"true" kind:"metrics,files"`
	Weight float64        `yaml:"weight" default:"1" min:"0"`
}

type commandParams struct {
	Run     string                  `yaml:"run" required:"true"`
	Inputs  map[string]artifact.Ref `yaml:"inputs"`
	Outputs map[string]string       `yaml:"outputs"`
}

type command struct{ fake }

func (command) Outputs(values map[string]any) ([]artifact.Port, error) {
	outs, _ := values["outputs"].(map[string]any)
	if len(outs) == 0 {
		return nil, errors.New("a command needs at least one output")
	}
	var ports []artifact.Port
	for _, name := range slices.Sorted(maps.Keys(outs)) {
		ports = append(ports, artifact.Port{Name: name, Kind: artifact.Dir, Path: fmt.Sprint(outs[name])})
	}
	return ports, nil
}

// Stages are a hub, a preprocessor, a converter, a trainer, a scorer and a command.
func Stages() []engine.Stage {
	port := func(name string, k artifact.Kind) []artifact.Port { return []artifact.Port{{Name: name, Kind: k}} }
	return []engine.Stage{
		fake{engine.Spec{Name: "hf-download", Version: 1, Doc: "Fetches a repository.", Params: fetchParams{}, Outputs: append(port("model", artifact.HFModel), port("files", artifact.Files)...)}},
		fake{engine.Spec{Name: "preprocess", Version: 1, Params: prepParams{}, Outputs: port("index", artifact.TokenIndex)}},
		fake{engine.Spec{Name: "convert", Version: 1, Params: convertParams{}, Outputs: port("checkpoint", artifact.Megatron)}},
		fake{engine.Spec{Name: "finetune", Version: 1, Params: trainParams{}, Outputs: append(port("checkpoint", artifact.Megatron), artifact.Port{Name: "metrics", Kind: artifact.Metrics, Metrics: []string{"final_loss", "tokens"}})}},
		fake{engine.Spec{Name: "score", Version: 1, Params: evalParams{}, Outputs: port("metrics", artifact.Metrics)}},
		command{fake{engine.Spec{Name: "command", Version: 1, Params: commandParams{}}}},
	}
}
