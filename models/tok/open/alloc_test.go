package open_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/belay-ml/belay/models/tok"
	"github.com/belay-ml/belay/models/tok/open"
	"github.com/belay-ml/belay/testdata/goldens"
)

// Every format encodes without garbage once warm.
func TestGoldenEncodeAllocatesNothingOnceWarm(t *testing.T) {
	text := strings.Repeat("The quick brown fox, 12 naïve 数据模型 don't\n\tx := f(y)  ", 30)
	for _, c := range []struct {
		kind, name string
		opening    func(string) (tok.Tokenizer, error)
		most       float64
	}{
		{"tokenizers_real", "llama3", open.Dir, 0},
		{"tokenizers_real", "qwen2_5", open.Dir, 0},
		{"tokenizers_real", "tiktoken_qwen", open.Dir, 0},
		{"tokenizers_real", "sp_mistral_v1", open.Dir, 0},
		{"tokenizers_real", "llama2", open.Dir, 0},
		{"tokenizers", "llama2", open.Slow, 0},
		{"tokenizers", "llama2_metaspace", open.Slow, 0},
		{"tokenizers", "gemma", open.Slow, 0},
		{"tokenizers", "gemma", open.Dir, 0},
		{"tokenizers", "chatglm3", open.Dir, 0},
		{"tokenizers", "baichuan", open.Dir, 0},
	} {
		k, err := c.opening(filepath.Join(goldens.Dir(t, c.kind), c.name))
		if err != nil {
			t.Fatal(err)
		}
		var ids []int32
		if n := testing.AllocsPerRun(20, func() { ids = k.Encode(ids[:0], text, true) }); n > c.most {
			t.Errorf("%s: %v allocations a call, want at most %v", c.name, n, c.most)
		}
	}
}

func TestGoldenOneTokenizerServesManyGoroutines(t *testing.T) {
	t.Parallel()
	eachFolder(t, "tokenizers", func(t *testing.T, folder string) {
		for _, opening := range []func(string) (tok.Tokenizer, error){open.Dir, open.Slow} {
			k, err := opening(folder)
			if err != nil {
				t.Fatal(err)
			}
			text := "  a <s> cat's hat, 数据 \n\n"
			want := k.Decode(k.Encode(nil, text, true), false)
			done := make(chan string, 4)
			for range cap(done) {
				go func() {
					got := want
					for range 100 {
						if s := k.Decode(k.Encode(nil, text, true), false); s != want {
							got = s
						}
					}
					done <- got
				}()
			}
			for range cap(done) {
				if got := <-done; got != want {
					t.Errorf("want %q, have %q", want, got)
				}
			}
		}
	})
}
