package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/belay-ml/belay/engine/key"
)

// resumableMark is the file that keeps a scratch directory when its process dies.
const resumableMark = "resumable"

// Scratch is where a stage works and writes before its result is published. Its owner holds the key's Lock.
type Scratch struct {
	Key  key.Key
	Work string // the stage's private working directory
	Out  string // the root of its output

	dir       string
	resumable bool
}

// Scratch makes the scratch directory of a key: an empty output, and the work that an interrupted run left
// behind when the stage can resume.
func (s *Store) Scratch(k key.Key, resumable bool) (*Scratch, error) {
	dir := s.path("work", string(k))
	sc := &Scratch{Key: k, dir: dir, resumable: resumable, Work: filepath.Join(dir, "work"), Out: filepath.Join(dir, "pub", "files")}
	stale := dir
	if resumable {
		stale = filepath.Join(dir, "pub")
	}
	err := removeAll(stale)
	if err == nil {
		err = os.MkdirAll(sc.Work, 0o755)
	}
	if err == nil && resumable {
		err = os.WriteFile(filepath.Join(dir, resumableMark), nil, 0o644)
	}
	if err == nil {
		err = os.MkdirAll(sc.Out, 0o755)
	}
	if err != nil {
		return nil, fmt.Errorf("make scratch directory: %w", err)
	}
	return sc, nil
}

// Resumable says whether an interrupted run of a key left work to resume from.
func (s *Store) Resumable(k key.Key) bool {
	_, err := os.Lstat(s.path("work", string(k), resumableMark))
	return err == nil
}

// unfinished says whether a scratch directory holds work to resume from whose result has not been published: a process
// may have been killed between that and the removal.
func (s *Store) unfinished(k key.Key) bool {
	mark, err := os.Lstat(s.path("work", string(k), resumableMark))
	if err != nil {
		return false
	}
	rec, err := os.Lstat(s.place("keys", string(k), ".json"))
	return err != nil || rec.ModTime().Before(mark.ModTime()) // forced since then, and cut short
}

// Empty clears the output for another attempt, and the work of a stage that cannot resume.
func (sc *Scratch) Empty() error {
	dirs := []string{sc.Out}
	if !sc.resumable {
		dirs = append(dirs, sc.Work)
	}
	for _, dir := range dirs {
		if err := errors.Join(removeAll(dir), os.MkdirAll(dir, 0o755)); err != nil {
			return fmt.Errorf("empty scratch directory: %w", err)
		}
	}
	return nil
}

// tidyTime is how long a cancelled run tidies up.
const tidyTime = 500 * time.Millisecond

// Close ends an unsuccessful use: the work is kept when the stage can resume, the rest is removed. When ctx is over,
// what takes long to remove is left to the next Open, or to the next use of the key.
func (sc *Scratch) Close(ctx context.Context) error {
	path := sc.dir
	if sc.resumable {
		path = filepath.Join(sc.dir, "pub")
	}
	if ctx.Err() == nil {
		return removeAll(path)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tidyTime)
	defer cancel()
	if err := removeWhile(ctx, path); ctx.Err() == nil {
		return err
	}
	return nil
}

func (sc *Scratch) remove() error { return removeAll(sc.dir) }
