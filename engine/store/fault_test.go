//go:build linux

package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/belay-ml/belay/engine/enginetest/smalldisk"
	"github.com/belay-ml/belay/engine/fault"
)

// TestADiskThatFillsAtAnyPointLeavesNothingHalf lets the disk run full ever later.
func TestADiskThatFillsAtAnyPointLeavesNothingHalf(t *testing.T) {
	t.Parallel()
	files := map[string]string{"a": strings.Repeat("a", 5000), "b": strings.Repeat("b", 3000)}
	for pages := 0; ; pages++ {
		dir, unmount := smalldisk.Mount(t, "512k")
		s := open(t, dir, nil)
		publish(t, s, "before", map[string]string{"x": "1"})
		free := smalldisk.Fill(t, dir, pages)
		_, err := tryPublish(s, "x", files)
		if err == nil {
			if pages < 5 {
				t.Errorf("%d free pages were enough", pages)
			}
			break
		}
		err = s.Explain(err)
		if !errors.Is(err, unix.ENOSPC) || !strings.Contains(err.Error(), dir) || fault.CodeOf(err) != fault.Compute || !strings.Contains(fault.HintOf(err), "make room") {
			t.Errorf("%d pages: code %d, error %v, hint %q", pages, fault.CodeOf(err), err, fault.HintOf(err))
		}
		if _, ok := s.Lookup(ctx, keyOf("x")); ok {
			t.Errorf("%d pages: there is a result all the same", pages)
		}
		if _, ok := s.Lookup(ctx, keyOf("before")); !ok {
			t.Errorf("%d pages: what was there is gone", pages)
		}
		free()
		publish(t, s, "x", files)
		for _, folder := range []string{"work", "locks", "quarantine"} {
			if left, _ := os.ReadDir(filepath.Join(s.Root(), folder)); len(left) > 0 {
				t.Errorf("%d pages: left in %s: %v", pages, folder, left)
			}
		}
		s.Close()
		unmount()
	}
}

func TestAFullDiskIsNamedWhenAStoreIsOpened(t *testing.T) {
	t.Parallel()
	dir, _ := smalldisk.Mount(t, "64k")
	free := smalldisk.Fill(t, dir, 0)
	_, err := Open(dir, nil)
	if fault.CodeOf(err) != fault.Compute || !strings.Contains(fmt.Sprint(err), dir) || !strings.Contains(fault.HintOf(err), "is full") {
		t.Errorf("code %d, error %v, hint %q", fault.CodeOf(err), err, fault.HintOf(err))
	}
	free()
	publish(t, open(t, dir, nil), "x", map[string]string{"a": "1"})
}

func TestAStoreThatCannotBeWrittenIsRead(t *testing.T) {
	t.Parallel()
	dir, _ := smalldisk.Mount(t, "512k")
	s := open(t, dir, nil)
	publish(t, s, "x", map[string]string{"a": "1"})
	s.Close()
	smalldisk.ReadOnly(t, dir)
	var warnings []string
	s = open(t, dir, &warnings)
	if len(warnings) != 1 || !strings.HasPrefix(warnings[0], s.Root()+" cannot be written") {
		t.Errorf("warnings %q", warnings)
	}
	if _, ok := s.Lookup(ctx, keyOf("x")); !ok {
		t.Error("the result is not found")
	}
	_, err := tryPublish(s, "y", nil)
	err = s.Explain(err)
	if !errors.Is(err, unix.EROFS) || fault.CodeOf(err) != fault.Compute || !strings.Contains(err.Error(), dir) || !strings.Contains(fault.HintOf(err), "read-only") {
		t.Errorf("code %d, error %v, hint %q", fault.CodeOf(err), err, fault.HintOf(err))
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestErrorsOfOthersAreNotExplained(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), nil)
	for _, err := range []error{nil, errors.New("x"), fs.ErrPermission, fault.New(fault.Data, "x")} {
		if got := s.Explain(err); got != err {
			t.Errorf("%v became %v", err, got)
		}
	}
}

func FuzzLast(f *testing.F) {
	s, err := Open(f.TempDir(), nil)
	if err != nil {
		f.Fatal(err)
	}
	for _, text := range []string{`{"key":"` + string(keyOf("x")) + `","parts":{"format":1,"params":{"a":"1"}},"inputs":{"in":{"label":"x","digest":"y"}},"took":5}`, `{}`, `[`, "null"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		path := s.path(lastFile("r", "n"))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, data, 0o644)); err != nil {
			t.Fatal(err)
		}
		l, ok := s.Last("r", "n")
		if !ok {
			return
		}
		if !l.Key.Valid() {
			t.Errorf("key %q", l.Key)
		}
		for _, in := range l.Inputs {
			s.Listing(in)
		}
		if err := s.SaveLast("r", "n", *l); err != nil {
			return // a time that JSON cannot hold
		}
		if again, ok := s.Last("r", "n"); !ok || again.Key != l.Key {
			t.Error("saved, and not found again")
		}
	})
}

func FuzzKeyRecord(f *testing.F) {
	s, err := Open(f.TempDir(), nil)
	if err != nil {
		f.Fatal(err)
	}
	rec, err := tryPublish(s, "x", map[string]string{"a": "1", "d/b": "2"})
	if err != nil {
		f.Fatal(err)
	}
	path := s.place("keys", string(keyOf("x")), ".json")
	good, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Add([]byte(strings.ReplaceAll(string(good), `"out/a"`, `"../../../a"`)))
	f.Add([]byte(strings.Replace(string(good), string(rec.Digest), "x", 1)))
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		got, ok := s.Lookup(ctx, keyOf("x"))
		if ok && (got.Digest != rec.Digest || got.Root != rec.Root) {
			t.Errorf("found %s in %s", got.Digest, got.Root)
		}
		if _, err := os.Stat(rec.Root); err != nil {
			t.Errorf("the artifact was moved away for a bad record: %v", err)
		}
	})
}

func TestACancelledRunRemovesItsScratchAsFarAsItGets(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), nil)
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	plant := func(dir string, files int) { // in a folder that is read-only
		for i := range files {
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), nil, 0o444); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(os.Symlink("/", filepath.Join(dir, "l")), os.Chmod(dir, 0o555)); err != nil {
			t.Fatal(err)
		}
	}
	sc, err := s.Scratch(keyOf("k"), false)
	if err != nil {
		t.Fatal(err)
	}
	plant(sc.Out, 3)
	if err := sc.Close(cancelled); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(sc.dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
	dir := t.TempDir()
	plant(dir, 1100) // more than one batch
	if err := removeWhile(cancelled, dir); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if err := removeWhile(ctx, dir); err != nil {
		t.Error(err)
	}
}

func TestALargeFileIsRemovedInPartsUnlessItHasAnotherName(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, other, left := filepath.Join(dir, "file"), filepath.Join(dir, "other"), filepath.Join(dir, "left")
	for _, path := range []string{file, left} {
		if err := errors.Join(os.WriteFile(path, nil, 0o444), os.Truncate(path, 10*part+1)); err != nil {
			t.Skip(err)
		}
	}
	if err := os.Link(file, other); err != nil {
		t.Fatal(err)
	}
	if err := removeWhile(ctx, file); err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(other); err != nil || st.Size() != 10*part+1 {
		t.Errorf("the other name of a file: %v %v", st, err)
	}
	asked := 0
	counting := onErr{ctx, func() error {
		if asked++; asked > 4 {
			return context.Canceled
		}
		return nil
	}}
	if err := removeWhile(counting, left); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if st, err := os.Stat(left); err != nil || st.Size() != 7*part+1 {
		t.Errorf("cancelled after three parts: %v %v", st, err)
	}
	if err := removeWhile(ctx, left); err != nil {
		t.Error(err)
	}
}

// onErr is a context that is asked through a function whether it is over.
type onErr struct {
	context.Context
	err func() error
}

func (c onErr) Err() error { return c.err() }
