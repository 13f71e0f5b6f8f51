package open_test

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/belay-ml/belay/models/tok"
	"github.com/belay-ml/belay/models/tok/open"
	"github.com/belay-ml/belay/testdata/goldens"
)

var families = []string{"llama3", "qwen2_5", "llama2", "sp_mistral_v1", "tiktoken_qwen"}

func openReal(tb testing.TB, family string) tok.Tokenizer {
	tb.Helper()
	k, err := open.Dir(filepath.Join(goldens.Dir(tb, "tokenizers_real"), family))
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

// texts are the documents of a kind: English prose, web pages, and the goldens' mixed scripts, in which
// hardly a word comes twice.
func texts(tb testing.TB, kind string) []string {
	tb.Helper()
	data := filepath.Join(goldens.Root(tb), "..", "shared", "data", "text")
	switch kind {
	case "goldens":
		var all []string
		for _, c := range readCases(tb, filepath.Join(goldens.Dir(tb, "tokenizers_real"), "llama3")) {
			all = append(all, c.Text)
		}
		return all
	case "web":
		f, err := os.Open(filepath.Join(data, "c4_demo.jsonl"))
		if err != nil {
			tb.Skip(err)
		}
		defer f.Close()
		var all []string
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 16<<20)
		for lines.Scan() {
			var line struct{ Text string }
			if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
				tb.Fatal(err)
			}
			all = append(all, line.Text)
		}
		return all
	}
	text, err := os.ReadFile(filepath.Join(data, kind))
	if err != nil {
		tb.Skip(err)
	}
	return []string{string(text)}
}

func BenchmarkEncode(b *testing.B) {
	for _, family := range families {
		k := openReal(b, family)
		for _, kind := range []string{"goldens", "web", "tinyshakespeare.txt", "wiki_part.txt"} {
			b.Run(family+"/"+strings.TrimSuffix(kind, ".txt"), func(b *testing.B) {
				all := texts(b, kind)
				size := 0
				for _, t := range all {
					size += len(t)
				}
				b.SetBytes(int64(size))
				b.ReportAllocs()
				var ids []int32
				for b.Loop() {
					for _, t := range all {
						ids = k.Encode(ids[:0], t, true)
					}
				}
			})
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, family := range families {
		b.Run(family, func(b *testing.B) {
			k := openReal(b, family)
			text := texts(b, "wiki_part.txt")[0]
			ids := k.Encode(nil, text, false)
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				k.Decode(ids, true)
			}
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	for _, family := range families {
		b.Run(family, func(b *testing.B) {
			for b.Loop() {
				openReal(b, family)
			}
		})
	}
}
