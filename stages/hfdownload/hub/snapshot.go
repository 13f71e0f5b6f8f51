package hub

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"path"
	"sort"
	"strings"
)

// lfsSize is where a file counts as large whatever its name.
const lfsSize = 1 << 20

// file is one file of a snapshot.
type file struct {
	Path string // in the repository
	Size int64
	Git  string // git blob SHA-1: of the bytes, or of the pointer of a file in LFS
	LFS  string // SHA-256 in hex, "" for a small file
}

// snapshot is a repository at one commit.
type snapshot struct {
	dir    string // below the served root
	commit string
	files  []file // sorted by path
}

// take reads a repository's folder.
func take(root fs.FS, dir string) (*snapshot, error) {
	s := &snapshot{dir: dir}
	err := fs.WalkDir(root, dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if d.Name() == ".git" {
				return fs.SkipDir
			}
			return nil
		}
		f, err := digest(root, name)
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		f.Path = strings.TrimPrefix(name, dir+"/")
		s.files = append(s.files, f)
		return nil
	})
	if err != nil {
		return nil, err
	}
	sort.Slice(s.files, func(i, j int) bool { return s.files[i].Path < s.files[j].Path })
	h := sha1.New()
	for _, f := range s.files {
		fmt.Fprintf(h, "%q %d %s %s\n", f.Path, f.Size, f.Git, f.LFS)
	}
	s.commit = hex.EncodeToString(h.Sum(nil))
	return s, nil
}

// digest reads a file once for both of its digests.
func digest(root fs.FS, name string) (file, error) {
	r, err := root.Open(name)
	if err != nil {
		return file{}, err
	}
	defer r.Close()
	st, err := r.Stat()
	if err != nil {
		return file{}, err
	}
	if !st.Mode().IsRegular() {
		return file{}, fmt.Errorf("not a regular file: %s", st.Mode())
	}
	f := file{Size: st.Size()}
	git, lfs := sha1.New(), sha256.New()
	fmt.Fprintf(git, "blob %d\x00", f.Size)
	n, err := io.Copy(io.MultiWriter(git, lfs), r)
	if err != nil {
		return file{}, err
	}
	if n != f.Size {
		return file{}, fmt.Errorf("changed while it was read")
	}
	f.Git = hex.EncodeToString(git.Sum(nil))
	if f.Size >= lfsSize || isWeights(name) {
		f.LFS = hex.EncodeToString(lfs.Sum(nil))
		// What git holds of such a file is its pointer.
		pointer := fmt.Sprintf("version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n", f.LFS, f.Size)
		sum := sha1.Sum(fmt.Appendf(nil, "blob %d\x00%s", len(pointer), pointer))
		f.Git = hex.EncodeToString(sum[:])
	}
	return f, nil
}

// isWeights names the endings that a new repository's .gitattributes puts into LFS.
func isWeights(name string) bool {
	switch path.Ext(name) {
	case ".safetensors", ".bin", ".pt", ".pth", ".gz", ".zst", ".zip", ".parquet", ".arrow", ".model", ".npy", ".npz":
		return true
	}
	return false
}

// find is the file at a path, nil when there is none.
func (s *snapshot) find(p string) *file {
	i := sort.Search(len(s.files), func(i int) bool { return s.files[i].Path >= p })
	if i < len(s.files) && s.files[i].Path == p {
		return &s.files[i]
	}
	return nil
}
