package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"golang.org/x/sync/errgroup"

	"github.com/belay-ml/belay/engine/artifact"
)

// writeFile puts a small file into the store: temporary place, rename, and with durable also fsync.
func (s *Store) writeFile(rel string, data []byte, durable bool) error {
	dir, err := s.tmpDir()
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, "file-")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil && durable {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	to := s.path(rel)
	if err == nil {
		err = os.Chmod(f.Name(), 0o644)
	}
	s.at("written " + rel)
	if err == nil && durable {
		err = move(f.Name(), to)
	} else if err == nil {
		err = rename(f.Name(), to)
	}
	s.at("renamed " + rel)
	if err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("write %s: %w", to, err)
	}
	return nil
}

// writeSynced writes a file where nobody looks yet.
func writeSynced(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// rename moves from to to, making the folder that to lies in.
func rename(from, to string) error {
	err := os.Rename(from, to)
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		err = os.Rename(from, to)
	}
	return err
}

// move is a rename that is on disk when it returns, with the folder that it may have had to make. Two processes that
// make one folder at once leave its entry to the first: a power cut then costs a result, never a wrong one.
func move(from, to string) error {
	dir := filepath.Dir(to)
	_, err := os.Lstat(dir)
	made := errors.Is(err, fs.ErrNotExist)
	if err := rename(from, to); err != nil {
		return err
	}
	if made {
		if err := syncDir(filepath.Dir(dir)); err != nil {
			return err
		}
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = f.Sync()
	return errors.Join(err, f.Close())
}

// Trees of more than manyFiles are put on disk by one sync of the file system rather than file by file; files from
// bigFile bytes on are synced alone in any case, because that can be cancelled.
const (
	manyFiles = 64
	bigFile   = 256 << 10
)

// seal makes the files below root read-only and puts them on disk, directories last. Files with names elsewhere get bytes
// of their own, unless all of those are among the shared ones.
func seal(ctx context.Context, root string, entries []artifact.Entry, shared names) error {
	files := slices.DeleteFunc(slices.Clone(entries), func(e artifact.Entry) bool {
		return e.Mode != artifact.Regular && e.Mode != artifact.Executable
	})
	together := syncsAll && len(files) > manyFiles
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for _, e := range files {
		alone := e.Names == 1+len(shared[fileOf(e.Stat)])
		g.Go(func() error { return sealFile(gctx, e, alone, together && e.Size < bigFile) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	var dirs []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			dirs = append(dirs, path)
		}
		return errors.Join(err, ctx.Err())
	})
	if err != nil {
		return err
	}
	for i := len(dirs) - 1; i >= 0; i-- { // parents come before their children
		if err := ctx.Err(); err != nil {
			return err
		}
		if !together {
			err = syncDir(dirs[i])
		}
		if err := errors.Join(err, os.Chmod(dirs[i], 0o555)); err != nil {
			return err
		}
	}
	if together {
		return syncAll(root)
	}
	return nil
}

// sealFile makes one file read-only, with bytes of its own unless it is alone already, and puts it on disk unless that is
// left to whoever calls it.
func sealFile(ctx context.Context, e artifact.Entry, alone, synced bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !alone {
		if err := unshare(ctx, e.Abs); err != nil {
			return err
		}
	}
	mode := fs.FileMode(0o444)
	if e.Mode == artifact.Executable {
		mode = 0o555
	}
	if synced {
		return os.Chmod(e.Abs, mode)
	}
	f, err := os.Open(e.Abs)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Chmod(mode); err != nil {
		return err
	}
	if err := syncParts(ctx, f, e.Size); err != nil {
		return err
	}
	return f.Sync()
}

// part is how much of a file is copied or put on disk between two looks at whether the run was cancelled: a slow disk
// takes a second for it.
const part = 64 << 20

// unshare gives a file with several names bytes of its own: read-only and unchanging must hold for the
// published name only.
func unshare(ctx context.Context, path string) error {
	from, err := os.Open(path)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.CreateTemp(filepath.Dir(path), ".copy-")
	if err != nil {
		return err
	}
	for err == nil {
		if err = ctx.Err(); err == nil {
			_, err = io.CopyN(to, from, part)
		}
	}
	if err == io.EOF {
		err = nil
	}
	if cerr := to.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(to.Name(), path)
	}
	if err != nil {
		os.Remove(to.Name())
	}
	return err
}

// removeAll removes a tree that may hold read-only directories.
func removeAll(path string) error {
	err := os.RemoveAll(path)
	if err == nil || !errors.Is(err, fs.ErrPermission) {
		return err
	}
	filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() {
			os.Chmod(p, 0o755)
			if err != nil { // it could not be listed before
				return nil
			}
		}
		return nil
	})
	return os.RemoveAll(path)
}

// removeWhile removes a tree as long as ctx lasts.
func removeWhile(ctx context.Context, path string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := shrink(ctx, path); err != nil {
		return err
	}
	err := os.Remove(path)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if st, lerr := os.Lstat(path); lerr != nil || !st.IsDir() {
		return err
	}
	os.Chmod(path, 0o755)
	for {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		names, err := f.Readdirnames(1024) // again from the start each time: what was read is gone
		f.Close()
		if err == io.EOF {
			return os.Remove(path)
		}
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := removeWhile(ctx, filepath.Join(path, name)); err != nil {
				return err
			}
		}
	}
}

// shrink makes a large file short, part by part: to free its blocks in one step takes seconds where the disk is told of
// each, and nothing can interrupt that. A file that has another name is left alone.
func shrink(ctx context.Context, path string) error {
	st, err := os.Lstat(path)
	if err != nil || !st.Mode().IsRegular() || st.Size() <= part || st.Sys().(*syscall.Stat_t).Nlink != 1 {
		return nil // what is wrong, removing tells
	}
	os.Chmod(path, 0o600)
	for size := st.Size() - part; size > 0; size -= part {
		if err := ctx.Err(); err != nil {
			return err
		}
		if os.Truncate(path, size) != nil {
			return nil
		}
	}
	return nil
}
