package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
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

func TestOnlyOneHoldsALock(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var holders, most, total atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		s := open(t, dir, nil)
		wg.Go(func() {
			for range 25 {
				lock, err := s.Lock(ctx, keyOf("k"), nil)
				if err != nil {
					t.Error(err)
					return
				}
				if n := holders.Add(1); n > 1 {
					most.Store(n)
				}
				total.Add(1)
				holders.Add(-1)
				lock.Release()
			}
		})
	}
	wg.Wait()
	if most.Load() > 1 || total.Load() != 100 {
		t.Errorf("%d at once, %d in all", most.Load(), total.Load())
	}
}

func TestAHeldLockTellsItsOwner(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), nil)
	if _, ok := s.Holder(keyOf("k")); ok {
		t.Error("a lock nobody took is held")
	}
	lock, _, err := s.TryLock(keyOf("k"))
	if lock == nil || err != nil {
		t.Fatal(err)
	}
	second, owner, err := s.TryLock(keyOf("k"))
	if second != nil || err != nil || owner.PID != os.Getpid() {
		t.Error(second, owner, err)
	}
	if o, ok := s.Holder(keyOf("k")); !ok || o != owner {
		t.Error(o, ok)
	}
	waiting, cancel := context.WithCancel(ctx)
	_, err = s.Lock(waiting, keyOf("k"), func(o Owner) {
		if o != owner {
			t.Errorf("waiting for %v", o)
		}
		cancel()
	})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	lock.Release()
	if _, ok := s.Holder(keyOf("k")); ok {
		t.Error("still held")
	}
}

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

func TestOnlyOldEnoughStatesAreTrusted(t *testing.T) {
	t.Parallel()
	seen := time.Unix(1000, 500)
	d := artifact.HashText("x")
	ago := func(mtime, ctime time.Duration) artifact.Stat {
		return artifact.Stat{Ino: 1, Mtime: seen.Add(-mtime).UnixNano(), Ctime: seen.Add(-ctime).UnixNano()}
	}
	const sec, ms = time.Second, time.Millisecond
	for _, c := range []struct {
		name    string
		st      artifact.Stat
		sources bool
		sealed  bool
	}{
		{"long ago", ago(time.Hour, time.Hour), true, true},
		{"just now", ago(0, 0), false, false},
		{"two seconds ago", ago(2*sec, 2*sec), false, true},
		{"a little more than two seconds ago", ago(2*sec+1, 2*sec+1), true, true},
		{"old times put on a new file", ago(time.Hour, ms), false, false},
		{"in the future", ago(-time.Hour, time.Hour), false, false},
		{"fifty milliseconds ago", ago(50*ms, 50*ms), false, true},
		{"ten milliseconds ago", ago(10*ms, 10*ms), false, false},
		{"a coarse clock, a second ago", artifact.Stat{Ino: 1, Mtime: 999e9, Ctime: 999e9}, false, false},
	} {
		for _, kind := range []string{"sources", "sealed"} {
			cache := &statCache{path: filepath.Join(t.TempDir(), "stat")}
			want := c.sealed
			if kind == "sources" {
				sources{cache}.Remember(c.st, d, seen)
				want = c.sources
			} else {
				sealed{cache}.Remember(c.st, d, seen)
			}
			if _, ok := cache.Digest(c.st); ok != want {
				t.Errorf("%s, %s: trusted %v", kind, c.name, ok)
			}
		}
	}
}

func TestStatsSurviveOnDisk(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "stat")
	state := func(i int) artifact.Stat { return artifact.Stat{Dev: 1, Ino: uint64(i), Size: 3, Mtime: 4, Ctime: 5} }
	fill := func(from, to int) {
		c := &statCache{path: path}
		for i := from; i < to; i++ {
			c.remember(state(i), artifact.HashText(fmt.Sprint(i)), time.Now(), 0)
		}
		if err := c.flush(); err != nil {
			t.Fatal(err)
		}
	}
	count := func() (n int) {
		c := &statCache{path: path}
		for i := range 100 {
			if d, ok := c.Digest(state(i)); ok {
				if d != artifact.HashText(fmt.Sprint(i)) {
					t.Errorf("state %d has the digest of another", i)
				}
				n++
			}
		}
		return n
	}
	fill(0, 50)
	fill(50, 100)
	if n := count(); n != 100 {
		t.Errorf("%d of 100 known", n)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		data []byte
		want int
	}{
		{"torn at the end", data[:len(data)-10], 99},
		{"damaged in the middle", append(append([]byte(nil), data[:50*statEntry]...), make([]byte, 50*statEntry)...), 50},
		{"no cache at all", []byte("rubbish"), 0},
	} {
		if err := os.WriteFile(path, c.data, 0o644); err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second time from the repaired file
			if n := count(); n != c.want {
				t.Errorf("%s: %d known, want %d", c.name, n, c.want)
			}
		}
	}
	fill(0, 100)
	if n := count(); n != 100 {
		t.Errorf("after the repair, %d of 100 known", n)
	}
}

func FuzzStatCache(f *testing.F) {
	f.Add(appendEntry(nil, artifact.Stat{Ino: 1}, [32]byte{1}))
	f.Add([]byte("x"))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "stat")
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		c := &statCache{path: path}
		c.Digest(artifact.Stat{})
		if len(c.known)*statEntry > len(data) {
			t.Errorf("%d entries from %d bytes", len(c.known), len(data))
		}
	})
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
