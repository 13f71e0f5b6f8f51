package preprocess

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/stages/corpus"
)

func TestSentencesAreSequencesOfTheirDocument(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		keep bool
		want []string
	}{
		"white space between them is left out": {false, []string{"Dr. No came.", "He left!<eos>", "One<eos>"}},
		"white space between them is kept":     {true, []string{"Dr. No came.\n\n", "He left!<eos>", "One<eos>"}},
	} {
		p := Params{Style: "pretrain", AppendEOD: true, Tokenizer: newTokenizer(t), Sentences: Sentences{SplitSentences: true, KeepNewlines: c.keep},
			Input: files(t, "data.jsonl", `{"text": "Dr. No came.\n\nHe left!"}`+"\n"+`{"text": ""}`+"\n"+`{"text": "One"}`+"\n")}
		dir, m, err := run(t, p)
		if err != nil {
			t.Fatal(err)
		}
		prefix := filepath.Join(dir, "data_text_sentence")
		if diff := cmp.Diff(c.want, texts(t, openTokenizer(t, p.Tokenizer), prefix)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff([]corpus.IndexSummary{{Name: "data_text_sentence", DType: "int32", Sequences: 3, Documents: 2, Tokens: m.Tokens}}, m.Indexes); diff != "" {
			t.Errorf("indexes (-want +got):\n%s", diff)
		}
	}
}

func TestSentencesOfOtherLanguagesNeedTheirModel(t *testing.T) {
	t.Parallel()
	p := Params{Style: "pretrain", Tokenizer: newTokenizer(t), Input: files(t, "data.txt", "x\n"), Sentences: Sentences{SplitSentences: true, Punkt: artifact.Ref{Path: t.TempDir(), Label: "punkt"}}}
	if _, _, err := run(t, p); err == nil || !strings.Contains(err.Error(), "abbrev_types.txt") {
		t.Errorf("error %v", err)
	}
}
