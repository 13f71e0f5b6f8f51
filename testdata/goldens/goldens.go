// Package goldens finds the folder with the reference programs' outputs for tests.
//
// The folder is $BELAY_GOLDENS, or ../shared/goldens seen from the repository root. Tests skip with a
// word where it is absent: the project must pass alone.
package goldens

import (
	"os"
	"path/filepath"
	"testing"
)

// Variable names the environment variable that points at another folder of the same layout.
const Variable = "BELAY_GOLDENS"

// Dir is the sub folder of the goldens; the test is skipped when it does not exist.
func Dir(t testing.TB, sub string) string {
	t.Helper()
	root := os.Getenv(Variable)
	if root == "" {
		root = filepath.Join(Root(t), "..", "shared", "goldens")
	}
	dir := filepath.Join(root, filepath.FromSlash(sub))
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no goldens at %s", dir)
	}
	return dir
}

// Pending says whether the lists of cases that are not built yet apply: they do not when the caller
// chose the folder.
func Pending() bool { return os.Getenv(Variable) == "" }

// Root is the repository root: the nearest folder above the test that holds go.mod.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above the test")
		}
		dir = up
	}
}
