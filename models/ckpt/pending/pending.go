package pending

import (
	"path/filepath"

	"github.com/google/renameio/v2"
)

// eager is the size of a write that is worth a word to the kernel.
const eager = 256 << 10

// File is a file that is not there yet. Writes to different places may run at once.
type File struct{ f *renameio.PendingFile }

// Create opens a file that is to be path.
func Create(path string) (*File, error) {
	f, err := renameio.NewPendingFile(path, renameio.WithPermissions(0o644), renameio.WithTempDir(filepath.Dir(path)))
	if err != nil {
		return nil, err
	}
	return &File{f}, nil
}

// WriteAt writes to a place of the file.
func (f *File) WriteAt(data []byte, off int64) (int, error) {
	n, err := f.f.WriteAt(data, off)
	if err == nil && n >= eager {
		start(f.f.File, off, int64(n))
	}
	return n, err
}

// Close syncs the file and gives it its name, in place of one that had it.
func (f *File) Close() error { return f.f.CloseAtomicallyReplace() }

// Abort removes the file; one that has the name already stays.
func (f *File) Abort() error { return f.f.Cleanup() }
