package corpus

import (
	"os"

	"golang.org/x/sys/unix"
)

// writeBack lets the kernel begin to put a stretch of a file on disk, so that a sync at the end has little to do. What is
// wrong with the disk, that one tells.
func writeBack(f *os.File, from, size int64) {
	_ = unix.SyncFileRange(int(f.Fd()), from, size, unix.SYNC_FILE_RANGE_WRITE)
}
