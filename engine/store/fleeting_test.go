package store

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func fleeting(t *testing.T, dir string, blind bool) (*Store, func()) {
	t.Helper()
	s, remove, err := OpenFleeting(dir, blind, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s, remove
}

func TestABlindStoreReadsNoContents(t *testing.T) {
	t.Parallel()
	digest := func(blind bool) string {
		s, remove := fleeting(t, t.TempDir(), blind)
		defer remove()
		return string(publish(t, s, "a", map[string]string{"f": "text"}).Digest)
	}
	// Equal contents in two files have one digest, unless their states stand for them.
	if a, b := digest(false), digest(false); a != b {
		t.Errorf("digests of equal contents: %s and %s", a, b)
	}
	if a, b := digest(true), digest(true); a == b {
		t.Errorf("a blind store read contents: %s twice", a)
	}
}

func TestFleetingStoresOfDeadProcessesAreRemoved(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, removeFirst := fleeting(t, dir, true)
	defer removeFirst()
	dead, unmarked := filepath.Join(dir, fleetingPrefix+"dead"), filepath.Join(dir, fleetingPrefix+"new")
	for _, d := range []string{dead, unmarked} {
		if err := os.MkdirAll(filepath.Join(d, Dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dead, aliveFile), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	_, removeSecond := fleeting(t, dir, true)
	if found, _ := filepath.Glob(filepath.Join(dir, ".belay*")); len(found) != 3 {
		t.Errorf("want the two stores in use and the folder without a mark, have %v", found)
	}
	removeSecond()
	removeFirst()
	if found, _ := filepath.Glob(filepath.Join(dir, ".belay*")); !cmp.Equal(found, []string{unmarked}) {
		t.Errorf("left behind: %v", found)
	}
}
