package gguf

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/ascend/dtype"
)

const kindsFile = "testdata/kinds.gguf"

// The numbers are those of gguf-py's decoders, bit for bit.
func TestEveryElementTypeIsDecodedAsGgmlDoes(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/kinds.json")
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]struct {
		Kind   string
		Values []uint32
	}
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	f, err := Open(kindsFile)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if len(f.List()) != len(want) {
		t.Errorf("%d tensors, want %d", len(f.List()), len(want))
	}
	for _, i := range f.List() {
		w := want[i.Name]
		if f.Stored(i.Name) != w.Kind || i.Shape[0] != 3 || i.Len() != len(w.Values) {
			t.Errorf("%s: %s %v, want %s and 3 rows", i.Name, f.Stored(i.Name), i.Shape, w.Kind)
			continue
		}
		data, err := f.Bytes(i.Name)
		if err != nil {
			t.Fatal(err)
		}
		for n, bits := range w.Values {
			var have float32
			switch i.DType {
			case dtype.F32:
				have = math.Float32frombits(binary.LittleEndian.Uint32(data[4*n:]))
			case dtype.F16:
				have = dtype.F16ToF32(binary.LittleEndian.Uint16(data[2*n:]))
			case dtype.BF16:
				have = dtype.BF16ToF32(binary.LittleEndian.Uint16(data[2*n:]))
			}
			if math.Float32bits(have) != bits {
				t.Errorf("%s: element %d is %v, want %v", i.Name, n, have, math.Float32frombits(bits))
				break
			}
		}
	}
}

func TestMetadataIsReadAndListsAreKnownByTheirLength(t *testing.T) {
	t.Parallel()
	f, err := Open(kindsFile)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	want := map[string]any{
		"general.architecture": "llama", "llama.context_length": int64(64), "llama.rope.freq_base": 10000.0, "flag": true,
		"some.text": "naïve", "tokenizer.ggml.tokens": Array{"string", 3}, "numbers": Array{"int32", 3},
	}
	for name, w := range want {
		if v, ok := f.Value(name); !ok || !cmp.Equal(v, w) {
			t.Errorf("%s is %#v, want %#v", name, v, w)
		}
	}
}

// bad writes a changed copy of the file and opens it.
func bad(t testing.TB, text []byte) error {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bad.gguf")
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err == nil {
		f.Close()
	}
	return err
}

func TestBadFilesAreRefusedWithThePlace(t *testing.T) {
	t.Parallel()
	whole, err := os.ReadFile(kindsFile)
	if err != nil {
		t.Fatal(err)
	}
	change := func(at int, with ...byte) []byte {
		out := bytes.Clone(whole)
		copy(out[at:], with)
		return out
	}
	kindAt := bytes.Index(whole, []byte("q6_k")) + 4 + 4 + 2*8 // name, count and two dimensions
	for name, c := range map[string]struct {
		text []byte
		want string
	}{
		"nothing":              {nil, "byte 0: 4 bytes are missing"},
		"another file":         {change(0, []byte("GGML")...), `byte 0: the file begins with "GGML"`},
		"another version":      {change(4, 1), "byte 4: version 1"},
		"more tensors":         {change(8, 0, 0, 0, 0, 0, 1), "tensors, but only"},
		"more pairs":           {change(16, 0, 0, 0, 0, 0, 1), "metadata pairs, but only"},
		"a long name":          {change(24, 255, 255, 255, 255, 255), "bytes of text, but only"},
		"an unknown type":      {change(kindAt, 10), `tensor "q6_k": element type Q2_K is not read`},
		"rows of part blocks":  {change(kindAt-16, 255), "are not whole blocks of 256 (Q6_K)"},
		"a huge dimension":     {change(kindAt-16, 0, 1, 0, 0, 0, 1), `tensor "q6_k" has a dimension of`},
		"a place far away":     {change(kindAt+4, 0, 0, 0, 0, 0, 1), "is it truncated?"},
		"a place of another":   {change(kindAt+4, 0, 0, 0, 0), "begins inside tensor"},
		"a place between":      {change(kindAt+4, 1, 0, 0, 0), "which is no multiple of 32"},
		"cut in the head":      {whole[:100], "is the file truncated?"},
		"cut in the last data": {whole[:len(whole)-200], "is it truncated?"},
	} {
		if err := bad(t, c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func FuzzOpen(f *testing.F) {
	whole, err := os.ReadFile(kindsFile)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:600])
	f.Add([]byte("GGUF\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(t.TempDir(), "f.gguf")
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Skip()
		}
		g, err := Open(path)
		if err != nil {
			return
		}
		defer g.Close()
		for _, i := range g.List() {
			// A quantised tensor grows by less than eight times.
			if data, err := g.Bytes(i.Name); err != nil || int64(len(data)) != i.Size() || len(data) > 8*len(text) {
				t.Errorf("%s: %d bytes of %d, %v", i.Name, len(data), i.Size(), err)
			}
		}
	})
}
