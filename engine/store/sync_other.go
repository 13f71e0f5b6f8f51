//go:build !linux

package store

import (
	"context"
	"errors"
	"os"
)

// syncParts leaves all to fsync: files are put on disk in parts on Linux only.
func syncParts(context.Context, *os.File, int64) error { return nil }

// syncsAll says that files are synced one by one: only Linux syncs one file system.
const syncsAll = false

func syncAll(string) error { return errors.ErrUnsupported }
