package record

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
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
	"json": jsonFormat, "jsonl": jsonFormat, "txt": textFormat, "csv": csvFormat, "tsv": tsvFormat,
	"parquet": parquetFormat, "arrow": arrowFormat,
}

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

// Files lists the data files of a path in the order they are read, and those of a folder that are left
// out. listing takes a folder's files in the order of the file system, as the reference does, which
// may differ from one copy of a folder to another.
func Files(path string, listing bool) (files, left []string, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, fmt.Errorf("find input: %w", err)
	}
	if !info.IsDir() {
		return []string{path}, nil, known(path)
	}
	entries, err := entriesOf(path, listing)
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
	chosen := ""
	for _, ext := range exts {
		if formats[ext] != "" {
			chosen = ext
			break
		}
	}
	if chosen == "" {
		return nil, nil, fmt.Errorf("find input: %s holds no %s files", path, supported())
	}
	if err := known(filepath.Join(path, byExt[chosen][0])); err != nil {
		return nil, nil, err
	}
	for _, ext := range exts {
		for _, name := range byExt[ext] {
			if ext == chosen {
				files = append(files, filepath.Join(path, name))
			} else {
				left = append(left, name)
			}
		}
	}
	sort.Strings(left)
	return files, left, nil
}

func entriesOf(path string, listing bool) ([]os.DirEntry, error) {
	if !listing {
		return os.ReadDir(path) // in name order
	}
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
