package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// preprocessing is a case.json of the preprocessing goldens: a command line of the reference.
type preprocessing struct {
	Argv     []string                   `json:"argv"`
	Expect   string                     `json:"expect"`
	Expected map[string]json.RawMessage `json:"expected"`
}

// line is the reference's command line with whole paths; its result goes to the folder out.
func (c preprocessing) line(dir, out string) []string {
	args := slices.Clone(c.Argv)
	for i := range args[:len(args)-1] {
		named := slices.Contains(args, "--dataset-dir") // then the input is names
		switch value := &args[i+1]; args[i] {
		case "--input":
			if !named {
				*value = filepath.Join(dir, filepath.FromSlash(*value))
			}
		case "--dataset-dir", "--tokenizer-name-or-path", "--vocab-file", "--merge-file":
			*value = filepath.Join(dir, filepath.FromSlash(*value))
		case "--output-prefix":
			if folder, name := filepath.Split(*value); folder != "" {
				*value = filepath.Join(out, name)
			}
		}
	}
	return args
}

func TestGoldenPreprocessCommand(t *testing.T) {
	t.Parallel()
	eachCase(t, "preprocess", "case.json", func(t *testing.T, dir string) {
		var c preprocessing
		load(t, filepath.Join(dir, "case.json"), &c)
		out := filepath.Join(t.TempDir(), "out")
		_, msg, code := command("", append([]string{"stage", "preprocess", "-q", "--compat", "rc3"}, c.line(dir, out)...)...)
		if c.Expect == "error" {
			if code == 0 || code == 1 {
				t.Errorf("exits %d, want an error about the case: %s", code, msg)
			}
			return
		}
		if code != 0 {
			t.Fatalf("stage preprocess exits %d: %s", code, msg)
		}
		for name := range c.Expected {
			want, err := os.ReadFile(filepath.Join(dir, "expected", name))
			if err != nil {
				t.Fatal(err)
			}
			have, err := os.ReadFile(filepath.Join(out, "index", name))
			if err != nil {
				t.Error(err)
				continue
			}
			if !bytes.Equal(want, have) {
				t.Errorf("%s differs", name)
			}
		}
	})
}
