package store

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/engine/artifact"
)

// crashEnv tells this test binary, started again, at which step to die: "12 /workspace".
const crashEnv = "BELAY_TEST_CRASH"

// allWriting writes everything that a store can hold.
func allWriting(s *Store) error {
	one, err := tryPublish(s, "one", map[string]string{"a": "1", "d/b": "2", "l": "-> a"})
	if err != nil {
		return err
	}
	if _, err := tryPublish(s, "the same", map[string]string{"a": "1", "d/b": "2", "l": "-> a"}); err != nil {
		return err
	}
	two, err := tryPublish(s, "two", map[string]string{"a": "3"})
	if err != nil {
		return err
	}
	sc, err := s.Scratch(keyOf("long"), true)
	if err != nil {
		return err
	}
	if err := errors.Join(os.WriteFile(filepath.Join(sc.Work, "half"), nil, 0o644), os.WriteFile(filepath.Join(sc.Out, "out"), []byte("4"), 0o644)); err != nil {
		return err
	}
	s.at("worked")
	if _, err := s.Publish(ctx, sc, []artifact.Port{{Name: "out", Kind: artifact.Text}}, nil, artifact.Manifest{Stage: "s", Version: 1}); err != nil {
		return err
	}
	for _, rec := range []*Record{one, two} {
		if _, err := s.Link("recipe", "result", rec, "out"); err != nil {
			return err
		}
	}
	tree, err := artifact.NewTree([]artifact.File{{Path: "x", Mode: artifact.Regular, Digest: artifact.HashText("x")}})
	return errors.Join(err, s.SaveLast("recipe", "a", Last{Key: keyOf("one"), Artifact: one.Digest}), s.SaveListing(tree), s.Close())
}

// TestCrashChild is no test: it is the program that TestKilledAtEveryStep starts.
func TestCrashChild(t *testing.T) {
	at, dir, ok := strings.Cut(os.Getenv(crashEnv), " ")
	if !ok {
		t.Skip("only a program for another test")
	}
	left, err := strconv.Atoi(at)
	if err != nil {
		t.Fatal(err)
	}
	s, err := openStepping(dir, func(text string) { t.Error(text) }, func(name string) {
		if left--; left == 0 {
			fmt.Println("died at", name)
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := allWriting(s); err != nil {
		t.Fatal(err)
	}
}

func TestKilledAtEveryStep(t *testing.T) {
	t.Parallel()
	good := map[string]string{"out/a": "1", "out/d/b": "2", "out/l": "1"}
	died, kept := map[string]bool{}, false
	for n := 1; ; n++ {
		dir := t.TempDir()
		cmd := exec.Command(os.Args[0], "-test.run=^TestCrashChild$")
		cmd.Env = append(os.Environ(), fmt.Sprint(crashEnv, "=", n, " ", dir))
		said, err := cmd.Output()
		if err == nil {
			break // it came through
		}
		_, at, ok := strings.Cut(strings.TrimSpace(string(said)), "died at ")
		if !ok {
			t.Fatalf("step %d: %v, %s", n, err, said)
		}
		died[strings.Split(at, "/")[0]] = true
		s := open(t, dir, nil) // any warning fails the test
		_, long := s.Lookup(ctx, keyOf("long"))
		if left, _ := os.ReadDir(s.path("work")); len(left) > 1 || len(left) == 1 && (long || left[0].Name() != string(keyOf("long"))) {
			t.Errorf("killed at %s: left in work: %v", at, left)
		}
		kept = kept || !long && s.Resumable(keyOf("long"))
		for name, files := range map[string]map[string]string{"one": good, "the same": good, "two": {"out/a": "3"}, "long": {"out": "4"}} {
			if rec, ok := s.Lookup(ctx, keyOf(name)); ok {
				if d := cmp.Diff(files, contents(t, rec.Root)); d != "" {
					t.Errorf("killed at %s: %s holds (-want +got):\n%s", at, name, d)
				}
			}
		}
		if text, err := os.ReadFile(filepath.Join(dir, "out/recipe/result/a")); err == nil && string(text) != "1" && string(text) != "3" {
			t.Errorf("killed at %s: the link leads to %q", at, text)
		}
		if err := allWriting(s); err != nil {
			t.Errorf("killed at %s: %v", at, err)
		}
		for _, folder := range []string{"work", "tmp", "locks", "quarantine"} {
			if left, _ := os.ReadDir(filepath.Join(s.Root(), folder)); len(left) > 0 {
				t.Errorf("killed at %s: left in %s: %v", at, folder, left)
			}
		}
	}
	if !kept {
		t.Error("the work of a stage that can resume was never kept")
	}
	for _, at := range []string{"worked", "sealed", "hashed", "manifest", "installed", "recorded", "states", "removed", "linked",
		"written format", "renamed format", "written keys", "renamed keys", "written last", "renamed trees"} {
		if !died[at] {
			t.Errorf("nobody died at %q: %v", at, died)
		}
	}
}

func contents(t *testing.T, root string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		out[strings.TrimPrefix(path, root+"/")] = string(text)
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return out
}

// gcCrashEnv does for collections what crashEnv does for writing.
const gcCrashEnv = "BELAY_TEST_GC_CRASH"

// TestGCCrashChild is no test: it is the program that TestACollectionKilledAtEveryStep starts.
func TestGCCrashChild(t *testing.T) {
	at, dir, ok := strings.Cut(os.Getenv(gcCrashEnv), " ")
	if !ok {
		t.Skip("only a program for another test")
	}
	left, err := strconv.Atoi(at)
	if err != nil {
		t.Fatal(err)
	}
	s, err := openStepping(dir, func(text string) { t.Error(text) }, func(name string) {
		if left--; left == 0 && (strings.HasPrefix(name, "collected") || name == "emptied") {
			fmt.Println("died at", name)
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	collect(t, s, Collection{Days: 30, Apply: true})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestACollectionKilledAtEveryStep(t *testing.T) {
	t.Parallel()
	died := map[string]bool{}
	for n := 1; ; n++ {
		dir := t.TempDir()
		s := open(t, dir, nil)
		b := &shelf{s, t}
		names := []string{"a", "b", "kept"}
		for _, name := range names {
			b.plant(name, nil)
			if name != "kept" {
				aged(t, s, name, 90)
			}
		}
		s.Close()
		cmd := exec.Command(os.Args[0], "-test.run=^TestGCCrashChild$")
		cmd.Env = append(os.Environ(), fmt.Sprint(gcCrashEnv, "=", n, " ", dir))
		said, err := cmd.Output()
		if err == nil {
			break // it came through
		}
		_, at, ok := strings.Cut(strings.TrimSpace(string(said)), "died at ")
		if !ok {
			t.Fatalf("step %d: %v, %s", n, err, said)
		}
		died[at] = true
		s = open(t, dir, nil) // any warning fails the test
		for _, name := range names {
			rec, ok := s.Lookup(ctx, keyOf(name))
			if !ok && name == "kept" {
				t.Errorf("killed at %s: what was to be kept is gone", at)
			}
			if ok {
				if d := cmp.Diff(map[string]string{"out/f": "the text of " + name}, contents(t, rec.Root)); d != "" {
					t.Errorf("killed at %s: %s holds (-want +got):\n%s", at, name, d)
				}
			}
		}
		if err := s.Verify(ctx, func(v Verdict) {
			if v.Damage != nil {
				t.Errorf("killed at %s: %s %s: %v", at, v.Digest.Short(), v.Key.Short(), v.Damage)
			}
		}); err != nil {
			t.Error(err)
		}
		collect(t, s, Collection{Now: time.Now().AddDate(0, 0, 1), Apply: true})
		for _, folder := range []string{"tmp", "locks", "quarantine"} {
			if left, _ := filepath.Glob(s.path(folder, "*")); folder != "tmp" && len(left) > 0 || len(left) > 2 {
				t.Errorf("killed at %s: left in %s: %v", at, folder, left)
			}
		}
		if items, err := s.List(ctx); err != nil || len(items) > 0 {
			t.Errorf("killed at %s: the next collection leaves %d artifacts, %v", at, len(items), err)
		}
	}
	for _, at := range []string{"collected artifact", "emptied"} {
		if !died[at] {
			t.Errorf("nobody died at %q: %v", at, died)
		}
	}
}
