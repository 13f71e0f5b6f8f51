//go:build linux

package artifact

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// asNobody runs f on a thread without the rights of root, which may read everything.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { // never unlocked: the thread ends with the goroutine
		defer close(done)
		runtime.LockOSThread()
		if err := unix.Setfsuid(65534); err != nil {
			t.Error(err)
			return
		}
		f()
	}()
	<-done
}

func TestWhatMayNotBeReadIsNamed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, folder := filepath.Join(dir, "file"), filepath.Join(dir, "folder")
	err := errors.Join(os.Chmod(filepath.Dir(dir), 0o755), os.WriteFile(file, nil, 0), os.Mkdir(folder, 0))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(folder, 0o755) })
	asNobody(t, func() {
		if _, _, err := Walk(dir, FollowOutside); !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), folder) {
			t.Errorf("folder: %v", err)
		}
		if _, _, _, err := HashFile(context.Background(), file); !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), file) {
			t.Errorf("file: %v", err)
		}
	})
}
