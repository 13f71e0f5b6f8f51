package hfdownload

import (
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"syscall"

	"github.com/belay-ml/belay/engine/fault"
)

// part is a file under way: its bytes so far are hashed, its ETag lies beside it.
type part struct {
	path string
	file *os.File
	e    entry
	h    hash.Hash
	n    int64 // bytes in the file
	etag string
}

// openPart opens or makes a part file and hashes what it holds. A part longer than the whole, or
// without an ETag, is begun again: it cannot be known to be a prefix.
func openPart(path string, e entry) (*part, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, disk("open part file", err)
	}
	p := &part{path: path, file: file, e: e, h: newHash(e)}
	etag, err := os.ReadFile(path + ".etag")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		p.close()
		return nil, disk("read part file", err)
	}
	p.etag = string(etag)
	p.n, err = io.Copy(p.h, file)
	if err == nil && (p.n > e.Size || p.etag == "") {
		err = p.reset("")
	}
	if err != nil {
		p.close()
		return nil, disk("read part file", err)
	}
	return p, nil
}

// reset empties the part and remembers the ETag that the next bytes belong to. The order matters: an
// ETag never stands beside bytes of another.
func (p *part) reset(etag string) error {
	if p.n > 0 || p.etag != etag {
		if err := p.file.Truncate(0); err != nil {
			return disk("empty part file", err)
		}
		if err := os.WriteFile(p.path+".etag", []byte(etag), 0o644); err != nil {
			return disk("write part file", err)
		}
	}
	if _, err := p.file.Seek(0, io.SeekStart); err != nil {
		return disk("empty part file", err)
	}
	p.h, p.n, p.etag = newHash(p.e), 0, etag
	return nil
}

func (p *part) write(b []byte) error {
	n, err := p.file.Write(b)
	p.h.Write(b[:n])
	p.n += int64(n)
	if err != nil {
		return disk("write part file", err)
	}
	return nil
}

func (p *part) sum() string { return hex.EncodeToString(p.h.Sum(nil)) }

// keep makes the part a blob.
func (p *part) keep(blob string) error {
	if err := p.file.Sync(); err != nil {
		return disk("write part file", err)
	}
	if err := os.Rename(p.path, blob); err != nil {
		return disk("keep part file", err)
	}
	_ = os.Remove(p.path + ".etag")
	return nil
}

// drop removes the part.
func (p *part) drop() error {
	_ = os.Remove(p.path + ".etag")
	if err := os.Remove(p.path); err != nil {
		return disk("remove part file", err)
	}
	return nil
}

func (p *part) close() { _ = p.file.Close() }

// disk gives a file system error its advice.
func disk(what string, err error) error {
	if err == nil {
		return nil
	}
	var have *fault.Error
	if errors.As(err, &have) {
		return err
	}
	e := fault.New(fault.Internal, "%s: %w", what, err)
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return e.WithHint("the disk is full: free space there, or move the workspace's .belay folder; the download goes on where it stopped")
	case errors.Is(err, fs.ErrPermission):
		return e.WithHint("check who owns the workspace's .belay folder")
	case errors.Is(err, syscall.ENAMETOOLONG):
		return e.WithHint("the file system allows no such long name: leave the file out with ignore_patterns")
	}
	return e
}

// sortBySize puts the largest first and keeps the order among equals.
func sortBySize(entries []entry) {
	sort.SliceStable(entries, func(i, j int) bool { return entries[i].Size > entries[j].Size })
}

// layOut moves the blobs to their names below root. A blob with several names is copied for all but the last.
func (f *fetcher) layOut(dir string, entries []entry) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return disk("make output directory", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return disk("open output directory", err)
	}
	defer root.Close()
	uses := map[sum]int{}
	for _, e := range entries {
		uses[e.Sum]++
	}
	for _, e := range entries {
		name := filepath.FromSlash(e.Path)
		if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return disk("lay out "+e.Path, err)
		}
		uses[e.Sum]--
		if uses[e.Sum] == 0 {
			// The folder was made through root just now, and only this stage writes here.
			err = os.Rename(f.blob(e.Sum), filepath.Join(dir, name))
			if err == nil {
				continue
			}
			if !errors.Is(err, syscall.EXDEV) {
				return disk("lay out "+e.Path, err)
			}
		}
		if err := copyInto(root, name, f.blob(e.Sum)); err != nil {
			return disk("lay out "+e.Path, err)
		}
	}
	return nil
}

func copyInto(root *os.Root, name, from string) (err error) {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dst.Close()) }()
	_, err = io.Copy(dst, src)
	return err
}
