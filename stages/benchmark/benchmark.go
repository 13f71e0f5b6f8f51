package benchmark

import (
	"cmp"
	"context"
	"fmt"
	"os"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/models/chat/hf"
	"github.com/belay-ml/belay/stages/benchmark/task"
	"github.com/belay-ml/belay/stages/inference"
)

// Params are the stage's parameters.
type Params struct {
	Model     artifact.Ref `yaml:"model" alias:"checkpoint" required:"true" kind:"hf-model,megatron-checkpoint" doc:"model to score"`
	Tokenizer artifact.Ref `yaml:"tokenizer" kind:"hf-model,tokenizer" doc:"directory with the tokenizer; the model's own when left out"`
	Data      artifact.Ref `yaml:"data" alias:"task_data_path" required:"true" kind:"files,dir" doc:"folder of the benchmark's files in their published layout"`
	Task      string       `yaml:"task" required:"true" enum:"mmlu" doc:"benchmark"`
	Split     string       `yaml:"split" default:"test" enum:"test,val,dev" doc:"split to score"`
	Shots     int          `yaml:"num_fewshot" alias:"shots" default:"0" min:"0" max:"100" doc:"worked examples before each question, the first of the dev split"`
	Protocol  string       `yaml:"protocol" default:"loglikelihood" enum:"loglikelihood,generate" doc:"compare the choices' probabilities, or read the choice out of generated text"`
	Template  string       `yaml:"template" alias:"prompt_type" default:"" doc:"prompt template, or hf for the model's own chat template; empty asks the plain text"`
	Limit     int          `yaml:"max_eval_samples" alias:"limit" default:"0" min:"0" doc:"questions of each subject, the first ones; 0 means all"`
	NewTokens int          `yaml:"max_new_tokens" default:"1" min:"1" doc:"tokens to generate (protocol generate)"`
	Batch     int          `yaml:"batch_tokens" default:"4096" min:"1" key:"no" doc:"tokens of one forward pass"`
}

// Stage scores a model.
type Stage struct{}

// Describe says what the stage takes and gives.
func (Stage) Describe() engine.Spec {
	return engine.Spec{
		Name:      "benchmark",
		Version:   2, // 2: metrics.json
		Doc:       "Score a model on a benchmark, by the probabilities of the choices or by what it generates.",
		Params:    Params{},
		Outputs:   []artifact.Port{{Name: "metrics", Kind: artifact.Metrics, Doc: "metrics.json, results.json, results.csv, samples.jsonl", Metrics: metricNames()}},
		Backend:   true,
		Env:       inference.Env(),
		Resources: engine.Resources{CPU: -1},
	}
}

// Run scores.
func (Stage) Run(ctx context.Context, in engine.In, out engine.Out) error {
	p := in.Params.(*Params)
	t, ok := task.Find(p.Task)
	if !ok {
		return fault.New(fault.Recipe, "unknown benchmark %q", p.Task)
	}
	if p.Shots > 0 && p.Split == task.Dev {
		return fault.New(fault.Recipe, "num_fewshot %d: the examples are the dev split's, which is the one to score: it would show the answers", p.Shots)
	}
	subjects, err := p.load(t)
	if err != nil {
		return fault.Wrap(fault.Data, err)
	}
	be, end, err := inference.Device(in.CPU, in.Env[inference.TierVariable])
	if err != nil {
		return err
	}
	defer end()
	r, err := inference.Open(be, p.Model.Path, p.Tokenizer.Path)
	if err != nil {
		return fault.Wrap(fault.Data, err)
	}
	prompter, err := inference.NewPrompter(r.Tokenizer, hf.Choice{Template: p.Template, Dir: cmp.Or(p.Tokenizer.Path, p.Model.Path)})
	if err != nil {
		return fault.Wrap(fault.Recipe, err)
	}
	e := exam{task: t, subjects: subjects, params: p, runner: r, prompter: prompter, in: in}
	answers, err := e.sit(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fault.Wrap(fault.Compute, err)
	}
	res := grade(p, subjects, answers)
	in.Events.Table(res.table())
	if err := os.MkdirAll(out.Path("metrics"), 0o755); err != nil {
		return fmt.Errorf("write results: %w", err)
	}
	return res.write(out.Path("metrics"), answers)
}

// load reads the subjects, with as many examples and questions of each as are wanted.
func (p *Params) load(t task.Task) ([]task.Subject, error) {
	subjects, err := t.Load(p.Data.Path, p.Split)
	if err != nil {
		return nil, err
	}
	for i, s := range subjects {
		if p.Shots > len(s.Shots) {
			return nil, fault.New(fault.Data, "num_fewshot %d: subject %s has %d examples in its dev split", p.Shots, s.Name, len(s.Shots)).
				WithHint("data must be the folder that holds both %s/ and %s/", task.Dev, p.Split)
		}
		subjects[i].Shots = s.Shots[:p.Shots]
		if p.Limit > 0 && len(s.Items) > p.Limit {
			subjects[i].Items = s.Items[:p.Limit]
		}
	}
	return subjects, nil
}
