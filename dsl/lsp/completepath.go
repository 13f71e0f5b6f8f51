package lsp

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxEntries is how many files of a folder are offered.
const maxEntries = 200

// paths adds the files and folders that continue a path typed so far, seen from the recipe's folder. recipes says that
// only recipes fit.
func (c *completer) paths(before string, recipes bool) {
	src := c.files[0]
	if src.path == "" || strings.Contains(before, "://") || strings.Contains(before, "${") {
		return
	}
	folder, prefix := "", before
	if i := strings.LastIndexByte(before, '/'); i >= 0 {
		folder, prefix = before[:i+1], before[i+1:]
	}
	dir := filepath.FromSlash(folder)
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(filepath.Dir(src.path), dir)
	}
	entries, err := readDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		name := e.Name()
		switch {
		case strings.HasPrefix(name, ".") && !strings.HasPrefix(prefix, "."), !plainPath(name):
			continue
		case e.IsDir():
			c.add(itemFolder, folder+name+"/", "", "", folder+name+"/", 3)
			continue
		case recipes && (!strings.HasSuffix(name, ".yaml") && !strings.HasSuffix(name, ".yml") || filepath.Join(dir, name) == src.path):
			continue
		}
		c.add(itemFile, folder+name, "", "", folder+name, 2)
	}
}

// readDir lists a folder, but no more than there is room for.
func readDir(dir string) ([]os.DirEntry, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	entries, err := f.ReadDir(maxEntries)
	if len(entries) > 0 {
		err = nil
	}
	slices.SortFunc(entries, func(a, b os.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, err
}

// plainPath says whether a file's name can stand in YAML as it is.
func plainPath(name string) bool {
	return !strings.ContainsAny(name, "\"'\\:#{}[],&*!|>%@`\r\n") && strings.TrimSpace(name) == name
}
