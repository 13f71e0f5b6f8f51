//go:build linux

package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/belay-ml/belay/engine/enginetest/smalldisk"
)

const small = `
belay: 1
name: small
stages:
  a:
    uses: command
    with: {run: 'head -c 9000 /dev/zero | tr "\0" a > $OUT/o.txt', outputs: {o: o.txt}}
  b:
    uses: command
    with: {run: 'cat "$A"; cat "$A" "$A" > $OUT/o.txt', inputs: {A: "${a.o}"}, outputs: {o: o.txt}}
outputs: {o: "${b.o}"}
`

// disk makes a small disk a workspace.
func disk(t *testing.T, recipe string) (dir string, unmount func()) {
	t.Helper()
	dir, unmount = smalldisk.Mount(t, "1m")
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "belay.yaml"), nil, 0o644), os.WriteFile(filepath.Join(dir, "recipe.yaml"), []byte(recipe), 0o644)); err != nil {
		t.Fatal(err)
	}
	return dir, unmount
}

// TestADiskThatRunsFull lets the disk run full ever later in a run: in the store, a scratch folder, an output, a
// manifest, a key record, and at last in the record of the run, which is no failure of the run.
func TestADiskThatRunsFull(t *testing.T) {
	t.Parallel()
	failed, warned := 0, 0
	for pages := 0; ; pages++ {
		dir, unmount := disk(t, small)
		free := smalldisk.Fill(t, dir, pages)
		_, msg, code := finish(t, belay(t, dir, "run", "recipe.yaml"))
		switch {
		case code == 0 && !strings.Contains(msg, "warning"):
			if failed < 10 || warned == 0 {
				t.Errorf("%d runs failed and %d only warned", failed, warned)
			}
			return
		case code == 0:
			warned++
		default:
			failed++
		}
		if code != 0 && code != 40 || !strings.Contains(strings.ToLower(msg), "no space left") || strings.Contains(msg, "panic") ||
			code == 40 && (!strings.Contains(msg, dir) && !strings.Contains(msg, "its last lines") || !strings.Contains(msg, "hint: ") && !strings.Contains(msg, "its last lines")) {
			t.Errorf("%d pages: exits %d: %s", pages, code, msg)
		}
		free()
		must(t, belay(t, dir, "run", "recipe.yaml"))
		if text, err := os.ReadFile(filepath.Join(dir, "out/small/o")); string(text) != strings.Repeat("a", 18000) {
			t.Errorf("%d pages: %d bytes, %v", pages, len(text), err)
		}
		if _, msg, code := finish(t, belay(t, dir, "cache", "verify")); code != 0 || strings.Contains(msg, "damage") {
			t.Errorf("%d pages: %s", pages, msg)
		}
		unmount()
	}
}

func TestAWorkspaceThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	dir, _ := disk(t, small)
	must(t, belay(t, dir, "run", "recipe.yaml"))
	smalldisk.ReadOnly(t, dir)
	for _, args := range [][]string{{"run", "recipe.yaml"}, {"plan", "recipe.yaml"}, {"explain", "recipe.yaml", "b"}, {"graph", "recipe.yaml"}, {"show"}, {"cache", "ls"}, {"cache", "verify"}} {
		_, msg, code := finish(t, belay(t, dir, args...))
		if code != 0 || args[0] == "run" && (!strings.Contains(msg, ".belay cannot be written") || !strings.Contains(msg, "nothing to do")) {
			t.Errorf("belay %v exits %d: %s", args, code, msg)
		}
	}
	_, msg, code := finish(t, belay(t, dir, "run", "recipe.yaml", "--force", "b"))
	if code != 40 || !strings.Contains(msg, dir+"/.belay/locks/") || !strings.Contains(msg, "read-only") || !strings.Contains(msg, "hint: ") {
		t.Errorf("a stale stage: exits %d: %s", code, msg)
	}
}
