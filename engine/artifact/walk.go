package artifact

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Entry is a file met on disk: its listing entry, still without a digest, its state, and where it lies.
type Entry struct {
	File
	Stat  Stat
	Abs   string
	Names int // hard links to the file
}

// Links says what Walk does about a symbolic link that leaves the tree.
type Links bool

// Sources are followed out of their tree (model folders of hub caches are made of such links) and count with
// what they lead to. In outputs such links are refused. Links inside a tree are kept as links.
const (
	RefuseOutside Links = false
	FollowOutside Links = true
)

// Walk lists the directory root, or the one file that root is. Sockets, devices and the like are errors.
func Walk(root string, links Links) (entries []Entry, dir bool, err error) {
	var st unix.Stat_t
	if err := unix.Stat(root, &st); err != nil {
		return nil, false, &os.PathError{Op: "stat", Path: root, Err: err}
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		return []Entry{regular("", root, &st)}, false, nil
	case unix.S_IFDIR:
		w := walker{links: links}
		err := w.dir("", root, 0)
		return w.entries, true, err
	}
	return nil, false, fmt.Errorf("list %s: neither a file nor a directory", root)
}

type walker struct {
	links   Links
	entries []Entry
}

func regular(rel, abs string, st *unix.Stat_t) Entry {
	e := Entry{File: File{Path: rel, Mode: Regular, Size: st.Size}, Stat: statOf(st), Abs: abs, Names: int(st.Nlink)}
	if st.Mode&0o111 != 0 {
		e.Mode = Executable
	}
	return e
}

func (w *walker) dir(rel, abs string, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("list %s: nested deeper than %d directories (do links form a loop?)", abs, maxDepth)
	}
	list, err := os.ReadDir(abs)
	if err != nil {
		return err
	}
	if len(list) == 0 && rel != "" {
		w.entries = append(w.entries, Entry{File: File{Path: rel, Mode: EmptyDir}, Abs: abs})
	}
	for _, item := range list {
		name := item.Name()
		if rel != "" {
			name = rel + "/" + name
		}
		if err := w.entry(name, filepath.Join(abs, item.Name()), depth); err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) entry(rel, abs string, depth int) error {
	var st unix.Stat_t
	if err := unix.Lstat(abs, &st); err != nil {
		return &os.PathError{Op: "stat", Path: abs, Err: err}
	}
	if st.Mode&unix.S_IFMT == unix.S_IFLNK {
		target, err := os.Readlink(abs)
		if err != nil {
			return err
		}
		if linkInside(rel, target) {
			w.entries = append(w.entries, Entry{Abs: abs, Stat: statOf(&st),
				File: File{Path: rel, Mode: Symlink, Size: int64(len(target)), Digest: HashText(target), Target: target}})
			return nil
		}
		if w.links == RefuseOutside {
			return fmt.Errorf("list %s: link to %s leaves the directory", abs, target)
		}
		if err := unix.Stat(abs, &st); err != nil {
			return &os.PathError{Op: "follow", Path: abs, Err: err}
		}
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		w.entries = append(w.entries, regular(rel, abs, &st))
		return nil
	case unix.S_IFDIR:
		return w.dir(rel, abs, depth+1)
	}
	return fmt.Errorf("list %s: neither a file, a directory nor a link: %w", abs, errors.ErrUnsupported)
}
