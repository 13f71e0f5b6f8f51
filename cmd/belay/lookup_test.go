package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/belay-ml/belay/dsl/workspace"
	"github.com/belay-ml/belay/engine/fault"
)

func lookups(t *testing.T, from map[string]workspace.Secret) *secrets {
	t.Helper()
	a := &app{stderr: io.Discard}
	s := a.secrets(&workspace.File{Dir: t.TempDir(), Secrets: from})
	s.env = func(name string) (string, bool) {
		v, ok := map[string]string{"PLAIN": "p", "OTHER": "o", "EMPTY": ""}[name]
		return v, ok
	}
	return s
}

func TestSecretsComeFromWhereTheWorkspaceSays(t *testing.T) {
	t.Parallel()
	s := lookups(t, map[string]workspace.Secret{
		"RENAMED": {Env: "OTHER"}, "PLAIN2": {Env: "GONE"}, "FILE": {File: "f"}, "LINES": {File: "g"}, "FOLDER": {File: "."}, "LOST": {File: "h"},
		"COMMAND": {Command: "printf 'a\\r\\n'"}, "FAILS": {Command: "echo told; exit 7"}, "SILENT": {Command: "true"},
	})
	for name, text := range map[string]string{"f": "secret\n", "g": "two\nlines\n\n"} {
		if err := os.WriteFile(filepath.Join(s.space.Dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	find := s.Lookup(context.Background())
	for name, want := range map[string]string{"PLAIN": "p", "RENAMED": "o", "FILE": "secret", "LINES": "two\nlines\n", "COMMAND": "a"} {
		if ok, why := s.Known(name); !ok {
			t.Errorf("%s is not known: %s", name, why)
		}
		if have, err := find(name); have != want || err != nil {
			t.Errorf("%s: want %q, have %q, %v", name, want, have, err)
		}
	}
	for name, want := range map[string]string{
		"GONE":   "belay.yaml does not name it, and the environment variable GONE is not set",
		"EMPTY":  "belay.yaml does not name it, and the environment variable EMPTY is not set",
		"PLAIN2": "belay.yaml says that it is in the environment variable GONE, which is not set",
		"LOST":   "no such file or directory", "FOLDER": "it is no file",
	} {
		if ok, why := s.Known(name); ok || !strings.Contains(why, want) {
			t.Errorf("%s: want %s, have %s", name, want, why)
		}
		if _, err := find(name); fault.CodeOf(err) != fault.Recipe {
			t.Errorf("%s: want an error of the recipe, have %v", name, err)
		}
	}
	for name, want := range map[string]string{"FAILS": "exit status 7", "SILENT": "it is empty"} {
		if ok, _ := s.Known(name); !ok {
			t.Errorf("%s is not known, though nobody ran it", name)
		}
		if _, err := find(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: want %s, have %v", name, want, err)
		}
	}
}

func TestACommandForASecretRunsOnceAndEndsWithTheRun(t *testing.T) {
	t.Parallel()
	s := lookups(t, map[string]workspace.Secret{"ONCE": {Command: "echo x >> ran; echo value"}, "SLOW": {Command: "sleep 600"}})
	find := s.Lookup(context.Background())
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if v, err := find("ONCE"); v != "value" || err != nil {
				t.Errorf("have %q, %v", v, err)
			}
		})
	}
	all.Wait()
	if ran, err := os.ReadFile(filepath.Join(s.space.Dir, "ran")); string(ran) != "x\n" {
		t.Errorf("the command ran %q times, %v", ran, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Lookup(ctx)("SLOW"); !errors.Is(err, context.Canceled) {
		t.Errorf("want cancelled, have %v", err)
	}
}
