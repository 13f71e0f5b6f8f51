//go:build unix

package mapped

import (
	"os"

	"golang.org/x/sys/unix"
)

func mapFile(f *os.File, size int) ([]byte, error) {
	return unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ, unix.MAP_SHARED)
}

func unmapFile(view []byte) error { return unix.Munmap(view) }

func forget(view []byte) { _ = unix.Madvise(view, unix.MADV_DONTNEED) }
