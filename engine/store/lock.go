package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/belay-ml/belay/engine/key"
)

// Lock is the right to compute the result of a key, or to use what a name stands for. It ends with its process.
type Lock struct {
	file *os.File
}

// Owner says who holds a lock, for messages.
type Owner struct {
	PID   int       `json:"pid"`
	Host  string    `json:"host"`
	Since time.Time `json:"since"`
}

// String names the owner: "pid 123 on node1".
func (o Owner) String() string {
	if o.PID == 0 {
		return "another process"
	}
	return fmt.Sprintf("pid %d on %s", o.PID, o.Host)
}

// TryLock takes the lock of a key, or says who holds it: then the lock is nil, and so is the error.
func (s *Store) TryLock(k key.Key) (*Lock, Owner, error) { return s.tryLock(string(k), k.Short()) }

// Lock takes the lock of a key, waiting for its holder when there is one; waiting is told who that is, once.
func (s *Store) Lock(ctx context.Context, k key.Key, waiting func(Owner)) (*Lock, error) {
	return s.lock(ctx, string(k), k.Short(), waiting)
}

// TryMutex takes a lock by a name that recipes give, for things that only one stage at a time may use.
func (s *Store) TryMutex(name string) (*Lock, Owner, error) {
	return s.tryLock("mutex-"+fileName(name), "mutex "+name)
}

// Mutex takes a lock by name, waiting for its holder when there is one.
func (s *Store) Mutex(ctx context.Context, name string) (*Lock, error) {
	return s.lock(ctx, "mutex-"+fileName(name), "mutex "+name, nil)
}

func (s *Store) tryLock(file, what string) (*Lock, Owner, error) {
	path := s.path("locks", file)
	f, err := flockFile(path)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, readOwner(path), nil
	}
	if err != nil {
		return nil, Owner{}, fmt.Errorf("lock %s: %w", what, err)
	}
	host, _ := os.Hostname()
	text, err := json.Marshal(Owner{PID: os.Getpid(), Host: host, Since: time.Now().UTC().Truncate(time.Second)})
	if err == nil {
		err = f.Truncate(0)
	}
	if err == nil {
		_, err = f.WriteAt(text, 0)
	}
	if err != nil {
		return nil, Owner{}, errors.Join(fmt.Errorf("lock %s: write %s: %w", what, path, err), os.Remove(path), f.Close())
	}
	return &Lock{file: f}, Owner{}, nil
}

func (s *Store) lock(ctx context.Context, file, what string, waiting func(Owner)) (*Lock, error) {
	var lock *Lock
	told := false
	err := poll(ctx, func() (bool, error) {
		l, owner, err := s.tryLock(file, what)
		if l == nil && err == nil && !told && waiting != nil {
			told = true
			waiting(owner)
		}
		lock = l
		return l != nil, err
	})
	return lock, err
}

// Holder says who computes a key just now.
func (s *Store) Holder(k key.Key) (Owner, bool) {
	f, err := os.Open(s.path("locks", string(k)))
	if err != nil {
		return Owner{}, false
	}
	defer f.Close()
	if free, err := tryFlock(f, unix.LOCK_SH); free || err != nil {
		return Owner{}, false
	}
	return readOwner(f.Name()), true
}

// Release gives the lock back.
func (l *Lock) Release() {
	os.Remove(l.file.Name()) // while we hold it: see flockFile
	l.file.Close()
}

func readOwner(path string) Owner {
	var o Owner
	f, err := os.Open(path)
	if err != nil {
		return o
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 4096))
	if err != nil || json.Unmarshal(text, &o) != nil {
		return Owner{}
	}
	return o
}

// flockFile opens path, making it, and locks it; EWOULDBLOCK when somebody else has. A holder removes the file
// before it lets go, so a lock counts only when path still leads to the locked file.
func flockFile(path string) (*os.File, error) {
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
		if errors.Is(err, os.ErrNotExist) {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				return nil, err
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		free, err := tryFlock(f, unix.LOCK_EX)
		if err == nil && !free {
			err = unix.EWOULDBLOCK
		}
		if err != nil {
			f.Close()
			return nil, err
		}
		var have, want unix.Stat_t
		if err := unix.Fstat(int(f.Fd()), &have); err != nil {
			f.Close()
			return nil, err
		}
		if err := unix.Stat(path, &want); err == nil && have.Ino == want.Ino && have.Dev == want.Dev {
			return f, nil
		}
		f.Close()
	}
}
