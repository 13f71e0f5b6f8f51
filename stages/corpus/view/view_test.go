package view

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/models/tok"
	"github.com/belay-ml/belay/models/tok/bytebpe"
	"github.com/belay-ml/belay/models/tok/hfjson"
	"github.com/belay-ml/belay/models/tok/open"
	"github.com/belay-ml/belay/stages/corpus"
)

// bytesTokenizer has an id for each byte, and <eos>.
func bytesTokenizer(t *testing.T) tok.Tokenizer {
	t.Helper()
	dir := t.TempDir()
	vocab, merges := bytebpe.Train(map[string]int{}, 256)
	if err := hfjson.Write(dir, hfjson.Spec{Vocab: vocab, Merges: merges, Special: []string{"<eos>"}, EOS: "<eos>"}); err != nil {
		t.Fatal(err)
	}
	tk, err := open.Dir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return tk
}

// write writes an index whose documents hold sequences.
func write(t *testing.T, prefix string, documents ...[][]int32) {
	t.Helper()
	w, err := corpus.Create(prefix, corpus.I32)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	for _, d := range documents {
		for _, ids := range d {
			if err := w.Add(ids); err != nil {
				t.Fatal(err)
			}
		}
		w.EndDocument()
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// fields writes one pack of two samples, "a?" to "bé" and "c" to "d", with two ids of padding.
func fields(t *testing.T, dir string, tk tok.Tokenizer) {
	t.Helper()
	eos, _ := tk.ID("<eos>")
	first := append(tk.Encode(nil, "a?bé", false), eos)
	second := append(tk.Encode(nil, "cd", false), eos)
	ids := append(append(append([]int32{}, first...), second...), eos, eos)
	mask, labels := make([]int32, len(ids)), make([]int32, len(ids))
	for i := range ids {
		mask[i], labels[i] = 1, ids[i]
		if i < 2 || i == len(first) || i >= len(ids)-2 {
			labels[i] = corpus.Ignored
		}
	}
	labels[len(first)+1] = eos // trained as another id
	mask[len(ids)-1], mask[len(ids)-2] = 0, 0
	for name, row := range map[string][]int32{corpus.FieldInputIDs: ids, corpus.FieldMask: mask, corpus.FieldLabels: labels} {
		write(t, corpus.FieldPrefix(filepath.Join(dir, "x"), name), [][]int32{row})
	}
	write(t, corpus.LengthsPrefix(filepath.Join(dir, "x")), [][]int32{{int32(len(first)), int32(len(second))}})
}

// spelled writes a sample as text: {trained}, read, |begin of a part, . for padding, a * before special tokens.
func spelled(s Sample) string {
	var b strings.Builder
	for _, t := range s.Tokens {
		if t.Begins != Inside {
			b.WriteByte('|')
		}
		text := t.Text
		if t.Special {
			text = "*" + text
		}
		switch {
		case t.Use == Padding:
			text = "."
		case t.Label != nil:
			text = fmt.Sprintf("{%s?%d}", text, *t.Label)
		case t.Use == Trained:
			text = "{" + text + "}"
		}
		b.WriteString(text)
	}
	return b.String()
}

func TestAPackIsShownWithItsMaskAndBorders(t *testing.T) {
	t.Parallel()
	tk, dir := bytesTokenizer(t), t.TempDir()
	fields(t, dir, tk)
	for name, path := range map[string]string{
		"by its folder": dir, "by its labels": filepath.Join(dir, "x_packed_labels_document.idx"), "by its lengths": filepath.Join(dir, "x_packed_lengths"),
	} {
		v, err := Look(path, Options{Tokenizer: tk, Samples: 5})
		if err != nil {
			t.Fatal(err)
		}
		if len(v.Sets) != 1 || v.Sets[0].Kind != Instructions || len(v.Sets[0].Indexes) != 4 || len(v.Sets[0].Samples) != 1 {
			t.Fatalf("%s: sets %+v", name, v.Sets)
		}
		s := v.Sets[0].Samples[0]
		eos, _ := tk.ID("<eos>")
		// é is two tokens, and the second one completes it
		if diff := cmp.Diff(fmt.Sprintf("a?{b}{}{é}{*<eos>}|c{d?%d}{*<eos>}..", eos), spelled(s)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if got := v.Sets[0].Facts(); got != "1 packs of 2 samples, 81.8 % filled, 11 tokens, lengths 3 to 6, median 6" {
			t.Errorf("facts %q", got)
		}
		if got := s.Sum(); got != "11 tokens in 2 parts: 6 trained, 3 read, 2 padding" {
			t.Errorf("sum %q", got)
		}
	}
}

func TestADocumentOfTextIsShownWithItsSequences(t *testing.T) {
	t.Parallel()
	tk, dir := bytesTokenizer(t), t.TempDir()
	enc := func(s string) []int32 { return tk.Encode(nil, s, false) }
	write(t, filepath.Join(dir, "x_text_sentence"), [][]int32{enc("One."), enc("Two.")}, [][]int32{}, [][]int32{enc("Three."), {9999}})
	v, err := Look(dir, Options{Tokenizer: tk, Samples: 9, Tokens: 6})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range v.Sets[0].Samples {
		got = append(got, strings.NewReplacer("{", "", "}", "").Replace(spelled(s))+fmt.Sprintf(" %d+%d", len(s.Tokens), s.Left()))
	}
	if diff := cmp.Diff([]string{"One.|Tw 6+2", " 0+0", "Three. 6+1"}, got); diff != "" {
		t.Errorf("documents (-want +got):\n%s", diff)
	}
	if v, err = Look(dir, Options{Tokenizer: tk, First: 2, Samples: 1}); err != nil {
		t.Fatal(err)
	}
	if got := spelled(v.Sets[0].Samples[0]); !strings.HasSuffix(got, "{.}|{⟨9999⟩}") {
		t.Errorf("an id without a token is shown as %q", got)
	}
	if got := v.Sets[0].Facts(); got != "3 documents, 4 sequences, 15 tokens, lengths 0 to 8, median 7, 1 empty" {
		t.Errorf("facts %q", got)
	}
}

func TestPairsAreShownAsTheirTwoAnswers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, which := range []string{corpus.Chosen, corpus.Rejected} {
		for _, f := range []string{corpus.FieldInputIDs, corpus.FieldMask, corpus.FieldLabels} {
			write(t, corpus.FieldPrefix(filepath.Join(dir, "x"), which+f), [][]int32{{1, 1}})
		}
	}
	v, err := Look(dir, Options{Samples: 1})
	if err != nil {
		t.Fatal(err)
	}
	if len(v.Sets) != 2 || v.Sets[0].Kind != ChosenOnes || v.Sets[1].Kind != RejectedOnes {
		t.Errorf("sets %+v", v.Sets)
	}
}

func TestThePageIsWholeAndEscapesText(t *testing.T) {
	t.Parallel()
	tk, dir := bytesTokenizer(t), t.TempDir()
	fields(t, dir, tk)
	write(t, filepath.Join(dir, "evil_text_document"), [][]int32{tk.Encode(nil, "<script>alert(1)</script>\n", false)})
	m := corpus.Manifest{Format: 1, Style: "alpaca", Template: "qwen", Records: 3, Samples: 2, Tokens: 9, Trained: 6, EOD: -1, Dropped: map[string]int64{"no text": 1, "too \"long\"": 2}}
	if err := m.Write(dir); err != nil {
		t.Fatal(err)
	}
	v, err := Look(dir, Options{Tokenizer: tk, Samples: 5})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := v.Page(&b); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, want := range []string{
		`<meta name="viewport"`, `<dd>2 too &#34;long&#34;, 1 no text`, `<dd>9, 6 trained (66.7 %)`, "sample 1 of 2, from 0", "sample 2 of 2, from 6", "padding × 2, from 9",
		`<span class="t y s" title="id 256 at 5, trained">&lt;eos&gt;</span>`, `as 256">d</span>`, "↵\n",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is not in the page", want)
		}
	}
	for _, not := range []string{"<script>alert", "http://", "https://", "src="} {
		if strings.Contains(page, not) {
			t.Errorf("%q is in the page", not)
		}
	}
}

func TestLengthsAreCountedInBins(t *testing.T) {
	t.Parallel()
	all := []int{0, 5, 5, 70, 100}
	got := measure(len(all), func(i int) int { return all[i] })
	want := Lengths{Shortest: 0, Median: 5, Longest: 100, Empty: 1, Width: 4, Bins: make([]int64, 26)}
	want.Bins[0], want.Bins[1], want.Bins[17], want.Bins[25] = 1, 2, 1, 1
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lengths (-want +got):\n%s", diff)
	}
}

func TestADamagedManifestIsAnError(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "x"), [][]int32{{1}})
	if err := os.WriteFile(filepath.Join(dir, corpus.ManifestName), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Look(dir, Options{}); err == nil || !strings.Contains(err.Error(), corpus.ManifestName) {
		t.Errorf("error %v", err)
	}
}
