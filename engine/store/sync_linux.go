package store

import (
	"context"
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// syncParts puts a large file on disk part by part, so that the fsync that follows has little to do: nothing can
// interrupt that one. File systems that know no parts leave all to it.
func syncParts(ctx context.Context, f *os.File, size int64) error {
	const all = unix.SYNC_FILE_RANGE_WAIT_BEFORE | unix.SYNC_FILE_RANGE_WRITE | unix.SYNC_FILE_RANGE_WAIT_AFTER
	for at := int64(0); size > part && at < size; at += part {
		if err := ctx.Err(); err != nil {
			return err
		}
		if unix.SyncFileRange(int(f.Fd()), at, part, all) != nil {
			return nil // what is wrong with the disk, fsync tells
		}
	}
	return nil
}

// syncsAll says that syncAll is there.
const syncsAll = true

// syncAll puts everything on disk that was written to the file system of a directory.
func syncAll(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	if err := unix.Syncfs(int(f.Fd())); err != nil {
		return errors.Join(&os.PathError{Op: "sync", Path: dir, Err: err}, f.Close())
	}
	return f.Close()
}
