package artifact

import (
	"fmt"
	"path"
	"strings"
)

// Mode is the class of an entry as far as contents go: owners, times and permissions beyond the
// execute bit do not count.
type Mode string

// The classes of entries. Directories are listed only when they are empty; the others follow from paths.
const (
	Regular    Mode = "f"
	Executable Mode = "x"
	Symlink    Mode = "l"
	EmptyDir   Mode = "d"
)

// File is one entry of an artifact.
type File struct {
	Path   string `json:"path"` // slash-separated, below the artifact's root; "" when the artifact is one file
	Mode   Mode   `json:"mode,omitempty"`
	Size   int64  `json:"size"`
	Digest Digest `json:"digest,omitempty"` // of the bytes, or of a link's target text
	Target string `json:"target,omitempty"` // of a link, relative and inside the artifact
}

// check validates an entry of a listing that comes from outside.
func (f File) check() error {
	if f.Path == "" || f.Path != path.Clean(f.Path) || f.Path == "." || f.Path[0] == '/' || f.Path == ".." ||
		strings.HasPrefix(f.Path, "../") || strings.IndexByte(f.Path, 0) >= 0 {
		return fmt.Errorf("entry %q: not a clean path inside the artifact", f.Path)
	}
	if strings.Count(f.Path, "/") >= maxDepth {
		return fmt.Errorf("entry %q: nested deeper than %d", f.Path[:64], maxDepth)
	}
	if f.Size < 0 {
		return fmt.Errorf("entry %q: size %d", f.Path, f.Size)
	}
	switch f.Mode {
	case Regular, Executable:
		if !f.Digest.Valid() || f.Target != "" {
			return fmt.Errorf("entry %q: want a digest and no target", f.Path)
		}
	case Symlink:
		if f.Digest != HashText(f.Target) || f.Size != int64(len(f.Target)) || !linkInside(f.Path, f.Target) {
			return fmt.Errorf("entry %q: link to %q leaves the artifact or has a wrong digest", f.Path, f.Target)
		}
	case EmptyDir:
		if f.Digest != "" || f.Size != 0 || f.Target != "" {
			return fmt.Errorf("entry %q: an empty directory has no contents", f.Path)
		}
	default:
		return fmt.Errorf("entry %q: unknown mode %q", f.Path, f.Mode)
	}
	return nil
}

// linkInside says whether a link at p (slash path below the root) with this target stays below the root.
func linkInside(p, target string) bool {
	if target == "" || target[0] == '/' {
		return false
	}
	to := path.Join(path.Dir(p), target)
	return to != ".." && !strings.HasPrefix(to, "../")
}

// Valid says whether d looks like a SHA-256 in lower-case hex.
func (d Digest) Valid() bool {
	if len(d) != 64 {
		return false
	}
	for i := range len(d) {
		if c := d[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
