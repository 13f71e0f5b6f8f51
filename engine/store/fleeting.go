package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// A fleeting store is a hidden folder with a file that its process holds a kernel lock on.
const (
	fleetingPrefix = ".belay-stage-"
	aliveFile      = "alive"
)

// OpenFleeting makes a store for a single use in a hidden folder of dir, and removes those of dead processes there. With
// blind it reads no file for its digest: nothing in the store is found again, and what it says for digests are none of
// contents. remove ends the store.
func OpenFleeting(dir string, blind bool, warn func(text string)) (s *Store, remove func(), err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, nil, fmt.Errorf("open store: %w", err)
	}
	sweepFleeting(dir)
	tmp, err := os.MkdirTemp(dir, fleetingPrefix)
	if err != nil {
		return nil, nil, fmt.Errorf("open store: %w", err)
	}
	alive, err := live(tmp)
	if err == nil {
		if s, err = Open(tmp, warn); err == nil {
			s.stat.guess = blind
			return s, func() { _ = errors.Join(s.Close(), removeAll(tmp), alive.Close()) }, nil
		}
		alive.Close()
	}
	return nil, nil, errors.Join(err, removeAll(tmp))
}

// live marks a folder as one in use. The mark gets its name when it is locked, so that no other process takes the folder
// for a dead one's meanwhile.
func live(dir string) (*os.File, error) {
	path := filepath.Join(dir, aliveFile)
	f, err := os.Create(path + ".new")
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	_, err = tryFlock(f, unix.LOCK_EX)
	if err = errors.Join(err, os.Rename(f.Name(), path)); err != nil {
		f.Close()
		return nil, fmt.Errorf("open store: %w", err)
	}
	return f, nil
}

// sweepFleeting removes the folders of dead processes: those whose lock nobody holds. It is best effort.
func sweepFleeting(dir string) {
	marks, _ := filepath.Glob(filepath.Join(dir, fleetingPrefix+"*", aliveFile)) // the pattern is a good one unless dir has signs of its own
	for _, mark := range marks {
		f, err := os.Open(mark)
		if err != nil {
			continue
		}
		if free, err := tryFlock(f, unix.LOCK_EX); free && err == nil {
			_ = removeAll(filepath.Dir(mark))
		}
		f.Close()
	}
}
