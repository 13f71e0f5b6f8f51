package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// OutDir is the workspace folder in which people find their results.
const OutDir = "out"

// Link makes out/<recipe>/<name> lead to a port. The link is relative, so it survives a move of the workspace,
// and is swapped in one step. A file or folder that somebody put in its place (an output that was edited by
// writing it anew) is set aside in quarantine/, with a warning: the name is the result's.
func (s *Store) Link(recipe, name string, rec *Record, port string) (path string, err error) {
	rel := filepath.Join(OutDir, recipe, name)
	if !filepath.IsLocal(recipe) || !filepath.IsLocal(name) || filepath.Clean(recipe) == "." || filepath.Clean(name) == "." {
		return "", fmt.Errorf("link output %s/%s: not a name for a file", recipe, name)
	}
	path = filepath.Join(s.work, rel)
	target, err := filepath.Rel(filepath.Dir(path), rec.Path(port))
	if err != nil {
		return "", fmt.Errorf("link output %s: %w", rel, err)
	}
	if have, err := os.Readlink(path); err == nil && have == target {
		return path, nil
	}
	if st, err := os.Lstat(path); err == nil && st.Mode()&fs.ModeSymlink == 0 {
		aside := s.path("quarantine", "out-"+random(4), recipe, name)
		if err := rename(path, aside); err != nil {
			return "", fmt.Errorf("link output %s: set aside what lies in its place: %w", rel, err)
		}
		s.warn(fmt.Sprintf("%s was no link to its result; what lay there is now in %s", rel, aside))
	}
	dir, err := s.tmpDir()
	if err != nil {
		return "", fmt.Errorf("link output %s: %w", rel, err)
	}
	tmp := filepath.Join(dir, "link-"+random(4))
	if err := os.Symlink(target, tmp); err != nil {
		return "", fmt.Errorf("link output %s: %w", rel, err)
	}
	s.at("linked")
	if err := rename(tmp, path); err != nil {
		return "", fmt.Errorf("link output %s: %w", rel, errors.Join(err, os.Remove(tmp)))
	}
	return path, nil
}
