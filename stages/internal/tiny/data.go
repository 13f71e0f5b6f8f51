package tiny

import (
	"path/filepath"
	"testing"

	"github.com/belay-ml/belay/stages/corpus"
)

// Index writes a token index called text whose documents repeat a few short phrases, so that a model
// learns something in few steps. It returns the folder.
func Index(t testing.TB, documents int) string {
	t.Helper()
	dir := t.TempDir()
	AddIndex(t, filepath.Join(dir, "text"), documents)
	return dir
}

// AddIndex writes such an index under a prefix.
func AddIndex(t testing.TB, prefix string, documents int) {
	t.Helper()
	w, err := corpus.Create(prefix, corpus.U16)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	state := uint32(1)
	for range documents {
		var ids []int32
		state = state*1664525 + 1013904223
		phrase, n := int32(state>>28), 4+state>>8%20
		for i := range n {
			ids = append(ids, 10*phrase+int32(i%5))
		}
		ids = append(ids, Vocab-3)
		if err := w.Add(ids); err != nil {
			t.Fatal(err)
		}
		w.EndDocument()
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// Sample is one instruction: a question that is read and an answer that is learned.
type Sample struct{ Question, Answer []int32 }

// Samples are some instructions of different lengths.
func Samples(n int) []Sample {
	var out []Sample
	for i := range n {
		s := Sample{}
		for k := range 3 + i%4 {
			s.Question = append(s.Question, int32(20+(i*7+k)%50))
		}
		for k := range 2 + i%3 {
			s.Answer = append(s.Answer, int32(100+(i+k)%20))
		}
		s.Answer = append(s.Answer, Vocab-3)
		out = append(out, s)
	}
	return out
}

// Instructions writes packs of samples as instruction data under the prefix dir/data. A pack is padded
// to width, unless that is 0; lengths says whether those of the samples are written too.
func Instructions(t testing.TB, packs [][]Sample, width int, lengths bool) string {
	t.Helper()
	dir := t.TempDir()
	prefix := filepath.Join(dir, "data")
	paths := []string{
		corpus.FieldPrefix(prefix, corpus.FieldInputIDs), corpus.FieldPrefix(prefix, corpus.FieldMask), corpus.FieldPrefix(prefix, corpus.FieldLabels),
	}
	if lengths {
		paths = append(paths, corpus.LengthsPrefix(prefix))
	}
	var writers []*corpus.Writer
	for _, p := range paths {
		w, err := corpus.Create(p, corpus.I32)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Abort()
		writers = append(writers, w)
	}
	for _, pack := range packs {
		var row [4][]int32 // ids, mask, labels, lengths
		for _, s := range pack {
			for i, id := range append(append([]int32(nil), s.Question...), s.Answer...) {
				label := id
				if i < len(s.Question) {
					label = corpus.Ignored
				}
				row[0], row[1], row[2] = append(row[0], id), append(row[1], 1), append(row[2], label)
			}
			row[3] = append(row[3], int32(len(s.Question)+len(s.Answer)))
		}
		for len(row[0]) < width {
			row[0], row[1], row[2] = append(row[0], Vocab-3), append(row[1], 0), append(row[2], corpus.Ignored)
		}
		for i, w := range writers {
			if err := w.Add(row[i]); err != nil {
				t.Fatal(err)
			}
			w.EndDocument()
		}
	}
	for _, w := range writers {
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
