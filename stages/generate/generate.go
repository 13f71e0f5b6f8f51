package generate

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/google/renameio/v2"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/models/chat"
	"github.com/belay-ml/belay/models/chat/hf"
	"github.com/belay-ml/belay/models/decoder/generate"
	"github.com/belay-ml/belay/models/decoder/sample"
	"github.com/belay-ml/belay/stages/inference"
)

// Params are the stage's parameters.
type Params struct {
	Model     artifact.Ref `yaml:"model" alias:"checkpoint" required:"true" kind:"hf-model,megatron-checkpoint" doc:"model to ask"`
	Tokenizer artifact.Ref `yaml:"tokenizer" kind:"hf-model,tokenizer" doc:"directory with the tokenizer; the model's own when left out"`
	Prompts   []string     `yaml:"prompts" doc:"what to ask, one text a prompt"`
	File      artifact.Ref `yaml:"prompts_file" kind:"files,text" doc:"more prompts: JSON lines with \"prompt\" (and \"system\"), or a plain text line each"`
	Template  string       `yaml:"template" alias:"prompt_type" default:"" doc:"prompt template, or hf for the model's own chat template (hf:NAME where it has several); empty asks the plain text"`
	ChatFile  artifact.Ref `yaml:"chat_template" kind:"files,text" doc:"Jinja file for template hf, instead of the model's own"`
	Date      string       `yaml:"template_date" doc:"the day that a chat template is told, as 2026-01-31; without one it has no clock"`
	System    string       `yaml:"system" default:"" doc:"system text for the template"`
	Stop      []string     `yaml:"stop" doc:"texts that end an answer; they are left out of it"`
	Decoding  `yaml:",inline"`
}

// Decoding says how the next token is chosen, under the names of generation_config.json.
type Decoding struct {
	MaxNewTokens      int     `yaml:"max_new_tokens" default:"128" min:"1" doc:"most tokens of an answer"`
	DoSample          bool    `yaml:"do_sample" default:"false" doc:"draw from the distribution instead of taking the most likely token"`
	Temperature       float64 `yaml:"temperature" default:"1.0" min:"0" doc:"divides the logits before sampling"`
	TopK              int     `yaml:"top_k" default:"50" min:"0" doc:"sampling keeps the k most likely tokens; 0 keeps all"`
	TopP              float64 `yaml:"top_p" default:"1.0" min:"0" max:"1" doc:"sampling keeps the most likely tokens up to this probability"`
	MinP              float64 `yaml:"min_p" default:"0" min:"0" max:"1" doc:"sampling drops tokens below this share of the most likely one's probability"`
	RepetitionPenalty float64 `yaml:"repetition_penalty" default:"1.0" min:"0" doc:"penalty on tokens that were seen before"`
	NoRepeatNGram     int     `yaml:"no_repeat_ngram_size" default:"0" min:"0" doc:"no n-gram of this size comes twice; 0 allows all"`
	Seed              int64   `yaml:"seed" default:"1234" min:"0" doc:"seed of sampling"`
}

// Options translates to the decoder's options.
func (d Decoding) Options() generate.Options {
	p := sample.Defaults()
	p.DoSample, p.Temperature, p.TopK, p.TopP, p.MinP = d.DoSample, d.Temperature, d.TopK, d.TopP, d.MinP
	p.RepetitionPenalty, p.NoRepeatNGram, p.Seed = d.RepetitionPenalty, d.NoRepeatNGram, uint64(d.Seed)
	return generate.Options{Params: p, MaxNewTokens: d.MaxNewTokens}
}

// Stage answers prompts.
type Stage struct{}

// Describe says what the stage takes and gives.
func (Stage) Describe() engine.Spec {
	return engine.Spec{
		Name:      "generate",
		Version:   1,
		Doc:       "Answer prompts with a model: greedy decoding or sampling, plain or through a prompt template.",
		Params:    Params{},
		Outputs:   []artifact.Port{{Name: "text", Kind: artifact.Text, Doc: "JSON lines: prompt, text, tokens, reason", Path: "generations.jsonl"}},
		Backend:   true,
		Env:       inference.Env(),
		Resources: engine.Resources{CPU: -1},
	}
}

// Answer is one line of the output.
type Answer struct {
	Prompt string `json:"prompt"`
	Text   string `json:"text"`
	Tokens int    `json:"tokens"`
	Reason string `json:"reason"` // eos, stop or length
}

// Run answers the prompts.
func (Stage) Run(ctx context.Context, in engine.In, out engine.Out) error {
	p := in.Params.(*Params)
	opt := p.Options()
	if err := opt.Check(); err != nil {
		return fault.Wrap(fault.Recipe, err)
	}
	if slices.Contains(p.Stop, "") {
		return fault.New(fault.Recipe, "stop: an empty text would end every answer at once")
	}
	asked, err := p.prompts()
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
	choice := hf.Choice{Template: p.Template, File: p.ChatFile.Path, Dir: cmp.Or(p.Tokenizer.Path, p.Model.Path)}
	if p.Date != "" && !choice.Own() {
		return fault.New(fault.Recipe, "template_date means nothing with template %q, which tells no date", p.Template)
	}
	if choice.Now, err = hf.Clock(p.Date); err != nil {
		return fault.Wrap(fault.Recipe, err)
	}
	prompter, err := inference.NewPrompter(r.Tokenizer, choice)
	if err != nil {
		return fault.Wrap(fault.Recipe, err)
	}
	ids := make([][]int32, len(asked))
	for i, q := range asked {
		if ids[i], err = prompter.IDs([]chat.Message{{Role: chat.User, Content: q.Prompt}}, q.System); err != nil {
			return fault.Wrap(fault.Recipe, fmt.Errorf("prompt %d: %w", i+1, err))
		}
	}
	opt.EOS = prompter.Stops()
	const often = 32 // tokens between two reports
	made := int64(0)
	opt.Token = func(int, int32) bool {
		if made++; made%often == 0 {
			in.Events.Progress(made, 0, "tokens", fmt.Sprintf("of %d answers", len(ids)))
		}
		return false
	}
	answers, err := r.Complete(ctx, ids, opt, p.Stop, nil)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fault.Wrap(fault.Compute, err)
	}
	in.Events.Progress(made, made, "tokens", fmt.Sprintf("of %d answers", len(ids)))
	return write(in, out, asked, answers)
}

func write(in engine.In, out engine.Out, asked []prompt, answers []inference.Completion) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	table := event.Table{Title: "answers", Columns: []string{"prompt", "answer", "ended by"}}
	for i, a := range answers {
		if err := enc.Encode(Answer{Prompt: asked[i].Prompt, Text: a.Text, Tokens: len(a.IDs), Reason: a.Reason}); err != nil {
			return err
		}
		if i < 20 {
			table.Rows = append(table.Rows, []string{asked[i].Prompt, a.Text, a.Reason})
		}
	}
	in.Events.Table(table)
	return renameio.WriteFile(out.Path("text"), b.Bytes(), 0o644)
}
