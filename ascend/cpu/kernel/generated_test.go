package kernel

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAssemblyIsOfThePresentGenerator compares the digest of the generator's sources with the one that
// the generated files carry: after a change there, go generate must run here.
func TestAssemblyIsOfThePresentGenerator(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("_avo/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no generator: %v", err)
	}
	h := sha256.New()
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(h, "%s %d\n", filepath.Base(f), len(text))
		h.Write(text)
	}
	want := fmt.Sprintf("sources %x.", h.Sum(nil)[:8])
	assembly, _ := filepath.Glob("*_amd64.s")
	stubs, _ := filepath.Glob("*_decl_amd64.go")
	if len(assembly) == 0 || len(assembly) != len(stubs) {
		t.Fatalf("have %v and %v", assembly, stubs)
	}
	for _, f := range append(assembly, stubs...) {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if first, _, _ := strings.Cut(string(text), "\n"); !strings.Contains(first, want) {
			t.Errorf("%s: first line %q does not say %q: run go generate here", f, first, want)
		}
	}
}
