//go:build linux

package smalldisk

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// Mount makes a folder that is a disk of the given size ("512k"); the test is skipped where that needs more rights.
// unmount may be called before the end of the test.
func Mount(t testing.TB, size string) (dir string, unmount func()) {
	t.Helper()
	dir = t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("no right to mount a disk: %v", err)
	}
	unmount = func() { _ = unix.Unmount(dir, unix.MNT_DETACH) }
	t.Cleanup(unmount)
	return dir, unmount
}

// Fill fills a disk but for a number of pages of 4 KiB; free makes room again.
func Fill(t testing.TB, dir string, pages int) (free func()) {
	t.Helper()
	name := filepath.Join(dir, "filler")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	page := make([]byte, 4096)
	written := 0
	for ; err == nil; written++ {
		_, err = f.Write(page)
	}
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	if err := errors.Join(f.Truncate(int64(max(0, written-1-pages))*4096), f.Close()); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(name); err != nil {
			t.Error(err)
		}
	}
}

// ReadOnly lets nobody write on a disk any more.
func ReadOnly(t testing.TB, dir string) {
	t.Helper()
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Skipf("no right to make a disk read-only: %v", err)
	}
}
