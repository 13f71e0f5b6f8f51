package artifact

import "path/filepath"

// Kind is what an artifact is, as far as stages must agree about it.
type Kind string

// The kinds that ports carry. Their layouts are described in the doc.go of the packages that read them.
const (
	HFModel     Kind = "hf-model"            // Hugging Face model directory: config.json, weights, tokenizer files
	Tokenizer   Kind = "tokenizer"           // directory with tokenizer.json (or another tokenizer format)
	Files       Kind = "files"               // a file, or a folder of data files
	TokenIndex  Kind = "token-index"         // folder of Megatron .bin/.idx pairs and their manifest
	Megatron    Kind = "megatron-checkpoint" // iter_*/mp_rank_* directories with their tracker
	LoRA        Kind = "lora"                // adapter weights
	Metrics     Kind = "metrics"             // folder with metrics.json (package metric) and its curves
	Text        Kind = "text"                // a text or JSON-lines file
	Dir         Kind = "dir"                 // any file or folder
	Unspecified Kind = ""
)

// Kinds are the kinds that a recipe may name.
func Kinds() []Kind {
	return []Kind{HFModel, Tokenizer, Files, TokenIndex, Megatron, LoRA, Metrics, Text, Dir}
}

// Accepts says whether a port that wants kind want may be given an artifact of kind have: the same
// kind, anything where any directory will do, and a model directory where its tokenizer is wanted.
func Accepts(want, have Kind) bool {
	switch {
	case want == have, want == Dir, have == Unspecified, want == Unspecified:
		return true
	case want == Tokenizer && have == HFModel:
		return true
	case want == Files:
		return have == Text || have == Dir
	}
	return false
}

// Port is a named output of a stage.
type Port struct {
	Name string
	Kind Kind
	Doc  string
	// Path is where the port lies below the stage's output directory; "" means a directory or file of
	// the port's name. Two ports may share a path ("." is the whole output).
	Path string
	// Metrics are the numbers that a port of kind metrics is known to hold; nil when that is known only when it is there.
	Metrics []string
}

// Rel is the port's place below the stage's output directory.
func (p Port) Rel() string {
	if p.Path == "" {
		return p.Name
	}
	return p.Path
}

// Place is Rel in its one clean form with slashes, as manifests have it.
func (p Port) Place() string { return filepath.ToSlash(filepath.Clean(p.Rel())) }

// Digest is a SHA-256 in lower-case hex: of a file's bytes, or of a directory's canonical listing.
type Digest string

// Short is the digest's first 12 digits, for people.
func (d Digest) Short() string {
	if len(d) > 12 {
		return string(d[:12])
	}
	return string(d)
}

// Ref is an input port in a parameter struct: where an artifact lies when the stage runs, and what
// it is. The zero value is an input that was not given.
type Ref struct {
	Path   string // absolute path of the file or directory
	Digest Digest
	Kind   Kind
	Label  string // how messages name it: "base.model", or the path as the recipe wrote it
}

// Given says whether the input was given.
func (r Ref) Given() bool { return r.Path != "" }
