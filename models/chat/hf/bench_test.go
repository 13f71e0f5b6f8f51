package hf

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/belay-ml/belay/models/chat"
	"github.com/belay-ml/belay/models/tok/open"
	"github.com/belay-ml/belay/testdata/goldens"
)

// BenchmarkEncode compares a model's own template with the named one that writes the same, on one conversation: Qwen 2.5's
// tokenizer, about 600 bytes. The text differs from one round to the next, so that no cache of words helps.
func BenchmarkEncode(b *testing.B) {
	dir := filepath.Join(goldens.Dir(b, "tokenizers_real"), "qwen2_5")
	if _, err := os.Stat(dir); err != nil {
		b.Skip(err)
	}
	t, err := open.Dir(dir)
	if err != nil {
		b.Fatal(err)
	}
	for _, name := range []string{Name, "qwen"} {
		b.Run(name, func(b *testing.B) {
			f, err := Open(t, Choice{Template: name, Dir: dir})
			if err != nil {
				b.Fatal(err)
			}
			words := make([]byte, 280)
			seed := uint32(1)
			var d chat.Dialogue
			var labels chat.Labels
			b.ReportAllocs()
			b.SetBytes(int64(2 * len(words)))
			for b.Loop() {
				for i := range words {
					seed = seed*1664525 + 1013904223
					words[i] = "etaoin shrdlu etaoin shrdl cmfwyp"[seed>>27]
				}
				m := []chat.Message{{Role: chat.User, Content: string(words)}, {Role: chat.Assistant, Content: string(words[10:]) + string(words[:10])}}
				if err := f.Encode(&d, m, "", ""); err != nil {
					b.Fatal(err)
				}
				labels = f.AppendLabels(labels[:0], &d, chat.Answers)
			}
		})
	}
}
