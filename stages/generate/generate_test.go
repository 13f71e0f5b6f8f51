package generate

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/enginetest"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/stages/internal/tiny"
)

func params(model string, prompts ...string) Params {
	return Params{
		Model: artifact.Ref{Path: model}, Prompts: prompts,
		Decoding: Decoding{MaxNewTokens: 12, Temperature: 1, TopK: 50, TopP: 1, RepetitionPenalty: 1, Seed: 1234},
	}
}

func run(t *testing.T, p Params, events *tiny.Events) ([]Answer, error) {
	t.Helper()
	root := t.TempDir()
	out := engine.Out{Root: root, Ports: map[string]string{"text": filepath.Join(root, "generations.jsonl")}, Notes: map[string]any{}}
	if err := (Stage{}).Run(context.Background(), engine.In{Params: &p, Work: t.TempDir(), CPU: 2, Events: events.Stage()}, out); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(out.Ports["text"])
	if err != nil {
		t.Fatal(err)
	}
	var all []Answer
	for _, line := range strings.Split(strings.TrimSuffix(string(data), "\n"), "\n") {
		var a Answer
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatal(err)
		}
		all = append(all, a)
	}
	return all, nil
}

func must(t *testing.T, p Params) []Answer {
	t.Helper()
	a, err := run(t, p, &tiny.Events{})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func file(t *testing.T, text string) artifact.Ref {
	t.Helper()
	path := filepath.Join(t.TempDir(), "asks.jsonl")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return artifact.Ref{Path: path, Label: "asks.jsonl"}
}

func TestStage(t *testing.T) {
	t.Parallel()
	model := tiny.Model(t, tiny.Config(), dtype.F32)
	values := map[string]any{
		"model": engine.Source{Path: model, As: "model"}, "prompts": []any{"one", "two"}, "max_new_tokens": 8,
		"prompts_file": engine.Source{Path: file(t, "three\n").Path, As: "asks"},
	}
	sampled := map[string]any{"do_sample": true, "temperature": 1.5}
	for k, v := range values {
		sampled[k] = v
	}
	enginetest.Stage(t, Stage{},
		enginetest.Case{Name: "greedy", Values: values},
		enginetest.Case{Name: "sampled", Values: sampled})
}

func TestAnswersDoNotDependOnOtherPrompts(t *testing.T) {
	t.Parallel()
	model := tiny.Model(t, tiny.Config(), dtype.F32)
	var asks []string
	for i := range 11 { // more than run at a time
		asks = append(asks, strings.Repeat("ask ", i)+"now")
	}
	all := must(t, params(model, asks...))
	for i, ask := range asks {
		if alone := must(t, params(model, ask)); alone[0] != all[i] {
			t.Errorf("prompt %d: %+v alone, %+v among others", i, alone[0], all[i])
		}
	}
	// Sampling numbers the prompts: the first ones do not notice those that follow.
	p := params(model, asks...)
	p.DoSample = true
	drawn := must(t, p)
	p.Prompts = asks[:3]
	if d := cmp.Diff(drawn[:3], must(t, p)); d != "" {
		t.Error(d)
	}
	if drawn[0].Text == all[0].Text {
		t.Error("sampling gives what greedy search gives")
	}
}

func TestEveryDecodingParameterActs(t *testing.T) {
	t.Parallel()
	model := tiny.Model(t, tiny.Config(), dtype.F32)
	base := params(model, "one", "two", "three")
	base.DoSample, base.Temperature = true, 2
	want := must(t, base)
	for name, change := range map[string]func(p *Params){
		"max_new_tokens":       func(p *Params) { p.MaxNewTokens = 5 },
		"do_sample":            func(p *Params) { p.DoSample = false },
		"temperature":          func(p *Params) { p.Temperature = 0.2 },
		"top_k":                func(p *Params) { p.TopK = 2 },
		"top_p":                func(p *Params) { p.TopP = 0.05 },
		"min_p":                func(p *Params) { p.MinP = 0.99 },
		"repetition_penalty":   func(p *Params) { p.RepetitionPenalty, p.DoSample = 3, false },
		"no_repeat_ngram_size": func(p *Params) { p.NoRepeatNGram, p.DoSample = 1, false },
		"seed":                 func(p *Params) { p.Seed = 1 },
		"stop":                 func(p *Params) { p.Stop = []string{want[0].Text[3:5]} },
		"template":             func(p *Params) { p.Template = "chatml" },
		"chat_template":        func(p *Params) { p.Template, p.ChatFile = "hf", file(t, "{{ messages[0].content * 9 }}") },
	} {
		p := base
		change(&p)
		if cmp.Equal(want, must(t, p)) {
			t.Errorf("%s changes nothing", name)
		}
	}
	greedy := base
	greedy.DoSample = false
	same := must(t, greedy)
	greedy.NoRepeatNGram = 1
	if cmp.Equal(same, must(t, greedy)) {
		t.Error("no_repeat_ngram_size changes nothing in greedy search")
	}
	greedy.NoRepeatNGram, greedy.RepetitionPenalty = 0, 3
	if cmp.Equal(same, must(t, greedy)) {
		t.Error("repetition_penalty changes nothing in greedy search")
	}
	chat := base
	chat.Template = "chatml"
	want = must(t, chat)
	chat.System = "be kind"
	if cmp.Equal(want, must(t, chat)) {
		t.Error("system changes nothing")
	}
}

func TestStopTextsAreLeftOut(t *testing.T) {
	t.Parallel()
	model := tiny.Model(t, tiny.Config(), dtype.F32)
	p := params(model, "one")
	free := must(t, p)[0]
	runes := []rune(free.Text)
	word := string(runes[4:6])
	p.Stop = []string{word}
	got := must(t, p)[0]
	if want := free.Text[:strings.Index(free.Text, word)]; got.Text != want || got.Reason != "stop" || got.Tokens >= free.Tokens {
		t.Errorf("%+v, want the text %q", got, want)
	}
}

func TestPromptsComeFromParametersAndFile(t *testing.T) {
	t.Parallel()
	p := params(tiny.Model(t, tiny.Config(), dtype.F32), "first")
	p.MaxNewTokens, p.Template, p.System = 1, "chatml", "all"
	p.File = file(t, "second\n\n  \n{\"prompt\": \"third\", \"system\": \"own\"}\r\n fourth {\n")
	asked, err := p.prompts()
	if err != nil {
		t.Fatal(err)
	}
	want := []prompt{{"first", "all"}, {"second", "all"}, {"third", "own"}, {" fourth {", "all"}}
	if d := cmp.Diff(want, asked); d != "" {
		t.Error(d)
	}
	events := &tiny.Events{}
	answers, err := run(t, p, events)
	if err != nil || len(answers) != 4 || answers[3].Prompt != " fourth {" {
		t.Errorf("%+v, error %v", answers, err)
	}
	for _, e := range events.All() {
		if e.Table != nil && len(e.Table.Rows) == 4 {
			return
		}
	}
	t.Error("no table of answers")
}

func TestMistakesNameTheirCause(t *testing.T) {
	t.Parallel()
	model := tiny.Model(t, tiny.Config(), dtype.F32)
	for _, c := range []struct {
		name   string
		change func(p *Params)
		code   int
		want   string
	}{
		{"nothing to ask", func(p *Params) { p.Prompts = nil }, fault.Recipe, "nothing to ask"},
		{"an empty text", func(p *Params) { p.Prompts = []string{"a", ""} }, fault.Recipe, "text 2 is empty"},
		{"an empty stop text", func(p *Params) { p.Stop = []string{""} }, fault.Recipe, "stop"},
		{"a temperature of 0", func(p *Params) { p.DoSample, p.Temperature = true, 0 }, fault.Recipe, "temperature"},
		{"an unknown template", func(p *Params) { p.Template = "x" }, fault.Recipe, `no template "x"`},
		{"a chat template that the tokenizer lacks", func(p *Params) { p.Template = "hf" }, fault.Recipe, "the tokenizer has no chat template"},
		{"a chat template for plain text", func(p *Params) { p.ChatFile = file(t, "x") }, fault.Recipe, "chat_template is not used by plain text: write template: hf"},
		{"a broken chat template", func(p *Params) { p.Template, p.ChatFile = "hf", file(t, "{{") }, fault.Recipe, "asks.jsonl:1:1: this has no end"},
		{"a date for plain text", func(p *Params) { p.Date = "2026-01-31" }, fault.Recipe, "template_date means nothing with template \"\""},
		{"a system text without a template", func(p *Params) { p.System = "x" }, fault.Recipe, "prompt 1: a system text needs a template"},
		{"no model", func(p *Params) { p.Model.Path = t.TempDir() }, fault.Data, "tokenizer"},
		{"bad JSON", func(p *Params) { p.File = file(t, "a\n\n{\"prompt\": 5}\n") }, fault.Data, "asks.jsonl:3: read JSON"},
		{"JSON and more", func(p *Params) { p.File = file(t, `{"prompt": "a"} b`) }, fault.Data, "asks.jsonl:1: text follows"},
		{"another name", func(p *Params) { p.File = file(t, "a\n{\"question\": \"b\"}\n") }, fault.Data, `asks.jsonl:2: no text under "prompt"`},
		{"bytes that are no text", func(p *Params) { p.File = file(t, "a\nb\xff\n") }, fault.Data, "asks.jsonl:2: text is not UTF-8"},
		{"a line without an end", func(p *Params) { p.File = file(t, "a\n"+strings.Repeat("b", maxLine+1)) }, fault.Data, "asks.jsonl:2: bufio.Scanner: token too long"},
		{"an empty file", func(p *Params) { p.File = file(t, "\n") }, fault.Data, "asks.jsonl holds no prompts"},
	} {
		p := params(model, "one")
		c.change(&p)
		_, err := run(t, p, &tiny.Events{})
		if fault.CodeOf(err) != c.code || !strings.Contains(fmt.Sprint(err), c.want) {
			t.Errorf("%s: code %d, error %v", c.name, fault.CodeOf(err), err)
		}
	}
}

func FuzzParsePrompt(f *testing.F) {
	for _, s := range []string{"", "text", `{"prompt": "a", "system": "b"}`, `{"prompt": 1}`, " {", "\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		q, err := parsePrompt(line)
		if err == nil && len(q.Prompt)+len(q.System) > 3*len(line) {
			t.Errorf("%d bytes became %d", len(line), len(q.Prompt)+len(q.System))
		}
	})
}
