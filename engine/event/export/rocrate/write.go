package rocrate

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/renameio/v2"

	"github.com/belay-ml/belay/engine/fault"
)

// Write writes the crate: into an archive when path ends in .zip, else into a folder, which must not be there yet. It
// appears whole or not at all.
func (c *Crate) Write(ctx context.Context, path string) error {
	var meta bytes.Buffer
	if err := c.Metadata(&meta); err != nil {
		return err
	}
	all := append([]file{{name: MetadataFile, data: meta.Bytes()}}, c.files...)
	if strings.EqualFold(filepath.Ext(path), ".zip") {
		return archive(ctx, path, all)
	}
	return folder(ctx, path, all)
}

func folder(ctx context.Context, path string, all []file) (err error) {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.Usage, "write crate: %s is there already", path).WithHint("name a new folder with --out")
	}
	path = filepath.Clean(path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("write crate: %w", err)
	}
	tmp, err := os.MkdirTemp(filepath.Dir(path), "."+filepath.Base(path)+"-")
	if err != nil {
		return fmt.Errorf("write crate: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(tmp))
		}
	}()
	for _, f := range all {
		to := filepath.Join(tmp, filepath.FromSlash(f.name))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return fmt.Errorf("write crate: %w", err)
		}
		w, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if err != nil {
			return fmt.Errorf("write crate: %w", err)
		}
		if err := errors.Join(f.copy(ctx, w), w.Close()); err != nil {
			return fmt.Errorf("write crate: %w", err)
		}
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return fmt.Errorf("write crate: %w", err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return fmt.Errorf("write crate: %w", err)
	}
	return nil
}

func archive(ctx context.Context, path string, all []file) error {
	out, err := renameio.NewPendingFile(path, renameio.WithPermissions(0o644))
	if err != nil {
		return fmt.Errorf("write crate: %w", err)
	}
	defer out.Cleanup()
	z := zip.NewWriter(out)
	for _, f := range all {
		// A fixed time: the same run makes the same archive.
		w, err := z.CreateHeader(&zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)})
		if err != nil {
			return fmt.Errorf("write crate: %w", err)
		}
		if err := f.copy(ctx, w); err != nil {
			return fmt.Errorf("write crate: %w", err)
		}
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("write crate: %w", err)
	}
	if err := out.CloseAtomicallyReplace(); err != nil {
		return fmt.Errorf("write crate: %w", err)
	}
	return nil
}

// copy writes the file's bytes until the context ends.
func (f file) copy(ctx context.Context, w io.Writer) error {
	if f.from == "" {
		_, err := w.Write(f.data)
		return err
	}
	r, err := os.Open(f.from)
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.Copy(w, reader{ctx, r})
	return err
}

// reader ends with its context.
type reader struct {
	ctx context.Context
	io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}
