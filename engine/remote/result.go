package remote

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/key"
)

// resultFormat is the version of a result's JSON form.
const resultFormat = 1

// MaxResult bounds the size of a result that is read: about a million files.
const MaxResult = 256 << 20

// Result is what a remote holds under a key.
type Result struct {
	Manifest *artifact.Manifest
	Packs    Packs
}

// Packs says how the small files travel.
type Packs struct {
	Below   int64             `json:"below"`   // files smaller than this are packed
	Digests []artifact.Digest `json:"digests"` // of the packs; what each holds follows from the manifest
}

type resultJSON struct {
	Format   int             `json:"format"`
	Packs    *Packs          `json:"packs,omitempty"`
	Manifest json.RawMessage `json:"manifest"`
}

// Encode writes a result in its JSON form.
func (r *Result) Encode() ([]byte, error) {
	m, err := r.Manifest.Encode()
	if err != nil {
		return nil, err
	}
	out := resultJSON{Format: resultFormat, Manifest: m}
	if len(r.Packs.Digests) > 0 {
		out.Packs = &r.Packs
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(out); err != nil {
		return nil, fmt.Errorf("write result: %w", err)
	}
	return b.Bytes(), nil
}

// DecodeResult reads the result of a key and checks that it can be one: its manifest agrees with itself, names the key, and
// has the parts that the key is made of. Ports must be there as the stage has them; nil asks for none.
func DecodeResult(k key.Key, ports []artifact.Port, data []byte) (*Result, error) {
	var in resultJSON
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil {
		return nil, Fail(ErrWrong, "read result: byte %d: %w%s", dec.InputOffset(), err, looksLike(data))
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, Fail(ErrWrong, "read result: text after its end")
	}
	if in.Format != resultFormat {
		return nil, Fail(ErrWrong, "read result: format %d, this program knows %d", in.Format, resultFormat)
	}
	m, err := artifact.DecodeManifest(in.Manifest)
	if err != nil {
		return nil, Fail(ErrWrong, "read result: %w", err)
	}
	if m.Key != string(k) {
		return nil, Fail(ErrWrong, "read result: it is that of key %.12q", m.Key)
	}
	var parts key.Parts
	if err := json.Unmarshal(m.Parts, &parts); err != nil || parts.Key() != k {
		return nil, Fail(ErrWrong, "read result: its parts do not make its key")
	}
	for _, p := range ports {
		c, ok := m.Ports[p.Name]
		if !ok || c.Kind != p.Kind || c.Path != p.Place() {
			return nil, Fail(ErrWrong, "read result: port %s is missing or another", p.Name)
		}
	}
	r := &Result{Manifest: m}
	if in.Packs != nil {
		r.Packs = *in.Packs
	}
	if n := len(r.Packs.Digests); n&(n-1) != 0 || n > maxPacks || r.Packs.Below < 0 || r.Packs.Below > packBelow {
		return nil, Fail(ErrWrong, "read result: %d packs below %d bytes", n, r.Packs.Below)
	}
	for _, d := range r.Packs.Digests {
		if !d.Valid() {
			return nil, Fail(ErrWrong, "read result: pack %.12q is no digest", d)
		}
	}
	return r, nil
}

// looksLike helps with the commonest wrong answer.
func looksLike(data []byte) string {
	if t := bytes.TrimSpace(data[:min(len(data), 64)]); len(t) > 0 && t[0] == '<' {
		return " (it is a web page or XML: does something stand between, a proxy or a login?)"
	}
	return ""
}
