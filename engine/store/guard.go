package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/belay-ml/belay/engine/fault"
)

// guardFile is locked shared by whoever looks a result up or publishes one, and alone by a collection while it
// moves things away. It is never removed.
const guardFile = "gc.lock"

// useGrain is how exact last uses are: finding a result again within it writes nothing.
const useGrain = time.Hour

// gcWindow is how long a collection keeps others waiting at a time.
const gcWindow = 300 * time.Millisecond

// guard is a process's part in guardFile: all its goroutines share one lock.
type guard struct {
	mu    sync.Mutex
	file  *os.File
	users int
}

// share keeps collections out until release is called. Where not even a lock can be taken, as on some read-only file
// systems, nothing can be collected either. A process that may read the store but not write to it cannot say that it
// lives: do not collect beside it.
func (s *Store) share(ctx context.Context) (release func(), err error) {
	g := &s.guard
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.users == 0 {
		if g.file == nil {
			s.alive()
			if g.file, err = s.openGuard(); err != nil {
				return func() {}, nil
			}
		}
		if err := poll(ctx, func() (bool, error) { return tryFlock(g.file, unix.LOCK_SH) }); err != nil {
			return nil, err
		}
	}
	g.users++
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.users--; g.users == 0 {
			unix.Flock(int(g.file.Fd()), unix.LOCK_UN)
		}
	}, nil
}

// exclude waits until nobody shares the guard, and keeps all out until release is called.
func (s *Store) exclude(ctx context.Context) (release func(), err error) {
	f, err := s.openGuard()
	if err != nil {
		return nil, err
	}
	if err := poll(ctx, func() (bool, error) { return tryFlock(f, unix.LOCK_EX) }); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { f.Close() }, nil
}

func (s *Store) openGuard() (*os.File, error) {
	f, err := os.OpenFile(s.path(guardFile), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return os.Open(s.path(guardFile)) // of somebody else
	}
	return f, nil
}

func (g *guard) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.file != nil {
		g.file.Close()
		g.file = nil
	}
}

// tryFlock takes a kernel lock, or says that somebody else has it.
func tryFlock(f *os.File, how int) (bool, error) {
	for {
		switch err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB); err {
		case nil:
			return true, nil
		case unix.EINTR:
		case unix.EWOULDBLOCK:
			return false, nil
		default:
			return false, err
		}
	}
}

// poll tries until it succeeds, fails or ctx ends: the kernel cannot wake us and watch ctx at once.
func poll(ctx context.Context, try func() (bool, error)) error {
	for pause := 2 * time.Millisecond; ; pause = min(2*pause, 200*time.Millisecond) {
		if done, err := try(); done || err != nil {
			return err
		}
		if err := fault.Pause(ctx, pause); err != nil {
			return err
		}
	}
}

// use notes that the result whose record lies at path was wanted just now: the record's mtime is its last use. An
// hour's exactness will do, counted from this process's start too, because a collection keeps everything that
// was used since an hour before the oldest living process began.
func (s *Store) use(path string) {
	var st unix.Stat_t
	if unix.Stat(path, &st) != nil {
		return
	}
	enough := time.Now()
	if began := s.alive(); began.After(enough) {
		enough = began // a file server whose clock is ahead
	}
	if time.Unix(st.Mtim.Unix()).Before(enough.Add(-s.grain)) {
		touch(path)
	}
}

// touch gives a file the time that its file system has now.
func touch(path string) {
	unix.Utimes(path, nil)
}

// oldestLiving is when the oldest living process that uses the store began, this one left out; zero when there is
// none.
func (s *Store) oldestLiving() time.Time {
	var oldest time.Time
	list, _ := os.ReadDir(s.path("tmp"))
	for _, item := range list {
		path := s.path("tmp", item.Name())
		if !strings.HasSuffix(path, ".lock") || path == s.ownLock() {
			continue
		}
		f, err := os.Open(path)
		if err != nil {
			continue
		}
		dead, err := tryFlock(f, unix.LOCK_SH)
		st, serr := f.Stat()
		f.Close()
		if err != nil || dead || serr != nil {
			continue
		}
		if oldest.IsZero() || st.ModTime().Before(oldest) {
			oldest = st.ModTime()
		}
	}
	return oldest
}

func (s *Store) ownLock() string {
	s.tmp.Lock()
	defer s.tmp.Unlock()
	if s.tmp.lock == nil {
		return ""
	}
	return filepath.Clean(s.tmp.lock.Name())
}
