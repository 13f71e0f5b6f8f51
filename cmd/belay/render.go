package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/models/chat/hf"
	"github.com/belay-ml/belay/models/chat/show"
	"github.com/belay-ml/belay/models/tok"
	"github.com/belay-ml/belay/models/tok/open"
)

// render is what the command is asked for.
type render struct {
	choice                 hf.Choice
	messages, tools        string // paths; "-" reads messages from standard input
	system                 string
	generate               bool
	ids                    bool
	html                   string
	data, style            string
	row                    int64
	mapKeys, tags          map[string]string
	date                   string
	templateFlag, dataFlag bool // given
}

func newRender(a *app) *cobra.Command {
	var r render
	c := &cobra.Command{
		Use:   "render --tokenizer DIR",
		Short: "Show how a conversation reads under a template, and what of it is learned",
		Long: `Write a conversation with a prompt template: the tokenizer's own Jinja chat template (--template hf, the default) or a
named one. Special tokens are shown as they are. What an assistant says, and a model is trained on, is coloured on a
terminal and stands between ⟦ and ⟧ elsewhere.

Messages are JSON: a list [{"role": "user", "content": "hi"}], or an object {"messages": [...], "tools": [...]}, or several
of them one after the other (JSON lines). With --json each gives one line {"text", "ids", "labels", "pieces"}.

With --data the conversation is row N (from 1) of a data file, read as preprocess reads it with that --style.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			r.templateFlag, r.dataFlag = c.Flags().Changed("template"), r.data != ""
			return r.run(c.Context(), a)
		},
	}
	f := c.Flags()
	f.StringVar(&r.choice.Dir, "tokenizer", "", "directory of the tokenizer")
	f.StringVar(&r.choice.Template, "template", hf.Name, "prompt template: hf, hf:NAME where the tokenizer has several, or a named one such as qwen")
	f.StringVar(&r.choice.File, "chat-template", "", "Jinja file for --template hf, instead of the tokenizer's own")
	f.StringVar(&r.messages, "messages", "-", "file with the messages; - reads standard input")
	f.StringVar(&r.tools, "tools", "", "file with a JSON list of tools")
	f.StringVar(&r.system, "system", "", "system text, before the messages")
	f.BoolVar(&r.generate, "add-generation-prompt", false, "go on to where the model answers")
	f.BoolVar(&r.ids, "ids", false, "list the tokens with their ids; * marks what is learned")
	f.StringVar(&r.html, "html", "", "write a page with the pieces coloured to this file")
	f.StringVar(&r.date, "template-date", "", "the day that a chat template is told, as 2026-01-31 (default today)")
	f.StringVar(&r.data, "data", "", "data file, instead of messages")
	f.StringVar(&r.style, "style", "alpaca", "what a record of --data is, as in preprocess")
	f.Int64Var(&r.row, "row", 1, "row of --data, from 1")
	f.StringToStringVar(&r.mapKeys, "map-keys", nil, "columns of --data by role, as in preprocess: prompt=question")
	f.StringToStringVar(&r.tags, "tags", nil, "words in tagged messages of --data, as in preprocess: role_tag=role")
	if err := c.MarkFlagRequired("tokenizer"); err != nil {
		panic(err)
	}
	return c
}

func (r *render) run(ctx context.Context, a *app) error {
	r.choice.Now = time.Now
	if r.date != "" {
		clock, err := hf.Clock(r.date)
		if err != nil {
			return fault.Wrap(fault.Usage, err)
		}
		r.choice.Now = clock
	}
	t, err := open.Dir(r.choice.Dir)
	if err != nil {
		return fault.Wrap(fault.Data, err)
	}
	var samples []show.Sample
	if r.dataFlag {
		samples, err = r.fromData(t)
	} else {
		samples, err = r.fromMessages(ctx, a, t)
	}
	if err != nil {
		return err
	}
	if r.html != "" {
		var b bytes.Buffer
		if err := show.WriteHTML(&b, samples); err != nil {
			return err
		}
		if err := renameio.WriteFile(r.html, b.Bytes(), 0o644); err != nil {
			return fmt.Errorf("write page: %w", err)
		}
	}
	return r.write(a, samples)
}

func (r *render) write(a *app, samples []show.Sample) error {
	if a.json {
		enc := json.NewEncoder(a.stdout)
		enc.SetEscapeHTML(false)
		for i := range samples {
			if err := enc.Encode(&samples[i]); err != nil {
				return err
			}
		}
		return nil
	}
	paint := show.Paint(show.Plain)
	if on := a.ink(); on {
		paint = func(text string, special, learned bool) string {
			switch {
			case special && learned:
				return on.paint("1;32", text)
			case special:
				return on.paint("36", text)
			case learned:
				return on.paint("32", text)
			}
			return text
		}
	}
	for i := range samples {
		if i > 0 {
			fmt.Fprintln(a.stdout)
		}
		if err := samples[i].WriteText(a.stdout, paint); err != nil {
			return err
		}
		if r.ids {
			if err := samples[i].WriteIDs(a.stdout, paint); err != nil {
				return err
			}
		}
	}
	return nil
}

// fromMessages renders every conversation of the input.
func (r *render) fromMessages(ctx context.Context, a *app, t tok.Tokenizer) ([]show.Sample, error) {
	text, name, err := r.input(a)
	if err != nil {
		return nil, err
	}
	all, err := readConversations(text, r.system)
	if err != nil {
		return nil, fault.Wrap(fault.Data, fmt.Errorf("read messages of %s: %w", name, err))
	}
	if r.tools != "" {
		tools, err := os.ReadFile(r.tools)
		if err != nil {
			return nil, fault.Wrap(fault.Data, err)
		}
		for i := range all {
			if err := all[i].setTools(tools); err != nil {
				return nil, fault.Wrap(fault.Data, fmt.Errorf("read %s: %w", r.tools, err))
			}
		}
	}
	write, err := r.writer(a, t)
	if err != nil {
		return nil, err
	}
	var samples []show.Sample
	for i, c := range all {
		s, err := write(ctx, c)
		if err != nil {
			if len(all) > 1 {
				err = fmt.Errorf("conversation %d: %w", i+1, err)
			}
			return nil, fault.Wrap(fault.Data, fmt.Errorf("render: %w", err))
		}
		samples = append(samples, s)
	}
	return samples, nil
}

// maxMessages bounds the input.
const maxMessages = 64 << 20

func (r *render) input(a *app) (text []byte, name string, err error) {
	from, name := a.stdin, "standard input"
	if r.messages != "-" {
		f, err := os.Open(r.messages)
		if err != nil {
			return nil, "", fault.Wrap(fault.Data, err)
		}
		defer f.Close()
		from, name = f, r.messages
	} else {
		endAtOnce()
	}
	text, err = io.ReadAll(io.LimitReader(from, maxMessages+1))
	if err == nil && len(text) > maxMessages {
		err = fault.New(fault.Data, "%s has more than %d bytes", name, maxMessages)
	}
	return text, name, err
}

// writer writes a conversation with the template that is chosen.
func (r *render) writer(a *app, t tok.Tokenizer) (func(context.Context, dialogue) (show.Sample, error), error) {
	if !r.choice.Own() {
		f, err := hf.Open(t, r.choice)
		if err != nil {
			return nil, fault.Wrap(fault.Usage, err)
		}
		return func(_ context.Context, d dialogue) (show.Sample, error) { return d.named(f, r.generate) }, nil
	}
	renderer, err := r.choice.Renderer()
	if err != nil {
		return nil, fault.Wrap(fault.Data, err)
	}
	renderer.Ends(t)
	return func(ctx context.Context, d dialogue) (show.Sample, error) {
		s, err := d.own(ctx, t, renderer, r.generate)
		var unknown *hf.UnstableError
		if errors.As(err, &unknown) {
			a.warn("what is learned is not shown: " + err.Error())
			text, _, err := renderer.Render(ctx, d.conversation(), r.generate)
			if err != nil {
				return s, err
			}
			return show.FromText(t, text, nil)
		}
		return s, err
	}, nil
}
