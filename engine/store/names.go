package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/belay-ml/belay/engine/artifact"
)

// names are the paths that files have in a scratch's working directory beside those in its output. A stage that can
// resume leaves what it has finished there until its result counts.
type names map[file][]string

// file tells files of a machine apart.
type file struct{ dev, ino uint64 }

func fileOf(s artifact.Stat) file { return file{s.Dev, s.Ino} }

// namesIn finds the names that entries have below work.
func namesIn(work string, entries []artifact.Entry) (names, error) {
	out := names{}
	for _, e := range entries {
		if e.Names > 1 {
			out[fileOf(e.Stat)] = nil
		}
	}
	if work == "" || len(out) == 0 {
		return nil, nil
	}
	err := filepath.WalkDir(work, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		st, err := artifact.StatFile(path)
		if err != nil {
			return err
		}
		if paths, ok := out[fileOf(st)]; ok {
			out[fileOf(st)] = append(paths, path)
		}
		return nil
	})
	return out, err
}

// giveUp removes the names. The states of the files change with that; what cache knows of them it still does.
func (n names) giveUp(entries []artifact.Entry, cache sealed) error {
	var errs []error
	for _, paths := range n {
		for _, path := range paths {
			errs = append(errs, os.Remove(path))
		}
	}
	for i := range entries {
		e := &entries[i]
		if len(n[fileOf(e.Stat)]) == 0 {
			continue
		}
		st, err := artifact.StatFile(e.Abs)
		if err == nil {
			cache.moved(e.Stat, st)
			e.Stat = st
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
