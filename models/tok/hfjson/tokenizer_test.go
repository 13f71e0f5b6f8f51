package hfjson_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"github.com/belay-ml/belay/models/tok"
	"github.com/belay-ml/belay/models/tok/bytebpe"
	"github.com/belay-ml/belay/models/tok/hfjson"
	"github.com/belay-ml/belay/models/tok/pretok"
)

// spec is a small tokenizer trained on a few lines.
func spec(pattern string) hfjson.Spec {
	scan := pretok.GPT2()
	lines := []string{"the cat sat on the mat", "the dog ate the cat's hat", "that is the way, 123 times"}
	vocab, merges := bytebpe.Train(pretok.Words(slices.Values(lines), scan), 280)
	return hfjson.Spec{
		Vocab: vocab, Merges: merges, Special: []string{"<|bos|>", "<|end|>"}, Pattern: pattern,
		BOS: "<|bos|>", EOS: "<|end|>", AddBOS: true,
	}
}

func written(t testing.TB, s hfjson.Spec) *hfjson.Tokenizer {
	t.Helper()
	dir := t.TempDir()
	if err := hfjson.Write(dir, s); err != nil {
		t.Fatal(err)
	}
	k, err := hfjson.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestWhatIsWrittenOpens(t *testing.T) {
	t.Parallel()
	for _, pattern := range []string{"", pretok.GPT2Pattern, pretok.Llama3Pattern, pretok.Qwen2Pattern} {
		k := written(t, spec(pattern))
		if k.VocabSize() != 282 || k.Special() != (tok.Special{BOS: 280, EOS: 281, PAD: -1, UNK: -1}) {
			t.Errorf("size %d, special %v", k.VocabSize(), k.Special())
		}
		ids := k.Encode(nil, "the cat<|end|>", true)
		if ids[0] != 280 || ids[len(ids)-1] != 281 || len(ids) != 4 {
			t.Errorf("ids %v", ids)
		}
		if got := k.Decode(ids, true); got != "the cat" {
			t.Errorf("decoded %q", got)
		}
		if id, ok := k.ID("Ġthe"); !ok || k.Token(id) != "Ġthe" {
			t.Errorf("token %d %v", id, ok)
		}
	}
}

func TestASpecThatContradictsItselfIsRefused(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*hfjson.Spec){
		"twice":        func(s *hfjson.Spec) { s.Vocab = append(s.Vocab, "a") },
		"eos_token":    func(s *hfjson.Spec) { s.EOS = "<none>" },
		"pattern":      func(s *hfjson.Spec) { s.Pattern = "x+" },
		"has no id":    func(s *hfjson.Spec) { s.BOS = "" },
		"not a folder": nil,
	} {
		dir := t.TempDir()
		s := spec("")
		if change == nil {
			dir = filepath.Join(dir, "file")
			if err := os.WriteFile(dir, nil, 0o644); err != nil {
				t.Fatal(err)
			}
			want = "file"
		} else {
			change(&s)
		}
		if err := hfjson.Write(dir, s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one about %q", err, want)
		}
	}
}

func TestAddMakesASpecialTokenInACopy(t *testing.T) {
	t.Parallel()
	k := written(t, spec(""))
	more, id := k.Add("<|stop|>")
	if id != 282 || more.VocabSize() != 283 || k.VocabSize() != 282 {
		t.Errorf("id %d, sizes %d and %d", id, more.VocabSize(), k.VocabSize())
	}
	if ids := more.Encode(nil, "a<|stop|>", false); len(ids) != 2 || ids[1] != 282 || more.Decode(ids, true) != "a" {
		t.Errorf("ids %v", ids)
	}
	if ids := k.Encode(nil, "<|stop|>", false); len(ids) == 1 {
		t.Errorf("the receiver changed: %v", ids)
	}
	if _, id := more.Add("<|end|>"); id != 281 {
		t.Errorf("a token that is there gets the id %d", id)
	}
	if _, id := more.Add("a"); more.Token(id) != "a" || id >= 256 {
		t.Errorf("a vocabulary entry gets the id %d", id)
	}
}

func TestByteLevelTextSurvives(t *testing.T) {
	t.Parallel()
	k := written(t, spec(pretok.Llama3Pattern))
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		if !utf8.ValidString(text) {
			return
		}
		if got := k.Decode(k.Encode(nil, text, false), false); got != text {
			t.Fatalf("%q comes back as %q", text, got)
		}
	})
}

func TestNormalisedTextSurvives(t *testing.T) {
	t.Parallel()
	k, err := hfjson.Parse([]byte(strings.Replace(mini, `"normalizer":null`, `"normalizer":{"type":"NFC"}`, 1)), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		text := string(rapid.SliceOfN(rapid.SampledFrom([]rune("ae\u0281\u0323é가ᄀ\u1161 \n字")), 0, 20).Draw(t, "text"))
		if got := k.Decode(k.Encode(nil, text, false), false); got != norm.NFC.String(text) {
			t.Fatalf("%q comes back as %q", text, got)
		}
	})
}

// mini is a byte-level tokenizer without merges, every byte a token.
var mini = func() string {
	var b strings.Builder
	b.WriteString(`{"version":"1.0","added_tokens":[{"id":256,"content":"<s>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}],` +
		`"normalizer":null,"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true},` +
		`"post_processor":null,"decoder":{"type":"ByteLevel"},"model":{"type":"BPE","unk_token":null,"merges":[],"vocab":{`)
	a := bytebpe.NewAlphabet()
	for i := range 256 {
		if i > 0 {
			b.WriteByte(',')
		}
		text := string(a.Rune(byte(i)))
		if text == `"` || text == `\` {
			text = `\` + text
		}
		b.WriteString(`"` + text + `":` + strings.TrimSpace(string(appendInt(nil, i))))
	}
	b.WriteString("}}}")
	return b.String()
}()

func appendInt(dst []byte, n int) []byte {
	if n >= 10 {
		dst = appendInt(dst, n/10)
	}
	return append(dst, byte('0'+n%10))
}

func TestWhatIsNotSupportedIsNamed(t *testing.T) {
	t.Parallel()
	if _, err := hfjson.Parse([]byte(mini), nil, nil); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ from, to, want string }{
		{`"type":"BPE"`, `"type":"Bigram"`, "Bigram"},
		{`"type":"BPE"`, `"type":"BPE","dropout":0.1`, "dropout"},
		{`"type":"BPE"`, `"type":"BPE","novelty":1`, "novelty"},
		{`"unk_token":null`, `"fuse_unk":"yes"`, "fuse_unk"},
		{`"normalizer":null`, `"normalizer":{"type":"Precompiled","precompiled_charsmap":""}`, "normalizer Precompiled"},
		{`"normalizer":null`, `"normalizer":{"type":"NFC","level":2}`, "level"},
		{`"normalizer":null`, `"normalizer":{}`, "no type"},
		{`"normalizer":null`, `"normalizer":{"type":"Replace","pattern":{"String":""},"content":"x"}`, "empty"},
		{`"post_processor":null`, `"post_processor":{"type":"Odd"}`, `post_processor of type "Odd"`},
		{`"decoder":{"type":"ByteLevel"}`, `"decoder":{"type":"CTC"}`, `decoder of type "CTC"`},
		{`{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}`, `{"type":"UnicodeScripts"}`, `pre_tokenizer of type "UnicodeScripts"`},
		{`{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}`, `{"type":"Split","pattern":{"Regex":"(a"},"behavior":"Isolated","invert":false}`, "not closed"},
		{`{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}`, `{"type":"Split","pattern":{"Regex":"a"},"behavior":"Odd","invert":false}`, "Odd"},
		{`"version":"1.0"`, `"version":"1.0","extra":1`, "extra"},
		{`"merges":[]`, `"merges":["a"]`, "merge 0"},
		{`"merges":[]`, `"merges":["a b"]`, `makes "ab"`},
		{`"merges":[]`, `"merges":[["a","b","c"]]`, "merge 0"},
		{`"merges":[]`, `"merges":["a zz"]`, "not in the vocabulary"},
		{`"merges":[]`, `"merges":["a "]`, "merge 0 \"a\" joins something with nothing"},
		{`"merges":[],`, ``, "no merges"},
		{`"id":256`, `"id":70`, "id 70"},
		{`"id":256`, `"id":999999999`, "beyond"},
		{`"a":97`, `"a":99999999`, "99999999"},
		{`"a":97`, `"\ud800":97`, "surrogate"},
		{`"a":97`, "\"\xff\":97", "UTF-8"},
		{`"a":97`, `"a":-1`, "want an id"},
		{`"version":"1.0"`, `"version":` + strings.Repeat("[", 100) + strings.Repeat("]", 100), "deep"},
		{`}}}`, `}}} x`, "behind the end"},
		{`}}}`, `}}`, "end of the file"},
	} {
		text := strings.Replace(mini, c.from, c.to, 1)
		if text == mini {
			t.Fatalf("nothing to replace: %s", c.from)
		}
		if _, err := hfjson.Parse([]byte(text), nil, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one about %q", c.to, err, c.want)
		}
	}
}

func TestTheConfigurationNamesTokensAndChangesWhatItsClassDoes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what, config, special string
		want                  tok.Special
		ids                   []int32 // of "a", special tokens added
	}{
		{"no configuration", ``, ``, tok.Special{BOS: -1, EOS: -1, PAD: -1, UNK: -1}, []int32{97}},
		{"strings, objects and null", `{"bos_token":"<s>","eos_token":{"content":"a"},"pad_token":null}`, ``, tok.Special{BOS: 256, EOS: 97, PAD: -1, UNK: -1}, []int32{97}},
		{"a token that the vocabulary lacks is added", `{"pad_token":"[PAD]"}`, ``, tok.Special{BOS: -1, EOS: -1, PAD: 257, UNK: -1}, []int32{97}},
		{"the map of special tokens", `{}`, `{"bos_token":{"content":"<s>"}}`, tok.Special{BOS: 256, EOS: -1, PAD: -1, UNK: -1}, []int32{97}},
		{"the map does not count beside added_tokens_decoder", `{"added_tokens_decoder":{}}`, `{"bos_token":"<s>"}`, tok.Special{BOS: -1, EOS: -1, PAD: -1, UNK: -1}, []int32{97}},
		{"Llama's class adds bos", `{"tokenizer_class":"LlamaTokenizer","bos_token":"<s>","eos_token":"<s>","unk_token":null}`, ``, tok.Special{BOS: 256, EOS: 256, PAD: -1, UNK: -1}, []int32{256, 97}},
		{"and eos when asked to", `{"tokenizer_class":"LlamaTokenizerFast","add_bos_token":false,"add_eos_token":true,"eos_token":"<s>","unk_token":null}`, ``, tok.Special{BOS: 256, EOS: 256, PAD: -1, UNK: -1}, []int32{97, 256}},
		{"GPT-2's puts a blank in front", `{"tokenizer_class":"GPT2Tokenizer","add_prefix_space":true}`, ``, tok.Special{BOS: 257, EOS: 257, PAD: -1, UNK: 257}, []int32{32, 97}},
	} {
		var config, special []byte
		if c.config != "" {
			config = []byte(c.config)
		}
		if c.special != "" {
			special = []byte(c.special)
		}
		k, err := hfjson.Parse([]byte(mini), config, special)
		if err != nil {
			t.Errorf("%s: %v", c.what, err)
			continue
		}
		same(t, c.what, "special tokens", c.want, k.Special())
		same(t, c.what, "ids", c.ids, k.Encode(nil, "a", true))
	}
	for _, config := range []string{`[]`, `{"bos_token":7}`, `{"added_tokens_decoder":{"x":{}}}`, `{"add_bos_token":"yes"}`, `{"tokenizer_class":"LlamaTokenizer","bos_token":null}`} {
		if _, err := hfjson.Parse([]byte(mini), []byte(config), nil); err == nil || !strings.Contains(err.Error(), "tokenizer_config.json") {
			t.Errorf("%s: error %v", config, err)
		}
	}
}

func TestStreamedTextIsWhatDecodeGives(t *testing.T) {
	t.Parallel()
	k := written(t, spec(""))
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.SliceOf(rapid.Int32Range(-1, 283)).Draw(t, "ids")
		skip := rapid.Bool().Draw(t, "skip special")
		d := tok.NewDecoder(k, skip)
		var b strings.Builder
		for _, id := range ids {
			b.WriteString(d.Push(id))
		}
		b.WriteString(d.Flush())
		if want := k.Decode(ids, skip); b.String() != want {
			t.Fatalf("%v: want %q, have %q", ids, want, b.String())
		}
	})
}

func TestOneTokenizerServesManyGoroutines(t *testing.T) {
	t.Parallel()
	k := written(t, spec(pretok.Qwen2Pattern))
	text := strings.Repeat("the cat's hat, 123 字 \n", 20)
	want := k.Encode(nil, text, true)
	done := make(chan bool, 8)
	for range cap(done) {
		go func() {
			ok := true
			for range 50 {
				ids := k.Encode(nil, text, true)
				ok = ok && slices.Equal(ids, want) && k.Decode(ids, true) == text
			}
			done <- ok
		}()
	}
	for range cap(done) {
		if !<-done {
			t.Error("results differ")
		}
	}
}

// A merge with a prefix as long as its right side would go round in a circle; a file with ten million merges
// is refused before a table is made for them.
func TestMergesInACircleAndTooManyOfThemAreRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ prefix, merges, want string }{
		{"b", `"a b"`, "makes one of them again"},
		{"", strings.Repeat(`"c a",`, 1<<21) + `"c a"`, "more than 2097152 merges"},
	} {
		text := `{"model":{"type":"BPE","continuing_subword_prefix":"` + c.prefix + `","vocab":{"a":0,"b":1,"c":2,"ca":3},"merges":[` + c.merges + `]}}`
		if _, err := hfjson.Parse([]byte(text), nil, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one about %q", err, c.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(mini), "a é")
	f.Add([]byte(`{"model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2,"▁":3,"<unk>":4},"merges":["a b"],"unk_token":"<unk>","fuse_unk":true},`+
		`"normalizer":{"type":"Prepend","prepend":"▁"},"pre_tokenizer":{"type":"Metaspace","replacement":"▁"},"decoder":{"type":"Metaspace","replacement":"▁"}}`), "ab ba")
	f.Add([]byte(`{"model":{"type":"Unigram","unk_id":0,"vocab":[["<unk>",0],["a",-1],["ab",-1.5],["<0x62>",-2]],"byte_fallback":true},`+
		`"normalizer":{"type":"Precompiled","precompiled_charsmap":"CAAAAAAEAAABAAAAYQA="}}`), "ab\xffc")
	f.Add([]byte(`{"model":{"type":"WordPiece","unk_token":"[UNK]","vocab":{"[UNK]":0,"a":1,"##b":2}},"normalizer":{"type":"BertNormalizer"},`+
		`"pre_tokenizer":{"type":"BertPreTokenizer"},"decoder":{"type":"WordPiece","prefix":"##","cleanup":true}}`), "Ab 数 c")
	f.Add([]byte(`{"model":{"type":"WordLevel","vocab":{"a":0}},"pre_tokenizer":{"type":"Whitespace"}}`), "a b")
	f.Fuzz(func(t *testing.T, data []byte, text string) {
		k, err := hfjson.Parse(data, nil, nil)
		if err != nil || len(text) > 100 || strings.Contains(string(data), "Regex") {
			return
		}
		k.Decode(k.Encode(nil, text, true), true)
	})
}

func FuzzEncodeAndDecode(f *testing.F) {
	k, err := hfjson.Parse([]byte(mini), nil, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add("a \xff<s>\u2028's", []byte{1, 2, 255})
	f.Fuzz(func(t *testing.T, text string, ids []byte) {
		got := k.Encode(nil, text, true)
		if back := k.Decode(got, false); utf8.ValidString(text) && back != text {
			t.Errorf("%q comes back as %q", text, back)
		}
		var list []int32
		for _, id := range ids {
			list = append(list, int32(id)*3-5)
		}
		if !utf8.ValidString(k.Decode(list, true)) {
			t.Errorf("%v decodes to invalid text", list)
		}
	})
}

func same(t *testing.T, text, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%.200q: %s (-want +got):\n%s", text, what, diff)
	}
}
