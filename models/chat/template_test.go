package chat

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/models/tok"
	"github.com/belay-ml/belay/models/tok/toktest"
)

func newLetters() toktest.Letters {
	return toktest.New("[gMASK]", "sop", "<|user|>", "<|assistant|>", "<|system|>", "<|observation|>")
}

// withSop is newLetters with the token that GLM-4's prefix has.
func withSop() toktest.Letters {
	return toktest.New("[gMASK]", "<sop>", "<|user|>", "<|assistant|>", "<|system|>", "<|observation|>")
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

func encode(t *testing.T, b *Bound, messages []Message, system, tools string) *Dialogue {
	t.Helper()
	var d Dialogue
	if err := b.Encode(&d, messages, system, tools); err != nil {
		t.Fatal(err)
	}
	return &d
}

// source and target are the text of a round.
func source(b *Bound, d *Dialogue, round int) string {
	s, _ := texts(b, d, round)
	return s
}

func target(b *Bound, d *Dialogue, round int) string {
	_, t := texts(b, d, round)
	return t
}

func texts(b *Bound, d *Dialogue, round int) (source, target string) {
	at := 0
	for _, r := range d.Rounds[:round] {
		at += r.Source + r.Target
	}
	r := d.Rounds[round]
	return b.Tokenizer().Decode(d.IDs[at:at+r.Source], false), b.Tokenizer().Decode(d.IDs[at+r.Source:at+r.Source+r.Target], false)
}

func labelsOf(b *Bound, d *Dialogue, learn Learn) []int32 {
	labels := slices.Clone(d.IDs)
	if err := b.AppendLabels(nil, d, learn).Apply(labels); err != nil {
		panic(err)
	}
	return labels
}

// render writes ids as text, and what is learned in braces.
func render(b *Bound, d *Dialogue, learn Learn) string {
	labels := labelsOf(b, d, learn)
	var out strings.Builder
	for i, id := range d.IDs {
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
				tk = withSop()
			}
			b := bind(t, name, tk, Options{})
			d := encode(t, b, messages, "S", "")
			if diff := cmp.Diff(want[name], render(b, d, Answers)); diff != "" {
				t.Errorf("text (-want +got):\n%s", diff)
			}
			prompt, err := b.Prompt(messages[:3], "S", "")
			if err != nil {
				t.Fatal(err)
			}
			n := d.Rounds[0].Source + d.Rounds[0].Target + d.Rounds[1].Source
			if diff := cmp.Diff(d.IDs[:n], prompt); diff != "" {
				t.Errorf("the prompt is not the beginning of the sample (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDefectPlaceholdersInMessagesStayAsTheyAre(t *testing.T) {
	t.Parallel()
	messages := []Message{{User, "{{idx}} {{content}}"}, {Assistant, "{{content}} {{idx}}"}}
	for compat, want := range map[bool]string{
		false: "Human: {{idx}} {{content}}\nAssistant: ",
		true:  "Human: 0 {{content}}\nAssistant: ",
	} {
		b := bind(t, "default", newLetters(), Options{Compat: compat})
		d := encode(t, b, messages, "", "")
		if got := source(b, d, 0); got != want {
			t.Errorf("compat %v: question %q, want %q", compat, got, want)
		}
		if got, want := target(b, d, 0), "{{content}} {{idx}}</s>"; got != want {
			t.Errorf("compat %v: answer %q, want %q", compat, got, want)
		}
	}
}

func TestDefectANameThatHoldsAPlaceholderStaysAsItIs(t *testing.T) {
	t.Parallel()
	messages := []Message{{User, "x"}, {Function, `{"name": "f{{arguments}}", "arguments": {}}`}}
	for compat, want := range map[bool]string{
		false: "Action: f{{arguments}}\nAction Input: {}</s>",
		true:  "Action: f{}\nAction Input: {}</s>",
	} {
		b := bind(t, "default", newLetters(), Options{Compat: compat})
		if got := target(b, encode(t, b, messages, "", ""), 0); got != want {
			t.Errorf("compat %v: call %q, want %q", compat, got, want)
		}
	}
}

func TestDefectAnObservationHasTheNumberOfItsRound(t *testing.T) {
	t.Parallel()
	messages := []Message{{User, "x"}, {Function, `{"name": "f", "arguments": {}}`}, {Observation, "o"}, {Assistant, "y"}}
	for compat, want := range map[bool]string{false: "\n\n[Round 1]\n\n问：o\n\n答：", true: "\n\n[Round {{idx}}]\n\n问：o\n\n答："} {
		b := bind(t, "chatglm2", newLetters(), Options{Compat: compat})
		if got := source(b, encode(t, b, messages, "", ""), 1); got != want {
			t.Errorf("compat %v: observation %q, want %q", compat, got, want)
		}
	}
}

const someTools = `[{"type": "function", "function": {"name": "f", "description": "d", "parameters": {"properties": {"a": {"type": "number", "description": "x", "enum": ["p", "q"]}}, "required": ["a"]}}}]`

func TestDefectToolsAreToldInTheModelsOwnForm(t *testing.T) {
	t.Parallel()
	const body = `{
    "name": "f",
    "description": "d",
    "parameters": {
        "properties": {
            "a": {
                "type": "number",
                "description": "x",
                "enum": [
                    "p",
                    "q"
                ]
            }
        },
        "required": [
            "a"
        ]
    }
}`
	const identity = "你是一个名为 ChatGLM 的人工智能助手。你是基于智谱AI训练的语言模型 GLM-4 模型开发的，你的任务是针对用户的问题和要求提供适当的答复和支持。"
	const section = "\n\n# 可用工具\n\n## f\n\n" + body + "\n在调用上述函数时，请使用 Json 格式表示调用的参数。"
	indented := "[\n    " + strings.ReplaceAll(body, "\n", "\n    ") + "\n]"
	for _, c := range []struct {
		template, system string
		compat           bool
		want             string
	}{
		{"glm4", "", false, "[gMASK]<sop><|system|>\n" + identity + section + "<|user|>\nx<|assistant|>"},
		{"glm4", "S", false, "[gMASK]<sop><|system|>\nS" + section + "<|user|>\nx<|assistant|>"},
		{"glm4", "", true, "[gMASK]<sop><|system|>\n<|user|>\nx<|assistant|>"},
		{"chatglm3", "", false, "[gMASK]sop<|system|>\nAnswer the following questions as best as you can. You have access to the following tools:\n" + indented + "<|user|>\nx<|assistant|>"},
		{"chatglm3", "S", false, "[gMASK]sop<|system|>\nS\n" + indented + "<|user|>\nx<|assistant|>"},
		{"chatglm3", "S", true, "[gMASK]sop<|system|>\nS<|user|>\nx<|assistant|>"},
		{"llama2", "S", false, "<s>[INST] <<SYS>>\nS" + strings.TrimSuffix(defaultForm, "\n") + "\n\n<</SYS>>\n\nx [/INST]"},
		{"default", "", false, defaultForm + "\nHuman: x\nAssistant: "},
		{"default", "", true, "\nHuman: x\nAssistant: "}, // the reference does not look into "function"
	} {
		tk := newLetters()
		if c.template == "glm4" {
			tk = withSop()
		}
		b := bind(t, c.template, tk, Options{Compat: c.compat})
		d := encode(t, b, []Message{{User, "x"}, {Assistant, "y"}}, c.system, someTools)
		if diff := cmp.Diff(c.want, source(b, d, 0)); diff != "" {
			t.Errorf("%s, system %q, compat %v (-want +got):\n%s", c.template, c.system, c.compat, diff)
		}
	}
}

const defaultForm = "You have access to the following tools:\n> Tool Name: f\nTool Description: d\nTool Args:\n" +
	"  - a (number, required): x, should be one of [p, q]\n\n" +
	"Use the following format if using a tool:\n```\nAction: tool name (one of [f]).\nAction Input: the input to the tool, in a JSON format " +
	"representing the kwargs (e.g. ```{\"input\": \"hello world\", \"num_beams\": 5}```).\n```\n"

func TestDefectToolsAndFunctionCallsThatAreNotJSONAreErrors(t *testing.T) {
	t.Parallel()
	b := bind(t, "default", newLetters(), Options{})
	call := []Message{{User, "x"}, {Function, `{"name": "f"}`}}
	for _, c := range []struct{ tools, want string }{
		{`[{"name": "f"`, "encode conversation: tools are not JSON: byte 13: want a comma or '}', have the end"},
		{`{}`, "encode conversation: tools are an object, want a list"},
		{`[{"name": 1}]`, "encode conversation: tool 0: name is a number, want a text"},
		{"", "encode conversation: message 1: function call has the keys name, want name (a text) and arguments"},
	} {
		if err := b.Encode(new(Dialogue), call, "", c.tools); err == nil || err.Error() != c.want {
			t.Errorf("tools %q: error %v, want %q", c.tools, err, c.want)
		}
		compat := bind(t, "default", newLetters(), Options{Compat: true})
		if got, want := target(compat, encode(t, compat, call, "", c.tools), 0), "Action: \nAction Input: </s>"; got != want {
			t.Errorf("tools %q: with compat the call is %q, want %q", c.tools, got, want)
		}
	}
	call[1].Content = `{"name": "f", "arguments": {"a": 1.50, "ä": [true, null]}}`
	d := encode(t, b, call, "", "")
	if got, want := target(b, d, 0), "Action: f\nAction Input: {\"a\": 1.5, \"ä\": [true, null]}</s>"; got != want {
		t.Errorf("call %q, want %q", got, want)
	}
}

func TestWhatIsLearnedIsChosen(t *testing.T) {
	t.Parallel()
	messages := []Message{{User, "a"}, {Assistant, "b"}, {User, "c"}, {Assistant, "d"}}
	for _, c := range []struct {
		template string
		learn    Learn
		want     string
	}{
		{"default", Answers, "Human: a\nAssistant: {b</s>}\nHuman: c\nAssistant: {d</s>}"},
		{"default", LastAnswer, "Human: a\nAssistant: b</s>\nHuman: c\nAssistant: {d</s>}"},
		{"default", Everything, "{Human: a\nAssistant: b</s>\nHuman: c\nAssistant: d</s>}"},
		{"glm4", Answers, "[gMASK]<sop><|user|>\na<|assistant|>{\nb</s>}\nc<|assistant|>{\nd</s>}"},
		{"glm4", LastAnswer, "[gMASK]<sop><|user|>\na<|assistant|>\nb<|user|>\nc<|assistant|>{\nd</s>}"},
	} {
		b := bind(t, c.template, withSop(), Options{})
		if diff := cmp.Diff(c.want, render(b, encode(t, b, messages, "", ""), c.learn)); diff != "" {
			t.Errorf("%s, %d (-want +got):\n%s", c.template, c.learn, diff)
		}
	}
}

func TestALimitCutsQuestionAndAnswerByTheirShare(t *testing.T) {
	t.Parallel()
	messages := []Message{{User, strings.Repeat("q", 30)}, {Assistant, strings.Repeat("a", 9)}, {User, "second"}, {Assistant, "answer"}}
	for _, c := range []struct {
		template  string
		limit     int
		lastFirst bool
		want      string
	}{
		{"empty", 51, false, strings.Repeat("q", 30) + "{" + strings.Repeat("a", 9) + "}second{answer}"},
		// 12 ids: of 9 in 39 int(12*9/39) = 2 stay, and 10 of the question.
		{"empty", 12, false, "qqqqqqqqqq{aa}"},
		{"empty", 43, false, strings.Repeat("q", 30) + "{" + strings.Repeat("a", 9) + "}se{an}"},
		{"empty", 1, false, "{a}"},
		{"empty", 14, true, "q{a}second{answer}"},
		{"chatglm2", 12, false, "[gMASK]sop[Round{" + strings.Repeat("a", 4) + "</s>}"},
	} {
		b := bind(t, c.template, newLetters(), Options{Limit: c.limit, LastFirst: c.lastFirst})
		d := encode(t, b, messages, "", "")
		if got := render(b, d, Answers); got != c.want && c.template == "empty" {
			t.Errorf("%s, limit %d: %q, want %q", c.template, c.limit, got, c.want)
		}
		if len(d.IDs) > c.limit || b.AppendLabels(nil, d, Answers).Apply(d.IDs) != nil {
			t.Errorf("%s, limit %d: %d ids", c.template, c.limit, len(d.IDs))
		}
	}
}

func TestARoundThatFitsExactlyStaysWhole(t *testing.T) {
	t.Parallel()
	// 22*(15/22) is a little below 15.
	messages := []Message{{User, strings.Repeat("q", 7)}, {Assistant, strings.Repeat("a", 15)}, {User, "more"}, {Assistant, "y"}}
	b := bind(t, "empty", newLetters(), Options{Limit: 22})
	if got, want := render(b, encode(t, b, messages, "", ""), Answers), "qqqqqqq{aaaaaaaaaaaaaaa}"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestADialogueMayBeUsedAgain(t *testing.T) {
	t.Parallel()
	b := bind(t, "chatglm2", newLetters(), Options{})
	b.Limit = 60
	var d Dialogue
	for _, messages := range [][]Message{
		{{User, "a long one"}, {Assistant, "with an answer that is cut"}, {User, "c"}, {Assistant, "d"}},
		{{User, "x"}, {Assistant, "y"}},
	} {
		if err := b.Encode(&d, messages, "", ""); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(encode(t, b, messages, "", ""), &d, cmp.AllowUnexported(Dialogue{}), cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".text" }, cmp.Ignore())); diff != "" {
			t.Errorf("(-fresh +used):\n%s", diff)
		}
	}
}

func TestATemplateThatDoesNotFitIsRefused(t *testing.T) {
	t.Parallel()
	tk := newLetters()
	tk.Roles.BOS = -1
	tk.Added = tk.Added[:2]
	for _, c := range []struct {
		name   string
		compat bool
		want   string
	}{
		{"llama3", true, "template llama3 begins with the bos token, and the tokenizer has none"},
		{"llama2", true, "template llama2 begins with the bos token, and the tokenizer has none"},
		{"chatglm3", false, `template chatglm3 needs the token "[gMASK]", which the tokenizer does not have`},
	} {
		tmpl, err := Load(c.name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tmpl.Bind(tk, Options{Compat: c.compat}); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.name, err, c.want)
		}
	}
	if _, err := Load("nope"); err == nil || !strings.HasPrefix(err.Error(), `no template "nope": have alpaca, `) {
		t.Errorf("error %v", err)
	}
}

func TestDefectATemplateWithBOSWorksWithoutOne(t *testing.T) {
	t.Parallel()
	tk := newLetters()
	tk.Roles.BOS = -1
	b := bind(t, "mistral", tk, Options{})
	if got, want := source(b, encode(t, b, []Message{{User, "x"}, {Assistant, "y"}}, "", ""), 0), "[INST] x [/INST]"; got != want || !b.LacksBOS() {
		t.Errorf("%q, lacks bos: %v; want %q", got, b.LacksBOS(), want)
	}
	if bind(t, "mistral", newLetters(), Options{}).LacksBOS() {
		t.Error("a tokenizer with bos lacks it")
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
		"tools: glm":                               `tools: want default, chatglm3, glm4 or none, have "glm"`,
		"rc3: {usr: [x]}":                          "rc3: yaml: unmarshal errors:\n  line 1: field usr not found",
		"rc3: {tools: glm}":                        `tools: want default, chatglm3, glm4 or none, have "glm"`,
		"prefix: [{token: a, b: c}]":               "line 1: a slot is a text",
		"assistant: [\"{{content}}x{{content}}\"]": "assistant: want {{content}} once, have it 2 times",
	} {
		if _, err := Parse("x", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q in it", text, err, want)
		}
	}
}

// The template's own system text, a call and what it gave back.
func TestEveryBuiltInTemplateWritesCallsAndObservations(t *testing.T) {
	t.Parallel()
	messages := []Message{{User, "hi"}, {Function, `{"name":"f","arguments":{"a":1}}`}, {Observation, "ok"}, {Assistant, "by"}}
	want := map[string]string{
		"default":         "Human: hi\nAssistant: {Action: f\nAction Input: {\"a\": 1}</s>}\nHuman: ok\nAssistant: {by</s>}",
		"empty":           "hi{Action: f\nAction Input: {\"a\": 1}</s>}ok{by}",
		"alpaca":          "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n### Instruction:\nhi\n\n### Response:\n{Action: f\nAction Input: {\"a\": 1}</s>}\n\n### Instruction:\nok\n\n### Response:\n{by</s>}",
		"chatml":          "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n{Action: f\nAction Input: {\"a\": 1}<|im_end|>}\n<|im_start|>tool\nok<|im_end|>\n<|im_start|>assistant\n{by<|im_end|>}",
		"chatml_de":       "<|im_start|>system\nDu bist ein freundlicher und hilfsbereiter KI-Assistent.<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n{Action: f\nAction Input: {\"a\": 1}<|im_end|>}\n<|im_start|>tool\nok<|im_end|>\n<|im_start|>assistant\n{by<|im_end|>}",
		"qwen":            "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n{Action: f\nAction Input: {\"a\": 1}<|im_end|>}\n<|im_start|>tool\nok<|im_end|>\n<|im_start|>assistant\n{by<|im_end|>}",
		"llama2":          "<s>[INST] hi [/INST]{Action: f\nAction Input: {\"a\": 1}</s>}<s>[INST] ok [/INST]{by</s>}",
		"llama3":          "<s><|start_header_id|>user<|end_header_id|>\n\nhi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n{Action: f\nAction Input: {\"a\": 1}<|eot_id|>}<|start_header_id|>tool<|end_header_id|>\n\nok<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n{by<|eot_id|>}",
		"mistral":         "<s>[INST] hi [/INST]{Action: f\nAction Input: {\"a\": 1}</s>}[INST] ok [/INST]{by</s>}",
		"mixtral":         "<s>[INST] hi [/INST]{Action: f\nAction Input: {\"a\": 1}</s>}[INST] ok [/INST]{by</s>}",
		"gemma":           "<s><start_of_turn>user\nhi<end_of_turn>\n<start_of_turn>model\n{Action: f\nAction Input: {\"a\": 1}</s>}end_of_turn>\n<start_of_turn>tool\nok<end_of_turn>\n<start_of_turn>model\n{by</s>}",
		"chatglm2":        "[gMASK]sop[Round 0]\n\n问：hi\n\n答：{Action: f\nAction Input: {\"a\": 1}</s>}\n[Round 1]\n\n问：ok\n\n答：{by</s>}",
		"chatglm3":        "[gMASK]sop<|user|>\nhi<|assistant|>{f\n{\"a\": 1}</s>}\nok<|assistant|>{\nby</s>}",
		"chatglm3_system": "[gMASK]sop<|system|>\nYou are ChatGLM3, a large language model trained by Zhipu.AI. Follow the user's instructions carefully. Respond using markdown.<|user|>\nhi<|assistant|>{f\n{\"a\": 1}</s>}\nok<|assistant|>{\nby</s>}",
		"glm4":            "[gMASK]<sop><|user|>\nhi<|assistant|>{f\n{\"a\": 1}</s>}\nok<|assistant|>{\nby</s>}",
	}
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tk := newLetters()
			if name == "glm4" {
				tk = withSop()
			}
			b := bind(t, name, tk, Options{})
			if diff := cmp.Diff(want[name], render(b, encode(t, b, messages, "", ""), Answers)); diff != "" {
				t.Errorf("text (-want +got):\n%s", diff)
			}
		})
	}
}
