package sentence

import (
	"bufio"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

//go:embed english
var english embed.FS

// Where and in which case a word was seen.
const (
	begUpper = 1 << (iota + 1)
	midUpper
	unkUpper
	begLower
	midLower
	unkLower

	anyUpper = begUpper | midUpper | unkUpper
	anyLower = begLower | midLower | unkLower
)

// Model is what is known of a language.
type Model struct {
	abbreviations map[string]bool // without their last period
	collocations  map[[2]string]bool
	starters      map[string]bool
	seen          map[string]int
}

// English is the model of English.
func English() (*Model, error) {
	dir, err := fs.Sub(english, "english")
	if err != nil {
		return nil, fmt.Errorf("load sentence model: %w", err)
	}
	return load(dir, "english")
}

// Load reads a model from a folder of NLTK's punkt_tab data: abbrev_types.txt, collocations.tab, sent_starters.txt and
// ortho_context.tab.
func Load(path string) (*Model, error) { return load(os.DirFS(path), path) }

// maxEntries bounds each list of a model.
const maxEntries = 4 << 20

func load(dir fs.FS, label string) (*Model, error) {
	m := &Model{abbreviations: map[string]bool{}, collocations: map[[2]string]bool{}, starters: map[string]bool{}, seen: map[string]int{}}
	err := errors.Join(
		rows(dir, "abbrev_types.txt", 1, func(f []string) error { m.abbreviations[f[0]] = true; return nil }),
		rows(dir, "sent_starters.txt", 1, func(f []string) error { m.starters[f[0]] = true; return nil }),
		rows(dir, "collocations.tab", 2, func(f []string) error { m.collocations[[2]string{f[0], f[1]}] = true; return nil }),
		rows(dir, "ortho_context.tab", 2, func(f []string) (err error) {
			m.seen[f[0]], err = strconv.Atoi(f[1])
			return err
		}),
	)
	if err != nil {
		return nil, fmt.Errorf("load sentence model %s: %w", label, err)
	}
	return m, nil
}

// rows reads a file of tab-separated rows.
func rows(dir fs.FS, name string, columns int, take func([]string) error) error {
	f, err := dir.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	in := bufio.NewScanner(f)
	for line := 1; in.Scan(); line++ {
		if in.Text() == "" {
			continue
		}
		fields := strings.Split(in.Text(), "\t")
		if columns == 1 {
			fields = []string{in.Text()}
		}
		switch {
		case line > maxEntries:
			return fmt.Errorf("%s: more than %d lines", name, maxEntries)
		case len(fields) != columns:
			return fmt.Errorf("%s:%d: %d columns, want %d", name, line, len(fields), columns)
		}
		if err := take(fields); err != nil {
			return fmt.Errorf("%s:%d: %w", name, line, err)
		}
	}
	if err := in.Err(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
