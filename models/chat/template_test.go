package chat

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/models/tok"
)

// letters is a tokenizer with an id for each byte and for each added token.
type letters struct {
	added   []string
	special tok.Special
}

func (l letters) Encode(dst []int32, text string, special bool) []int32 {
next:
	for len(text) > 0 {
		for i, a := range l.added {
			if rest, ok := strings.CutPrefix(text, a); ok {
				dst, text = append(dst, int32(256+i)), rest
				continue next
			}
		}
		dst, text = append(dst, int32(text[0])), text[1:]
	}
	return dst
}

func (l letters) Decode(ids []int32, skip bool) string {
	var b strings.Builder
	for _, id := range ids {
		b.WriteString(l.Token(id))
	}
	return b.String()
}

func (l letters) Token(id int32) string {
	if id < 256 {
		return string([]byte{byte(id)})
	}
	return l.added[id-256]
}

func (l letters) VocabSize() int       { return 256 + len(l.added) }
func (l letters) Special() tok.Special { return l.special }
func (l letters) ID(token string) (int32, bool) {
	for i, a := range l.added {
		if a == token {
			return int32(256 + i), true
		}
	}
	return 0, false
}

func (l letters) Add(text string) (tok.Tokenizer, int32) {
	if id, ok := l.ID(text); ok {
		return l, id
	}
	l.added = append(l.added[:len(l.added):len(l.added)], text)
	return l, int32(255 + len(l.added))
}

func newLetters() letters {
	l := letters{
		added:   []string{"<s>", "</s>", "[gMASK]", "sop", "<|user|>", "<|assistant|>", "<|system|>", "<|observation|>"},
		special: tok.Special{BOS: 256, EOS: 257, PAD: -1, UNK: -1},
	}
	return l
}

func bind(t *testing.T, name string, tk tok.Tokenizer, o Options) *Bound {
	t.Helper()
	tmpl, err := Load(name)
	if err != nil {
		t.Fatal(err)
	}
	b, err := tmpl.Bind(tk, o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// render writes ids as text, and what is learned in braces.
func render(b *Bound, ids, labels []int32) string {
	var out strings.Builder
	for i, id := range ids {
		text := b.Tokenizer().Token(id)
		if labels[i] != Ignored {
			text = "{" + b.Tokenizer().Token(labels[i]) + "}"
		}
		out.WriteString(text)
	}
	return strings.ReplaceAll(out.String(), "}{", "")
}

func TestEveryBuiltInTemplateEncodesADialogue(t *testing.T) {
	t.Parallel()
	messages := []Message{{User, "hi"}, {Assistant, "yo"}, {User, "ok"}, {Assistant, "by"}}
	want := map[string]string{
		"default":         "S\nHuman: hi\nAssistant: {yo</s>}\nHuman: ok\nAssistant: {by</s>}",
		"empty":           "Shi{yo}ok{by}",
		"alpaca":          "S### Instruction:\nhi\n\n### Response:\n{yo</s>}\n\n### Instruction:\nok\n\n### Response:\n{by</s>}",
		"chatml":          "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n{yo<|im_end|>}\n<|im_start|>user\nok<|im_end|>\n<|im_start|>assistant\n{by<|im_end|>}",
		"llama2":          "<s>[INST] <<SYS>>\nS\n<</SYS>>\n\nhi [/INST]{yo</s>}<s>[INST] ok [/INST]{by</s>}",
		"llama3":          "<s><|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nhi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n{yo<|eot_id|>}<|start_header_id|>user<|end_header_id|>\n\nok<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n{by<|eot_id|>}",
		"mistral":         "<s>S[INST] hi [/INST]{yo</s>}[INST] ok [/INST]{by</s>}",
		"gemma":           "<s>S<start_of_turn>user\nhi<end_of_turn>\n<start_of_turn>model\n{yo</s>}end_of_turn>\n<start_of_turn>user\nok<end_of_turn>\n<start_of_turn>model\n{by</s>}",
		"chatglm2":        "[gMASK]sopS[Round 0]\n\n问：hi\n\n答：{yo</s>}\n[Round 1]\n\n问：ok\n\n答：{by</s>}",
		"chatglm3":        "[gMASK]sop<|system|>\nS<|user|>\nhi<|assistant|>{\nyo</s>}\nok<|assistant|>{\nby</s>}",
		"chatglm3_system": "[gMASK]sop<|system|>\nS<|user|>\nhi<|assistant|>{\nyo</s>}\nok<|assistant|>{\nby</s>}",
		"glm4":            "[gMASK]<sop><|system|>\nS<|user|>\nhi<|assistant|>{\nyo</s>}\nok<|assistant|>{\nby</s>}",
	}
	want["qwen"], want["chatml_de"], want["mixtral"] = want["chatml"], want["chatml"], want["mistral"]
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tk := newLetters()
			if name == "glm4" { // its prefix is text
				tk.added = append(tk.added[:3:3], append([]string{"<sop>"}, tk.added[4:]...)...)
			}
			b := bind(t, name, tk, Options{})
			turns, err := b.Encode(messages, "S", "")
			if err != nil {
				t.Fatal(err)
			}
			ids, labels := b.Flatten(turns)
			if diff := cmp.Diff(want[name], render(b, ids, labels)); diff != "" {
				t.Errorf("text (-want +got):\n%s", diff)
			}
			prompt, err := b.Prompt(messages[:3], "S", "")
			if err != nil {
				t.Fatal(err)
			}
			n := len(turns[0].Source) + len(turns[0].Target) + len(turns[1].Source)
			if diff := cmp.Diff(ids[:n], prompt); diff != "" {
				t.Errorf("the prompt is not the beginning of the sample (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPlaceholdersInMessagesStayAsTheyAre(t *testing.T) {
	t.Parallel()
	messages := []Message{{User, "{{idx}} {{content}}"}, {Assistant, "{{content}}"}}
	b := bind(t, "default", newLetters(), Options{})
	turns, err := b.Encode(messages, "", "")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := b.Tokenizer().Decode(turns[0].Source, false), "Human: {{idx}} {{content}}\nAssistant: "; got != want {
		t.Errorf("question %q, want %q", got, want)
	}
	b = bind(t, "default", newLetters(), Options{Compat: true})
	if turns, err = b.Encode(messages, "", ""); err != nil {
		t.Fatal(err)
	}
	if got, want := b.Tokenizer().Decode(turns[0].Source, false), "Human: 0 {{content}}\nAssistant: "; got != want {
		t.Errorf("question with compat %q, want %q", got, want)
	}
}

func TestToolsAndFunctionCallsThatAreNotJSONAreErrors(t *testing.T) {
	t.Parallel()
	b := bind(t, "default", newLetters(), Options{})
	call := []Message{{User, "x"}, {Function, `{"name": "f"}`}}
	for _, c := range []struct{ tools, want string }{
		{`[{"name": "f"`, "encode conversation: tools are not JSON: byte 13: want a comma or '}', have the end"},
		{`{}`, "encode conversation: tools are an object, want a list"},
		{`[{"name": 1}]`, "encode conversation: tool 0: name is a number, want a text"},
		{"", "encode conversation: message 1: function call has the keys name, want name (a text) and arguments"},
	} {
		if _, err := b.Encode(call, "", c.tools); err == nil || err.Error() != c.want {
			t.Errorf("tools %q: error %v, want %q", c.tools, err, c.want)
		}
	}
	call[1].Content = `{"name": "f", "arguments": {"a": 1.50, "ä": [true, null]}}`
	turns, err := b.Encode(call, "", `[{"name": "f", "description": "d", "parameters": {"properties": {"a": {"type": "number", "description": "x", "enum": ["p", "q"]}}, "required": ["a"]}}]`)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := b.Tokenizer().Decode(turns[0].Target, false), "Action: f\nAction Input: {\"a\": 1.5, \"ä\": [true, null]}</s>"; got != want {
		t.Errorf("call %q, want %q", got, want)
	}
	if got := b.Tokenizer().Decode(turns[0].Source, false); !strings.Contains(got, "Tool Args:\n  - a (number, required): x, should be one of [p, q]\n\nUse the") {
		t.Errorf("tools read %q", got)
	}
}

func TestATemplateThatDoesNotFitIsRefused(t *testing.T) {
	t.Parallel()
	tk := newLetters()
	tk.special.BOS = -1
	tk.added = tk.added[:2]
	for name, want := range map[string]string{
		"llama3":   "template llama3 begins with the bos token, and the tokenizer has none",
		"chatglm3": `template chatglm3 needs the token "[gMASK]", which the tokenizer does not have`,
	} {
		tmpl, err := Load(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tmpl.Bind(tk, Options{}); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", name, err, want)
		}
	}
	if _, err := Load("nope"); err == nil || !strings.HasPrefix(err.Error(), `no template "nope": have alpaca, `) {
		t.Errorf("error %v", err)
	}
}

func TestMistakesInATemplateFileAreNamed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"usr: [x]":                                 "field usr not found",
		"user: [hello]":                            "user: want {{content}} once, have it 0 times",
		"separator: [\"{{idx}}\"]":                 "separator: {{idx}} means nothing here",
		"replace_eos: true":                        "replace_eos: stop_words is empty",
		"prefix: [{special: pad}]":                 "line 1: a slot is a text, {token: NAME} or {special: bos} or {special: eos}",
		"tools: glm":                               `tools: want default or none, have "glm"`,
		"prefix: [{token: a, b: c}]":               "line 1: a slot is a text",
		"assistant: [\"{{content}}x{{content}}\"]": "assistant: want {{content}} once, have it 2 times",
	} {
		if _, err := Parse("x", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q in it", text, err, want)
		}
	}
}
