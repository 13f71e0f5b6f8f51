package tiktoken_test

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/models/tok"
	"github.com/belay-ml/belay/models/tok/tiktoken"
)

// ranks writes a rank file: all bytes, then the tokens.
func ranks(tokens ...string) string {
	var b strings.Builder
	for i := range 256 {
		fmt.Fprintln(&b, base64.StdEncoding.EncodeToString([]byte{byte(i)}), i)
	}
	for i, t := range tokens {
		fmt.Fprintln(&b, base64.StdEncoding.EncodeToString([]byte(t)), 256+i)
	}
	return b.String()
}

func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestQwenNormalisesAndKnowsItsSpecialTokens(t *testing.T) {
	t.Parallel()
	k, err := tiktoken.Open(folder(t, map[string]string{"qwen.tiktoken": ranks("ab", "abc", "é", " a")}), "qwen.tiktoken")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		text string
		want []int32
	}{
		{"abc", []int32{257}},
		{"abd", []int32{256, 'd'}},
		{"e\u0301", []int32{258}},
		{" ab", []int32{' ', 256}}, // rank 256 merges first
		{"<|im_start|>a<|extra_204|>", []int32{261, 'a', 260 + 2 + 205}},
		{"<|endoftext|>\u0338", []int32{'<', '|', 'e', 'n', 'd', 'o', 'f', 't', 'e', 'x', 't', '|', 0xe2, 0x89, 0xaf}}, // NFC eats the >
	} {
		if diff := cmp.Diff(c.want, k.Encode(nil, c.text, true)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", c.text, diff)
		}
	}
	if want := (tok.Special{BOS: -1, EOS: 260, PAD: -1, UNK: -1}); k.Special() != want {
		t.Errorf("special tokens %+v", k.Special())
	}
	if got := k.Decode([]int32{261, 257, 0xc3, 260}, true); got != "abc\uFFFD" {
		t.Errorf("decoded %q", got)
	}
}

func TestGLM4TakesItsTokensFromTheConfiguration(t *testing.T) {
	t.Parallel()
	config := `{"tokenizer_class":"ChatGLM4Tokenizer","eos_token":"<|endoftext|>","added_tokens_decoder":{
		"300":{"content":"<|endoftext|>","special":true},"301":{"content":"[gMASK]","special":true},"302":{"content":"<sop>","special":true}}}`
	dir := folder(t, map[string]string{"tokenizer.model": ranks("123"), "tokenizer_config.json": config})
	k, err := tiktoken.Open(dir, "tokenizer.model")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int32{301, 302, 256, '4', 300}, k.Encode(nil, "1234<|endoftext|>", true)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if k.Special().EOS != 300 || k.VocabSize() != 303 {
		t.Errorf("special tokens %+v, size %d", k.Special(), k.VocabSize())
	}
}

func TestMistakesNameTheLine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ what, text, want string }{
		{"no rank", "IQ==\n", "line 1: want a token"},
		{"no base64", ranks() + "?? 256\n", `line 257: token "??"`},
		{"no number", ranks() + "YWI= x\n", "line 257: rank"},
		{"a negative rank", ranks() + "YWI= -1\n", "line 257: rank"},
		{"a rank twice", ranks() + "YWI= 7\n", "line 257: rank 7 is there twice"},
		{"a token twice", ranks() + "IQ== 256\n", `line 257: token "!" is there twice`},
		{"a far rank", ranks() + "YWI= 9999999\n", "far beyond"},
		{"an empty token", ranks() + " 256\n", "line 257: the token is empty"},
		{"too few bytes", "IQ== 0\n", "byte 0x00 has no rank"},
	} {
		if _, err := tiktoken.Parse([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one about %q", c.what, err, c.want)
		}
	}
	dir := folder(t, map[string]string{"a.tiktoken": ranks(), "b.tiktoken": ranks(), "tokenizer.model": ranks()})
	if _, err := tiktoken.Find(dir); err == nil || !strings.Contains(err.Error(), "a.tiktoken, b.tiktoken") {
		t.Errorf("two files: error %v", err)
	}
	if _, err := tiktoken.Open(dir, "tokenizer.model"); err == nil || !strings.Contains(err.Error(), "ChatGLM4Tokenizer") {
		t.Errorf("no class: error %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(ranks("ab", "abc")))
	f.Add([]byte("IQ== 0\r\nIg== 1\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		tokens, err := tiktoken.Parse(data)
		if err == nil && (len(tokens) < 256 || !tiktoken.Is(data) && data[0] != '\n' && data[0] != '\r') {
			t.Errorf("%d tokens, yet no rank file", len(tokens))
		}
	})
}
