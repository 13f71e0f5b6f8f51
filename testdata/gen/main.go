// Command gen makes the hub tree of the quickstart: a small model with random weights and its own
// tokenizer, and an exam in three forms.
//
//	go run ./testdata/gen -out testdata/hub
//
// The same program always writes the same bytes; a test compares them with what is committed.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/belay-ml/belay/models/ckpt/safetensors"
)

// Where the two repositories lie in the tree.
const (
	modelRepo = "models/belay-ml/tiny-llama"
	dataRepo  = "datasets/belay-ml/exam"
)

func main() {
	out := flag.String("out", "testdata/hub", "folder to write")
	flag.Parse()
	if err := generate(*out); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func generate(root string) error {
	data := map[string][]byte{}
	texts, err := exam(func(name string, b []byte) { data[name] = b })
	if err != nil {
		return err
	}
	for name, b := range data {
		if err := write(filepath.Join(root, dataRepo, filepath.FromSlash(name)), b); err != nil {
			return err
		}
	}
	model := filepath.Join(root, modelRepo)
	conf, err := config()
	if err != nil {
		return err
	}
	if err := write(filepath.Join(model, "config.json"), conf); err != nil {
		return err
	}
	if err := write(filepath.Join(model, "README.md"), []byte(modelCard)); err != nil {
		return err
	}
	if err := tokenizer(model, texts); err != nil {
		return err
	}
	return safetensors.Write(filepath.Join(model, "model.safetensors"), weights(), map[string]string{"format": "pt"})
}

func write(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o644)
}

const modelCard = `# tiny-llama

A llama of about a million parameters with random weights, and a byte-level BPE trained on the text of the exam
repository. It knows nothing yet.
`
