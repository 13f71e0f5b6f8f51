package store

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOpenRemovesWhatDeadProcessesLeft(t *testing.T) {
	t.Parallel()
	living := open(t, t.TempDir(), nil)
	if _, err := living.tmpDir(); err != nil {
		t.Fatal(err)
	}
	busy, _, err := living.TryLock(keyOf("busy"))
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Release()
	for _, name := range []string{"dead", "busy"} {
		if _, err := living.Scratch(keyOf(name), false); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := living.Scratch(keyOf("resumable"), true); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.MkdirAll(living.path("tmp/1-dead/deep"), 0o755), os.Chmod(living.path("tmp/1-dead/deep"), 0o555),
		os.WriteFile(living.path("tmp/1-dead.lock"), nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	open(t, living.Workspace(), nil)
	got := map[string]bool{}
	for _, name := range []string{"dead", "busy", "resumable"} {
		_, err := os.Stat(living.path("work", string(keyOf(name))))
		got[name] = err == nil
	}
	_, err = os.Stat(living.path("tmp/1-dead"))
	got["dead tmp"] = err == nil
	_, err = os.Stat(living.tmp.dir)
	got["living tmp"] = err == nil
	if d := cmp.Diff(map[string]bool{"dead": false, "busy": true, "resumable": true, "dead tmp": false, "living tmp": true}, got); d != "" {
		t.Error(d)
	}
}

func TestScratchKeepsOnlyResumableWork(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), nil)
	for _, resumable := range []bool{false, true} {
		for round := range 2 {
			sc, err := s.Scratch(keyOf("k"), resumable)
			if err != nil {
				t.Fatal(err)
			}
			_, err = os.Stat(filepath.Join(sc.Work, "half"))
			if kept := err == nil; kept != (resumable && round == 1) {
				t.Errorf("resumable %v, round %d: work kept %v", resumable, round, kept)
			}
			if list, err := os.ReadDir(sc.Out); len(list) > 0 || err != nil {
				t.Errorf("output is not empty: %v %v", list, err)
			}
			if err := errors.Join(os.WriteFile(filepath.Join(sc.Work, "half"), nil, 0o644), os.WriteFile(filepath.Join(sc.Out, "x"), nil, 0o444), sc.Close(ctx)); err != nil {
				t.Fatal(err)
			}
			if s.Resumable(keyOf("k")) != resumable {
				t.Errorf("Resumable says %v", !resumable)
			}
		}
	}
}

// A process that dies leaves its scratch to the next one that takes the lock.
func TestScratchOfADeadProcessIsEmptied(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), nil)
	for range 2 {
		sc, err := s.Scratch(keyOf("k"), false)
		if err != nil {
			t.Fatal(err)
		}
		for _, dir := range []string{sc.Work, sc.Out} {
			if list, err := os.ReadDir(dir); len(list) > 0 || err != nil {
				t.Errorf("%s is not empty: %v %v", dir, list, err)
			}
			if err := os.WriteFile(filepath.Join(dir, "x"), nil, 0o444); err != nil {
				t.Fatal(err)
			}
		}
	}
}
