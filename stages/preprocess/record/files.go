package record

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// The formats of files.
const (
	jsonFormat    = "json" // objects, one a line or in an array
	textFormat    = "text"
	csvFormat     = "csv"
	tsvFormat     = "tsv"
	parquetFormat = "parquet"
	arrowFormat   = "arrow"
)

// formats are those that can be read, by the extension of their files.
var formats = map[string]string{
	"json": jsonFormat, "jsonl": jsonFormat, "ndjson": jsonFormat, "txt": textFormat, "csv": csvFormat, "tsv": tsvFormat,
	"parquet": parquetFormat, "arrow": arrowFormat,
}

// reference are the extensions that the reference knows.
var reference = []string{"parquet", "arrow", "csv", "json", "jsonl", "txt"}

// extension is a file's last extension below a compression's, and that compression's.
func extension(name string) (ext, compression string) {
	for _, c := range []string{".gz", ".zst"} {
		if s, ok := strings.CutSuffix(name, c); ok {
			name, compression = s, c
			break
		}
	}
	return strings.TrimPrefix(filepath.Ext(name), "."), compression
}

// Choice says which files of a folder are read.
type Choice struct {
	// Pattern picks files of the folder and of those below it, by their paths in it; "" is every file that lies in the
	// folder itself.
	Pattern string
	// Majority reads the files of one format only, that which most of them have, in the order of the file system, which
	// may differ from one copy of a folder to another. The reference does so.
	Majority bool
}

// maxLooked bounds the entries of folders that a pattern looks at.
const maxLooked = 1_000_000

// Files lists the data files of a path in the order they are read, which is that of their names, and what of a folder is
// left out: files of unknown formats and, where no pattern asks for them, folders. Hidden files do not count.
func Files(path string, c Choice) (files, left []string, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, fmt.Errorf("find input: %w", err)
	}
	switch {
	case !info.IsDir():
		return []string{path}, nil, known(path)
	case c.Majority:
		return majority(path)
	case c.Pattern != "":
		files, err = matches(path, c.Pattern)
		return files, nil, err
	}
	entries, err := os.ReadDir(path) // in name order
	if err != nil {
		return nil, nil, fmt.Errorf("find input: %w", err)
	}
	folders := false
	for _, e := range entries {
		name := e.Name()
		full := filepath.Join(path, name)
		switch {
		case strings.HasPrefix(name, "."):
			continue
		case isFolder(e, full):
			folders = true
			left = append(left, name+"/")
		case known(full) != nil:
			left = append(left, name)
		default:
			files = append(files, full)
		}
	}
	if len(files) == 0 {
		hint := ""
		if folders {
			hint = ", and folders in it are not searched: name one, or the files by a pattern (**/*.jsonl)"
		}
		return nil, nil, fmt.Errorf("find input: %s holds no %s files%s", path, supported(), hint)
	}
	return files, left, nil
}

// isFolder looks through links.
func isFolder(e os.DirEntry, full string) bool {
	if e.Type()&os.ModeSymlink == 0 {
		return e.IsDir()
	}
	info, err := os.Stat(full)
	return err == nil && info.IsDir()
}

// matches lists the files of a folder that a pattern picks.
func matches(path, pattern string) ([]string, error) {
	if !doublestar.ValidatePattern(pattern) {
		return nil, fmt.Errorf("find input: bad pattern %q", pattern)
	}
	left := maxLooked
	var files []string
	err := filepath.WalkDir(path, func(full string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if left--; left < 0 {
			return fmt.Errorf("more than %d files", maxLooked)
		}
		rel, err := filepath.Rel(path, full)
		switch {
		case err != nil || rel == ".":
			return err
		case strings.HasPrefix(e.Name(), ".") && e.IsDir():
			return filepath.SkipDir
		case strings.HasPrefix(e.Name(), ".") || isFolder(e, full):
			return nil
		case doublestar.MatchUnvalidated(pattern, filepath.ToSlash(rel)):
			files = append(files, full)
			return known(full)
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("find input: %s: %w", path, err)
	case len(files) == 0:
		return nil, fmt.Errorf("find input: %s holds no file that matches %s", path, pattern)
	}
	sort.Strings(files)
	return files, nil
}

// majority chooses the files of a folder as the reference does.
func majority(path string) (files, left []string, err error) {
	entries, err := listing(path)
	if err != nil {
		return nil, nil, fmt.Errorf("find input: %w", err)
	}
	byExt := map[string][]string{}
	var exts []string // by first appearance, which settles ties
	for _, e := range entries {
		if e.IsDir() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		ext, _ := extension(e.Name())
		if byExt[ext] == nil {
			exts = append(exts, ext)
		}
		byExt[ext] = append(byExt[ext], e.Name())
	}
	sort.SliceStable(exts, func(i, j int) bool { return len(byExt[exts[i]]) > len(byExt[exts[j]]) })
	i := slices.IndexFunc(exts, func(ext string) bool { return slices.Contains(reference, ext) })
	if i < 0 {
		return nil, nil, fmt.Errorf("find input: %s holds no %s files", path, supported())
	}
	for k, ext := range exts {
		for _, name := range byExt[ext] {
			if k == i {
				files = append(files, filepath.Join(path, name))
			} else {
				left = append(left, name)
			}
		}
	}
	sort.Strings(left)
	return files, left, nil
}

// listing is a folder in the order of the file system.
func listing(path string) ([]os.DirEntry, error) {
	d, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.ReadDir(-1)
}

func known(path string) error {
	ext, compression := extension(filepath.Base(path))
	switch {
	case formats[ext] == parquetFormat && compression != "":
		return fmt.Errorf("find input: %s: a .parquet file is compressed inside, and is read from its end: unpack it", path)
	case formats[ext] != "":
		return nil
	}
	return fmt.Errorf("find input: %s: unknown format .%s, want %s (all but .parquet also with .gz or .zst)", path, ext, supported())
}

func supported() string { return ".jsonl, .json, .txt, .csv, .tsv, .parquet or .arrow" }
