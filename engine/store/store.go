package store

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/key"
)

// Dir is the name of the store's directory in a workspace.
const Dir = ".belay"

// format is the text of the file that says which layout a store has.
const format = "belay store 1\n"

// Store is a workspace's store. It is safe for concurrent use, also by several processes.
type Store struct {
	root string // <workspace>/.belay
	work string // the workspace
	warn func(text string)
	stat *statCache
	step func(name string) // told about every step of writing, for tests that kill there; nil outside them

	guard  guard
	grain  time.Duration // useGrain; tests have others
	window time.Duration // gcWindow; tests have others

	blobs blobIndex

	tmp struct {
		sync.Mutex
		dir   string    // "" until it is made
		lock  *os.File  // nil until this process has said that it lives
		began time.Time // by the store's file system
	}
}

// Open opens the store of a workspace, making it when there is none, and removes what dead processes left
// behind. warn is told about damage that was found and repaired; it may be nil.
func Open(workspace string, warn func(text string)) (*Store, error) {
	return openStepping(workspace, warn, nil)
}

func openStepping(workspace string, warn, step func(string)) (*Store, error) {
	abs, err := filepath.Abs(workspace)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if warn == nil {
		warn = func(string) {}
	}
	s := &Store{root: filepath.Join(abs, Dir), work: abs, warn: warn, step: step, grain: useGrain, window: gcWindow}
	s.stat = &statCache{path: s.path("stat")}
	if err := s.checkFormat(); err != nil {
		return nil, s.Explain(fmt.Errorf("open store: %w", err))
	}
	if !writable(s.root) {
		warn(s.root + " cannot be written: the results in it can be used, new ones cannot be made")
		return s, nil
	}
	s.sweep()
	return s, nil
}

func (s *Store) checkFormat() error {
	file := s.path("format")
	text, err := os.ReadFile(file)
	switch {
	case err == nil && string(text) == format:
		return nil
	case err == nil && len(text) > 0:
		return fmt.Errorf("%s holds %q, this program knows %q: use a newer belay, or remove %s to start anew", file, strings.TrimSpace(string(text)), strings.TrimSpace(format), s.root)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := os.MkdirAll(s.root, 0o755); err != nil {
		return err
	}
	if err := s.writeFile(".gitignore", []byte("*\n"), false); err != nil {
		return err
	}
	return s.writeFile("format", []byte(format), true)
}

// Close writes what is still in memory and gives up the store's temporary place.
func (s *Store) Close() error {
	err := s.stat.flush()
	s.guard.close()
	s.tmp.Lock()
	defer s.tmp.Unlock()
	if s.tmp.lock != nil {
		if s.tmp.dir != "" {
			err = errors.Join(err, os.RemoveAll(s.tmp.dir))
		}
		err = errors.Join(err, os.Remove(s.tmp.lock.Name()), s.tmp.lock.Close())
		s.tmp.lock, s.tmp.dir = nil, ""
	}
	return err
}

// Root is the absolute path of the store's directory.
func (s *Store) Root() string { return s.root }

// Workspace is the absolute path of the directory that the store belongs to.
func (s *Store) Workspace() string { return s.work }

// Stats is the cache of source files' digests.
func (s *Store) Stats() artifact.StatCache { return sources{s.stat} }

// at tells where writing is.
func (s *Store) at(step string) {
	if s.step != nil {
		s.step(step)
	}
}

func (s *Store) path(elem ...string) string {
	return filepath.Join(append([]string{s.root}, elem...)...)
}

// place is where a digest or key lies in one of the two-level folders.
func (s *Store) place(folder, digest, suffix string) string {
	return s.path(folder, digest[:2], digest+suffix)
}

// Artifact is the directory of an artifact's files.
func (s *Store) Artifact(d artifact.Digest) string {
	return filepath.Join(s.place("artifacts", string(d), ""), "files")
}

// RunDir is the folder of a run.
func (s *Store) RunDir(id string) string { return s.path("runs", id) }

func random(bytes int) string {
	b := make([]byte, bytes)
	rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// tmpDir makes this store's own place for half-written files.
func (s *Store) tmpDir() (string, error) {
	s.tmp.Lock()
	defer s.tmp.Unlock()
	if s.tmp.dir != "" {
		return s.tmp.dir, nil
	}
	if err := s.live(); err != nil {
		return "", err
	}
	dir := strings.TrimSuffix(s.tmp.lock.Name(), ".lock")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", err
	}
	s.tmp.dir = dir
	return dir, nil
}

// alive tells other processes that this one uses the store, and since when. The zero time is a store that cannot be
// written.
func (s *Store) alive() time.Time {
	s.tmp.Lock()
	defer s.tmp.Unlock()
	s.live() // best effort
	return s.tmp.began
}

// live takes the lock file that says so. The caller holds s.tmp.
func (s *Store) live() error {
	if s.tmp.lock != nil {
		return nil
	}
	lock, err := flockFile(s.path("tmp", fmt.Sprintf("%d-%s.lock", os.Getpid(), random(4))))
	if err != nil {
		return err
	}
	st, err := lock.Stat()
	if err != nil {
		return errors.Join(err, os.Remove(lock.Name()), lock.Close())
	}
	s.tmp.lock, s.tmp.began = lock, st.ModTime()
	return nil
}

// sweep removes the temporary files, the scratch and the lock files of processes that are gone. Failures do no harm: the next
// Open tries again.
func (s *Store) sweep() {
	list, _ := os.ReadDir(s.path("tmp"))
	for _, item := range list {
		name, isLock := strings.CutSuffix(item.Name(), ".lock")
		if !isLock {
			continue
		}
		lock, err := flockFile(s.path("tmp", item.Name()))
		if err != nil {
			continue // its owner lives
		}
		removeAll(s.path("tmp", name))
		os.Remove(lock.Name())
		lock.Close()
	}
	s.sweepPulls()
	list, _ = os.ReadDir(s.path("work"))
	for _, item := range list {
		k := key.Key(item.Name())
		if !k.Valid() {
			continue
		}
		if s.unfinished(k) {
			continue
		}
		lock, _, err := s.TryLock(k)
		if lock == nil || err != nil {
			continue
		}
		removeAll(s.path("work", item.Name()))
		lock.Release()
	}
	// A lock file that nobody holds stands in nobody's way; it only looks as if.
	list, _ = os.ReadDir(s.path("locks"))
	for _, item := range list {
		if f, err := flockFile(s.path("locks", item.Name())); err == nil {
			(&Lock{file: f}).Release()
		}
	}
}

// abandoned is the age at which a broken import is given up.
const abandoned = 7 * 24 * time.Hour

// sweepPulls removes what broken imports left: those that nobody went on with, and those that were cut short after
// their result was there.
func (s *Store) sweepPulls() {
	list, _ := os.ReadDir(s.path("pull"))
	for _, item := range list {
		st, err := item.Info()
		if k := key.Key(item.Name()); !k.Valid() || err != nil {
			continue
		}
		if _, err := os.Lstat(s.place("keys", item.Name(), ".json")); err != nil && time.Since(st.ModTime()) < abandoned {
			continue
		}
		if lock, _, err := s.TryLock(key.Key(item.Name())); lock != nil && err == nil {
			removeAll(s.path("pull", item.Name()))
			lock.Release()
		}
	}
}
