package main

import (
	"encoding/csv"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/testdata/goldens"
)

// digests are those of every file below a folder.
func digests(t *testing.T, root string) map[string]artifact.Digest {
	t.Helper()
	out := map[string]artifact.Digest{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		digest, _, _, err := artifact.HashFile(t.Context(), path)
		out[filepath.ToSlash(rel)] = digest
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestHubIsWhatTheGeneratorWrites(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := generate(dir); err != nil {
		t.Fatal(err)
	}
	committed, made := digests(t, filepath.Join(goldens.Root(t), "testdata", "hub")), digests(t, dir)
	if diff := cmp.Diff(committed, made); diff != "" {
		t.Errorf("run `go run ./testdata/gen -out testdata/hub` (-committed +made):\n%s", diff)
	}
	if len(made) < 8 {
		t.Errorf("only %d files", len(made))
	}
}

// identity tells questions apart as question.id does, from their text in a record.
func identity(text string, options []string) string {
	o := slices.Clone(options)
	slices.Sort(o)
	return text + "|" + strings.Join(o, "|")
}

func TestNoExamQuestionIsTaught(t *testing.T) {
	t.Parallel()
	root := filepath.Join(goldens.Root(t), "testdata", "hub", dataRepo)
	text, err := os.ReadFile(filepath.Join(root, "alpaca", "train.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	taught := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		var r struct {
			Instruction string `json:"instruction"`
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		parts := strings.Split(r.Instruction, "\n")
		if len(parts) != 6 {
			t.Fatalf("record %q has %d lines", r.Instruction, len(parts))
		}
		var options []string
		for _, p := range parts[1:5] {
			options = append(options, p[len("A. "):])
		}
		taught[identity(parts[0], options)] = true
	}
	files, _ := filepath.Glob(filepath.Join(root, "mmlu", "*", "*.csv"))
	asked := 0
	for _, path := range files {
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(file).ReadAll()
		file.Close()
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			asked++
			if taught[identity(r[0], r[1:5])] {
				t.Errorf("%s: %v is also a training record", filepath.Base(path), r)
			}
		}
	}
	if asked < 100 || len(taught) < 1000 {
		t.Errorf("%d exam questions and %d different records were looked at", asked, len(taught))
	}
}
