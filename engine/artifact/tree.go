package artifact

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"sort"
	"strconv"
	"strings"
)

// maxDepth bounds the nesting of directories in an artifact.
const maxDepth = 256

// Tree is a digested path: a directory's entries, or one file.
type Tree struct {
	Digest Digest
	Bytes  int64
	Dir    bool
	Files  []File // sorted by path; one with an empty path when the tree is a file

	dirs map[string]subtree // by slash path, "." is the root
}

type subtree struct {
	digest Digest
	bytes  int64
}

// HashText is the digest of a short text.
func HashText(s string) Digest {
	sum := sha256.Sum256([]byte(s))
	return Digest(hex.EncodeToString(sum[:]))
}

// NewTree computes the digest of a directory from its entries, which it sorts and checks.
//
// A directory's digest is the SHA-256 of its listing: the line "belay tree 1", then for every entry, sorted
// bytewise by name, class, size, digest and name, ended by a zero byte. A sub directory's class is "d" and its
// digest that of its own listing, so a changed file rewrites only its path to the root.
func NewTree(files []File) (*Tree, error) {
	sort.Slice(files, func(i, j int) bool { return files[i].Path < files[j].Path })
	for i := range files {
		if err := files[i].check(); err != nil {
			return nil, err
		}
		if i == 0 {
			continue
		}
		if prev := files[i-1].Path; prev == files[i].Path {
			return nil, fmt.Errorf("entry %q: listed twice", prev)
		}
	}
	t := &Tree{Dir: true, Files: files, dirs: map[string]subtree{}}
	root, err := t.list(0, len(files), "")
	if err != nil {
		return nil, err
	}
	t.Digest, t.Bytes = root.digest, root.bytes
	return t, nil
}

// list digests the directory that Files[lo:hi] lie in. All of them begin with prefix ("" or ending in /), and
// those of one sub directory are neighbours because Files is sorted.
func (t *Tree) list(lo, hi int, prefix string) (subtree, error) {
	type entry struct {
		name, class string
		size        int64
		digest      Digest
	}
	var entries []entry
	var total int64
	for i := lo; i < hi; {
		f := &t.Files[i]
		name, _, nested := strings.Cut(f.Path[len(prefix):], "/")
		if !nested {
			e := entry{name, string(f.Mode), f.Size, f.Digest}
			if f.Mode == EmptyDir {
				sub, _ := t.list(0, 0, f.Path+"/")
				e.digest = sub.digest
			}
			entries = append(entries, e)
			total += f.Size
			i++
			continue
		}
		sub := prefix + name + "/"
		end := i + sort.Search(hi-i, func(n int) bool { return !strings.HasPrefix(t.Files[i+n].Path, sub) })
		s, err := t.list(i, end, sub)
		if err != nil {
			return s, err
		}
		entries = append(entries, entry{name, "d", 0, s.digest})
		total += s.bytes
		i = end
	}
	sort.Slice(entries, func(i, j int) bool { return entries[i].name < entries[j].name })
	h := sha256.New()
	h.Write([]byte("belay tree 1\n"))
	var line []byte
	for i, e := range entries {
		if i > 0 && entries[i-1].name == e.name {
			return subtree{}, fmt.Errorf("entry %q: both a file and a directory", prefix+e.name)
		}
		line = append(line[:0], e.class...)
		line = append(line, ' ')
		line = strconv.AppendInt(line, e.size, 10)
		line = append(append(append(append(line, ' '), e.digest...), ' '), e.name...)
		h.Write(append(line, 0))
	}
	s := subtree{Digest(hex.EncodeToString(h.Sum(nil))), total}
	t.dirs[path.Clean(prefix)] = s
	return s, nil
}

// At is the digest and size of a file or directory in the tree; "." is the whole. Links have none: what they
// lead to is found at its own path.
func (t *Tree) At(rel string) (d Digest, bytes int64, ok bool) {
	rel = path.Clean(rel)
	if s, ok := t.dirs[rel]; ok {
		return s.digest, s.bytes, true
	}
	if !t.Dir {
		return t.Digest, t.Bytes, rel == "."
	}
	i := sort.Search(len(t.Files), func(i int) bool { return t.Files[i].Path >= rel })
	if i < len(t.Files) && t.Files[i].Path == rel && (t.Files[i].Mode == Regular || t.Files[i].Mode == Executable) {
		return t.Files[i].Digest, t.Files[i].Size, true
	}
	return "", 0, false
}

// Under are the entries of the directory rel, with paths relative to it; the one entry of a file has an
// empty path.
func (t *Tree) Under(rel string) []File {
	rel = path.Clean(rel)
	if rel == "." {
		return t.Files
	}
	var out []File
	for _, f := range t.Files {
		if f.Path == rel && f.Mode != EmptyDir {
			f.Path = ""
			return []File{f}
		}
		if rest, ok := strings.CutPrefix(f.Path, rel+"/"); ok {
			f.Path = rest
			out = append(out, f)
		}
	}
	return out
}

// LinksInside says whether every link below rel stays below it, and names the first that does not.
func (t *Tree) LinksInside(rel string) (bad File, ok bool) {
	for _, f := range t.Under(rel) {
		if f.Mode == Symlink && !linkInside(f.Path, f.Target) {
			return f, false
		}
	}
	return File{}, true
}
