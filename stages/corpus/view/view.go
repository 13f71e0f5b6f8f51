package view

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/belay-ml/belay/models/tok"
	"github.com/belay-ml/belay/stages/corpus"
)

// Options say what is shown.
type Options struct {
	Tokenizer tok.Tokenizer // nil shows ids instead of text
	First     int           // number of the first sample
	Samples   int           // how many
	Tokens    int           // of each sample; 0 for all
}

// View is what lies at a path.
type View struct {
	Path     string           `json:"path"`
	Manifest *corpus.Manifest `json:"manifest,omitempty"`
	Sets     []Set            `json:"sets"`
}

// Set is one or several indexes that are read together.
type Set struct {
	Name    string       `json:"name"`
	Kind    Kind         `json:"kind"`
	Indexes []IndexFacts `json:"indexes"`
	Total   int          `json:"total"` // samples that could be shown
	Lengths Lengths      `json:"lengths"`
	Packs   *Packs       `json:"packs,omitempty"`
	Samples []Sample     `json:"samples"`
}

// Kind is how a set is read.
type Kind string

// The kinds of sets.
const (
	Text         Kind = "text"
	Instructions Kind = "instructions"
	ChosenOnes   Kind = "chosen answers"
	RejectedOnes Kind = "rejected answers"
)

// IndexFacts are the counts of a .bin/.idx pair.
type IndexFacts struct {
	Name       string `json:"name"`
	DType      string `json:"dtype"`
	Sequences  int    `json:"sequences"`
	Documents  int    `json:"documents"`
	Tokens     int64  `json:"tokens"`
	Multimodal bool   `json:"multimodal,omitempty"`
}

// Packs tells how well packs are filled.
type Packs struct {
	Samples int64   `json:"samples"` // in all packs
	Fill    float64 `json:"fill"`    // share of ids that are no padding
}

// Look shows a folder of token indexes, or what a prefix or one of its files names.
func Look(path string, o Options) (View, error) {
	v := View{Path: path}
	prefixes := []string{strings.TrimSuffix(strings.TrimSuffix(path, ".idx"), ".bin")}
	dir := filepath.Dir(path)
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		dir = path
		if prefixes, err = corpus.Prefixes(path, ""); err != nil {
			return v, err
		}
		if len(prefixes) == 0 {
			return v, fmt.Errorf("inspect %s: no .bin/.idx pair in this folder", path)
		}
	}
	m, err := corpus.ReadManifest(dir)
	switch {
	case err == nil:
		v.Manifest = &m
	case !errors.Is(err, os.ErrNotExist):
		return v, err
	}
	done := map[group]bool{}
	for _, p := range prefixes {
		g := groupOf(p)
		if done[g] {
			continue
		}
		done[g] = true
		s, err := g.look(o)
		if err != nil {
			return v, err
		}
		v.Sets = append(v.Sets, s)
	}
	return v, nil
}

// group names the indexes that make a set.
type group struct {
	prefix string // of an index of text, or what the fields' names begin with
	kind   Kind
}

var leads = map[Kind]string{Instructions: "", ChosenOnes: corpus.Chosen, RejectedOnes: corpus.Rejected}

// groupOf finds the set that an index belongs to.
func groupOf(prefix string) group {
	if stem, ok := strings.CutSuffix(prefix, corpus.LengthsPrefix("")); ok && corpus.Exists(corpus.FieldPrefix(stem, corpus.FieldInputIDs)) {
		return group{stem, Instructions}
	}
	for kind, lead := range leads {
		for _, field := range []string{corpus.FieldInputIDs, corpus.FieldMask, corpus.FieldLabels} {
			stem, ok := strings.CutSuffix(prefix, corpus.FieldPrefix("", lead+field))
			if ok && corpus.Exists(corpus.FieldPrefix(stem, lead+corpus.FieldInputIDs)) && corpus.Exists(corpus.FieldPrefix(stem, lead+corpus.FieldLabels)) {
				return group{stem, kind}
			}
		}
	}
	return group{prefix, Text}
}

func (g group) look(o Options) (Set, error) {
	s := Set{Name: filepath.Base(g.prefix), Kind: g.kind, Samples: []Sample{}}
	r := renderer{t: o.Tokenizer, most: o.Tokens, special: map[int32]bool{}}
	if g.kind == Text {
		x, err := corpus.Open(g.prefix)
		if err != nil {
			return s, err
		}
		defer x.Close()
		s.Indexes, s.Total = []IndexFacts{factsOf(x)}, x.Documents()
		s.Lengths = measure(s.Total, func(d int) int { return documentLength(x, d) })
		for d := o.First; d < s.Total && d-o.First < o.Samples; d++ {
			one, err := r.document(x, d)
			if err != nil {
				return s, err
			}
			s.Samples = append(s.Samples, one)
		}
		return s, nil
	}
	d, err := corpus.OpenAnswers(g.prefix, leads[g.kind])
	if err != nil {
		return s, err
	}
	defer d.Close()
	for _, x := range d.Indexes() {
		s.Indexes = append(s.Indexes, factsOf(x))
	}
	s.Total = d.Len()
	ids := d.Indexes()[0]
	if d.Packed() {
		lengths := d.Indexes()[3]
		if s.Packs, s.Lengths, err = measurePacks(ids, lengths); err != nil {
			return s, err
		}
	} else {
		s.Lengths = measure(s.Total, ids.Len)
	}
	for i := o.First; i < s.Total && i-o.First < o.Samples; i++ {
		one, err := r.instruction(d, i)
		if err != nil {
			return s, err
		}
		s.Samples = append(s.Samples, one)
	}
	return s, nil
}

func factsOf(x *corpus.Index) IndexFacts {
	return IndexFacts{
		Name: filepath.Base(x.Prefix()), DType: x.DType().String(),
		Sequences: x.Sequences(), Documents: x.Documents(), Tokens: x.Tokens(), Multimodal: x.Multimodal(),
	}
}

func documentLength(x *corpus.Index, d int) int {
	n := 0
	for i, end := x.Document(d); i < end; i++ {
		n += x.Len(i)
	}
	return n
}
