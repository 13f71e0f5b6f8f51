package export

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/engine/event/record"
)

func TestPathsOfTheMachineStayOnIt(t *testing.T) {
	t.Parallel()
	run := &record.Run{
		ID: "r", Origin: "/home/ann/work space/recipe.yaml", Params: map[string]any{"data": "/home/ann/data", "ws": "/home/ann/work space"},
		Nodes: []record.Node{{
			ID: "a", Error: "read /home/ann/work space/x: no such file; see /home/ann/notes and /home/annette/y",
			Outputs: []record.Output{{Path: "/home/ann/work space/.belay/artifacts/x"}}, Logs: []record.Log{{Data: map[string]any{"p": []any{"/home/ann/z"}}}},
		}},
	}
	clean, err := Clean(run, "/home/ann/work space", "/home/ann")
	if err != nil {
		t.Fatal(err)
	}
	text, _ := json.Marshal(clean)
	if strings.Contains(string(text), "/home/ann/") || strings.Contains(string(text), "work space") {
		t.Errorf("have %s", text)
	}
	if d := cmp.Diff([]any{"recipe.yaml", "~/data", ".", "read x: no such file; see ~/notes and /home/annette/y", ".belay/artifacts/x"},
		[]any{clean.Origin, clean.Params["data"], clean.Params["ws"], clean.Nodes[0].Error, clean.Nodes[0].Outputs[0].Path}); d != "" {
		t.Error(d)
	}
	if run.Origin == clean.Origin {
		t.Error("the run itself was changed")
	}
	if root, err := Clean(run, "/", ""); err != nil || root.Origin != run.Origin {
		t.Errorf("a workspace at the root: %v, %v", root.Origin, err)
	}
}

func TestRecipeFilesHaveDifferentNames(t *testing.T) {
	t.Parallel()
	s := Source{Texts: []Text{{Path: "a/recipe.yaml"}, {Path: "base.yaml"}, {Path: "../recipe.yaml"}}}
	if d := cmp.Diff([]string{"recipe.yaml", "base.yaml", "3-recipe.yaml"}, []string{s.Name(0), s.Name(1), s.Name(2)}); d != "" {
		t.Error(d)
	}
}

func TestToolsAreNamedByTheirKeys(t *testing.T) {
	t.Parallel()
	k, v := Tool(&record.Node{Kind: "x", Parts: []record.Part{{Name: "stage", Value: "finetune version 3"}}})
	if k != "finetune" || v != "3" {
		t.Errorf("have %s %s", k, v)
	}
	if k, v := Tool(&record.Node{Kind: "x"}); k != "x" || v != "" {
		t.Errorf("have %s %s", k, v)
	}
}
