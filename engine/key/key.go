package key

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"sort"
	"strconv"

	"github.com/belay-ml/belay/engine/artifact"
)

// Format is the version of the canonical encoding. Raising it makes every stage run again.
const Format = 1

// Key is the SHA-256 of a stage instance's parts, in lower-case hex.
type Key string

// Short is the key's first 12 digits, for people.
func (k Key) Short() string { return artifact.Digest(k).Short() }

// Valid says whether k looks like a key, and so is safe as a file name.
func (k Key) Valid() bool { return artifact.Digest(k).Valid() }

// Parts is what a key is made of.
type Parts struct {
	Format  int                        `json:"format"`
	Stage   string                     `json:"stage"` // kind of stage
	Version int                        `json:"version"`
	Params  map[string]string          `json:"params,omitempty"` // canonical text by path, see Params
	Inputs  map[string]artifact.Digest `json:"inputs,omitempty"` // by parameter path: "base", "data[0]"
	Env     map[string]string          `json:"env,omitempty"`
	Backend string                     `json:"backend,omitempty"`
}

// Key digests the parts.
func (p Parts) Key() Key {
	h := sha256.New()
	line := func(kind, name, value string) {
		io.WriteString(h, kind+" "+strconv.QuoteToASCII(name)+" "+strconv.QuoteToASCII(value)+"\n")
	}
	fmt.Fprintf(h, "belay key %d\n", p.Format)
	line("stage", p.Stage, strconv.Itoa(p.Version))
	for _, n := range names(p.Params) {
		line("param", n, p.Params[n])
	}
	for _, n := range names(p.Inputs) {
		line("input", n, string(p.Inputs[n]))
	}
	for _, n := range names(p.Env) {
		line("env", n, p.Env[n])
	}
	line("backend", "", p.Backend)
	return Key(hex.EncodeToString(h.Sum(nil)))
}

func names[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for n := range m {
		out = append(out, n)
	}
	sort.Strings(out)
	return out
}
