package watch

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

// How long changes go on being collected: until nothing happened for quiet, at most for patience.
const (
	quiet    = 100 * time.Millisecond
	patience = 2 * time.Second
)

// maxDepth bounds nested folders, so that links which form a loop end.
const maxDepth = 64

// Options are for New.
type Options struct {
	Ignore string            // a folder in which nothing counts: the store
	Warn   func(text string) // told when the watcher has to poll; may be nil

	notifier func() (*fsnotify.Watcher, error) // tests replace it
}

// Watcher tells when files change. Its methods are called from one goroutine.
type Watcher struct {
	opt    Options
	notify *fsnotify.Watcher // nil when polling
	done   chan struct{}     // closed when its goroutine has ended

	mu      sync.Mutex
	gen     int
	files   map[string]int // wanted files by absolute path, and the last generation that wanted them
	trees   map[string]int // folders of which everything counts
	dirs    map[string]int // folders with a watch
	changed map[string]bool
	wake    chan struct{}
	polled  map[string]state // by path, when polling
}

// New begins to watch nothing.
func New(opt Options) *Watcher {
	if opt.Warn == nil {
		opt.Warn = func(string) {}
	}
	if opt.notifier == nil {
		opt.notifier = fsnotify.NewWatcher
	}
	w := &Watcher{
		opt: opt, files: map[string]int{}, trees: map[string]int{}, dirs: map[string]int{}, changed: map[string]bool{},
		wake: make(chan struct{}, 1), done: make(chan struct{}), polled: map[string]state{},
	}
	n, err := opt.notifier()
	if err != nil {
		close(w.done)
		w.poll(err)
		return w
	}
	w.notify = n
	go w.listen(n)
	return w
}

// Close ends the watching.
func (w *Watcher) Close() error {
	w.mu.Lock()
	n := w.notify
	w.notify = nil
	w.mu.Unlock()
	var err error
	if n != nil {
		err = n.Close()
	}
	<-w.done
	return err
}

// Renew begins a new generation.
func (w *Watcher) Renew() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gen++
}

// Add watches a file, or a folder with all that is below it. It need not exist yet.
func (w *Watcher) Add(path string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	path = filepath.Clean(path)
	if w.notify == nil {
		w.addPolled(path)
		return
	}
	w.add(path)
}

func (w *Watcher) add(path string) {
	if w.ignored(path) {
		return
	}
	real, err := filepath.EvalSymlinks(path) // what a link leads to changes elsewhere
	if err == nil {
		if info, err := os.Stat(real); err == nil && info.IsDir() {
			w.tree(real, 0)
		} else {
			w.files[real] = w.gen
			w.dir(filepath.Dir(real))
		}
	}
	// The path itself may be renamed, deleted, or led elsewhere.
	w.files[path] = w.gen
	w.dir(above(path))
}

// above is the nearest folder over a path that is there.
func above(path string) string {
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		if info, err := os.Stat(dir); err == nil && info.IsDir() || dir == filepath.Dir(dir) {
			return dir
		}
	}
}

// tree watches a folder, whose path has no links, and those below it. Links in it are followed, as the digest of an input
// follows them; no folder is looked at twice.
func (w *Watcher) tree(dir string, depth int) {
	if gen, seen := w.trees[dir]; w.ignored(dir) || depth > maxDepth || seen && gen == w.gen {
		return
	}
	w.trees[dir] = w.gen
	w.dir(dir)
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		switch {
		case e.IsDir():
			w.tree(path, depth+1)
		case e.Type()&fs.ModeSymlink != 0:
			w.add(path)
		}
	}
}

// dir puts a watch on a folder.
func (w *Watcher) dir(dir string) {
	if w.notify == nil || w.dirs[dir] == w.gen {
		return
	}
	err := w.notify.Add(dir)
	switch {
	case err == nil:
		w.dirs[dir] = w.gen
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
	default:
		n := w.notify
		w.notify = nil
		_ = n.Close() // ends listen
		w.poll(err)
	}
}

func (w *Watcher) ignored(path string) bool {
	return w.opt.Ignore != "" && (path == w.opt.Ignore || strings.HasPrefix(path, w.opt.Ignore+string(filepath.Separator)))
}

// listen turns events into changes until the notifier is closed.
func (w *Watcher) listen(n *fsnotify.Watcher) {
	defer close(w.done)
	for {
		select {
		case e, ok := <-n.Events:
			if !ok {
				return
			}
			w.event(n, e)
		case _, ok := <-n.Errors:
			if !ok {
				return
			}
			w.change("more files than can be told") // events were lost
		}
	}
}

func (w *Watcher) event(n *fsnotify.Watcher, e fsnotify.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.notify != n || w.ignored(e.Name) {
		return
	}
	if e.Has(fsnotify.Remove) || e.Has(fsnotify.Rename) {
		delete(w.dirs, e.Name)
	}
	in := w.inTree(e.Name)
	if !in && !w.wanted(e.Name) {
		return
	}
	if info, err := os.Stat(e.Name); e.Has(fsnotify.Create) && err == nil && info.IsDir() {
		if in {
			delete(w.trees, e.Name) // one that was there before is another now
			w.tree(e.Name, 0)
		} else {
			w.dir(e.Name) // one over a wanted file
		}
	}
	w.tell(e.Name)
}

// inTree says whether a path is a watched folder or below one.
func (w *Watcher) inTree(path string) bool {
	for {
		if _, ok := w.trees[path]; ok {
			return true
		}
		up := filepath.Dir(path)
		if up == path {
			return false
		}
		path = up
	}
}

// wanted says whether a path is a watched file, or a folder over one that is waited for.
func (w *Watcher) wanted(path string) bool {
	if _, ok := w.files[path]; ok {
		return true
	}
	if _, watched := w.dirs[path]; watched {
		return false // what happens in it is told by itself
	}
	for f := range w.files {
		if strings.HasPrefix(f, path+string(filepath.Separator)) {
			return true
		}
	}
	return false
}

func (w *Watcher) change(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tell(name)
}

func (w *Watcher) tell(name string) {
	w.changed[name] = true
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Wait waits for changes and gives the paths that changed since the last Wait, in order. Of a burst it waits for the end.
func (w *Watcher) Wait(ctx context.Context) ([]string, error) {
	w.forget()
	for {
		if err := w.first(ctx); err != nil {
			return nil, err
		}
		end := time.After(patience)
		for more := true; more; {
			calm := time.NewTimer(quiet)
			select {
			case <-w.wake:
			case <-calm.C:
				more = false
			case <-end:
				more = false
			case <-ctx.Done():
				calm.Stop()
				return nil, ctx.Err()
			}
			calm.Stop()
		}
		w.mu.Lock()
		names := slices.Sorted(maps.Keys(w.changed))
		clear(w.changed)
		w.mu.Unlock()
		if len(names) > 0 {
			return names, nil
		}
	}
}

// first waits for one change.
func (w *Watcher) first(ctx context.Context) error {
	for {
		w.mu.Lock()
		polls, some := w.notify == nil, len(w.changed) > 0
		w.mu.Unlock()
		if some {
			return nil
		}
		if !polls {
			select {
			case <-w.wake:
			case <-ctx.Done():
				return ctx.Err()
			}
			continue
		}
		if err := w.look(ctx); err != nil {
			return err
		}
	}
}

// forget drops what only older generations watched.
func (w *Watcher) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	old := func(_ string, gen int) bool { return gen < w.gen }
	maps.DeleteFunc(w.files, old)
	maps.DeleteFunc(w.trees, old)
	for dir, gen := range w.dirs {
		if gen < w.gen {
			delete(w.dirs, dir)
			if w.notify != nil {
				_ = w.notify.Remove(dir) // it may be gone
			}
		}
	}
	maps.DeleteFunc(w.polled, func(_ string, s state) bool { return s.gen < w.gen })
}
