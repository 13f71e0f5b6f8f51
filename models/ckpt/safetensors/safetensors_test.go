package safetensors

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/models/ckpt"
)

func sample(t *testing.T) *ckpt.Memory {
	t.Helper()
	m := ckpt.NewMemory()
	for i, info := range []ckpt.Info{
		{Name: "b.weight", DType: dtype.BF16, Shape: []int{3, 2}},
		{Name: "a <é> \"q\"", DType: dtype.F32, Shape: []int{2}},
		{Name: "scalar", DType: dtype.I64, Shape: []int{}},
		{Name: "empty", DType: dtype.F32, Shape: []int{0, 4}},
		{Name: "a.weight", DType: dtype.BF16, Shape: []int{4}},
	} {
		if err := m.Put(info, bytes.Repeat([]byte{byte(i + 1)}, int(info.Size()))); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func same(t *testing.T, want, have ckpt.Source) {
	t.Helper()
	infos := map[string]ckpt.Info{}
	for _, i := range have.List() {
		infos[i.Name] = i
	}
	if len(infos) != len(want.List()) {
		t.Errorf("%d tensors, want %d", len(infos), len(want.List()))
	}
	for _, i := range want.List() {
		if d := cmp.Diff(i, infos[i.Name]); d != "" {
			t.Errorf("%s: -want +have\n%s", i.Name, d)
		}
		a, err := want.Bytes(i.Name)
		if err != nil {
			t.Fatal(err)
		}
		b, err := have.Bytes(i.Name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(a, b) {
			t.Errorf("%s: bytes differ", i.Name)
		}
	}
}

func TestWhatIsWrittenReadsBackEqual(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.safetensors")
	src := sample(t)
	if err := Write(path, src, nil); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	same(t, src, f)
	if f.Metadata()["format"] != "pt" {
		t.Errorf("metadata %v", f.Metadata())
	}
	if f.base%8 != 0 {
		t.Errorf("data begins at byte %d, not aligned", f.base)
	}
}

func TestShardsAndIndexReadBackAsOne(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	src := sample(t)
	w, err := CreateDir(dir, src.List(), 16, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range src.List() {
		b, _ := src.Bytes(i.Name)
		if err := w.Put(i.Name, b); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	have, err := OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer have.Close()
	same(t, src, have)
	if names, _ := filepath.Glob(filepath.Join(dir, "model-*-of-00003.safetensors")); len(names) != 3 {
		t.Errorf("shards %v", names)
	}
}

func TestWriterLeavesNothingWithoutClose(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w, err := Create(filepath.Join(dir, "x.safetensors"), sample(t).List(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Put("scalar", make([]byte, 7)); err == nil {
		t.Error("short data accepted")
	}
	if err := w.Put("other", nil); err == nil {
		t.Error("undeclared tensor accepted")
	}
	if err := w.Close(); err == nil || !strings.Contains(err.Error(), "5 tensors were not put") {
		t.Errorf("close: %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// file makes a safetensors file of a header text and n data bytes.
func file(head string, n int) []byte {
	out := binary.LittleEndian.AppendUint64(nil, uint64(len(head)))
	return append(append(out, head...), make([]byte, n)...)
}

func TestBadHeadersAreRefusedWithThePlace(t *testing.T) {
	t.Parallel()
	one := `{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}`
	tests := []struct {
		name string
		data []byte
		want string
	}{
		{"a file shorter than its length field", []byte{1, 2}, "byte 0: file has 2 bytes"},
		{"a length beyond the cap", binary.LittleEndian.AppendUint64(nil, 1<<40), "beyond the format's limit"},
		{"a length beyond the file", binary.LittleEndian.AppendUint64(nil, 100), "header length 100, but only 0 bytes follow"},
		{"no JSON", file("hello", 0), "byte 8: header does not begin with '{'"},
		{"broken JSON", file(`{"a":`, 0), "bad JSON"},
		{"text behind the header", file(one+"}x", 8), "text after the header"},
		{"truncated data", file(one+"}", 7), "is it truncated?"},
		{"data after the last tensor", file(one+"}", 9), "1 data bytes after the last tensor"},
		{"an overlap", file(one+`,"b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}`, 8), `tensor "b" begins at data byte 4, inside`},
		{"a gap", file(one+`,"b":{"dtype":"U8","shape":[1],"data_offsets":[9,10]}}`, 10), "bytes 8 to 9 belong to no tensor"},
		{"a name twice", file(one+`,"a":{"dtype":"U8","shape":[1],"data_offsets":[8,9]}}`, 9), `name "a" twice`},
		{"an unknown type", file(`{"a":{"dtype":"F4","shape":[2],"data_offsets":[0,1]}}`, 1), `unknown element type "F4"`},
		{"a shape that does not fit", file(`{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}`, 8), "takes 12 bytes"},
		{"a shape that overflows", file(`{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]}}`, 8), "too large"},
		{"a negative dimension", file(`{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,8]}}`, 8), "shape holds -1"},
		{"offsets reversed", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[8,4]}}`, 8), "is not [begin, end]"},
		{"a missing key", file(`{"a":{"dtype":"F32","shape":[1]}}`, 4), "no data_offsets"},
		{"an unknown key", file(`{"a":{"dtype":"F32","shape":[1],"x":1}}`, 4), `unknown key "x"`},
		{"metadata that is not text", file(`{"__metadata__":{"a":1}}`, 0), `__metadata__ "a" is not text`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "x.safetensors")
			if err := os.WriteFile(path, tt.data, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Open(path)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("error %v, want the path and %q", err, tt.want)
			}
		})
	}
}

func TestIndexCannotLeaveItsDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := `{"weight_map": {"a": "../x.safetensors"}}`
	if err := os.WriteFile(filepath.Join(dir, IndexName), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenDir(dir); err == nil || !strings.Contains(err.Error(), "not a plain name") {
		t.Errorf("error %v", err)
	}
}

func FuzzHeader(f *testing.F) {
	f.Add([]byte(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`), int64(8))
	f.Add([]byte(`{"__metadata__":{"a":"b"},"a":{"dtype":"BF16","shape":[],"data_offsets":[0,2]}}   `), int64(2))
	f.Add([]byte(`{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]}}`), int64(8))
	f.Fuzz(func(t *testing.T, text []byte, n int64) {
		if n < 0 {
			return
		}
		entries, _, err := parseHeader(text, n)
		if err != nil {
			return
		}
		at := int64(0)
		for _, e := range entries {
			if e.begin != at || e.end-e.begin != e.Size() {
				t.Fatalf("entry %+v does not tile the data", e)
			}
			at = e.end
		}
		if at != n {
			t.Fatalf("entries cover %d of %d bytes", at, n)
		}
	})
}

// An index names plain files of its directory or is refused; a directory opens only when all of them are there.
func FuzzIndex(f *testing.F) {
	f.Add([]byte(`{"metadata":{"total_size":8},"weight_map":{"a":"model.safetensors"}}`))
	f.Add([]byte(`{"weight_map":{"a":"../x","b":"/etc/passwd","":"."}}`))
	f.Add([]byte(`{"weight_map":{"b":"model.safetensors"}}`))
	f.Add([]byte(`{"weight_map":{"a":"."}}`))
	f.Add([]byte(`{"weight_map":[]}`))
	f.Add([]byte(`{"weight_map":{"a":null}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		dir := t.TempDir()
		data := file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 8)
		if err := errors.Join(os.WriteFile(filepath.Join(dir, SingleName), data, 0o600), os.WriteFile(filepath.Join(dir, IndexName), text, 0o600)); err != nil {
			t.Fatal(err)
		}
		weights, err := ReadIndex(filepath.Join(dir, IndexName))
		if err == nil && len(weights) == 0 {
			t.Error("an index of nothing was accepted")
		}
		local := true
		for name, file := range weights {
			if filepath.Join(dir, file) == dir || filepath.Dir(filepath.Join(dir, file)) != dir {
				t.Errorf("tensor %q lies in %q", name, file)
			}
			local = local && name == "a" && file == SingleName
		}
		src, err := OpenDir(dir)
		if (err == nil) != (len(weights) > 0 && local) {
			t.Errorf("index %v: %v", weights, err)
		}
		if err == nil {
			src.Close()
		}
	})
}

func TestATensorMayComeInPieces(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.safetensors")
	infos := []ckpt.Info{{Name: "a", DType: dtype.U8, Shape: []int{5}}, {Name: "b", DType: dtype.U8, Shape: []int{4}}, {Name: "none", DType: dtype.U8, Shape: []int{0}}}
	w, err := Create(path, infos, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []struct{ name, text string }{{"b", "67"}, {"a", "123"}, {"b", "8"}, {"a", "45"}, {"none", ""}} {
		if err := w.Append(p.name, []byte(p.text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Append("b", []byte("99")); err == nil {
		t.Error("more than a tensor holds is accepted")
	}
	if err := w.Append("a", nil); err == nil {
		t.Error("a complete tensor is gone on with")
	}
	if err := w.Append("b", []byte("9")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for name, want := range map[string]string{"a": "12345", "b": "6789", "none": ""} {
		if have, err := f.Bytes(name); err != nil || string(have) != want {
			t.Errorf("%s is %q, %v, want %q", name, have, err, want)
		}
	}
}
