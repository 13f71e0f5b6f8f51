package handler_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/belay-ml/belay/models/chat/ordjson"
	"github.com/belay-ml/belay/models/tok/toktest"
	"github.com/belay-ml/belay/stages/preprocess/handler"
	"github.com/belay-ml/belay/stages/preprocess/record"
)

// FuzzEncode gives every handler records of any shape: each is encoded, left out or refused, and what
// is encoded is in order.
func FuzzEncode(f *testing.F) {
	for _, seed := range []string{
		`{"instruction": "i", "input": null, "output": ["o"], "history": [["a", "b"]], "system": "s", "text": "t"}`,
		`{"instruction": "Human: a Assistant: b Human:", "output": "### Response:"}`,
		`{"conversations": [{"from": "system", "value": "s"}, {"from": "human", "value": "{{idx}}"}, {"from": "function_call", "value": "{\"name\": \"f\", \"arguments\": {}}"}, {"from": "observation", "value": ""}, {"from": "gpt", "value": "x"}], "tools": [{"name": "f", "parameters": {"properties": {"a": {"items": {}}}}}]}`,
		`{"conversations": [{"from": "human", "value": "x"}], "chosen": {"from": "gpt", "value": "a"}, "rejected": null, "prompt": "p"}`,
		`{"chat": {"t": {"Human": "<eoh>", "MOSS": "<eom>"}, "u": null}, "code_with_problem": "x` + "```" + `y", "code_only": "", "explanation_only": "z"}`,
		`{"title": {}, "question_body": 1, "answer_body": []}`,
	} {
		f.Add([]byte(seed), uint8(0))
		f.Add([]byte(seed), uint8(0xff))
	}
	made := map[uint8][]handler.Handler{}
	f.Fuzz(func(t *testing.T, text []byte, flags uint8) {
		v, err := ordjson.Parse(text)
		o, ok := v.(*ordjson.Object)
		if err != nil || !ok || len(o.Keys) == 0 {
			return
		}
		if made[flags] == nil {
			made[flags] = everyHandler(t, flags)
		}
		for _, h := range made[flags] {
			doc, err := h.Encode(record.Record{Fields: o}, nil)
			if err != nil || doc.Dropped != "" {
				continue
			}
			if err := inOrder(doc, h.Fields()); err != nil {
				t.Fatalf("%T: %s: %v", h, text, err)
			}
		}
	})
}

// everyHandler makes all handlers with options by the bits of flags.
func everyHandler(t testing.TB, flags uint8) []handler.Handler {
	t.Helper()
	var all []handler.Handler
	for _, kind := range handler.All() {
		o := options{Options: handler.Options{Compat: flags&1 != 0, AppendEOD: flags&2 != 0}}
		o.template = [...]string{"default", "llama2", "chatglm2", "empty"}[flags>>2&3]
		if flags&16 != 0 {
			o.chat.Limit = int(flags >> 5)
		}
		if o.template == "chatglm2" {
			o.Tokenizer = toktest.New("[gMASK]", "sop")
		}
		if !kind.Catalog && !(kind.Style == "stackoverflow" && o.Compat) {
			all = append(all, newHandler(t, kind.Style, o))
		}
	}
	return all
}

// inOrder checks that a document has what its fields want, and that labels are those of their ids.
func inOrder(doc handler.Document, fields []string) error {
	if len(doc.Texts) > 0 && len(doc.Samples) > 0 || len(doc.Samples) == 0 && len(doc.Texts) != len(fields) {
		return errors.New("fields are missing")
	}
	if len(doc.Samples)%max(len(fields)/3, 1) != 0 {
		return errors.New("a pair is not whole")
	}
	for _, s := range doc.Samples {
		if err := s.Labels.Apply(slices.Clone(s.IDs)); err != nil {
			return err
		}
	}
	return nil
}
