package inference

import (
	"context"
	"fmt"
	"strings"

	"github.com/belay-ml/belay/ascend/op"
	"github.com/belay-ml/belay/models/convert"
	"github.com/belay-ml/belay/models/decoder"
	"github.com/belay-ml/belay/models/decoder/generate"
	"github.com/belay-ml/belay/models/tok"
	"github.com/belay-ml/belay/models/tok/open"
)

// Runner is a model with its tokenizer.
type Runner struct {
	Model     *decoder.Model
	Tokenizer tok.Tokenizer
}

// Open loads the checkpoint directory model, of any format that package convert recognises, onto be.
// tokenizer is a directory with a tokenizer; empty means the model directory.
func Open(be op.Backend, model, tokenizer string) (*Runner, error) {
	if tokenizer == "" {
		tokenizer = model
	}
	t, err := open.Dir(tokenizer)
	if err != nil {
		return nil, err
	}
	m, err := Load(be, model)
	if err != nil {
		return nil, err
	}
	return &Runner{Model: m, Tokenizer: t}, nil
}

// Load builds the model of a checkpoint directory; adapters in it are merged.
func Load(be op.Backend, dir string) (*decoder.Model, error) {
	src, meta, err := convert.OpenCanonical(dir, convert.OpenOptions{Merge: true})
	if err != nil {
		return nil, err
	}
	defer src.Close()
	m, err := decoder.New(be, meta.Config)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", dir, err)
	}
	if err := m.Load(src); err != nil {
		return nil, fmt.Errorf("open %s: %w", dir, err)
	}
	return m, nil
}

// Completion is what a prompt was continued with.
type Completion struct {
	Text   string
	IDs    []int32
	Reason string // eos, stop or length
}

// Complete continues every prompt. stop holds texts that end a continuation; they are left out of it.
// piece, when not nil, hears the text of prompt 0 as it grows.
func (r *Runner) Complete(ctx context.Context, prompts [][]int32, opt generate.Options, stop []string, piece func(string)) ([]Completion, error) {
	if len(opt.EOS) == 0 {
		opt.EOS = r.ends()
	}
	streams := make([]tail, len(prompts))
	opt.Token = func(prompt int, id int32) bool {
		s := &streams[prompt]
		s.ids = append(s.ids, id)
		text := r.Tokenizer.Decode(s.ids, true)
		for _, word := range stop {
			if at := strings.Index(text, word); at >= 0 {
				s.cut = at + 1
				return true
			}
		}
		if piece != nil && prompt == 0 {
			if grown := strings.TrimRight(text, "\uFFFD"); len(grown) > s.shown {
				piece(grown[s.shown:])
				s.shown = len(grown)
			}
		}
		return false
	}
	results, err := generate.Run(ctx, r.Model, prompts, opt)
	if err != nil {
		return nil, err
	}
	out := make([]Completion, len(results))
	for i, res := range results {
		out[i] = Completion{Text: r.Tokenizer.Decode(res.IDs, true), IDs: res.IDs, Reason: string(res.Reason)}
		if cut := streams[i].cut; cut > 0 {
			out[i].Text = out[i].Text[:min(cut-1, len(out[i].Text))]
		}
	}
	return out, nil
}

// tail is what one prompt has yielded so far.
type tail struct {
	ids   []int32
	shown int // bytes handed to piece
	cut   int // 1 + where a stop text begins; 0 when none came
}

// ends are the tokens that end a text: the config's, else the tokenizer's.
func (r *Runner) ends() []int32 {
	if eos := r.Model.Config().EOS; len(eos) > 0 {
		return eos
	}
	if eos := r.Tokenizer.Special().EOS; eos >= 0 {
		return []int32{eos}
	}
	return nil
}
