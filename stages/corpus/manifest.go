package corpus

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// ManifestName is the file beside the indexes that says what they are.
const ManifestName = "manifest.json"

// Manifest describes a folder of token indexes. It holds nothing that differs between two runs on the
// same input: no times, hosts, paths or worker counts.
type Manifest struct {
	Format      int      `json:"format"` // 1
	Style       string   `json:"style"`
	Template    string   `json:"template,omitempty"`
	Compat      string   `json:"compat,omitempty"`
	Prefix      string   `json:"prefix"`
	Instruction bool     `json:"instruction"` // fields of one sample, rather than running text
	Pairs       bool     `json:"pairs,omitempty"`
	Packed      bool     `json:"packed"`
	SeqLength   int      `json:"seq_length,omitempty"`
	VocabSize   int      `json:"vocab_size"` // with the tokens that the template added
	EOD         int32    `json:"eod_id"`     // -1 when the tokenizer has none
	PAD         int32    `json:"pad_id"`
	Files       []string `json:"files"` // data files, in the order read
	LeftOut     []string `json:"left_out,omitempty"`

	Records   int64            `json:"records"`
	Samples   int64            `json:"samples"` // sequences before packing
	Tokens    int64            `json:"tokens"`  // ids of all samples, without padding and masks
	Trained   int64            `json:"trained_tokens"`
	Truncated int64            `json:"truncated"`
	Dropped   map[string]int64 `json:"dropped"` // records left out, by reason
	// Examples are the first records left out, by reason: a place, or a mistake with its place.
	Examples map[string]string `json:"dropped_examples,omitempty"`

	Lengths   LengthSummary  `json:"sample_lengths"`
	Histogram TokenSummary   `json:"token_histogram"`
	Indexes   []IndexSummary `json:"indexes"`
	Sample    []Piece        `json:"sample,omitempty"` // how the first sample reads, and what of it is learned
}

// LengthSummary tells how long samples are, in ids.
type LengthSummary struct {
	Shortest int     `json:"shortest"`
	Median   int     `json:"median"`
	P90      int     `json:"p90"`
	Longest  int     `json:"longest"`
	Mean     float64 `json:"mean"`
}

// TokenSummary tells which ids occur.
type TokenSummary struct {
	Distinct int          `json:"distinct"`
	Top      []TokenCount `json:"top"`
}

// TokenCount is how often an id occurs.
type TokenCount struct {
	ID    int32  `json:"id"`
	Token string `json:"token"`
	Count int64  `json:"count"`
}

// IndexSummary is what one .bin/.idx pair holds.
type IndexSummary struct {
	Name      string `json:"name"`
	DType     string `json:"dtype"`
	Sequences int    `json:"sequences"`
	Documents int    `json:"documents"`
	Tokens    int64  `json:"tokens"`
}

// Piece is a run of a sample's text that is learned, or that is not.
type Piece struct {
	Text    string `json:"text"`
	IDs     int    `json:"ids"`
	Trained bool   `json:"trained"`
}

// Write writes the manifest into a folder.
func (m Manifest) Write(dir string) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", ManifestName, err)
	}
	f, err := os.CreateTemp(dir, "."+ManifestName+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", ManifestName, err)
	}
	_, err = f.Write(append(text, '\n'))
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, ManifestName))
	}
	if err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("write %s: %w", ManifestName, err)
	}
	return nil
}

// ReadManifest reads a folder's manifest; os.ErrNotExist when it has none, as folders made by other
// programs have not.
func ReadManifest(dir string) (Manifest, error) {
	var m Manifest
	text, err := os.ReadFile(filepath.Join(dir, ManifestName))
	if err != nil {
		return m, fmt.Errorf("read manifest: %w", err)
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("read manifest: %s: %w", filepath.Join(dir, ManifestName), err)
	}
	return m, nil
}

// Found is what a folder of token indexes offers to a trainer.
type Found struct {
	// Instruction is the prefix for OpenInstructions, "" when the folder holds running text only.
	Instruction string
	// Text are the prefixes of indexes of running text, for Open.
	Text []string
}

// Find looks for token indexes in a folder, or takes path as a prefix.
func Find(path string) (Found, error) {
	var f Found
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		prefix := strings.TrimSuffix(strings.TrimSuffix(path, ".idx"), ".bin")
		switch {
		case Exists(FieldPrefix(prefix, FieldInputIDs)):
			f.Instruction = prefix
		case Exists(prefix):
			f.Text = []string{prefix}
		default:
			return f, fmt.Errorf("find token index: nothing at %s (looked for %s.idx and %s.idx)", path, filepath.Base(prefix), filepath.Base(FieldPrefix(prefix, FieldInputIDs)))
		}
		return f, nil
	}
	all, err := Prefixes(path, "")
	if err != nil {
		return f, err
	}
	for _, p := range all {
		if stem, ok := strings.CutSuffix(p, FieldPrefix("", FieldInputIDs)); ok && !strings.HasSuffix(stem, "_packed_chosen") {
			if f.Instruction != "" {
				return f, fmt.Errorf("find token index: %s holds two sets of instruction data, %s and %s: name one by its prefix", path, filepath.Base(f.Instruction), filepath.Base(stem))
			}
			f.Instruction = stem
		} else if !strings.Contains(filepath.Base(p), "_packed_") {
			f.Text = append(f.Text, p)
		}
	}
	if f.Instruction == "" && len(f.Text) == 0 {
		return f, fmt.Errorf("find token index: no .bin/.idx pair in %s", path)
	}
	return f, nil
}
