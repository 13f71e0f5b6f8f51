package hfjson

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"
)

func TestNormalizers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ config, in, want string }{
		{`null`, "é", "é"},
		{`{"type":"NFC"}`, "e\u0301", "é"},
		{`{"type":"NFD"}`, "é", "e\u0301"},
		{`{"type":"NFKC"}`, "ﬁ", "fi"},
		{`{"type":"NFKD"}`, "ﬁé", "fie\u0301"},
		{`{"type":"Lowercase"}`, "AÉİΣ", "aéi\u0307σ"},
		{`{"type":"StripAccents"}`, "e\u0301a", "ea"},
		{`{"type":"Strip","strip_left":true,"strip_right":false}`, " \u3000a ", "a "},
		{`{"type":"Prepend","prepend":"▁"}`, "a", "▁a"},
		{`{"type":"Prepend","prepend":"▁"}`, "", ""},
		{`{"type":"Replace","pattern":{"String":" "},"content":"▁"}`, "a b  c", "a▁b▁▁c"},
		{`{"type":"Replace","pattern":{"Regex":" {2,}"},"content":"_"}`, "a b   c", "a b_c"},
		{`{"type":"ByteLevel"}`, "a é", "aĠÃ©"},
		{`{"type":"Sequence","normalizers":[{"type":"NFD"},{"type":"Sequence","normalizers":[{"type":"StripAccents"},{"type":"Lowercase"}]}]}`, "É", "e"},
	} {
		n, err := parseNormalizer(json.RawMessage(c.config))
		if err != nil {
			t.Errorf("%s: %v", c.config, err)
			continue
		}
		if got := n.apply(c.in); got != c.want {
			t.Errorf("%s: %q gives %q, want %q", c.config, c.in, got, c.want)
		}
	}
}

func TestNormalFormsKeepLongRunsOfMarksWhole(t *testing.T) {
	t.Parallel()
	marks := strings.Repeat("\u0316\u0301", 40)
	got := newForm("NFC")("e" + marks)
	want := "é" + strings.Repeat("\u0316", 40) + strings.Repeat("\u0301", 39)
	if got != want {
		t.Errorf("%+q", got)
	}
	if strings.Contains(norm.NFC.String("e"+marks), want) {
		t.Error("x/text does it now: the plain form can go")
	}
}

func TestThePlainFormEqualsTheTables(t *testing.T) {
	t.Parallel()
	alphabet := []rune("aeoEé\u0301\u0316\u0323\u0308\u1e69\u0344각ᄀ\u1161\u11a8가ﬁÅ\u212b\u0958\u0f73\u1d15e\u0bc6\u0bbe ")
	forms := map[string]norm.Form{"NFC": norm.NFC, "NFD": norm.NFD, "NFKC": norm.NFKC, "NFKD": norm.NFKD}
	rapid.Check(t, func(t *rapid.T) {
		s := string(rapid.SliceOfN(rapid.SampledFrom(alphabet), 0, 12).Draw(t, "text"))
		for name, f := range forms {
			if want, got := f.String(s), plainForm(f, s); want != got {
				t.Fatalf("%s of %+q: want %+q, have %+q", name, s, want, got)
			}
		}
	})
}

func TestPretokenizers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		config, in string
		want       []string
	}{
		{`{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true}`, "Hi, you", []string{" Hi", ",", " you"}},
		{`{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":false}`, "Hi you", []string{"Hi you"}},
		{`{"type":"Sequence","pretokenizers":[{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true},{"type":"Split","pattern":{"String":"Ġ"},"behavior":"Removed","invert":false}]}`,
			"a b é", []string{"a", "b", "Ã©"}},
		{`{"type":"Split","pattern":{"Regex":"\\d"},"behavior":"Removed","invert":true}`, "a1b23", []string{"1", "2", "3"}},
		{`{"type":"Split","pattern":{"String":" "},"behavior":"MergedWithPrevious","invert":false}`, "a b", []string{"a ", "b"}},
		{`{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true}`, "a  b", []string{"▁a", "▁", "▁b"}},
		{`{"type":"Metaspace","replacement":"▁","prepend_scheme":"never","split":false}`, "a b", []string{"a▁b"}},
		{`{"type":"Metaspace","replacement":"▁","add_prefix_space":false}`, "a b", []string{"a", "▁b"}},
		{`{"type":"Metaspace","replacement":"▁","str_rep":"▁","add_prefix_space":true}`, "a b", []string{"▁a", "▁b"}},
		{`{"type":"Digits","individual_digits":true}`, "a12", []string{"a", "1", "2"}},
		{`{"type":"Digits","individual_digits":false}`, "a12b", []string{"a", "12", "b"}},
		{`{"type":"Whitespace"}`, "a_b, c!? ", []string{"a_b", ",", "c", "!?"}},
		{`{"type":"WhitespaceSplit"}`, "a, b\u3000c ", []string{"a,", "b", "c"}},
		{`{"type":"BertPreTokenizer"}`, "a,b c。", []string{"a", ",", "b", "c", "。"}},
		{`{"type":"Punctuation","behavior":"Contiguous"}`, "a,.b", []string{"a", ",.", "b"}},
		{`{"type":"CharDelimiterSplit","delimiter":"|"}`, "a|b||c", []string{"a", "b", "c"}},
		{`{"type":"Sequence","pretokenizers":[{"type":"WhitespaceSplit"},{"type":"Metaspace","replacement":"▁","prepend_scheme":"first","split":true}]}`,
			"a b", []string{"▁a", "b"}},
	} {
		p, err := parsePretokenizer(json.RawMessage(c.config), nil)
		if err != nil {
			t.Errorf("%s: %v", c.config, err)
			continue
		}
		var got []string
		for _, piece := range p.run(piece{c.in, true}, new(work)) {
			got = append(got, piece.text)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.config, diff)
		}
	}
}

func TestDecoders(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		config string
		in     []string
		want   string
	}{
		{`null`, []string{"a", "b"}, "a b"},
		{`{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true}`, []string{"ĠÃ", "©", "字"}, " é字"},
		{`{"type":"ByteFallback"}`, []string{"a", "<0xC3>", "<0xA9>", "b", "<0xC3>", "c", "<0xE4>", "<0xB8>"}, "aéb\uFFFDc\uFFFD\uFFFD"},
		{`{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]}`,
			[]string{"▁▁a", "▁b"}, " a b"},
		{`{"type":"Strip","content":"_","start":0,"stop":2}`, []string{"_a___", "_"}, "_a_"},
		{`{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true}`, []string{"▁a", "▁b▁"}, "a b "},
		{`{"type":"Metaspace","replacement":"▁","prepend_scheme":"never","split":true}`, []string{"▁a"}, " a"},
		{`{"type":"WordPiece","prefix":"##","cleanup":true}`, []string{"it", "'", "s", "un", "##do", "."}, "it ' s undo."},
		{`{"type":"BPEDecoder","suffix":"</w>"}`, []string{"a</w>", "b", "c</w>"}, "a bc"},
	} {
		d, err := parseDecoder(json.RawMessage(c.config))
		if err != nil {
			t.Errorf("%s: %v", c.config, err)
			continue
		}
		if got := d.run(c.in); got != c.want {
			t.Errorf("%s: %q, want %q", c.config, got, c.want)
		}
	}
}

func TestPostProcessors(t *testing.T) {
	t.Parallel()
	template := `{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"B","type_id":0}},{"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"E","type_id":0}}],
		"pair":[],"special_tokens":{"B":{"id":"B","ids":[1,2],"tokens":["b","c"]},"E":{"id":"E","ids":[3],"tokens":["e"]}}}`
	for _, c := range []struct {
		config        string
		before, after []int32
	}{
		{`null`, nil, nil},
		{template, []int32{1, 2}, []int32{3}},
		{`{"type":"Sequence","processors":[{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":false,"use_regex":true},` + template + `]}`, []int32{1, 2}, []int32{3}},
		{`{"type":"RobertaProcessing","sep":["</s>",2],"cls":["<s>",0],"trim_offsets":true,"add_prefix_space":false}`, []int32{0}, []int32{2}},
		{`{"type":"BertProcessing","sep":["[SEP]",102],"cls":["[CLS]",101]}`, []int32{101}, []int32{102}},
	} {
		f, err := parsePost(json.RawMessage(c.config))
		if err != nil {
			t.Errorf("%s: %v", c.config, err)
			continue
		}
		if !cmp.Equal(f.before, c.before) || !cmp.Equal(f.after, c.after) {
			t.Errorf("%s: %v", c.config, f)
		}
	}
}
