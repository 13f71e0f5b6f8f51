package exporttest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/event/export"
	"github.com/belay-ml/belay/engine/event/record"
)

// Digest is a digest of one byte's digits: "aa" makes aaaa...
func Digest(b string) string { return strings.Repeat(b, 32) }

// Source is the run.
func Source(t *testing.T) *export.Source {
	t.Helper()
	start := time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)
	param := func(name, value, origin string) record.Param {
		return record.Param{Name: name, Value: value, Origin: origin}
	}
	stage := func(kind, version string) []record.Part {
		return []record.Part{{Name: "stage", Value: kind + " version " + version}}
	}
	text := record.Node{
		ID: "text", Name: "text", Kind: "preprocess", State: "fresh", Key: Digest("01"), Pos: "recipe.yaml:4:3", Parts: stage("preprocess", "1"),
		Params:  []record.Param{param("input", "[data/text.jsonl]", "recipe.yaml:6:19"), param("workers", "0", "")},
		Inputs:  []record.Input{{Param: "input[0]", Label: "data/text.jsonl", Digest: Digest("50")}},
		Outputs: []record.Output{{Port: "index", Kind: "token-index", Digest: Digest("aa"), Size: 100, Files: 3}},
		Made:    &record.Making{Belay: "v0.1", Host: "box", At: start.Add(-time.Hour), Took: time.Minute},
	}
	trained := func(cell, state string) record.Node {
		return record.Node{
			ID: "trained[" + cell + "]", Name: "trained", Kind: "pretrain", State: state, Reads: []string{"text"}, Pos: "recipe.yaml:7:3", Parts: stage("pretrain", "2"),
			Params: []record.Param{param("data", "text.index", "recipe.yaml:9:40"), param("lr", "0.1", "-p lr"), param("pp", "1", "")},
			Inputs: []record.Input{
				{Param: "checkpoint", Label: "models/tiny", Digest: Digest("60"), Dir: true},
				{Param: "data", Label: "text.index", Digest: Digest("aa"), Node: "text", Port: "index"},
			},
		}
	}
	done := trained("lr=0.1,seed=1", "done")
	done.Started, done.Took, done.Key = start.Add(time.Second), 30*time.Second, Digest("02")
	done.Outputs = []record.Output{
		{Port: "checkpoint", Kind: "megatron-checkpoint", Digest: Digest("bb"), Size: 12, Files: 2, Path: ".belay/artifacts/x/checkpoint"},
		{Port: "log", Kind: "text", Digest: Digest("10"), Size: 3, Files: 1, Path: ".belay/artifacts/x/log.txt"},
	}
	done.Headline = map[string]event.Number{"final_loss": 0.5}
	failed := trained("lr=0.1,seed=2", "failed")
	failed.Started, failed.Took, failed.Error, failed.Hint = start.Add(2*time.Second), 5*time.Second, "loss is NaN\nat step 3", "lower lr"
	stopped := trained("lr=0.1,seed=3", "cancelled")
	stopped.Started, stopped.Took = start.Add(2*time.Second), 6*time.Second
	never := trained("lr=0.1,seed=4", "skipped")
	run := &record.Run{
		Format: 1, ID: "20260301-093000-ab12", Recipe: "tiny", Origin: "recipe.yaml", Digest: Digest("0d"), Belay: "v0.2", Host: "box",
		Params: map[string]any{"lr": "0.1"}, Started: start, Finished: start.Add(time.Minute), Exit: 40, Error: "trained[lr=0.1,seed=2]: loss is NaN",
		Nodes: []record.Node{text, done, failed, stopped, never},
	}
	root := t.TempDir()
	for name, body := range map[string]string{"checkpoint/config.json": "{}", "checkpoint/sub/model.bin": "0123456789", "log.txt": "ok\n"} {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(body), 0o444); err != nil {
			t.Fatal(err)
		}
	}
	return &export.Source{
		Run:   run,
		Texts: []export.Text{{Path: "recipe.yaml", Data: []byte("belay: 1\nname: tiny\n")}},
		Contents: func(o record.Output) (export.Content, bool) {
			switch o.Port {
			case "checkpoint":
				return export.Content{Root: filepath.Join(root, "checkpoint"), Dir: true, Files: []artifact.File{
					{Path: "config.json", Mode: artifact.Regular, Size: 2, Digest: artifact.Digest(Digest("c1"))},
					{Path: "latest", Mode: artifact.Symlink, Target: "sub"},
					{Path: "sub/model.bin", Mode: artifact.Regular, Size: 10, Digest: artifact.Digest(Digest("c2"))},
				}}, true
			case "log":
				return export.Content{Root: filepath.Join(root, "log.txt"), Files: []artifact.File{{Mode: artifact.Regular, Size: 3, Digest: artifact.Digest(Digest("10"))}}}, true
			}
			return export.Content{}, false
		},
	}
}
