package store

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/belay-ml/belay/engine/fault"
)

// Explain gives an error of a disk its exit code, and says what to do about it. Other errors, nil too, pass as they are.
func (s *Store) Explain(err error) error { return explain(s.root, err) }

func explain(root string, err error) error {
	e := &fault.Error{Code: fault.Compute, Err: err}
	switch {
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return e.WithHint("the disk of %s is full: make room, or run `belay cache gc`", root)
	case errors.Is(err, unix.EROFS):
		return e.WithHint("%s lies on a read-only disk: results in it can be used, new ones need a place that can be written", root)
	case (errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM)) && !writable(root):
		return e.WithHint("%s belongs to somebody else: results in it can be used, new ones need the right to write there", root)
	}
	return err
}

// writable says whether this process may write in a directory; one that is not there yet may be made.
func writable(dir string) bool {
	err := unix.Access(dir, unix.W_OK)
	return err == nil || errors.Is(err, unix.ENOENT)
}
