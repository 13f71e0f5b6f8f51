package sentence

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestSentencesAreThoseOfNLTK(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(filepath.Join("testdata", "cases.json"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Text           string
		Plain, Keeping []string
	}
	if err := json.Unmarshal(raw, &cases); err != nil {
		t.Fatal(err)
	}
	m, err := English()
	if err != nil {
		t.Fatal(err)
	}
	failed := 0
	for _, c := range cases {
		for keep, want := range map[bool][]string{false: c.Plain, true: c.Keeping} {
			got := Splitter{Model: m, KeepNewlines: keep}.Split(c.Text)
			if len(got) == 0 && len(want) == 0 {
				continue
			}
			if diff := cmp.Diff(want, got); diff != "" {
				if failed++; failed < 8 {
					t.Errorf("%q, newlines kept %v (-want +got):\n%s", c.Text, keep, diff)
				}
			}
		}
	}
	if failed > 0 {
		t.Errorf("%d of %d texts fail", failed, 2*len(cases))
	}
}

func TestModelsAreReadFromAFolder(t *testing.T) {
	t.Parallel()
	put := func(files map[string]string) string {
		dir := t.TempDir()
		for name, text := range files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	files := map[string]string{"abbrev_types.txt": "bzw\n", "sent_starters.txt": "", "collocations.tab": "a\tb\n", "ortho_context.tab": "haus\t4\n"}
	m, err := Load(put(files))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Eins bzw. zwei.", "Drei."}, Splitter{Model: m}.Split("Eins bzw. zwei. Drei.")); diff != "" {
		t.Errorf("sentences (-want +got):\n%s", diff)
	}
	for want, change := range map[string][2]string{
		"ortho_context.tab:1: strconv":                      {"ortho_context.tab", "haus\tx\n"},
		"collocations.tab:2: 1 columns, want 2":             {"collocations.tab", "a\tb\nc\n"},
		"open sent_starters.txt: no such file or directory": {"sent_starters.txt", ""},
		"abbrev_types.txt: bufio.Scanner: token too long":   {"abbrev_types.txt", strings.Repeat("x", 1<<17)},
	} {
		dir := put(files)
		path := filepath.Join(dir, change[0])
		if err := os.WriteFile(path, []byte(change[1]), 0o644); err != nil {
			t.Fatal(err)
		}
		if change[1] == "" {
			os.Remove(path)
		}
		if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

func FuzzSplit(f *testing.F) {
	m, err := English()
	if err != nil {
		f.Fatal(err)
	}
	f.Add("Dr. No. Yes!\n\n(\"Maybe.\") -- ... etc.")
	f.Add(". . . .\xff.\u00a0.")
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			t.Skip()
		}
		// What is not white space comes back in order, once.
		bare := func(s string) string {
			return strings.Map(func(r rune) rune {
				if isSpace(r) {
					return -1
				}
				return r
			}, s)
		}
		plain := strings.Join(Splitter{Model: m}.Split(text), "")
		if bare(plain) != bare(text) {
			t.Errorf("%q becomes %q", text, plain)
		}
		kept := strings.Join(Splitter{Model: m, KeepNewlines: true}.Split(text), "")
		if bare(kept) != bare(text) {
			t.Errorf("%q becomes %q with white space kept", text, kept)
		}
	})
}

func BenchmarkSplit(b *testing.B) {
	m, err := English()
	if err != nil {
		b.Fatal(err)
	}
	text := strings.Repeat("Dr. Smith went to Washington on Jan. 3 and met Mr. J. Bach there. It rained all day! They said: \"Why?\" Nobody knew... ", 100)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		Splitter{Model: m}.Split(text)
	}
}
