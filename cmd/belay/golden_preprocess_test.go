package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// preprocessing is a case.json of the preprocessing goldens: a command line of the reference.
type preprocessing struct {
	Argv     []string                   `json:"argv"`
	Expect   string                     `json:"expect"`
	Expected map[string]json.RawMessage `json:"expected"`
}

// with translates the reference's command line. missing names an option that the stage does not have, refused
// a value that has no counterpart because the reference refuses it.
func (c preprocessing) with(dir string) (args []string, missing, refused string) {
	add := func(name, v string) {
		args = append(args, "--with", name+"="+v)
	}
	add("compat", "rc3")
	for i := 0; i < len(c.Argv); i++ {
		option := c.Argv[i]
		var words []string
		for i+1 < len(c.Argv) && !strings.HasPrefix(c.Argv[i+1], "--") {
			i++
			words = append(words, c.Argv[i])
		}
		one := strings.Join(words, " ")
		switch option {
		case "--input":
			if slices.Contains(c.Argv, "--dataset-dir") {
				quoted, _ := json.Marshal(strings.Split(one, ","))
				add("dataset", string(quoted))
			} else {
				add("input", filepath.Join(dir, filepath.FromSlash(one)))
			}
		case "--dataset-dir":
			add("input", filepath.Join(dir, filepath.FromSlash(one)))
		case "--mix-strategy":
			add("mix", one)
		case "--interleave-probs":
			add("interleave_probs", "["+one+"]")
		case "--tokenizer-name-or-path":
			add("tokenizer", filepath.Join(dir, filepath.FromSlash(one)))
		case "--vocab-file", "--merge-file":
			add(strings.ReplaceAll(strings.TrimPrefix(option, "--"), "-", "_"), filepath.Join(dir, filepath.FromSlash(one)))
		case "--tokenizer-type":
			add("tokenizer_type", one)
		case "--handler-name":
			add("style", one)
		case "--prompt-type":
			add("template", one)
		case "--output-prefix":
			if !strings.Contains(one, "/") {
				refused = option + " " + one + ": a prefix has a directory"
			}
			add("output_prefix", filepath.Base(one))
		case "--json-keys", "--merge-group-keys":
			quoted, _ := json.Marshal(words)
			add(strings.ReplaceAll(strings.TrimPrefix(option, "--"), "-", "_"), string(quoted))
		case "--append-eod", "--pack", "--tokenizer-not-use-fast":
			add(strings.ReplaceAll(strings.TrimPrefix(option, "--"), "-", "_"), "true")
		case "--seq-length", "--n-subs", "--workers", "--max-samples", "--seed":
			add(strings.ReplaceAll(strings.TrimPrefix(option, "--"), "-", "_"), one)
		case "--map-keys":
			var all map[string]any
			if err := json.Unmarshal([]byte(one), &all); err != nil {
				missing = option + ": " + err.Error()
			}
			if tags, ok := all["tags"]; ok {
				text, _ := json.Marshal(tags)
				add("tags", string(text))
				delete(all, "tags")
			}
			text, _ := json.Marshal(all)
			add("map_keys", string(text))
		default:
			missing = option
		}
	}
	return args, missing, refused
}

func TestGoldenPreprocessCommand(t *testing.T) {
	t.Parallel()
	eachCase(t, "preprocess", "case.json", func(t *testing.T, dir string) {
		var c preprocessing
		load(t, filepath.Join(dir, "case.json"), &c)
		args, missing, refused := c.with(dir)
		if refused != "" && c.Expect == "error" {
			return
		}
		if missing != "" {
			t.Fatalf("the stage has no %s", missing)
		}
		out := filepath.Join(t.TempDir(), "out")
		_, msg, code := command("", append([]string{"stage", "preprocess", "-q", "--out", out}, args...)...)
		if c.Expect == "error" {
			if code == 0 || code == 1 || code == 2 {
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
