package inference

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/belay-ml/belay/ascend/op"
	"github.com/belay-ml/belay/engine/fault"
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

// Open loads a checkpoint directory (see Load) with its tokenizer. tokenizer is a directory with one;
// empty means the model's directory.
func Open(be op.Backend, model, tokenizer string) (*Runner, error) {
	if tokenizer == "" {
		tokenizer = model
	}
	t, err := open.Dir(tokenizer)
	if err != nil {
		return nil, err
	}
	m, _, err := Load(be, model)
	if err != nil {
		return nil, err
	}
	return &Runner{Model: m, Tokenizer: t}, nil
}

// Completion is what a prompt was continued with.
type Completion struct {
	Text   string // without the token or the text that ended it
	IDs    []int32
	Reason string // eos, stop or length
}

// Complete continues every prompt. Tokens in opt.EOS end a continuation, and so do the model's own;
// texts in stop do too. piece, when not nil, hears the text of prompt 0 as it grows: whole
// characters that no stop text can begin with any more.
func (r *Runner) Complete(ctx context.Context, prompts [][]int32, opt generate.Options, stop []string, piece func(string)) ([]Completion, error) {
	if slices.Contains(stop, "") {
		return nil, fault.Wrap(fault.Recipe, errors.New("stop: an empty text would end every answer at once"))
	}
	for i, p := range prompts {
		if err := r.checkIDs(p); err != nil {
			return nil, fmt.Errorf("prompt %d: %w", i+1, err)
		}
	}
	opt.EOS = r.ends(opt.EOS)
	streams := make([]*stream, len(prompts))
	heard := opt.Token
	opt.Token = func(prompt int, id int32) bool {
		ended := heard != nil && heard(prompt, id)
		show := piece
		if prompt != 0 {
			show = nil
		}
		if (len(stop) == 0 && show == nil) || slices.Contains(opt.EOS, id) {
			return ended
		}
		s := streams[prompt]
		if s == nil {
			s = &stream{decoder: tok.NewDecoder(r.Tokenizer, true), stop: stop}
			streams[prompt] = s
		}
		ended = s.push(s.decoder.Push(id)) || ended
		if show != nil {
			s.show(show)
		}
		return ended
	}
	results, err := generate.Run(ctx, r.Model, prompts, opt)
	if err != nil {
		return nil, err
	}
	out := make([]Completion, len(results))
	for i, res := range results {
		out[i] = Completion{IDs: res.IDs, Reason: string(res.Reason)}
		ids := res.IDs
		if res.Reason == generate.EOS {
			ids = ids[:len(ids)-1]
		}
		s := streams[i]
		if s != nil && s.finish() {
			out[i].Text, out[i].Reason = string(s.text), string(generate.Stop)
		} else {
			out[i].Text = r.Tokenizer.Decode(ids, true)
		}
		if s != nil && i == 0 && piece != nil {
			s.show(piece)
		}
	}
	return out, nil
}

// ends are the tokens that end a text: those given, and the config's, or else the tokenizer's.
func (r *Runner) ends(given []int32) []int32 {
	ends := slices.Clone(given)
	own := r.Model.Config().EOS
	if eos := r.Tokenizer.Special().EOS; len(own) == 0 && eos >= 0 {
		own = []int32{eos}
	}
	for _, id := range own {
		if !slices.Contains(ends, id) {
			ends = append(ends, id)
		}
	}
	return ends
}

// checkIDs refuses ids that the model has no row for.
func (r *Runner) checkIDs(ids []int32) error {
	vocab := r.Model.Config().Vocab
	for _, id := range ids {
		if id < 0 || int(id) >= vocab {
			return fault.New(fault.Data, "token %d (%q) is outside the model's vocabulary of %d", id, r.Tokenizer.Token(id), vocab).
				WithHint("is the tokenizer that of another model, or does the template add tokens that the model does not know?")
		}
	}
	return nil
}
