package store

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/key"
)

var ctx = context.Background()

func open(t testing.TB, dir string, warnings *[]string) *Store {
	t.Helper()
	var mu sync.Mutex
	s, err := Open(dir, func(text string) {
		mu.Lock()
		defer mu.Unlock()
		if warnings == nil {
			t.Errorf("warning: %s", text)
			return
		}
		*warnings = append(*warnings, text)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		filepath.WalkDir(s.root, func(path string, d os.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				os.Chmod(path, 0o755) // so that the folder of the test can be removed
			}
			return nil
		})
	})
	return s
}

func keyOf(name string) key.Key { return key.Key(artifact.HashText(name)) }

// publish makes an artifact with one port, a folder called out, that holds files.
func publish(t testing.TB, s *Store, name string, files map[string]string) *Record {
	t.Helper()
	rec, err := tryPublish(s, name, files)
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

func tryPublish(s *Store, name string, files map[string]string) (rec *Record, err error) {
	lock, err := s.Lock(ctx, keyOf(name), nil)
	if err != nil {
		return nil, err
	}
	defer lock.Release()
	sc, err := s.Scratch(keyOf(name), false)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, sc.Close(ctx))
		}
	}()
	for p, text := range files {
		p = filepath.Join(sc.Out, "out", p)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			return nil, err
		}
		if target, ok := strings.CutPrefix(text, "-> "); ok {
			err = os.Symlink(target, p)
		} else {
			err = os.WriteFile(p, []byte(text), 0o644)
		}
		if err != nil {
			return nil, err
		}
	}
	return s.Publish(ctx, sc, []artifact.Port{{Name: "out", Kind: artifact.Dir}}, nil, artifact.Manifest{Stage: "s", Version: 1})
}

func TestAPublishedResultIsFound(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), nil)
	if _, ok := s.Lookup(ctx, keyOf("k")); ok {
		t.Fatal("found a result before there was one")
	}
	made := publish(t, s, "k", map[string]string{"a": "1", "d/b": "2", "d/l": "-> ../a"})
	for _, s := range []*Store{s, open(t, s.Workspace(), nil)} {
		rec, ok := s.Lookup(ctx, keyOf("k"))
		if !ok {
			t.Fatal("not found")
		}
		if d := cmp.Diff(made.Manifest, rec.Manifest); d != "" {
			t.Error(d)
		}
		if text, err := os.ReadFile(filepath.Join(rec.Path("out"), "d/l")); string(text) != "1" {
			t.Error(string(text), err)
		}
		d, err := artifact.DigestPath(ctx, rec.Path("out"), nil)
		if err != nil || d != rec.Ports["out"].Digest {
			t.Error(d, err)
		}
	}
	st, err := os.Stat(filepath.Join(made.Path("out"), "a"))
	if err != nil || st.Mode() != 0o444 {
		t.Error(st.Mode(), err)
	}
	for _, folder := range []string{"work", "locks"} {
		if left, _ := os.ReadDir(s.path(folder)); len(left) > 0 {
			t.Errorf("left in %s: %v", folder, left)
		}
	}
}

func TestEqualContentIsKeptOnce(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), nil)
	a := publish(t, s, "a", map[string]string{"x": "1"})
	b := publish(t, s, "b", map[string]string{"x": "1"})
	items, err := s.List(ctx)
	if err != nil || len(items) != 1 || len(items[0].Keys) != 2 || a.Root != b.Root {
		t.Errorf("%+v %v", items, err)
	}
}

func TestWhatCannotBePublished(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), nil)
	for want, files := range map[string]map[string]string{
		"leaves the directory":        {"l": "-> /etc/passwd"},
		"leaves the port":             {"l": "-> ../other"},
		`no file or directory "out"`:  {"../other": "1"},
		"neither a file, a directory": {"a": "1"},
	} {
		name := want
		if strings.HasPrefix(want, "neither") {
			sc, err := s.Scratch(keyOf(name), false)
			if err != nil {
				t.Fatal(err)
			}
			if err := unix.Mkfifo(filepath.Join(sc.Out, "out"), 0o644); err != nil {
				t.Skip(err)
			}
			_, err = s.Publish(ctx, sc, nil, nil, artifact.Manifest{})
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v, want %q", err, want)
			}
			continue
		}
		if _, err := tryPublish(s, name, files); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
		if _, ok := s.Lookup(ctx, keyOf(name)); ok {
			t.Errorf("%s: there is a result all the same", want)
		}
	}
}

func TestAFileWithSeveralNamesIsCopied(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), nil)
	mine := filepath.Join(s.Workspace(), "mine")
	if err := os.WriteFile(mine, []byte("1"), 0o644); err != nil {
		t.Fatal(err)
	}
	sc, err := s.Scratch(keyOf("k"), false)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Link(mine, filepath.Join(sc.Out, "out")); err != nil {
		t.Skip(err)
	}
	rec, err := s.Publish(ctx, sc, []artifact.Port{{Name: "out"}}, nil, artifact.Manifest{})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(mine, []byte("2"), 0o644); err != nil {
		t.Errorf("the user's file became read-only: %v", err)
	}
	if text, _ := os.ReadFile(rec.Path("out")); string(text) != "1" {
		t.Errorf("the store's file became %q", text)
	}
}

func TestWhatAStageKeepsInItsWorkIsGivenUpNotCopied(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), nil)
	sc, err := s.Scratch(keyOf("k"), true)
	if err != nil {
		t.Fatal(err)
	}
	kept, out := filepath.Join(sc.Work, "kept"), filepath.Join(sc.Out, "out")
	if err := os.WriteFile(kept, []byte("1"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(kept, out); err != nil {
		t.Skip(err)
	}
	old := time.Now().Add(-time.Minute)
	if err := os.Chtimes(out, old, old); err != nil {
		t.Fatal(err)
	}
	before, err := artifact.StatFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.sealAndHash(ctx, sc.Out, sc.Work, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(kept); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the working directory still has the file: %v", err)
	}
	after, err := artifact.StatFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if after.Ino != before.Ino {
		t.Error("the file was copied")
	}
	sealed{s.stat}.put(before, artifact.HashText("1"))
	sealed{s.stat}.moved(before, after)
	if d, ok := s.stat.Digest(after); !ok || d != artifact.HashText("1") {
		t.Errorf("the digest of the file is %q, %v", d, ok)
	}
}

func TestDigestsKnownFromWritingAreUsed(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), nil)
	sc, err := s.Scratch(keyOf("k"), false)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(sc.Out, "out"), []byte("1"), 0o644); err != nil {
		t.Fatal(err)
	}
	told := artifact.HashText("told")
	rec, err := s.Publish(ctx, sc, []artifact.Port{{Name: "out"}}, map[string]artifact.Digest{"out": told}, artifact.Manifest{})
	if err != nil || rec.Ports["out"].Digest != told {
		t.Error(rec, err)
	}
}

func TestRottenBytesAreFoundByVerify(t *testing.T) {
	t.Parallel()
	var warnings []string
	s := open(t, t.TempDir(), &warnings)
	good := publish(t, s, "good", map[string]string{"x": "1"})
	bad := publish(t, s, "bad", map[string]string{"x": "2"})
	file := filepath.Join(bad.Path("out"), "x")
	var before unix.Stat_t
	if err := unix.Stat(file, &before); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chmod(file, 0o644), os.WriteFile(file, []byte("3"), 0o644), os.Chmod(file, 0o444)); err != nil {
		t.Fatal(err)
	}
	// As a disk would rot: the new state of the file is known under its old digest.
	st, err := artifact.StatFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s.stat.remember(st, bad.Files[0].Digest, time.Now().Add(time.Hour), 0)
	if _, ok := s.Lookup(ctx, keyOf("bad")); !ok {
		t.Fatal("the test did not fool the cache")
	}
	damaged := map[artifact.Digest]bool{}
	if err := s.Verify(ctx, func(v Verdict) { damaged[v.Digest] = v.Damage != nil }); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[artifact.Digest]bool{good.Digest: false, bad.Digest: true}, damaged); d != "" {
		t.Error(d)
	}
	if _, ok := s.Lookup(ctx, keyOf("bad")); ok || len(warnings) != 1 {
		t.Error("still there", warnings)
	}
	if again := publish(t, s, "bad", map[string]string{"x": "2"}); again.Digest != bad.Digest {
		t.Error("not rebuilt")
	}
}

func TestADamagedRecordCountsAsMissing(t *testing.T) {
	t.Parallel()
	var warnings []string
	s := open(t, t.TempDir(), &warnings)
	publish(t, s, "k", map[string]string{"x": "1"})
	publish(t, s, "other", map[string]string{"x": "2"})
	file := s.place("keys", string(keyOf("k")), ".json")
	other, err := os.ReadFile(s.place("keys", string(keyOf("other")), ".json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "{", "null", string(other)} {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		warnings = nil
		if _, ok := s.Lookup(ctx, keyOf("k")); ok || len(warnings) != 1 {
			t.Errorf("record %.20q: found %v, warnings %v", text, ok, warnings)
		}
	}
}

func TestLastSuccessIsKeptPerInstance(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), nil)
	names := []string{"sft", "sft[seed=1]", "sft[path=a/../../b]", "..", ".", strings.Repeat("x", 400), strings.Repeat("x", 401)}
	for i, n := range names {
		l := Last{Key: keyOf(n), Parts: key.Parts{Format: 1, Version: i}, Inputs: map[string]Input{"in": {Label: n}}, At: time.Unix(int64(i), 0).UTC()}
		if err := s.SaveLast("re/../cipe", n, l); err != nil {
			t.Fatal(err)
		}
	}
	for i, n := range names {
		l, ok := s.Last("re/../cipe", n)
		if !ok || l.Parts.Version != i || l.Inputs["in"].Label != n {
			t.Errorf("%q: %+v %v", n, l, ok)
		}
	}
	if _, ok := s.Last("other", "sft"); ok {
		t.Error("found that of another recipe")
	}
	if list, _ := os.ReadDir(s.path("last")); len(list) != 1 {
		t.Errorf("%v", list)
	}
}

func TestListingsOfInputs(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), nil)
	rec := publish(t, s, "k", map[string]string{"d/x": "1"})
	files, ok := s.Listing(Input{Digest: rec.Ports["out"].Digest, Artifact: rec.Digest, Rel: "out"})
	if !ok || len(files) != 1 || files[0].Path != "d/x" {
		t.Errorf("%+v %v", files, ok)
	}
	tree, err := artifact.DigestTree(ctx, rec.Path("out"), nil, artifact.FollowOutside)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SaveListing(tree); err != nil {
		t.Fatal(err)
	}
	again, ok := s.Listing(Input{Digest: tree.Digest})
	if d := cmp.Diff(files, again); !ok || d != "" {
		t.Error(d, ok)
	}
	if _, ok := s.Listing(Input{Digest: "../../x"}); ok {
		t.Error("found a listing of no digest")
	}
}

func TestANewerStoreIsRefused(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), nil)
	if err := os.WriteFile(s.path("format"), []byte("belay store 9\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(s.Workspace(), nil); err == nil || !strings.Contains(err.Error(), "use a newer belay") {
		t.Error(err)
	}
}

func TestNoFileHoldsAnAbsolutePath(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), nil)
	publish(t, s, "k", map[string]string{"x": "1"})
	text, err := json.Marshal(s.work)
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(s.root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if data, _ := os.ReadFile(path); strings.Contains(string(data), strings.Trim(string(text), `"`)) {
			t.Errorf("%s holds the path of the workspace", path)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
