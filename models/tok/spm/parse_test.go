package spm_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/belay-ml/belay/models/tok/spm"
)

// bytesField and the next are fields of a protobuf message.
func bytesField(n int, data ...byte) []byte {
	return append(binary.AppendUvarint(binary.AppendUvarint(nil, uint64(n<<3|2)), uint64(len(data))), data...)
}

func intField(n, v int) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(nil, uint64(n<<3)), uint64(v))
}

func pieceField(text string, score float32, kind int) []byte {
	body := bytesField(1, []byte(text)...)
	body = binary.LittleEndian.AppendUint32(append(body, 2<<3|5), math.Float32bits(score))
	return bytesField(1, append(body, intField(3, kind)...)...)
}

func join(parts ...[]byte) []byte {
	var all []byte
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

func TestWhatIsNoModelIsNamed(t *testing.T) {
	t.Parallel()
	unk := pieceField("<unk>", 0, 2)
	for _, c := range []struct {
		what, want string
		data       []byte
	}{
		{"an empty file", "no pieces", nil},
		{"text", "no SentencePiece model", []byte("version https://git-lfs.github.com/spec/v1\n")},
		{"a field that is cut short", "at byte 2: field 1 wants 100 bytes, but 1 are left", []byte{10, 100, 1}},
		{"a number without end", "at byte 0", []byte{255, 255}},
		{"a piece that is a number", "piece 0", intField(1, 3)},
		{"a piece with a bad field inside", "piece 1: at byte", join(unk, bytesField(1, 10, 9, 'a'))},
		{"a piece without text", "piece 1 is empty", join(unk, pieceField("", 0, 1))},
		{"a piece that is there twice", `piece 2 "a" is there twice`, join(unk, pieceField("a", 0, 1), pieceField("a", 0, 4))},
		{"a kind that is not known", "piece 0: type 9 is not known", pieceField("a", 0, 9)},
		{"a score that is no number", `piece 1 "a": its score`, join(unk, pieceField("a", float32(math.NaN()), 1))},
		{"no unknown piece", "no unknown piece", pieceField("a", 0, 1)},
		{"two unknown pieces", "unknown piece already", join(unk, pieceField("b", 0, 2))},
		{"byte pieces without byte_fallback", "byte_fallback is off", join(unk, pieceField("<0x41>", 0, 6))},
		{"too few byte pieces", "no piece <0x00>", join(unk, pieceField("<0x41>", 0, 6), bytesField(2, intField(35, 1)...))},
		{"a byte piece that is none", "is no byte", join(unk, pieceField("<0xzz>", 0, 6), bytesField(2, intField(35, 1)...))},
		{"a model of words", "word", join(unk, bytesField(2, intField(3, 3)...))},
		{"a model type that is not known", "model type 7", join(unk, bytesField(2, intField(3, 7)...))},
		{"a piece that is too long", "piece 1: it has 20000 bytes", join(unk, pieceField(strings.Repeat("a", 20000), 0, 1))},
		{"a table that is cut short", "precompiled_charsmap", join(unk, bytesField(3, bytesField(2, 1, 2)...))},
		{"a table with a trie beyond its end", "its trie has", join(unk, bytesField(3, bytesField(2, 8, 0, 0, 0, 1, 2, 3, 4)...))},
		{"a table whose last text does not end", "does not end", join(unk, bytesField(3, bytesField(2, 4, 0, 0, 0, 1, 2, 3, 4, 'a')...))},
	} {
		if _, err := spm.Parse(c.data); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one about %q", c.what, err, c.want)
		}
	}
}

func TestTextThatByteTokensCoverComesBack(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"bpe_llama", "unigram_llama", "bpe_gemma", "bpe_llama_unused", "bpe_llama_holes"} {
		m := models(t)[name]
		rapid.Check(t, func(t *rapid.T) {
			text := rapid.String().Draw(t, "text")
			if got := decode(m, m.Encode(nil, text)); got != strings.ReplaceAll(text, "▁", " ") {
				t.Fatalf("%s: %q comes back as %q", name, text, got)
			}
		})
	}
}

// Models that differ only in how they are searched.
func TestMergesEqualTheDefinition(t *testing.T) {
	t.Parallel()
	fast := models(t)["bpe_llama_equal"]
	data, err := os.ReadFile(folder() + "/bpe_llama_equal.model")
	if err != nil {
		t.Fatal(err)
	}
	exact, err := spm.Parse(append(data, pieceField("zq\ue001", -1e9, 5)...)) // an unused piece asks for the definition
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.SampledFrom([]rune("anrteiosth ▁数据模型é😀")), 0, 400, -1).Draw(t, "text")
		if diff := cmp.Diff(exact.Encode([]int32{}, text), fast.Encode([]int32{}, text)); diff != "" {
			t.Fatalf("%q (-definition +merges):\n%s", text, diff)
		}
	})
}

func TestEncodeAllocatesNothingOnceWarm(t *testing.T) {
	for name, m := range models(t) {
		if strings.HasSuffix(name, "_unused") || strings.HasSuffix(name, "_holes") || strings.HasSuffix(name, "_both") {
			continue // by the definition: no model in use is like that
		}
		text := strings.Repeat("the model reads 数据 <user>\n naïve\xff text  ", 20)
		var ids []int32
		if n := testing.AllocsPerRun(20, func() { ids = m.Encode(ids[:0], text) }); n > 0.5 {
			t.Errorf("%s: %v allocations a call", name, n)
		}
	}
}

func TestOneModelServesManyGoroutines(t *testing.T) {
	t.Parallel()
	for name, m := range models(t) {
		text := "the model reads 数据 " + name
		want := m.Encode(nil, text)
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for range 50 {
					if !cmp.Equal(want, m.Encode(nil, text)) {
						t.Errorf("%s: another result", name)
					}
				}
			})
		}
		all.Wait()
	}
}

func FuzzParse(f *testing.F) {
	unk := pieceField("<unk>", 0, 2)
	letters := join(unk, pieceField("a", -1, 1), pieceField("b", -2, 1), pieceField("ab", -3, 1), pieceField("▁", -1, 1), pieceField("ba", 0, 4))
	f.Add(letters, "ab ba")
	f.Add(join(letters, bytesField(2, intField(3, 2)...)), "abab\xff")
	f.Add(join(letters, pieceField("aba", -3, 5), bytesField(2, join(intField(3, 2), intField(24, 1))...)), "ababa b")
	f.Add(join(letters, bytesField(3, bytesField(2, 8, 0, 0, 0, 0, 4, 0, 0, 1, 0, 0, 0, 'a', 0)...), bytesField(5, bytesField(2, 4, 0, 0, 0, 0, 4, 0, 0, 0)...)), "ab")
	f.Fuzz(func(t *testing.T, data []byte, text string) {
		m, err := spm.Parse(data)
		if err != nil || len(text) > 1000 {
			return
		}
		ids := m.Encode(nil, text)
		for _, id := range ids {
			if m.Kind(id) == 0 {
				t.Fatalf("id %d is no piece", id)
			}
		}
		decode(m, ids)
	})
}

func FuzzEncode(f *testing.F) {
	all := models(f)
	f.Add("bpe_llama", "the model \xff\xf0\x9f ▁▁")
	f.Add("unigram_nfkc_user", "ﬁne ab c <user> Ａ\u0301")
	f.Fuzz(func(t *testing.T, name, text string) {
		m := all[name]
		if m == nil {
			return
		}
		if out := decode(m, m.Encode(nil, text)); !utf8.ValidString(out) {
			t.Errorf("%q decodes to invalid text", fmt.Sprint(text))
		}
	})
}
