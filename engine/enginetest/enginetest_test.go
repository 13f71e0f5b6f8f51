package enginetest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/store"
)

func TestFakesConform(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "in.txt")
	if err := os.WriteFile(file, []byte("hello "), 0o644); err != nil {
		t.Fatal(err)
	}
	c := Case{Name: "two inputs", Values: map[string]any{"text": "x", "in": []any{engine.Source{Path: file}, engine.Source{Path: file}}},
		Check: func(t *testing.T, r *store.Record) {
			if got, err := os.ReadFile(r.Path("out")); string(got) != "hello hello x" {
				t.Error(string(got), err)
			}
		}}
	Stage(t, Concat(), c)
}
