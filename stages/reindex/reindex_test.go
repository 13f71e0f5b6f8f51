package reindex

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/enginetest"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/stages/corpus"
	"github.com/belay-ml/belay/stages/internal/tiny"
)

// failer is what rapid's and testing's have in common.
type failer interface {
	Helper()
	Fatal(args ...any)
}

// write writes documents of sequences.
func write(t failer, prefix string, documents [][][]int32) {
	t.Helper()
	w, err := corpus.Create(prefix, corpus.U16)
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

// run runs the stage and gives the folder of its port.
func run(root string, p Params) (string, error) {
	if p.OutputPrefix == "" {
		p.OutputPrefix = "data"
	}
	dir := filepath.Join(root, "index")
	out := engine.Out{Root: root, Ports: map[string]string{"index": dir}, Notes: map[string]any{}}
	return dir, Stage{}.Run(context.Background(), engine.In{Params: &p}, out)
}

func ref(path string) artifact.Ref { return artifact.Ref{Path: path, Label: filepath.Base(path)} }

func read(t failer, dir, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestPartsAreWhatWouldHaveBeenWrittenAlone(t *testing.T) {
	t.Parallel()
	n := 0
	rapid.Check(t, func(r *rapid.T) {
		if n++; n > 30 { // each syncs a dozen files
			return
		}
		root, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			r.Fatal(err)
		}
		document := rapid.SliceOfN(rapid.SliceOfN(rapid.Int32Range(0, 60000), 0, 4), 0, 3)
		var all [][][]int32
		var inputs []artifact.Ref
		for i := range rapid.IntRange(1, 3).Draw(r, "inputs") {
			documents := rapid.SliceOfN(document, 0, 6).Draw(r, "documents")
			dir := filepath.Join(root, fmt.Sprint("in", i))
			if err := os.Mkdir(dir, 0o755); err != nil {
				r.Fatal(err)
			}
			write(r, filepath.Join(dir, "x_text_document"), documents)
			all, inputs = append(all, documents...), append(inputs, ref(dir))
		}
		per := rapid.IntRange(0, 4).Draw(r, "documents a part")
		got, err := run(root, Params{Input: inputs, PerPart: per})
		if err != nil {
			r.Fatal(err)
		}
		want := filepath.Join(root, "want")
		if err := os.Mkdir(want, 0o755); err != nil {
			r.Fatal(err)
		}
		if per == 0 {
			write(r, filepath.Join(want, "data_text_document"), all)
		}
		for i := 0; per > 0 && i*per < len(all); i++ {
			write(r, filepath.Join(want, fmt.Sprintf("data_%03d_text_document", i)), all[i*per:min((i+1)*per, len(all))])
		}
		entries, _ := os.ReadDir(want)
		for _, e := range entries {
			if read(r, want, e.Name()) != read(r, got, e.Name()) {
				r.Fatalf("%s differs", e.Name())
			}
		}
		if have, _ := os.ReadDir(got); len(have) != len(entries)+1 {
			r.Fatalf("%d files, want %d and a manifest", len(have), len(entries))
		}
	})
}

func TestInstructionsAreSplitAtTheSameSamples(t *testing.T) {
	t.Parallel()
	var packs [][]tiny.Sample
	for i, s := range tiny.Samples(10) {
		packs = append(packs, []tiny.Sample{s, tiny.Samples(10)[(i*3)%10]})
	}
	in := tiny.Instructions(t, packs, 32, true)
	whole, err := corpus.OpenInstructions(filepath.Join(in, "data"))
	if err != nil {
		t.Fatal(err)
	}
	defer whole.Close()
	dir, err := run(t.TempDir(), Params{Input: []artifact.Ref{ref(in)}, Split: "7,2,1"})
	if err != nil {
		t.Fatal(err)
	}
	at := 0
	for _, part := range []string{"train", "valid", "test"} {
		d, err := corpus.OpenInstructions(filepath.Join(dir, "data_"+part))
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		for i := range d.Len() {
			got, err := d.At(i)
			if err != nil {
				t.Fatal(err)
			}
			want, err := whole.At(at)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s %d (-want +got):\n%s", part, i, diff)
			}
			at++
		}
	}
	if at != 10 {
		t.Errorf("%d samples in the parts", at)
	}
}

func TestMistakesAreNamed(t *testing.T) {
	t.Parallel()
	dir := func(indexes map[string]int) artifact.Ref {
		d := t.TempDir()
		for name, n := range indexes {
			write(t, filepath.Join(d, name), make([][][]int32, n))
		}
		return ref(d)
	}
	text := dir(map[string]int{"x_text_document": 3})
	for want, c := range map[string]struct {
		code int
		p    Params
	}{
		"split and documents_per_part are both given":                {fault.Recipe, Params{Split: "1,1", PerPart: 2, Input: []artifact.Ref{text}}},
		`split "x": want one to three numbers`:                       {fault.Recipe, Params{Split: "x", Input: []artifact.Ref{text}}},
		"input names no token index":                                 {fault.Recipe, Params{}},
		`output_prefix "../x"`:                                       {fault.Recipe, Params{OutputPrefix: "../x", Input: []artifact.Ref{text}}},
		"leaves no document of 3 for valid":                          {fault.Data, Params{Split: "949,50,1", Input: []artifact.Ref{text}}},
		"neither a folder of token indexes nor one of .bin and .idx": {fault.Data, Params{Input: []artifact.Ref{ref("/none/x_text_document.idx")}}},
		"no .bin/.idx pair":                                          {fault.Data, Params{Input: []artifact.Ref{dir(nil)}}},
		"there are 1 indexes of code_document, 1 of text_document":   {fault.Data, Params{Input: []artifact.Ref{text, dir(map[string]int{"x_code_document": 1})}}},
		"has other pieces":                                           {fault.Data, Params{Input: []artifact.Ref{dir(map[string]int{"x_packed_labels_document": 2, "y_packed_input_ids_document": 2})}}},
		"has 2 documents":                                            {fault.Data, Params{Input: []artifact.Ref{dir(map[string]int{"x_packed_labels_document": 2, "x_packed_input_ids_document": 3})}}},
	} {
		_, err := run(t.TempDir(), c.p)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		} else if code := fault.CodeOf(err); code != c.code {
			t.Errorf("%v: exit code %d, want %d", err, code, c.code)
		}
	}
}

func TestTheStageKeepsItsPromisesToTheEngine(t *testing.T) {
	t.Parallel()
	enginetest.Stage(t, Stage{}, enginetest.Case{
		Name: "split", Values: map[string]any{"input": []any{engine.Source{Path: tiny.Index(t, 40), As: "text"}}, "split": "80,10,10"},
	})
}
