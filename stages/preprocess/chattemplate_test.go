package preprocess

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/enginetest"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/stages/corpus"
)

// ownTemplate is a chat template as tokenizers bring them along.
const ownTemplate = `{% if tools %}<tools>{{ tools|map(attribute='function')|map(attribute='name')|join(',') }}</tools>{% endif %}
{% for m in messages %}
{{ '<|im_start|>' ~ m.role ~ '\n' }}
{%- if m.tool_calls %}{{ m.tool_calls[0].function.name ~ '(' ~ m.tool_calls[0].function.arguments|tojson ~ ')' }}{% else %}{{ m.content }}{% endif %}
{{- '<|im_end|>\n' }}
{%- endfor %}
{% if add_generation_prompt %}<|im_start|>assistant
{{ '' }}{% endif %}`

func TestTheTokenizersOwnTemplateWritesEveryStyle(t *testing.T) {
	t.Parallel()
	template := file(t, "own.jinja", ownTemplate)
	for name, c := range map[string]struct {
		params Params
		data   string
		want   string
	}{
		"alpaca with history and system": {
			Params{Style: "alpaca", MapKeys: map[string]string{"history": "history", "system": "system"}},
			`{"instruction": "q", "input": "r", "output": "a", "history": [["x", "y"]], "system": "S"}`,
			"<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nx<|im_end|>\n<|im_start|>assistant\n{y<|im_end|>}\n<|im_start|>user\nq\nr<|im_end|>\n<|im_start|>assistant\n{a<|im_end|>}\n",
		},
		"sharegpt with tools": {
			Params{Style: "sharegpt", MapKeys: map[string]string{"tools": "tools"}},
			`{"conversations": [{"from": "human", "value": "h"}, {"from": "function_call", "value": "{\"name\": \"f\", \"arguments\": {\"x\": 1}}"}, {"from": "observation", "value": "o"}, {"from": "gpt", "value": "g"}], "tools": "[{\"name\": \"f\"}]"}`,
			"<tools>f</tools><|im_start|>user\nh<|im_end|>\n<|im_start|>assistant\n{f({\"x\": 1})<|im_end|>}\n<|im_start|>tool\no<|im_end|>\n<|im_start|>assistant\n{g<|im_end|>}\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			samples, m, _ := alpaca(t, c.data, func(p *Params) {
				own := c.params
				own.Tokenizer, own.Input = p.Tokenizer, p.Input
				own.Template, own.ChatFile = "hf", template
				*p = own
			})
			if diff := cmp.Diff([]string{c.want}, samples); diff != "" {
				t.Errorf("samples (-want +got):\n%s", diff)
			}
			if m.Template != "hf" {
				t.Errorf("the manifest names the template %q", m.Template)
			}
		})
	}
}

func TestPairsLearnTheLastAnswerUnderTheTokenizersOwnTemplate(t *testing.T) {
	t.Parallel()
	p := Params{Style: "alpaca_pairwise", Template: "hf", ChatFile: file(t, "own.jinja", ownTemplate), Tokenizer: newTokenizer(t),
		MapKeys: map[string]string{"history": "history"}, Input: files(t, "data.jsonl", `{"prompt": "q", "chosen": "good", "rejected": "bad", "system": "", "history": [["x", "y"]]}`)}
	dir, _, err := run(t, p)
	if err != nil {
		t.Fatal(err)
	}
	tk := openTokenizer(t, p.Tokenizer)
	for _, answer := range []string{"chosen", "rejected"} {
		ids, labels := sequence(t, dir+"/data_packed_"+answer+"_input_ids_document"), sequence(t, dir+"/data_packed_"+answer+"_labels_document")
		mask := make([]int32, len(ids))
		for i := range mask {
			mask[i] = 1
		}
		want := "<|im_start|>user\nx<|im_end|>\n<|im_start|>assistant\ny<|im_end|>\n<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\n{" +
			map[string]string{"chosen": "good", "rejected": "bad"}[answer] + "<|im_end|>}\n"
		if diff := cmp.Diff(want, learned(tk, corpus.Instruction{IDs: ids, Labels: labels, Mask: mask})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", answer, diff)
		}
	}
}

// sequence is the first sequence of an index.
func sequence(t *testing.T, prefix string) []int32 {
	t.Helper()
	x, err := corpus.Open(prefix)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	ids, err := x.Append(nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func TestMistakesOfAChatTemplateNameTheRecord(t *testing.T) {
	t.Parallel()
	tk := newTokenizer(t)
	for text, want := range map[string]struct {
		message string
		code    int
	}{
		"{% for m in messages %}{{ raise_exception('no ' ~ m.role) }}{% endfor %}": {"preprocess: data.jsonl:1: encode conversation: own.jinja:1:42: no user", fault.Data},
		"{{ messages|length }}{% for m in messages %}{{ m.content }}{% endfor %}":  {"preprocess: data.jsonl:1: encode conversation: message 1: the template writes the messages up to here in another way", fault.Data},
		"{% for x in y": {"preprocess: load chat template: own.jinja:1:1: this has no end: want \"%}\"", fault.Recipe},
		"{{ nope.x }}":  {"preprocess: data.jsonl:1: encode conversation: own.jinja:1:8: 'nope' is undefined", fault.Data},
		"{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}": {"preprocess: data.jsonl:1: encode conversation: own.jinja:1:", fault.Data},
	} {
		_, _, err := run(t, Params{Style: "alpaca", Template: "hf", ChatFile: file(t, "own.jinja", text), Tokenizer: tk, Input: files(t, "data.jsonl", twoRecords)})
		if err == nil || fault.CodeOf(err) != want.code || !strings.HasPrefix(strings.ReplaceAll(err.Error(), directoryOf(err.Error()), ""), want.message) {
			t.Errorf("error %v (code %d), want %q (code %d)", err, fault.CodeOf(err), want.message, want.code)
		}
	}
	for want, p := range map[string]Params{
		"load chat template " + tk.Path + ": the tokenizer has no chat template":                   {Template: "hf"},
		`chat_template means nothing with template "qwen"`:                                         {Template: "qwen", ChatFile: file(t, "own.jinja", "x")},
		`template_date means nothing with template "qwen", which tells no date`:                    {Template: "qwen", Date: "2026-01-31"},
		`template_date "today": want a day as 2026-01-31`:                                          {Template: "hf", ChatFile: file(t, "own.jinja", "x"), Date: "today"},
		"template hf cannot be had with compat rc3, which has no Jinja templates in preprocessing": {Template: "hf", ChatFile: file(t, "own.jinja", "x"), Compat: "rc3"},
	} {
		p.Style, p.Tokenizer, p.Input = "alpaca", tk, files(t, "data.jsonl", twoRecords)
		if _, _, err := run(t, p); err == nil || fault.CodeOf(err) != fault.Recipe || !strings.HasPrefix(err.Error(), "preprocess: "+want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// directoryOf is the folder of the template that an error names.
func directoryOf(text string) string {
	end := strings.Index(text, "own.jinja")
	if end < 0 {
		return "\x00"
	}
	return text[strings.LastIndexByte(text[:end], ' ')+1 : end]
}

func TestTheStageKeepsItsPromisesWithAChatTemplate(t *testing.T) {
	t.Parallel()
	source := func(r artifact.Ref) engine.Source { return engine.Source{Path: r.Path, As: r.Label} }
	enginetest.Stage(t, Stage{}, enginetest.Case{Name: "the tokenizer's own template", Values: map[string]any{
		"input": []any{source(file(t, "data.jsonl", strings.Repeat(twoRecords, 100)))}, "tokenizer": source(newTokenizer(t)), "style": "alpaca",
		"template": "hf", "chat_template": source(file(t, "own.jinja", ownTemplate)), "template_date": "2026-01-31",
	}})
}

// BenchmarkOwnTemplate is BenchmarkStage through a Jinja template.
func BenchmarkOwnTemplate(b *testing.B) {
	benchmark(b, func(p *Params) { p.Template, p.ChatFile = "hf", file(b, "own.jinja", ownTemplate) })
}
