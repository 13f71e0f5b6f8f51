package handler_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/belay-ml/belay/models/chat"
	"github.com/belay-ml/belay/models/tok/open"
	"github.com/belay-ml/belay/stages/preprocess/handler"
	"github.com/belay-ml/belay/stages/preprocess/record"
	"github.com/belay-ml/belay/testdata/goldens"
)

// BenchmarkEncode measures Alpaca records through the template of Qwen against the tokenizer alone on
// the same texts, which is the most that could be had.
func BenchmarkEncode(b *testing.B) {
	records := alpacaRecords(b)
	tk, err := open.Dir(filepath.Join(goldens.Dir(b, "tokenizers_real"), "qwen2_5"))
	if err != nil {
		b.Fatal(err)
	}
	tmpl, err := chat.Load("qwen")
	if err != nil {
		b.Fatal(err)
	}
	bound, err := tmpl.Bind(tk, chat.Options{})
	if err != nil {
		b.Fatal(err)
	}
	kind, err := handler.Lookup("alpaca")
	if err != nil {
		b.Fatal(err)
	}
	h, err := kind.New(handler.Options{Tokenizer: bound.Tokenizer(), Template: bound})
	if err != nil {
		b.Fatal(err)
	}
	var parsed []record.Record
	size := 0
	for _, raw := range records {
		r, err := record.Decode(record.Raw{JSON: raw}, record.Options{})
		if err != nil {
			b.Fatal(err)
		}
		parsed = append(parsed, r)
		for _, v := range r.Fields.Values {
			s, _ := v.(string)
			size += len(s)
		}
	}
	b.Run("handler", func(b *testing.B) {
		b.SetBytes(int64(size))
		b.ReportAllocs()
		var m handler.Memory
		for b.Loop() {
			m.Reset()
			for _, r := range parsed {
				if _, err := h.Encode(r, &m); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
	b.Run("tokenizer", func(b *testing.B) {
		b.SetBytes(int64(size))
		b.ReportAllocs()
		var ids []int32
		for b.Loop() {
			for _, r := range parsed {
				for _, v := range r.Fields.Values {
					s, _ := v.(string)
					ids = bound.Tokenizer().Encode(ids[:0], s, false)
				}
			}
		}
	})
}

func alpacaRecords(b *testing.B) []json.RawMessage {
	b.Helper()
	path := filepath.Join(goldens.Root(b), "..", "shared", "data", "instruct", "alpaca_en_demo.json")
	text, err := os.ReadFile(path)
	if err != nil {
		b.Skipf("no Alpaca data: %v", err)
	}
	var records []json.RawMessage
	if err := json.Unmarshal(text, &records); err != nil {
		b.Fatal(err)
	}
	return records
}
