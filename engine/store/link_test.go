package store

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLinksAreSwapped(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), nil)
	a, b := publish(t, s, "a", map[string]string{"x": "1"}), publish(t, s, "b", map[string]string{"x": "2"})
	for _, rec := range []*Record{a, b, a, a} {
		path, err := s.Link("r", "tuned[seed=1]", rec, "out")
		if err != nil {
			t.Fatal(err)
		}
		if to, err := filepath.EvalSymlinks(path); err != nil || to != mustEval(t, rec.Path("out")) {
			t.Error(to, err)
		}
		if target, _ := os.Readlink(path); filepath.IsAbs(target) {
			t.Errorf("absolute link %s", target)
		}
	}
	for name, want := range map[string]string{"../x": "not a name", "": "not a name", "/x": "not a name", "..": "not a name", ".": "not a name"} {
		if _, err := s.Link("r", name, a, "out"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Link(%q): %v", name, err)
		}
	}
}

func TestAnOutputThatWasWrittenAnewIsSetAside(t *testing.T) {
	t.Parallel()
	var warned []string
	s := open(t, t.TempDir(), &warned)
	a := publish(t, s, "a", map[string]string{"x": "1"})
	edited := filepath.Join(s.Workspace(), "out/r/mine")
	if err := os.MkdirAll(filepath.Dir(edited), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(edited, []byte("by hand"), 0o644); err != nil {
		t.Fatal(err)
	}
	path, err := s.Link("r", "mine", a, "out")
	if err != nil {
		t.Fatal(err)
	}
	if to, err := filepath.EvalSymlinks(path); err != nil || to != mustEval(t, a.Path("out")) {
		t.Errorf("the link leads to %s (%v)", to, err)
	}
	kept, _ := filepath.Glob(filepath.Join(s.Root(), "quarantine/*/r/mine"))
	if len(kept) != 1 || len(warned) != 1 || !strings.Contains(warned[0], kept[0]) {
		t.Fatalf("kept %q, warned %q", kept, warned)
	}
	if text, _ := os.ReadFile(kept[0]); string(text) != "by hand" {
		t.Errorf("kept %q", text)
	}
}

func mustEval(t testing.TB, path string) string {
	t.Helper()
	p, err := filepath.EvalSymlinks(path)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
