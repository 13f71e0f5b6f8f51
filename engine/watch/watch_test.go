package watch

import (
	"context"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/fsnotify/fsnotify"
	"golang.org/x/sys/unix"
)

// place is a folder and a watcher on parts of it.
type place struct {
	*testing.T
	dir string
	*Watcher
}

func newPlace(t *testing.T, opt Options) *place {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p := &place{T: t, dir: dir, Watcher: New(opt)}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func (p *place) path(name string) string { return filepath.Join(p.dir, name) }

func (p *place) write(name, text string) {
	p.Helper()
	if err := os.MkdirAll(filepath.Dir(p.path(name)), 0o755); err != nil {
		p.Fatal(err)
	}
	if err := os.WriteFile(p.path(name), []byte(text), 0o644); err != nil {
		p.Fatal(err)
	}
}

func (p *place) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

// wants waits until all the names were told; others fail the test.
func (p *place) wants(names ...string) {
	p.Helper()
	missing := map[string]bool{}
	for _, n := range names {
		missing[p.path(n)] = true
	}
	told := map[string]bool{}
	for len(missing) > 0 {
		got, err := p.Wait(p.Context())
		if err != nil {
			p.Fatalf("%v still missing: %v", missing, err)
		}
		for _, n := range got {
			told[n] = true
			delete(missing, n)
		}
	}
	for _, n := range names {
		delete(told, p.path(n))
	}
	if len(told) > 0 {
		p.Errorf("also told: %v", told)
	}
}

func TestAFileIsWatchedHoweverItIsSaved(t *testing.T) {
	t.Parallel()
	p := newPlace(t, Options{})
	p.write("recipe.yaml", "1")
	p.Renew()
	p.Add(p.path("recipe.yaml"))
	p.write("neighbour.yaml", "nobody asked for it")
	p.write("recipe.yaml", "2")
	p.wants("recipe.yaml")
	p.write("neighbour.yaml", "3")
	p.must(os.Rename(p.path("neighbour.yaml"), p.path("recipe.yaml"))) // as editors do
	p.wants("recipe.yaml")
	p.must(os.Remove(p.path("recipe.yaml")))
	p.wants("recipe.yaml")
	p.write("recipe.yaml", "4")
	p.wants("recipe.yaml")
}

func TestAFolderIsWatchedWithAllBelowIt(t *testing.T) {
	t.Parallel()
	p := newPlace(t, Options{})
	p.write("data/a/b/c.txt", "1")
	p.Renew()
	p.Add(p.path("data"))
	p.write("data/a/b/c.txt", "2")
	p.wants("data/a/b/c.txt")
	p.must(os.MkdirAll(p.path("data/new"), 0o755))
	p.wants("data/new")
	p.write("data/new/d.txt", "3")
	p.wants("data/new/d.txt")
	p.must(os.RemoveAll(p.path("data/a/b")))
	p.wants("data/a/b", "data/a/b/c.txt")
}

func TestAPathThatIsNotThereYetIsWaitedFor(t *testing.T) {
	t.Parallel()
	p := newPlace(t, Options{})
	p.Renew()
	p.Add(p.path("later/folder/in.txt"))
	for _, dir := range []string{"later", "later/folder"} {
		p.must(os.Mkdir(p.path(dir), 0o755))
		p.wants(dir)
		p.Renew()
		p.Add(p.path("later/folder/in.txt"))
	}
	p.write("later/folder/in.txt", "x")
	p.wants("later/folder/in.txt")
}

func TestLinksAreFollowed(t *testing.T) {
	t.Parallel()
	p := newPlace(t, Options{})
	p.write("blobs/1", "x")
	p.write("more/deep/2", "x")
	p.must(os.Mkdir(p.path("model"), 0o755))
	p.must(os.Symlink("../blobs/1", p.path("model/weights")))
	p.must(os.Symlink("../more", p.path("model/more")))
	p.must(os.Symlink("..", p.path("more/loop")))
	p.Renew()
	p.Add(p.path("model"))
	p.write("blobs/1", "y")
	p.wants("blobs/1")
	p.write("more/deep/2", "y")
	p.wants("more/deep/2")
	p.must(os.Remove(p.path("model/weights")))
	p.must(os.Symlink("../more/deep/2", p.path("model/weights")))
	p.wants("model/weights")
}

func TestTheStoreDoesNotCount(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := newPlace(t, Options{Ignore: filepath.Join(dir, ".belay")})
	p.dir = dir
	p.write(".belay/x", "1")
	p.write("in.txt", "1")
	p.Renew()
	p.Add(p.dir)
	p.write(".belay/x", "2")
	p.write(".belay/y/z", "2")
	p.write("in.txt", "2")
	p.wants("in.txt")
}

func TestWhatChangedBeforeTheWaitIsTold(t *testing.T) {
	t.Parallel()
	p := newPlace(t, Options{})
	p.write("in.txt", "1")
	p.Renew()
	p.Add(p.path("in.txt"))
	p.write("in.txt", "2") // while a run goes on
	p.wants("in.txt")
}

func TestWhatIsNoLongerWantedIsForgotten(t *testing.T) {
	t.Parallel()
	p := newPlace(t, Options{})
	p.write("old/in.txt", "1")
	p.write("new/in.txt", "1")
	p.Renew()
	p.Add(p.path("old"))
	p.write("old/in.txt", "2")
	p.wants("old/in.txt")
	p.Renew()
	p.Add(p.path("new"))
	p.write("new/in.txt", "2")
	p.wants("new/in.txt")
	p.write("old/in.txt", "3")
	p.write("new/in.txt", "3")
	p.wants("new/in.txt")
}

func TestACancelledWaitEnds(t *testing.T) {
	t.Parallel()
	for name, opt := range map[string]Options{"watching": {}, "polling": {notifier: refuse}} {
		p := newPlace(t, opt)
		p.Renew()
		p.Add(p.path("x"))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := p.Wait(ctx); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func refuse() (*fsnotify.Watcher, error) { return nil, unix.EMFILE }

func TestWithoutWatchesItPollsAndSaysSo(t *testing.T) {
	t.Parallel()
	var warned atomic.Int64
	p := newPlace(t, Options{notifier: refuse, Warn: func(string) { warned.Add(1) }})
	p.write("data/in.txt", "1")
	p.Renew()
	p.Add(p.path("data"))
	p.Add(p.path("missing.txt"))
	p.write("data/in.txt", "22")
	p.wants("data")
	p.write("missing.txt", "x")
	p.wants("missing.txt")
	p.Renew()
	p.Add(p.path("missing.txt"))
	p.write("data/in.txt", "333") // no longer wanted
	p.must(os.Remove(p.path("missing.txt")))
	p.wants("missing.txt")
	if warned.Load() != 1 {
		t.Errorf("warned %d times", warned.Load())
	}
}

func TestWhenWatchesRunOutItGoesOnByPolling(t *testing.T) {
	t.Parallel()
	p := newPlace(t, Options{})
	p.write("a/1", "x")
	p.write("b/1", "x")
	p.Renew()
	p.Add(p.path("a"))
	p.mu.Lock()
	n := p.notify
	p.notify = nil
	if err := n.Close(); err != nil { // what dir does on an error
		t.Error(err)
	}
	p.poll(unix.ENOSPC)
	p.mu.Unlock()
	p.Add(p.path("b"))
	p.write("a/1", "yy")
	p.write("b/1", "yy")
	p.wants("a", "b")
}
