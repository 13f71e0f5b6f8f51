package benchmark

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/models/chat"
	"github.com/belay-ml/belay/models/decoder/generate"
	"github.com/belay-ml/belay/models/decoder/sample"
	"github.com/belay-ml/belay/stages/benchmark/task"
	"github.com/belay-ml/belay/stages/inference"
)

// answer is what the model made of one question.
type answer struct {
	Subject string    `json:"subject"`
	ID      int       `json:"id"`
	Prompt  string    `json:"prompt_sha256"`
	Gold    int       `json:"gold"`
	Choice  int       `json:"choice"` // -1 when no choice could be read out
	Right   bool      `json:"right"`
	LogProb []float64 `json:"logprobs,omitempty"` // of each choice
	Greedy  []bool    `json:"greedy,omitempty"`
	Text    *string   `json:"text,omitempty"`

	choices int
}

// exam asks a model all questions.
type exam struct {
	task     task.Task
	subjects []task.Subject
	params   *Params
	runner   *inference.Runner
	prompter *inference.Prompter
	in       engine.In
}

// sit answers every question, in the order of subjects and items.
func (e *exam) sit(ctx context.Context) ([]answer, error) {
	if e.params.Protocol == "generate" {
		return e.generate(ctx)
	}
	return e.compare(ctx)
}

// each calls f with every question.
func (e *exam) each(f func(s task.Subject, item task.Item) error) error {
	for _, s := range e.subjects {
		for _, item := range s.Items {
			if err := f(s, item); err != nil {
				return fmt.Errorf("subject %s, question %d: %w", s.Name, item.ID+1, err)
			}
		}
	}
	return nil
}

// compare scores all choices of all questions.
func (e *exam) compare(ctx context.Context) ([]answer, error) {
	var requests []inference.Request
	var answers []answer
	err := e.each(func(s task.Subject, item task.Item) error {
		a := answer{Subject: s.Name, ID: item.ID, Gold: item.Gold, choices: len(item.Choices)}
		base := inference.Request{}
		lead := " "
		if e.prompter.Template() {
			ids, err := e.prompt(s, item)
			if err != nil {
				return err
			}
			base.IDs, lead, a.Prompt = ids, "", digestIDs(ids)
		} else {
			base.Context = e.task.Context(s, s.Shots, item)
			a.Prompt = digest([]byte(base.Context))
		}
		for i := range item.Choices {
			q := base
			q.Continuation = lead + string(rune('A'+i))
			requests = append(requests, q)
		}
		answers = append(answers, a)
		return nil
	})
	if err != nil {
		return nil, err
	}
	total := int64(len(requests))
	scores, err := e.runner.LogLikelihood(ctx, requests, e.params.Batch, func(done int) {
		e.in.Events.Progress(int64(done), total, "requests", "")
	})
	if err != nil {
		return nil, err
	}
	next := 0
	for i := range answers {
		a := &answers[i]
		for range a.choices {
			a.LogProb = append(a.LogProb, scores[next].LogProb)
			a.Greedy = append(a.Greedy, scores[next].Greedy)
			next++
		}
		a.Choice = slices.Index(a.LogProb, slices.Max(a.LogProb))
		a.Right = a.Choice == a.Gold
	}
	return answers, nil
}

// generate lets the model write an answer to every question, greedily.
func (e *exam) generate(ctx context.Context) ([]answer, error) {
	var prompts [][]int32
	var answers []answer
	err := e.each(func(s task.Subject, item task.Item) error {
		ids, err := e.prompt(s, item)
		if err != nil {
			return err
		}
		prompts = append(prompts, ids)
		answers = append(answers, answer{Subject: s.Name, ID: item.ID, Gold: item.Gold, Prompt: digestIDs(ids)})
		return nil
	})
	if err != nil {
		return nil, err
	}
	opt := generate.Options{Params: sample.Defaults(), MaxNewTokens: e.params.NewTokens, Slots: 16}
	opt.EOS = e.prompter.Stops()
	made, most := int64(0), int64(len(prompts)*e.params.NewTokens)
	opt.Token = func(int, int32) bool {
		if made++; made%32 == 0 {
			e.in.Events.Progress(made, most, "tokens", "")
		}
		return false
	}
	texts, err := e.runner.Complete(ctx, prompts, opt, nil, nil)
	if err != nil {
		return nil, err
	}
	for i, t := range texts {
		a := &answers[i]
		a.Text = &t.Text
		a.Choice = e.task.Extract(t.Text)
		a.Right = a.Choice == a.Gold
	}
	return answers, nil
}

// prompt tokenizes a question: through the template as a conversation, or as plain text.
func (e *exam) prompt(s task.Subject, item task.Item) ([]int32, error) {
	if !e.prompter.Template() {
		return e.prompter.IDs([]chat.Message{{Role: chat.User, Content: e.task.Context(s, s.Shots, item)}}, "")
	}
	var messages []chat.Message
	for _, t := range e.task.Turns(s, s.Shots, item) {
		role := chat.User
		if t.Assistant {
			role = chat.Assistant
		}
		messages = append(messages, chat.Message{Role: role, Content: t.Text})
	}
	return e.prompter.IDs(messages, "")
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func digestIDs(ids []int32) string {
	b := make([]byte, 0, 4*len(ids))
	for _, id := range ids {
		b = append(b, byte(id), byte(id>>8), byte(id>>16), byte(id>>24))
	}
	return digest(b)
}
