package pretok

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var scanners = []struct {
	name, pattern string
	scan          Scanner
}{
	{"gpt2", GPT2Pattern, GPT2()},
	{"llama3", Llama3Pattern, Llama3()},
	{"qwen2", Qwen2Pattern, Qwen2()},
	{"bloom", BloomPattern, Bloom()},
	{"deepseek3", DeepSeek3Pattern, DeepSeek3()},
	{"trailing", TrailingPattern, Trailing()},
	run("line breaks", "[\r\n]"),
	run("escaped line breaks", `[\r\n]+`),
	run("threes", `\p{N}{1,3}`),
	run("words behind any blank", `\s?[A-Za-zµÀ-ÖØ-öа-я]+`),
	run("marks behind a space", ` ?[!-/:-~！-／：-～‘-‟　-。\p{Lm}\]\-]+`),
	run("ideographs", "[一-龥ࠀ-一가-퟿]+"),
	run("blanks", `\s?[\s\d]{1,2}`),
	run("beyond the basic plane", `[😀-🙏\p{Lo}]+`),
}

func run(name, pattern string) struct {
	name, pattern string
	scan          Scanner
} {
	return struct {
		name, pattern string
		scan          Scanner
	}{name, pattern, parseRuns(pattern)}
}

// traps are texts on which pre-token scanners go wrong.
var traps = []string{
	"", " ", "  ", "a", " a", "  a", "a  ", "a \n b", "\n\n a", " \t\r\n \n x", "x\u0085y", "x\u2028 y", "\u3000\u3000字",
	"'\u017fx", "'Sx'sx", "'llx'LLx", "'rex'vEx'mx'Dx'tx",
	"it's IT'S it'\u017f 'LL 'rE 've'd 'm'x '", "don't 't", "1234567 ½²Ⅷ １２３", "a1b22c333d4444",
	"...!!!\n\n?\r\n", " !\n", "(a|b)。c，d  .e", "؟ ۔ ، ।x", "e\u0301 \u0301\u0301", "👩‍👩‍👧 🏳️‍🌈", "\xff\xfe \xc3(", "'", "\u00a0x \u00a0",
	"\U0001d7d9\U0001d7da𝕏𝕐 \U00020000", "tab\there", "\u200bx",
}

func TestScannersCutAsTheirPatternsMatch(t *testing.T) {
	t.Parallel()
	alphabet := []rune("  \t\n\r'sStTrReEvVlLdDmMaZ09.,!?(|)-_…。é字½😀#ａ！\u0301\u0085\u00a0\u2028\u3000\u017f１۔،👍𝟙𠀀")
	random := rapid.Custom(func(t *rapid.T) string {
		return string(rapid.SliceOfN(rapid.SampledFrom(alphabet), 0, 24).Draw(t, "runes"))
	})
	for _, s := range scanners {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			if s.scan == nil {
				t.Fatal("the pattern is not read")
			}
			re, err := compile(s.pattern)
			if err != nil {
				t.Fatal(err)
			}
			check := func(t rapid.TB, text string) {
				want, got := re.Spans(nil, text), s.scan.Spans(nil, text)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("%q (-pattern +scanner):\n%s", text, diff)
				}
			}
			for _, text := range traps {
				if !strings.Contains(text, "\xff") { // the engine reads an invalid byte as U+FFFD
					check(t, text)
				}
			}
			rapid.Check(t, func(t *rapid.T) { check(t, random.Draw(t, "text")) })
		})
	}
}

func TestPatternsThatAreNotKnownAreRewritten(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what, pattern, text string
		want                []string // matches in brackets
	}{
		{"a class in a class is a union", `[a[bc]d]+`, "xabcdx", []string{"x", "[abcd]", "x"}},
		{"a possessive repetition gives nothing back", `a++a|b`, "aaab", []string{"aaa", "[b]"}},
		{"a possessive option", `x?+y`, "xyy", []string{"[xy]", "[y]"}},
		{"a bounded repetition is repeated by a plus behind it", `(?:ab){2}+`, "ababababab", []string{"[abababab]", "ab"}},
		{"the long s folds to s", `(?i:'s)`, "x'\u017fy'S", []string{"x", "['\u017f]", "y", "['S]"}},
		{"and in a class", `(?i:'[sd])`, "'\u017f'D", []string{"['\u017f]", "['D]"}},
		{"folding ends with its group", `(?i:a)b`, "AbAB", []string{"[Ab]", "AB"}},
		{"the flag m lets the dot match line breaks", `(?m:a.b)`, "a\nb", []string{"[a\nb]"}},
		{"blanks are Unicode's", `\s+`, "a\u0085\u2028\u3000b", []string{"a", "[\u0085\u2028\u3000]", "b"}},
		{"hexadecimal digits", `\h+`, "xfFx", []string{"x", "[fF]", "x"}},
		{"a caret in a property negates", `\p{^L}+`, "a12b", []string{"a", "[12]", "b"}},
		{"look-behind works", `(?<=a)b`, "abb", []string{"a", "[b]", "b"}},
		{"scripts", `\p{Han}+`, "x漢字x", []string{"x", "[漢字]", "x"}},
	} {
		re, err := Regex(c.pattern)
		if err != nil {
			t.Errorf("%s: %v", c.what, err)
			continue
		}
		var got []string
		for _, s := range re.Spans(nil, c.text) {
			part := c.text[s.Start:s.End]
			if s.Match {
				part = "[" + part + "]"
			}
			got = append(got, part)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
}

func TestPatternsWithoutCounterpartAreRefused(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]string{
		`[a&&b]`: "&&", `[a[^b]]`: "negated class", `[[:alpha:]]`: "[:alpha:]", `\R`: `\R`, `(a`: "not closed", `a)`: "not open",
		`[a`: "not closed", `(?<n>a)`: "kind of group", `(a)\1`: "back reference", `\`: "backslash", `\p{Nonsense}`: "Nonsense",
		strings.Repeat("(?:", 100): "nested", strings.Repeat("a", 20<<10): "bytes",
	} {
		if _, err := Regex(pattern); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: error %v, want one about %q", pattern, err, want)
		}
	}
}

func TestBehaviorsSplitAsNamed(t *testing.T) {
	t.Parallel()
	text := "the-final--countdown-"
	for name, want := range map[string][]string{
		"Isolated":           {"the", "-", "final", "-", "-", "countdown", "-"},
		"Removed":            {"the", "final", "countdown"},
		"MergedWithPrevious": {"the-", "final-", "-", "countdown-"},
		"MergedWithNext":     {"the", "-final", "-", "-countdown", "-"},
		"Contiguous":         {"the", "-", "final", "--", "countdown", "-"},
	} {
		b, err := ParseBehavior(name)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, s := range b.Apply(Literal("-").Spans(nil, text)) {
			got = append(got, text[s.Start:s.End])
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if _, err := ParseBehavior("Merged"); err == nil {
		t.Error("an unknown behaviour is accepted")
	}
}

func TestWordsCountsPieces(t *testing.T) {
	t.Parallel()
	got := Words(slices.Values([]string{"a b b", "a."}), GPT2())
	if diff := cmp.Diff(map[string]int{"a": 2, " b": 2, ".": 1}, got); diff != "" {
		t.Error(diff)
	}
}

func FuzzScannersAdvance(f *testing.F) {
	for _, text := range traps {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, s := range scanners {
			for i := 0; i < len(text); {
				end, _ := s.scan(text, i)
				if end <= i || end > len(text) {
					t.Fatalf("%s: from %d to %d of %q", s.name, i, end, text)
				}
				i = end
			}
		}
	})
}

func FuzzTranslate(f *testing.F) {
	for _, s := range scanners {
		f.Add(s.pattern)
	}
	f.Add(`[a[bc]d]++(?i:x)?{2}`)
	f.Fuzz(func(t *testing.T, pattern string) {
		if len(pattern) < 200 {
			_, _ = Regex(pattern)
		}
	})
}

func TestOtherPatternsAreLeftToTheEngine(t *testing.T) {
	t.Parallel()
	for _, pattern := range []string{
		"", "a+", "[^a]+", "[a", "[a]*", "[a]+?", "[a]{2,3}", "[a]{1,}", "[a&&b]", "[[a]]", `[\w]`, `[\p{Han}]`, `[\p{L}-z]`, `[a-\d]`, `\p{^L}`, `[\x41]`, `(?i)[a]`, `[a]+|b`, `\s+`[:2] + "x", "[z-a]",
	} {
		if parseRuns(pattern) != nil {
			t.Errorf("%q was taken for a run of one class", pattern)
		}
	}
}
