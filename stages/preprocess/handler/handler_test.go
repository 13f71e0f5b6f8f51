package handler_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/models/chat"
	"github.com/belay-ml/belay/models/tok"
	"github.com/belay-ml/belay/models/tok/toktest"
	"github.com/belay-ml/belay/stages/preprocess/handler"
	"github.com/belay-ml/belay/stages/preprocess/record"
)

// options change how a test's handler is made.
type options struct {
	handler.Options
	template string
	chat     chat.Options
}

func newHandler(t testing.TB, style string, o options) handler.Handler {
	t.Helper()
	kind, err := handler.Lookup(style)
	if err != nil {
		t.Fatal(err)
	}
	if o.Tokenizer == nil {
		o.Tokenizer = toktest.New()
	}
	o.EOD = o.Tokenizer.Special().EOS
	if kind.Templated {
		if o.template == "" {
			o.template = "default"
		}
		tmpl, err := chat.Load(o.template)
		if err != nil {
			t.Fatal(err)
		}
		o.chat.Compat = o.Compat
		if o.Template, err = tmpl.Bind(o.Tokenizer, o.chat); err != nil {
			t.Fatal(err)
		}
		o.Tokenizer, o.EOD = o.Template.Tokenizer(), o.Template.EOS()
	}
	if kind.Keyed && o.Keys == nil {
		o.Keys = []string{"text"}
	}
	h, err := kind.New(o.Options)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func parse(t testing.TB, text string) record.Record {
	t.Helper()
	r, err := record.Decode(record.Raw{JSON: []byte(text), Place: record.Place{File: "data.jsonl", Line: 7}}, record.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// encode writes what became of a record: sequences as text with what is learned in braces, "dropped: "
// with the reason, or "error: " with the message.
func encode(t testing.TB, style, text string, o options) string {
	t.Helper()
	h := newHandler(t, style, o)
	doc, err := h.Encode(parse(t, text), nil)
	switch {
	case err != nil:
		return "error: " + err.Error()
	case doc.Dropped != "":
		return "dropped: " + doc.Dropped
	}
	if err := inOrder(doc, h.Fields()); err != nil {
		t.Fatal(err)
	}
	tk := o.Tokenizer
	if tk == nil {
		tk = toktest.New()
	}
	var out []string
	for _, field := range doc.Texts {
		for _, ids := range field {
			out = append(out, tk.Decode(ids, false))
		}
	}
	for _, s := range doc.Samples {
		labels := slices.Clone(s.IDs)
		if err := s.Labels.Apply(labels); err != nil {
			t.Fatal(err)
		}
		out = append(out, learned(tk, s.IDs, labels))
	}
	return strings.Join(out, " | ")
}

func learned(tk tok.Tokenizer, ids, labels []int32) string {
	var b strings.Builder
	for i, id := range ids {
		switch labels[i] {
		case chat.Ignored:
			b.WriteString(tk.Token(id))
		case id:
			b.WriteString("{" + tk.Token(id) + "}")
		default:
			b.WriteString("{" + tk.Token(id) + "?" + tk.Token(labels[i]) + "}")
		}
	}
	return strings.ReplaceAll(b.String(), "}{", "")
}

// headed is a prompt of the styles with fixed headings.
const headed = "<s>\nBelow is an instruction that describes a task, paired with an input that provides further context. Write a response that appropriately " +
	"completes the request. Please note that you need to think through your response logically and step by step.\n"

const pretrained = "<s>A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, detailed, and polite answers to the user's questions." +
	"USER: Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n### Instruction:\n"

// Each case is a defect of the reference: what belay makes of it, and what compat keeps.
func TestDefects(t *testing.T) {
	t.Parallel()
	baichuan := toktest.New()
	for _, c := range []struct {
		name, style, record string
		options             options
		want, compat        string
	}{
		{
			name: "a missing input is not the word None", style: "alpaca_pretrain", record: `{"instruction": "i", "input": "", "output": "o"}`,
			want:   pretrained + "i\n\n### Response: ASSISTANT: o",
			compat: pretrained + "i\n\n###None\n\n### Response: ASSISTANT: o",
		},
		{
			name: "a null answer does not end the run", style: "alpaca_pretrain", record: `{"instruction": "i", "input": "x", "output": null}`,
			want: "dropped: no response", compat: `error: data.jsonl:7: "output" is null, and the reference stops there`,
		},
		{
			name: "a null text does not end the run", style: "pretrain", record: `{"text": null}`,
			want: "dropped: no text", compat: `error: data.jsonl:7: "text" is null, and the reference stops there: leave compat out to pass over such records`,
		},
		{
			name: "questions and answers of Stack Overflow become a text", style: "stackoverflow", record: `{"title": "t", "question_body": "q", "answer_body": "a"}`,
			options: options{Options: handler.Options{AppendEOD: true}},
			want:    "<s>In python, t\n### Question:\nq\n### Response:\na\n</s>",
		},
		{
			name: "an empty input leaves no empty line", style: "general", record: `{"instruction": "i", "input": "", "output": "o"}`,
			want:   headed + "### Instruction:\ni\n### Response:\n{o\n}",
			compat: headed + "### Instruction:\ni\n\n### Response:\n{o\n}",
		},
		{
			name: "a null input does not end the run", style: "general", record: `{"instruction": "i", "input": null, "output": "o"}`,
			want:   headed + "### Instruction:\ni\n### Response:\n{o\n}",
			compat: `error: data.jsonl:7: "input" is null, and the reference stops there: leave compat out to pass over such records`,
		},
		{
			name: "an answer may hold the heading of answers", style: "general", record: `{"instruction": "i", "input": "x", "output": "see ### Response:\nyes"}`,
			want:   headed + "### Instruction:\ni\nx\n### Response:\n{see ### Response:\nyes\n}",
			compat: headed + "### Instruction:\ni\nx\n### Response:\nsee ### Response:\n{yes\n}",
		},
		{
			name: "an answer may hold the heading of turns", style: "belle", record: `{"instruction": "Human: a\nAssistant: b Assistant: c\nHuman: d\nAssistant:", "output": " e "}`,
			options: options{Options: handler.Options{AppendEOD: true}},
			want:    headed + "### Instruction:\na\n### Response:\nb Assistant: c\n### Instruction:\nd\n### Response:\n{e\n</s>}",
			compat:  headed + "### Instruction:\na\n### Response:\nb\n### Instruction:\nd\n### Response:\n{e\n</s>}",
		},
		{
			name: "append_eod counts for every round", style: "moss", record: `{"chat": {"turn_1": {"Human": "<|Human|>: a<eoh>", "MOSS": "<|MOSS|>: b<eom>"}, "turn_2": {"Human": "c", "MOSS": "d"}}}`,
			options: options{Options: handler.Options{AppendEOD: true}},
			want: headed + "### Instruction:\na\n### Response:\n{b\n</s>} | " +
				headed + "### Instruction:\na\n### Response:\nb\n### Instruction:\nc\n### Response:\n{d\n</s>}",
			compat: headed + "### Instruction:\na\n### Response:\n{b\n} | " +
				headed + "### Instruction:\na\n### Response:\nb\n### Instruction:\nc\n### Response:\n{d\n}",
		},
		{
			name: "no bos stands inside a conversation and the first id is no end of an answer", style: "moss_multiturn",
			record:  `{"chat": {"turn_1": {"Human": "a", "MOSS": "b"}, "turn_2": {"Human": "c", "MOSS": "d"}}}`,
			options: options{Options: handler.Options{Tokenizer: baichuan}},
			want:    "\xc3a\xc4{b\xc3?</s>}c\xc4{d</s>}",
			compat:  "{\xc3?</s>}<s>a\xc4{<s>b\xc3?</s>}<s>c\xc4{<s>d</s>}",
		},
		{
			name: "an empty question is left out", style: "alpaca", record: `{"instruction": "", "input": null, "output": "o"}`,
			want: "dropped: no prompt", compat: "Human: \nAssistant: {o</s>}",
		},
		{
			name: "an empty answer is left out", style: "alpaca", record: `{"instruction": "i", "input": "", "output": ""}`,
			want: "dropped: no response", compat: "Human: i\nAssistant: {</s>}",
		},
		{
			name: "several answers are not an empty exchange", style: "alpaca", record: `{"instruction": "i", "input": "", "output": ["a", "b"]}`,
			want: "dropped: 2 responses, want 1", compat: "Human: \nAssistant: {</s>}",
		},
		{
			name: "mapped history is used", style: "alpaca", record: `{"instruction": "c", "input": "", "output": "d", "past": [["a", "b"]]}`,
			options: options{Options: handler.Options{MapKeys: map[string]string{"history": "past"}}},
			want:    "Human: a\nAssistant: {b</s>}\nHuman: c\nAssistant: {d</s>}",
			compat:  "Human: c\nAssistant: {d</s>}",
		},
		{
			name: "history and system are found by their names", style: "alpaca", record: `{"instruction": "c", "output": "d", "system": "s", "history": [["a", "b"]]}`,
			want:   "s\nHuman: a\nAssistant: {b</s>}\nHuman: c\nAssistant: {d</s>}",
			compat: "Human: c\nAssistant: {d</s>}",
		},
		{
			name: "the end is not doubled", style: "alpaca", record: `{"instruction": "i", "input": "", "output": "o"}`,
			options: options{Options: handler.Options{AppendEOD: true}},
			want:    "Human: i\nAssistant: {o</s>}", compat: "Human: i\nAssistant: {o</s></s>}",
		},
		{
			name: "a null list of messages does not end the run", style: "sharegpt", record: `{"conversations": null}`,
			want: "dropped: no messages", compat: `error: data.jsonl:7: "conversations" is empty, and the reference stops there: leave compat out to pass over such records`,
		},
		{
			name: "an empty list of messages does not end the run", style: "sharegpt", record: `{"conversations": []}`,
			want: "dropped: no messages", compat: `error: data.jsonl:7: "conversations" is empty, and the reference stops there: leave compat out to pass over such records`,
		},
		{
			name: "tags that are not given keep their words", style: "sharegpt",
			record:  `{"conversations": [{"from": "system", "value": "s"}, {"from": "user", "value": "a"}, {"from": "assistant", "value": "b"}]}`,
			options: options{Options: handler.Options{Tags: map[string]string{"role_tag": "from", "content_tag": "value", "user_tag": "user", "assistant_tag": "assistant"}}},
			want:    "s\nHuman: a\nAssistant: {b</s>}",
			compat:  `error: data.jsonl:7: message 0 is from "system", want one of assistant, user (tags names other words)`,
		},
		{
			name: "an unknown speaker is named", style: "sharegpt",
			record: `{"conversations": [{"from": "human", "value": "a"}, {"from": "bot", "value": "b"}]}`,
			want:   `error: data.jsonl:7: message 1 is from "bot", want one of function_call, gpt, human, observation (tags names other words)`,
			compat: `error: data.jsonl:7: message 1 is from "bot", want one of function_call, gpt, human, observation (tags names other words)`,
		},
		{
			name: "tools may be a list", style: "sharegpt",
			record: `{"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}], "tools": []}`,
			want:   "Human: a\nAssistant: {b</s>}",
			compat: "Human: a\nAssistant: {b</s>}",
		},
		{
			name: "the system column of pairs may be missing", style: "alpaca_pairwise", record: `{"prompt": "p", "chosen": "c", "rejected": "r"}`,
			want:   "Human: p\nAssistant: {c</s>} | Human: p\nAssistant: {r</s>}",
			compat: "Human: p\nAssistant: {c</s>} | Human: p\nAssistant: {r</s>}", // the pipeline misses the column
		},
		{
			name: "lists of pairs are not taken apart at random", style: "alpaca_pairwise", record: `{"prompt": "p", "chosen": ["c", "d"], "rejected": ["r", "s"]}`,
			want:   "error: data.jsonl:7: 2 chosen and 2 rejected responses, want one of each",
			compat: "Human: p\nAssistant: {c</s>} | Human: p\nAssistant: {s</s>}",
		},
		{
			name: "each answer of a pair has its own role", style: "sharegpt_pairwise",
			record: `{"conversations": [{"from": "human", "value": "a"}], "chosen": {"from": "gpt", "value": "c"}, "rejected": {"from": "function_call", "value": "{\"name\": \"f\", \"arguments\": {}}"}}`,
			want:   "Human: a\nAssistant: {c</s>} | Human: a\nAssistant: {Action: f\nAction Input: {}</s>}",
			compat: "Human: a\nAssistant: {c</s>} | Human: a\nAssistant: {{\"name\": \"f\", \"arguments\": {}}</s>}",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			// Braces in texts are told from those of learned text by reading both the same way.
			if diff := cmp.Diff(c.want, encode(t, c.style, c.record, c.options)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if c.compat == "" {
				return
			}
			o := c.options
			o.Compat = true
			if diff := cmp.Diff(c.compat, encode(t, c.style, c.record, o)); diff != "" {
				t.Errorf("with compat (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRecordsOutOfTurnAreLeftOutWithAReason(t *testing.T) {
	t.Parallel()
	message := func(words ...string) string {
		var list []string
		for _, w := range words {
			list = append(list, fmt.Sprintf(`{"from": %q, "value": "x"}`, w))
		}
		return `{"conversations": [` + strings.Join(list, ", ") + `]}`
	}
	for text, want := range map[string]string{
		message("system"):                                       "dropped: only a system message",
		message("human"):                                        "dropped: odd number of messages",
		message("gpt", "human"):                                 "dropped: messages out of turn",
		message("human", "gpt", "gpt", "human"):                 "dropped: messages out of turn",
		message("human", "system", "gpt"):                       "dropped: a system message that is not the first",
		message("human", "gpt", "system", "gpt"):                "dropped: a system message that is not the first",
		message("system", "human", "gpt", "observation", "gpt"): "x\nHuman: x\nAssistant: {x</s>}\nHuman: x\nAssistant: {x</s>}",
	} {
		for _, compat := range []bool{false, true} {
			if got := encode(t, "sharegpt", text, options{Options: handler.Options{Compat: compat}}); got != want {
				t.Errorf("%s, compat %v: %q, want %q", text, compat, got, want)
			}
		}
	}
}

func TestDefectASeamWithinATokenIsLearned(t *testing.T) {
	t.Parallel()
	// The answer begins with a line end, which becomes one token with that of the heading.
	tk := toktest.New("\n\n")
	for compat, want := range map[bool]string{
		false: headed + "### Instruction:\ni\n### Response:{\n\nx\n}",
		true:  headed + "### Instruction:\ni\n\n### Response:\n\n{x\n}",
	} {
		got := encode(t, "general", `{"instruction": "i", "input": "", "output": "\nx"}`, options{Options: handler.Options{Tokenizer: tk, Compat: compat}})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("compat %v (-want +got):\n%s", compat, diff)
		}
	}
}

func TestAConversationIsCutByShareWithoutAnEnd(t *testing.T) {
	t.Parallel()
	record := `{"instruction": "a question", "input": "", "output": "an answer"}`
	full := "Human: a question\nAssistant: {an answer</s>}"
	for _, c := range []struct {
		limit int
		eod   bool
		want  string
	}{
		{40, true, full},
		{39, true, full}, // 29 of the question and 10 of the answer
		{20, false, "Human: a questi{an an}"},
		{20, true, "Human: a questi{an an}"}, // no end after half an answer
	} {
		o := options{chat: chat.Options{Limit: c.limit}, Options: handler.Options{AppendEOD: c.eod}}
		if got := encode(t, "alpaca", record, o); got != c.want {
			t.Errorf("limit %d: %q, want %q", c.limit, got, c.want)
		}
		doc, err := newHandler(t, "alpaca", o).Encode(parse(t, record), nil)
		if err != nil || doc.Cut != (c.limit < 39) || len(doc.Samples[0].IDs) > c.limit {
			t.Errorf("limit %d: cut %v, %d ids, error %v", c.limit, doc.Cut, len(doc.Samples[0].IDs), err)
		}
	}
	// A template without an end gets one only where there is room.
	for limit, want := range map[int]string{3: "q{ab}", 4: "q{ab</s>}"} {
		got := encode(t, "alpaca", `{"instruction": "q", "output": "ab"}`, options{template: "empty", chat: chat.Options{Limit: limit}, Options: handler.Options{AppendEOD: true}})
		if got != want {
			t.Errorf("limit %d: %q, want %q", limit, got, want)
		}
	}
}

func TestWhatIsLearnedIsChosen(t *testing.T) {
	t.Parallel()
	record := `{"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}, {"from": "human", "value": "c"}, {"from": "gpt", "value": "d"}]}`
	for learn, want := range map[chat.Learn]string{
		chat.Answers:    "Human: a\nAssistant: {b</s>}\nHuman: c\nAssistant: {d</s>}",
		chat.LastAnswer: "Human: a\nAssistant: b</s>\nHuman: c\nAssistant: {d</s>}",
		chat.Everything: "{Human: a\nAssistant: b</s>\nHuman: c\nAssistant: d</s>}",
	} {
		if got := encode(t, "sharegpt", record, options{Options: handler.Options{Learn: learn}}); got != want {
			t.Errorf("%d: %q, want %q", learn, got, want)
		}
	}
}

func TestMistakesNameThePlaceAndTheColumn(t *testing.T) {
	t.Parallel()
	one := `[{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]`
	for _, c := range []struct{ style, record, want string }{
		{"pretrain", `{"text": 1}`, `"text" is a number, want a text`},
		{"alpaca", `{"instruction": ["x"]}`, `"instruction" is a list, want a text`},
		{"alpaca", `{"instruction": "x", "output": {}}`, `"output" is an object, want a text or a list of texts`},
		{"alpaca", `{"instruction": "x", "output": [1]}`, `entry 0 of "output" is a number, want a text`},
		{"alpaca", `{"instruction": "x", "output": "y", "system": []}`, `"system" is a list, want a text (map_keys with system: "" leaves the column out)`},
		{"alpaca", `{"instruction": "x", "output": "y", "history": "z"}`, `"history" is text, want a list of [question, answer] pairs (map_keys with history: "" leaves the column out)`},
		{"alpaca", `{"instruction": "x", "output": "y", "history": [["a"]]}`, `round 0 of "history" is no [question, answer] pair (map_keys with history: "" leaves the column out)`},
		{"alpaca", `{"instruction": "x", "output": "y", "history": [["a", 1]]}`, `round 0 of "history" holds text and a number, want two texts (map_keys with history: "" leaves the column out)`},
		{"sharegpt", `{"conversations": "x"}`, `"conversations" is text, want a list of messages`},
		{"sharegpt", `{"conversations": [1]}`, `message 0 is a number, want an object`},
		{"sharegpt", `{"conversations": [{"from": "human", "text": "x"}]}`, `message 0 has the fields from, text, want texts in "from" and "value"`},
		{"sharegpt", `{"conversations": ` + one + `, "tools": "{"}`, `encode conversation: tools are not JSON: byte 1: want a key in quotes, have the end`},
		{"sharegpt_pairwise", `{"conversations": [{"from": "human", "value": "a"}], "chosen": "x"}`, `message 1 is text, want an object (in "chosen", which is text)`},
		{"sharegpt_pairwise", `{"conversations": [{"from": "human", "value": "a"}], "chosen": {"from": "human", "value": "x"}}`, `"chosen" is from "human", who asks: want an answer`},
		{"moss", `{"chat": []}`, `"chat" is a list, want an object of turns`},
		{"moss", `{"chat": {"t": {"Human": "x"}}}`, `t of "chat" has the fields Human, want texts in Human and MOSS`},
	} {
		if got, want := encode(t, c.style, c.record, options{}), "error: data.jsonl:7: "+c.want; got != want {
			t.Errorf("%s: %q, want %q", c.record, got, want)
		}
	}
}

func TestOptionsThatCannotBeAreRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		style   string
		options handler.Options
		want    string
	}{
		{"stackoverflow", handler.Options{Compat: true}, "the reference's handler fails on every record"},
		{"llamafactory", handler.Options{}, "is for data sets of a dataset_info.json"},
		{"alpaca_pairwise", handler.Options{Compat: true, MapKeys: map[string]string{"query": "q"}}, `map_keys: unknown key "query", want chosen, history, prompt, rejected, system`},
		{"sharegpt", handler.Options{Tags: map[string]string{"role_tag": ""}}, "tags: role_tag and content_tag must be given"},
		{"sharegpt", handler.Options{Tags: map[string]string{"user_tag": "gpt"}}, `tags: "gpt" stands for the assistant and the user`},
		{"sharegpt", handler.Options{Tags: map[string]string{"user_tag": "system"}}, `tags: "system" stands for the user and the system`},
		{"moss_multiturn", handler.Options{Tokenizer: few{toktest.New()}}, "writes the ids 195 and 196 for the speakers, and the tokenizer has 100"},
	} {
		kind, err := handler.Lookup(c.style)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := kind.New(c.options); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q in it", c.style, err, c.want)
		}
	}
}

// few is a tokenizer with few ids.
type few struct{ toktest.Letters }

func (few) VocabSize() int { return 100 }

func TestEveryHandlerIsFoundByBothNames(t *testing.T) {
	t.Parallel()
	for _, k := range handler.All() {
		for _, name := range []string{k.Style, k.Reference} {
			if got, err := handler.Lookup(name); err != nil || got.Style != k.Style {
				t.Errorf("%s: %q, %v", name, got.Style, err)
			}
		}
	}
}

func TestDocumentsDoNotShareWhatMayChange(t *testing.T) {
	t.Parallel()
	h := newHandler(t, "alpaca", options{})
	first, err := h.Encode(parse(t, `{"instruction": "a", "output": "b"}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	before := fmt.Sprint(first.Samples)
	second, err := h.Encode(parse(t, `{"instruction": "ccccccc", "output": "ddddddd"}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = append(second.Samples[0].IDs, 99)
	_ = append(second.Samples[0].Labels, 99)
	_ = append(second.Samples, handler.Sample{})
	if after := fmt.Sprint(first.Samples); after != before {
		t.Errorf("%s became %s", before, after)
	}
	_ = append(handler.Mask(3), 99)
	if mask := handler.Mask(4); slices.Contains(mask, 99) {
		t.Errorf("mask %v", mask)
	}
}

func TestDocumentsInOneMemoryDoNotTouchEachOther(t *testing.T) {
	t.Parallel()
	h := newHandler(t, "alpaca", options{})
	var m handler.Memory
	for range 2 { // the second time in memory that was used
		var docs []handler.Document
		var want []string
		for i := range 2000 { // more than a block
			r := parse(t, fmt.Sprintf(`{"instruction": %q, "output": "b"}`, strings.Repeat("a", i%97+1)))
			doc, err := h.Encode(r, &m)
			if err != nil {
				t.Fatal(err)
			}
			alone, err := h.Encode(r, nil)
			if err != nil {
				t.Fatal(err)
			}
			docs, want = append(docs, doc), append(want, fmt.Sprint(alone.Samples))
		}
		for i, d := range docs {
			if got := fmt.Sprint(d.Samples); got != want[i] {
				t.Fatalf("document %d is %s, want %s", i, got, want[i])
			}
		}
		m.Reset()
	}
}

func TestEncodingIntoAMemoryAllocatesNothing(t *testing.T) {
	if raced {
		t.Skip("the race detector makes pools forget")
	}
	h := newHandler(t, "sharegpt", options{template: "qwen"})
	r := parse(t, `{"conversations": [{"from": "human", "value": "a question"}, {"from": "gpt", "value": "an answer"}]}`)
	var m handler.Memory
	encode := func() {
		m.Reset()
		if _, err := h.Encode(r, &m); err != nil {
			t.Fatal(err)
		}
	}
	encode()
	if n := testing.AllocsPerRun(200, encode); n > 0 {
		t.Errorf("%v allocations a record", n)
	}
}

func TestColumnsThatAreNeeded(t *testing.T) {
	t.Parallel()
	mapped := map[string]string{"system": "sys", "history": ""}
	for _, c := range []struct {
		style            string
		keys             map[string]string
		compat           bool
		needed, optional []string
	}{
		{"alpaca", nil, false, []string{"instruction", "output"}, []string{"input", "history", "system"}},
		{"alpaca", mapped, false, []string{"instruction", "output", "sys"}, []string{"input"}},
		{"alpaca", nil, true, []string{"instruction", "input", "output"}, nil},
		{"alpaca_pairwise", nil, false, []string{"prompt", "chosen", "rejected"}, []string{"history", "system"}},
		{"alpaca_pairwise", nil, true, []string{"prompt", "chosen", "rejected", "system"}, nil},
		{"sharegpt", nil, false, []string{"conversations"}, []string{"system", "tools"}},
		{"sharegpt", map[string]string{"tools": "t"}, true, []string{"conversations", "t"}, nil},
		{"sharegpt_pairwise", nil, true, []string{"conversations", "chosen", "rejected", "system"}, nil},
		{"general", nil, true, []string{"instruction", "input", "output"}, nil},
		{"general", nil, false, []string{"instruction", "output"}, []string{"input"}},
		{"alpaca_pretrain", nil, false, []string{"instruction", "output"}, []string{"input"}},
	} {
		h := newHandler(t, c.style, options{Options: handler.Options{MapKeys: c.keys, Compat: c.compat}})
		if diff := cmp.Diff([][]string{c.needed, c.optional}, [][]string{h.Columns(), h.Optional()}); diff != "" {
			t.Errorf("%s, compat %v (-want +got):\n%s", c.style, c.compat, diff)
		}
	}
}
