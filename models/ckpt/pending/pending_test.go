package pending

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestAFileHasItsNameOnlyWhenItIsWhole(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "weights")
	if err := os.WriteFile(path, []byte("older"), 0o644); err != nil {
		t.Fatal(err)
	}
	big := bytes.Repeat([]byte("0123456789abcdef"), eager/16)
	f, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int64{int64(len(big)), 0} {
		if _, err := f.WriteAt(big, at); err != nil {
			t.Fatal(err)
		}
	}
	if old, err := os.ReadFile(path); err != nil || string(old) != "older" {
		t.Errorf("before Close the name holds %d bytes, %v", len(old), err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("the file on its way does not lie beside its name: %v, %v", entries, err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, append(bytes.Clone(big), big...)) {
		t.Errorf("after Close the name holds %d bytes, %v", len(now), err)
	}
}

func TestAnAbortedFileLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f, err := Create(filepath.Join(dir, "weights"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(make([]byte, eager), 0); err != nil {
		t.Fatal(err)
	}
	if err := f.Abort(); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}
