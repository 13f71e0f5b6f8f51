package hf

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/models/chat"
	"github.com/belay-ml/belay/models/chat/jinja"
)

// The templates of these tests.
const (
	chatml     = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
	generation = "{% for m in messages %}[{{ m.role }}]{% if m.role == 'assistant' %}{% generation %}{{ m.content }}</s>{% endgeneration %}{% else %}{{ m.content }}{% endif %}{% endfor %}"
	// thinks shows an answer's thoughts in the last message alone, as Qwen 3 does.
	thinks = "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.role == 'assistant' and loop.last %}<think>\n\n</think>\n\n{% endif %}{{ m.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
	// counts changes what stands before every message.
	counts = "{{ messages|length }}{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}"
	// inst has no generation prompt and no line for the assistant.
	inst  = "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}[INST] {{ m.content }} [/INST]{% elif m.role == 'assistant' %} {{ m.content }}{{ eos_token }}{% endif %}{% endfor %}"
	tools = "{% if tools %}{{ tools|tojson }}{% endif %}{% for m in messages %}[{{ m.role }}]{% if m.tool_calls %}{% for c in m.tool_calls %}{{ c.function.name }}({{ c.function.arguments|tojson }}){% endfor %}{% else %}{{ m.content }}{% endif %}{{ m.name }}</s>{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}"
)

// directory writes files of a tokenizer.
func directory(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func bind(t *testing.T, template string) chat.Format {
	t.Helper()
	dir := directory(t, map[string]string{"chat_template.jinja": template, "tokenizer_config.json": `{"bos_token": "<s>", "eos_token": {"content": "</s>"}}`})
	f, err := Open(newLetters(), Choice{Template: Name, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// marked writes ids as text, with what is learned in braces.
func marked(f chat.Format, d *chat.Dialogue, learn chat.Learn) string {
	ids, labels := d.IDs, slices.Clone(d.IDs)
	if err := f.AppendLabels(nil, d, learn).Apply(labels); err != nil {
		panic(err)
	}
	var out strings.Builder
	for i, id := range ids {
		text := f.Tokenizer().Token(id)
		if labels[i] != chat.Ignored {
			text = "{" + f.Tokenizer().Token(labels[i]) + "}"
		}
		out.WriteString(text)
	}
	return strings.ReplaceAll(out.String(), "}{", "")
}

func TestAConversationIsLearnedWhereTheAssistantSpeaks(t *testing.T) {
	t.Parallel()
	messages := []chat.Message{{Role: chat.User, Content: "hi"}, {Role: chat.Assistant, Content: "yo"}, {Role: chat.User, Content: "ok"}, {Role: chat.Assistant, Content: "by"}}
	for name, c := range map[string]struct{ template, want, last string }{
		"prefix difference": {chatml,
			"<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n{yo<|im_end|>}\n<|im_start|>user\nok<|im_end|>\n<|im_start|>assistant\n{by<|im_end|>}\n",
			"<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\nyo<|im_end|>\n<|im_start|>user\nok<|im_end|>\n<|im_start|>assistant\n{by<|im_end|>}\n"},
		"generation blocks": {generation, "[system]S[user]hi[assistant]{yo</s>}[user]ok[assistant]{by</s>}", "[system]S[user]hi[assistant]yo</s>[user]ok[assistant]{by</s>}"},
		"an earlier answer is written in another way": {thinks,
			"<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n{yo<|im_end|>}\n<|im_start|>user\nok<|im_end|>\n<|im_start|>assistant\n{<think>\n\n</think>\n\nby<|im_end|>}\n",
			"<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\nyo<|im_end|>\n<|im_start|>user\nok<|im_end|>\n<|im_start|>assistant\n{<think>\n\n</think>\n\nby<|im_end|>}\n"},
		"no generation prompt": {inst, "<s>[INST] hi [/INST]{ yo</s>}[INST] ok [/INST]{ by</s>}", "<s>[INST] hi [/INST] yo</s>[INST] ok [/INST]{ by</s>}"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := bind(t, c.template)
			var d chat.Dialogue
			if err := f.Encode(&d, messages, "S", ""); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, marked(f, &d, chat.Answers)); diff != "" {
				t.Errorf("text (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.last, marked(f, &d, chat.LastAnswer)); diff != "" {
				t.Errorf("last answer (-want +got):\n%s", diff)
			}
			prompt, err := f.Prompt(messages[:3], "S", "")
			if err != nil {
				t.Fatal(err)
			}
			if text := f.Tokenizer().Decode(prompt, false); !strings.HasPrefix(strings.NewReplacer("{", "", "}", "").Replace(c.want), text) {
				t.Errorf("the prompt %q is not the beginning of the sample", text)
			}
		})
	}
}

func TestATemplateThatRewritesWhatWasSaidIsRefused(t *testing.T) {
	t.Parallel()
	f := bind(t, counts)
	err := f.Encode(new(chat.Dialogue), []chat.Message{{Role: chat.User, Content: "hi"}, {Role: chat.Assistant, Content: "yo"}}, "", "")
	if want := `encode conversation: message 1: the template writes the messages up to here in another way when more follow, so what is learned is not known ` +
		`(they part at byte 0, within "2[user]hi[assistant]"): take a template with {% generation %} blocks, or one of belay's own`; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	g := bind(t, "{% generation %}{% endgeneration %}{% for m in messages %}{{ m.content }}{% endfor %}")
	if err := g.Encode(new(chat.Dialogue), []chat.Message{{Role: chat.User, Content: "hi"}, {Role: chat.Assistant, Content: "yo"}}, "", ""); err == nil || !strings.Contains(err.Error(), "blocks hold nothing of this conversation") {
		t.Errorf("error %v", err)
	}
}

func TestToolsAndCallsReachTheTemplate(t *testing.T) {
	t.Parallel()
	f := bind(t, tools)
	messages := []chat.Message{
		{Role: chat.User, Content: "hi"}, {Role: chat.Function, Content: `{"name": "f", "arguments": {"b": 1.50, "a": [null]}}`},
		{Role: chat.Observation, Content: "42"}, {Role: chat.Function, Content: `[{"name": "g", "arguments": {}}, {"name": "h", "arguments": {}}]`},
	}
	var d chat.Dialogue
	err := f.Encode(&d, messages, "", `[{"name": "f", "parameters": {}}, {"type": "function", "function": {"name": "g"}}]`)
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"type": "function", "function": {"name": "f", "parameters": {}}}, {"type": "function", "function": {"name": "g"}}]` +
		`[user]hi</s>[assistant]{f({"b": 1.5, "a": [null]})</s>}[tool]42f</s>[assistant]{g({})h({})</s>}`
	if diff := cmp.Diff(want, marked(f, &d, chat.Answers)); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
	for _, c := range []struct{ call, tools, want string }{
		{`{"name": "f"}`, "", "encode conversation: message 1: function call has the keys name, want name (a text) and arguments"},
		{`x`, "", "encode conversation: message 1: function call is not JSON: byte 0: want a value, have 'x'"},
		{`{"name": "f", "arguments": {}}`, "{}", "encode conversation: tools are an object, want a list"},
		{`{"name": "f", "arguments": {}}`, "[1]", "encode conversation: tool 0 is a number, want an object"},
	} {
		messages[1].Content = c.call
		if err := f.Encode(&d, messages[:2], "", c.tools); err == nil || err.Error() != c.want {
			t.Errorf("error %v, want %s", err, c.want)
		}
	}
}

func TestTheTokenThatEndsATurnStopsGeneration(t *testing.T) {
	t.Parallel()
	f := bind(t, chatml)
	if diff := cmp.Diff([]int32{257, 258}, f.Stops()); diff != "" {
		t.Errorf("stops (-want +got):\n%s", diff)
	}
	if f.EOS() != 257 || f.PAD() != 257 {
		t.Errorf("eos %d, pad %d", f.EOS(), f.PAD())
	}
	if diff := cmp.Diff([]int32{257}, bind(t, inst).Stops()); diff != "" {
		t.Errorf("stops of a template that ends with eos (-want +got):\n%s", diff)
	}
}

func TestTemplatesComeFromTheirFilesInOrder(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		files map[string]string
		pick  string
		tools bool
		want  string
	}{
		"file before configuration": {map[string]string{"chat_template.jinja": "a", "tokenizer_config.json": `{"chat_template": "b"}`}, "", false, "a"},
		"text in configuration":     {map[string]string{"tokenizer_config.json": `{"chat_template": "b"}`, "chat_template.json": `{"chat_template": "c"}`}, "", false, "b"},
		"file of a processor":       {map[string]string{"tokenizer_config.json": `{}`, "chat_template.json": `{"chat_template": "c"}`}, "", false, "c"},
		"list":                      {map[string]string{"tokenizer_config.json": `{"chat_template": [{"name": "default", "template": "d"}, {"name": "tool_use", "template": "t"}]}`}, "", false, "d"},
		"list with tools":           {map[string]string{"tokenizer_config.json": `{"chat_template": [{"name": "default", "template": "d"}, {"name": "tool_use", "template": "t"}]}`}, "", true, "t"},
		"by name":                   {map[string]string{"tokenizer_config.json": `{"chat_template": [{"name": "default", "template": "d"}, {"name": "rag", "template": "r"}]}`}, "rag", false, "r"},
		"additional":                {map[string]string{"chat_template.jinja": "a", "additional_chat_templates/tool_use.jinja": "t"}, "", true, "t"},
		"additional, not asked for": {map[string]string{"chat_template.jinja": "a", "additional_chat_templates/rag.jinja": "t"}, "", true, "a"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := Load(directory(t, c.files))
			if err != nil {
				t.Fatal(err)
			}
			tmpl, err := s.Pick(c.pick, c.tools)
			if err != nil {
				t.Fatal(err)
			}
			if got, _, err := tmpl.Render(context.Background(), nil, jinja.Options{}); err != nil || got != c.want {
				t.Errorf("text %q, error %v, want %q", got, err, c.want)
			}
		})
	}
}

func TestMistakesInTemplateFilesAreNamed(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]struct {
		files map[string]string
		name  string
	}{
		"the tokenizer has no chat template: name one of belay's own (alpaca,":       {map[string]string{"tokenizer_config.json": `{}`}, Name},
		"chat_template is a number, want a text or a list":                           {map[string]string{"tokenizer_config.json": `{"chat_template": 1}`}, Name},
		"entry 0 of chat_template wants the texts name and template":                 {map[string]string{"tokenizer_config.json": `{"chat_template": [{}]}`}, Name},
		"chat_template.jinja:1:6: want \"}}\", have \"b\"\n  {{ a b }}\n":            {map[string]string{"chat_template.jinja": "{{ a b }}"}, Name},
		`no chat template "x": have default`:                                         {map[string]string{"chat_template.jinja": "a"}, Name + ":x"},
		"there are several chat templates and none is the default: name one of a, b": {map[string]string{"tokenizer_config.json": `{"eos_token": "</s>", "chat_template": [{"name": "a", "template": "d"}, {"name": "b", "template": "r"}]}`}, Name},
		`no template "nope": have alpaca`:                                            {map[string]string{}, "nope"},
	} {
		f, err := Open(newLetters(), Choice{Template: c.name, Dir: directory(t, c.files)})
		if err == nil {
			_, err = f.Prompt([]chat.Message{{Role: chat.User, Content: "x"}}, "", "")
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
	if _, err := Open(newLetters(), Choice{Template: Name, Options: chat.Options{Compat: true}}); err == nil || !strings.Contains(err.Error(), "cannot be had with compat rc3") {
		t.Errorf("error %v", err)
	}
	if _, err := Open(newLetters(), Choice{Template: "chatml", File: "x"}); err == nil || !strings.Contains(err.Error(), "write template: hf") {
		t.Errorf("error %v", err)
	}
}

func TestADateIsToldOnlyWhenItIsGiven(t *testing.T) {
	t.Parallel()
	dir := directory(t, map[string]string{"chat_template.jinja": "{{ strftime_now('%d %b %Y') if strftime_now is defined else 'none' }}", "tokenizer_config.json": `{"eos_token": "</s>"}`})
	for day, want := range map[string]string{"": "none", "2026-01-31": "31 Jan 2026"} {
		clock, err := Clock(day)
		if err != nil {
			t.Fatal(err)
		}
		f, err := Open(newLetters(), Choice{Template: Name, Dir: dir, Now: clock})
		if err != nil {
			t.Fatal(err)
		}
		ids, err := f.Prompt([]chat.Message{{Role: chat.User, Content: "x"}}, "", "")
		if err != nil || f.Tokenizer().Decode(ids, false) != want {
			t.Errorf("text %q, error %v, want %q", f.Tokenizer().Decode(ids, false), err, want)
		}
	}
	if _, err := Clock("31.1.2026"); err == nil {
		t.Error("no error for a date in another form")
	}
}

func TestATokenThatReachesIntoAnAnswerIsLearned(t *testing.T) {
	t.Parallel()
	tk := newLetters()
	tk.Added = append(tk.Added, "t]y", "</s>[")
	ids, learned, err := Tokens(tk, "[user]hi[assistant]yo</s>[user]ok", []jinja.Span{{Start: 19, End: 25}})
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for i, id := range ids {
		if learned[i] {
			out.WriteString("{" + tk.Token(id) + "}")
		}
	}
	if want := "{t]y}{o}{</s>}"; out.String() != want {
		t.Errorf("learned %s, want %s", out.String(), want)
	}
}
