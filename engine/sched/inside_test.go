package sched_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/enginetest"
)

// folder writes a directory out with the files of its text, "name=content" separated by spaces.
func folder() *enginetest.Fake {
	f := &enginetest.Fake{Spec: enginetest.Spec("folder")}
	f.Do = func(_ context.Context, in engine.In, out engine.Out) error {
		for _, item := range strings.Fields(in.Params.(*enginetest.Params).Text) {
			name, content, _ := strings.Cut(item, "=")
			path := filepath.Join(out.Path("out"), filepath.FromSlash(name))
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
				return err
			}
		}
		return nil
	}
	return f
}

func TestAnInputInsideAnArtifactChangesWithThatPartAlone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	a, c := folder(), enginetest.Concat()
	graph := func(text string) *engine.Graph {
		reader := enginetest.Node("c", c, "!")
		reader.Params["in"] = []any{engine.Output{Node: 0, Port: "out", Sub: "x/one"}}
		return enginetest.Graph(enginetest.Node("a", a, text), reader)
	}
	r := b.run(graph("x/one=1 x/two=2"))
	want(t, "output", b.output(r, "c"), "1!")
	b.run(graph("x/one=1 x/two=3"))
	want(t, "runs after another part changed", c.Runs(), 1)
	r = b.run(graph("x/one=4 x/two=3"))
	want(t, "output", b.output(r, "c"), "4!")
	want(t, "runs after the part changed", c.Runs(), 2)
}

func TestAnInputInsideAnArtifactThatIsNotThereIsNamed(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	reader := enginetest.Node("c", enginetest.Concat(), "!")
	reader.Params["in"] = []any{engine.Output{Node: 0, Port: "out", Sub: "x/three"}}
	_, err := b.try(enginetest.Graph(enginetest.Node("a", folder(), "x/one=1"), reader))
	if err == nil || !strings.Contains(err.Error(), "read input a.out/x/three: the artifact holds no such file or folder") {
		t.Errorf("error %v", err)
	}
}
