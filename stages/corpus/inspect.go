package corpus

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Report is what a token index looks like from outside.
type Report struct {
	Path    string        `json:"path"`
	Indexes []IndexReport `json:"indexes"`
}

// IndexReport describes one .bin/.idx pair.
type IndexReport struct {
	Name      string    `json:"name"`
	DType     string    `json:"dtype"`
	Sequences int       `json:"sequences"`
	Documents int       `json:"documents"`
	Tokens    int64     `json:"tokens"`
	Shortest  int       `json:"shortest"`
	Longest   int       `json:"longest"`
	Median    int       `json:"median"`
	Empty     int       `json:"empty_sequences,omitempty"`
	Low       int32     `json:"lowest_id"`  // of the samples shown
	High      int32     `json:"highest_id"` // of the samples shown
	Samples   []Preview `json:"samples,omitempty"`
}

// Preview is the beginning of a sequence.
type Preview struct {
	Sequence int     `json:"sequence"`
	Length   int     `json:"length"`
	IDs      []int32 `json:"ids"`
	Text     string  `json:"text,omitempty"`
}

const (
	previews    = 3
	previewIDs  = 64
	manyLengths = 1 << 20 // of so many the median is worked out; further ones only bound it
)

// Inspect reports on a folder of token indexes, or on one given by its prefix or by either of its
// files. decode, when it is not nil, turns ids into text.
func Inspect(path string, decode func([]int32) string) (Report, error) {
	r := Report{Path: path}
	var prefixes []string
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		if prefixes, err = Prefixes(path, ""); err != nil {
			return r, err
		}
		if len(prefixes) == 0 {
			return r, fmt.Errorf("inspect %s: no .bin/.idx pair in this folder", path)
		}
	} else {
		prefixes = []string{strings.TrimSuffix(strings.TrimSuffix(path, ".idx"), ".bin")}
	}
	for _, p := range prefixes {
		one, err := inspectIndex(p, decode)
		if err != nil {
			return r, err
		}
		r.Indexes = append(r.Indexes, one)
	}
	return r, nil
}

func inspectIndex(prefix string, decode func([]int32) string) (IndexReport, error) {
	x, err := Open(prefix)
	if err != nil {
		return IndexReport{}, err
	}
	defer x.Close()
	r := IndexReport{
		Name: filepath.Base(prefix), DType: x.dtype.String(),
		Sequences: x.sequences, Documents: x.documents, Tokens: x.tokens,
	}
	var lengths []int
	for i := range x.sequences {
		n := x.Len(i)
		if i == 0 || n < r.Shortest {
			r.Shortest = n
		}
		r.Longest = max(r.Longest, n)
		if n == 0 {
			r.Empty++
		}
		if len(lengths) < manyLengths {
			lengths = append(lengths, n)
		}
	}
	if len(lengths) > 0 {
		slices.Sort(lengths)
		r.Median = lengths[len(lengths)/2]
	}
	for i := range min(previews, x.sequences) {
		p := Preview{Sequence: i, Length: x.Len(i)}
		if p.IDs, err = x.AppendRange(nil, i, 0, min(p.Length, previewIDs)); err != nil {
			return r, err
		}
		if len(p.IDs) > 0 {
			low, high := slices.Min(p.IDs), slices.Max(p.IDs)
			if i == 0 || low < r.Low {
				r.Low = low
			}
			r.High = max(r.High, high)
		}
		if decode != nil && !slices.ContainsFunc(p.IDs, func(id int32) bool { return id < 0 }) {
			p.Text = decode(p.IDs)
		}
		r.Samples = append(r.Samples, p)
	}
	return r, nil
}
