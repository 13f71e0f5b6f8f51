package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/models/chat"
	"github.com/belay-ml/belay/models/chat/hf"
	"github.com/belay-ml/belay/stages/generate"
	"github.com/belay-ml/belay/stages/inference"
)

func newGenerate(a *app) *cobra.Command {
	var model, tokenizer, prompt, template, chatFile, system string
	var stop []string
	d := generate.Decoding{TopK: 50, TopP: 1, Temperature: 1, RepetitionPenalty: 1, MaxNewTokens: 128}
	c := &cobra.Command{
		Use:   "generate --model DIR --prompt TEXT",
		Short: "Answer one prompt from any checkpoint directory",
		Long:  "Answer one prompt from any checkpoint directory, printing the text as it comes. Without --prompt the prompt is read from standard input.",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			opt := d.Options()
			if err := opt.Check(); err != nil {
				return fault.Wrap(fault.Usage, err)
			}
			if slices.Contains(stop, "") {
				return fault.New(fault.Usage, "--stop: an empty text would end the answer at once")
			}
			if !c.Flags().Changed("prompt") {
				endAtOnce()
				text, err := io.ReadAll(io.LimitReader(a.stdin, 16<<20))
				if err != nil {
					return err
				}
				prompt = strings.TrimSuffix(string(text), "\n") // what echo adds
			}
			be, end, err := inference.Device(runtime.GOMAXPROCS(0), os.Getenv(inference.TierVariable))
			if err != nil {
				return err
			}
			defer end()
			r, err := inference.Open(be, model, tokenizer)
			if err != nil {
				return fault.Wrap(fault.Data, err)
			}
			p, err := inference.NewPrompter(r.Tokenizer, hf.Choice{Template: template, File: chatFile, Dir: cmp.Or(tokenizer, model), Now: time.Now})
			if err != nil {
				return fault.Wrap(fault.Usage, err)
			}
			ids, err := p.IDs([]chat.Message{{Role: chat.User, Content: prompt}}, system)
			if err != nil {
				return fault.Wrap(fault.Usage, err)
			}
			opt.EOS = p.Stops()
			piece := func(text string) { io.WriteString(a.stdout, text) }
			if a.json {
				piece = nil
			}
			answers, err := r.Complete(c.Context(), [][]int32{ids}, opt, stop, piece)
			if err != nil {
				return fault.Wrap(fault.Compute, err)
			}
			return a.print(generate.Answer{Prompt: prompt, Text: answers[0].Text, Tokens: len(answers[0].IDs), Reason: answers[0].Reason}, func(w io.Writer) error {
				_, err := fmt.Fprintln(w)
				return err
			})
		},
	}
	f := c.Flags()
	f.StringVar(&model, "model", "", "checkpoint directory")
	f.StringVar(&tokenizer, "tokenizer", "", "directory with the tokenizer; the model's own when left out")
	f.StringVar(&prompt, "prompt", "", "what to ask")
	f.StringVar(&template, "template", "", "prompt template, or hf for the model's own chat template; empty asks the plain text")
	f.StringVar(&chatFile, "chat-template", "", "Jinja file for --template hf, instead of the model's own")
	f.StringVar(&system, "system", "", "system text for the template")
	f.StringArrayVar(&stop, "stop", nil, "a text that ends the answer")
	f.IntVar(&d.MaxNewTokens, "max-new-tokens", d.MaxNewTokens, "most tokens of the answer")
	f.BoolVar(&d.DoSample, "sample", false, "draw from the distribution instead of taking the most likely token")
	f.Float64Var(&d.Temperature, "temperature", d.Temperature, "divides the logits before sampling")
	f.IntVar(&d.TopK, "top-k", d.TopK, "sampling keeps the k most likely tokens; 0 keeps all")
	f.Float64Var(&d.TopP, "top-p", d.TopP, "sampling keeps the most likely tokens up to this probability")
	f.Float64Var(&d.MinP, "min-p", d.MinP, "sampling drops tokens below this share of the most likely one's probability")
	f.Float64Var(&d.RepetitionPenalty, "repetition-penalty", d.RepetitionPenalty, "penalty on tokens that were seen before")
	f.IntVar(&d.NoRepeatNGram, "no-repeat-ngram-size", 0, "no n-gram of this size comes twice")
	f.Int64Var(&d.Seed, "seed", 1234, "seed of sampling")
	if err := c.MarkFlagRequired("model"); err != nil {
		panic(err)
	}
	return c
}
