package pending

import (
	"os"

	"golang.org/x/sys/unix"
)

// start has the kernel begin to write a stretch of the file to the disk. It is a hint: Close syncs and tells of errors.
func start(f *os.File, off, n int64) {
	_ = unix.SyncFileRange(int(f.Fd()), off, n, unix.SYNC_FILE_RANGE_WRITE)
}
