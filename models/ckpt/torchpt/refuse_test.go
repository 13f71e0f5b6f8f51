package torchpt

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/belay-ml/belay/ascend/dtype"
)

// archive makes a torch zip of a pickle and storages.
func archive(t testing.TB, method uint16, pickle string, storages map[string][]byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	put := func(name string, data []byte) {
		w, err := z.CreateHeader(&zip.FileHeader{Name: "x/" + name, Method: method})
		if err == nil {
			_, err = w.Write(data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	put("data.pkl", []byte(pickle))
	for k, v := range storages {
		put("data/"+k, v)
	}
	put("version", []byte("3\n"))
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func openBytes(t testing.TB, data []byte) (*File, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.pt")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err == nil {
		t.Cleanup(func() { f.Close() })
	} else if !strings.Contains(err.Error(), path) {
		t.Errorf("error does not name the file: %v", err)
	}
	return f, err
}

// tensorText is the pickle of one float tensor over storage "0" of n elements.
func tensorText(n, offset int, shape, stride string) string {
	return "\x80\x02ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuI" +
		fmt.Sprintf("%d\ntQI%d\n", n, offset) + shape + stride + "\x89ccollections\nOrderedDict\n)RtR."
}

func TestPicklesThatWouldRunSomethingAreRefused(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, pickle, want string }{
		{"os.system", "\x80\x02cos\nsystem\nX\x02\x00\x00\x00id\x85R.", "refused: the file names os.system"},
		{"posix.system", "cposix\nsystem\n(S'id'\ntR.", "refused: the file names posix.system"},
		{"eval", "\x80\x02c__builtin__\neval\nX\x01\x00\x00\x001\x85R.", "refused: the file names __builtin__.eval"},
		{"a name on the stack", "\x80\x04\x8c\x0asubprocess\x8c\x05Popen\x93)R.", "refused: the file names subprocess.Popen"},
		{"an instance in protocol 0", "(S'id'\nios\nsystem\n.", "refused: the file names os.system"},
		{"importlib", "\x80\x02cimportlib\nimport_module\n.", "refused: the file names importlib.import_module"},
		{"functools.partial", "\x80\x02cfunctools\npartial\n.", "refused: the file names functools.partial"},
		{"torch.hub", "\x80\x02ctorch.hub\nload\n.", "refused: the file names torch.hub.load"},
		{"the call of a call's result", "\x80\x02cmy.module\nf\n)R)R.", "refused: calls *torchpt.Object"},
		{"the call of text", "\x80\x02X\x01\x00\x00\x00a)R.", "refused: calls string"},
		{"state for a name", "\x80\x02cmy.module\nf\n}b.", "cannot set the state of torchpt.Global"},
		{"a persistent id that is no storage", "\x80\x02X\x01\x00\x00\x00aQ.", "is not a storage"},
		{"an unknown extension", "\x80\x02\x82\x01.", "operation 0x82 is not allowed"},
		{"no end", "\x80\x02}", "ends without STOP"},
		{"an empty stack", "\x80\x02.", "stack is empty"},
		{"pops below a mark", "\x80\x02K\x01(\x85.", "fewer than 1 values"},
		{"a length beyond the file", "\x80\x02X\xff\xff\xff\x7fa.", "beyond the pickle"},
		{"a memory that was never set", "\x80\x02h\x05.", "memory 5 was never set"},
		{"a huge number in text", "L" + strings.Repeat("9", 5000) + "L\n.", "integer of 5000 digits"},
		{"an odd dict", "\x80\x02}(K\x01u.", "odd number of values"},
		{"items of a list", "\x80\x02](K\x01K\x02u.", "cannot set items of a list"},
		{"a storage that is missing", tensorText(4, 0, "K\x04\x85", "K\x01\x85"), `storage "0" is not in the archive`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := openBytes(t, archive(t, zip.Store, tt.pickle, nil))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

func TestUnknownClassesAreKeptByName(t *testing.T) {
	t.Parallel()
	f, err := openBytes(t, archive(t, zip.Store, "\x80\x02cmegatron.core.enums\nModelType\nK\x01\x85R}X\x01\x00\x00\x00aK\x07sb.", nil))
	if err != nil {
		t.Fatal(err)
	}
	o, ok := f.Root().(*Object)
	if !ok || o.Class.String() != "megatron.core.enums.ModelType" || len(o.Args) != 1 || o.Args[0] != int64(1) {
		t.Fatalf("root %#v", f.Root())
	}
	if v, _ := o.Attrs().Get("a"); v != int64(7) {
		t.Errorf("state %v", o.State)
	}
}

// TestSharedPartsDoNotMultiply opens a value of 2^60 leaves, written as thirty lists of twice the next,
// and one that holds itself.
func TestSharedPartsDoNotMultiply(t *testing.T) {
	t.Parallel()
	bomb := "\x80\x02]q\x00"
	for i := range 60 {
		bomb += fmt.Sprintf("](h%ch%ceq%c", i, i, i+1)
	}
	if _, err := openBytes(t, archive(t, zip.Store, bomb+".", nil)); err != nil {
		t.Error(err)
	}
	if _, err := openBytes(t, archive(t, zip.Store, "\x80\x02}q\x00X\x01\x00\x00\x00ah\x00sh\x00.", nil)); err != nil {
		t.Error(err)
	}
	dicts := "\x80\x02}q\x00"
	for i := range 60 {
		dicts += fmt.Sprintf("}(X\x01\x00\x00\x00ah%cX\x01\x00\x00\x00bh%cuq%c", i, i, i+1)
	}
	if _, err := openBytes(t, archive(t, zip.Store, dicts+".", nil)); err == nil || !strings.Contains(err.Error(), "too many times") {
		t.Error(err)
	}
}

func TestViewsAreMadeContiguous(t *testing.T) {
	t.Parallel()
	raw := make([]byte, 4*12)
	for i := range 12 {
		binary.LittleEndian.PutUint32(raw[4*i:], uint32(i))
	}
	tests := []struct {
		name          string
		offset        int
		shape, stride string
		want          []uint32
		bad           string
	}{
		{"a plain matrix", 0, "K\x03K\x04\x86", "K\x04K\x01\x86", []uint32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, ""},
		{"a transposed one", 0, "K\x04K\x03\x86", "K\x01K\x04\x86", []uint32{0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11}, ""},
		{"a slice of columns", 1, "K\x03K\x02\x86", "K\x04K\x01\x86", []uint32{1, 2, 5, 6, 9, 10}, ""},
		{"a column", 2, "K\x03\x85", "K\x04\x85", []uint32{2, 6, 10}, ""},
		{"a repeated row", 4, "K\x02K\x02\x86", "K\x00K\x01\x86", []uint32{4, 5, 4, 5}, ""},
		{"a scalar", 5, ")", ")", []uint32{5}, ""},
		{"nothing", 0, "K\x00K\x04\x86", "K\x04K\x01\x86", nil, ""},
		{"beyond the storage", 1, "K\x03K\x04\x86", "K\x04K\x01\x86", nil, "reaches beyond the 12 elements"},
		{"an offset beyond it", 12, "K\x01\x85", "K\x01\x85", nil, "reaches beyond"},
		{"a stride that overflows", 0, "K\x02K\x02\x86", "\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x40K\x01\x86", nil, "reaches beyond"},
		{"a repetition without end", 0, "\x8a\x05\x00\x00\x00\x00\x40\x85", "K\x00\x85", nil, "repeats the 12 elements"},
		{"a negative size", 0, "J\xff\xff\xff\xff\x85", "K\x01\x85", nil, "dimension -1"},
		{"a stride missing", 0, "K\x03K\x04\x86", "K\x01\x85", nil, "with stride"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, err := openBytes(t, archive(t, zip.Deflate, tensorText(12, tt.offset, tt.shape, tt.stride), map[string][]byte{"0": raw}))
			if tt.bad != "" {
				if err == nil || !strings.Contains(err.Error(), tt.bad) {
					t.Errorf("error %v, want %q", err, tt.bad)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			b, err := f.Bytes("tensor")
			if err != nil {
				t.Fatal(err)
			}
			var have []uint32
			for ; len(b) > 0; b = b[4:] {
				have = append(have, binary.LittleEndian.Uint32(b))
			}
			if fmt.Sprint(have) != fmt.Sprint(tt.want) {
				t.Errorf("elements %v, want %v", have, tt.want)
			}
		})
	}
}

func TestDamagedArchivesAreRefused(t *testing.T) {
	t.Parallel()
	good := archive(t, zip.Store, tensorText(4, 0, "K\x04\x85", "K\x01\x85"), map[string][]byte{"0": bytes.Repeat([]byte{7}, 16)})
	for _, n := range []int{0, 3, 4, 40, len(good) / 2, len(good) - 1} {
		if _, err := openBytes(t, good[:n]); err == nil {
			t.Errorf("%d of %d bytes accepted", n, len(good))
		}
	}
	bad := bytes.Clone(good)
	bad[bytes.Index(bad, bytes.Repeat([]byte{7}, 16))] = 8
	f, err := openBytes(t, bad)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Bytes("tensor"); err == nil || !strings.Contains(err.Error(), "the file is damaged") {
		t.Errorf("error %v", err)
	}
	short := archive(t, zip.Store, tensorText(5, 0, "K\x05\x85", "K\x01\x85"), map[string][]byte{"0": make([]byte, 16)})
	if _, err := openBytes(t, short); err == nil || !strings.Contains(err.Error(), "has 16 bytes, the pickle says 20") {
		t.Errorf("error %v", err)
	}
}

// legacyFile makes a file of PyTorch before 1.6 with one tensor of n float elements.
func legacyFile(n int, data []byte) []byte {
	out := []byte("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\x80\x02}.")
	out = append(out, strings.Replace(tensorText(n, 0, "K\x02K\x02\x86", "K\x02K\x01\x86"), "tQ", "NtQ", 1)...)
	out = append(out, "\x80\x02]X\x01\x00\x00\x000a."...)
	out = binary.LittleEndian.AppendUint64(out, uint64(n))
	return append(out, data...)
}

func TestLegacyFilesAreRead(t *testing.T) {
	t.Parallel()
	data := []byte("0123456789abcdef")
	f, err := openBytes(t, legacyFile(4, data))
	if err != nil {
		t.Fatal(err)
	}
	b, err := f.Bytes("tensor")
	if err != nil || string(b) != string(data) || f.List()[0].DType != dtype.F32 {
		t.Errorf("%q %v", b, err)
	}
	if _, err := openBytes(t, legacyFile(4, data[:15])); err == nil || !strings.Contains(err.Error(), "truncated") {
		t.Errorf("error %v", err)
	}
	if _, err := openBytes(t, []byte("hello")); err == nil || !strings.Contains(err.Error(), "neither a zip archive nor a legacy torch file") {
		t.Errorf("error %v", err)
	}
}

// TestLargeOffsetsUseZip64 checks the directory of a file that is too large to write in a test.
func TestLargeOffsetsUseZip64(t *testing.T) {
	t.Parallel()
	w := &Writer{}
	at := w.place(0, "x/data/0", 5<<30)
	at = w.place(at, "x/data/1", 10)
	if w.slots[1].start < 5<<30 || w.slots[0].data%alignment != 0 || w.slots[1].data%alignment != 0 {
		t.Fatalf("slots %+v", w.slots)
	}
	dir := w.directory(at)
	r, err := zip.NewReader(sparse{at, dir}, at+int64(len(dir)))
	if err != nil {
		t.Fatal(err)
	}
	if r.File[0].UncompressedSize64 != 5<<30 || r.File[1].UncompressedSize64 != 10 {
		t.Errorf("sizes %d and %d", r.File[0].UncompressedSize64, r.File[1].UncompressedSize64)
	}
}

// sparse is a reader of zeros that end in a tail.
type sparse struct {
	at   int64
	tail []byte
}

func (s sparse) ReadAt(p []byte, off int64) (int, error) {
	clear(p)
	for i := range p {
		if k := off + int64(i) - s.at; k >= 0 && k < int64(len(s.tail)) {
			p[i] = s.tail[k]
		}
	}
	return len(p), nil
}

func FuzzPickle(f *testing.F) {
	f.Add([]byte(tensorText(4, 0, "K\x04\x85", "K\x01\x85")))
	f.Add([]byte("\x80\x02cargparse\nNamespace\n)\x81}X\x01\x00\x00\x00aK\x01sb."))
	f.Add([]byte("(lp0\nI1\naL5L\naF1.5\na."))
	f.Add([]byte("\x80\x04\x95\x05\x00\x00\x00\x00\x00\x00\x00\x8c\x01a\x94."))
	f.Fuzz(func(t *testing.T, data []byte) {
		resolve := storages(func(_ string, size int64) (func() ([]byte, error), error) {
			if size > 1<<16 {
				return nil, fmt.Errorf("too large")
			}
			return func() ([]byte, error) { return make([]byte, size), nil }, nil
		})
		v, used, err := unpickle(data, resolve)
		if err != nil {
			return
		}
		if used > len(data) {
			t.Fatalf("used %d of %d bytes", used, len(data))
		}
		file := &File{index: map[string]*Tensor{}}
		if err := file.flatten("", v, 0); err != nil {
			return
		}
		for _, i := range file.infos {
			b, err := file.index[i.Name].Bytes()
			if err == nil && int64(len(b)) != i.Size() {
				t.Fatalf("%+v has %d bytes", i, len(b))
			}
		}
	})
}

func FuzzFile(f *testing.F) {
	f.Add(archive(f, zip.Store, tensorText(4, 0, "K\x04\x85", "K\x01\x85"), map[string][]byte{"0": make([]byte, 16)}))
	f.Add(archive(f, zip.Deflate, tensorText(4, 0, "K\x04\x85", "K\x01\x85"), map[string][]byte{"0": make([]byte, 16)}))
	f.Add(legacyFile(4, make([]byte, 16)))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := openBytes(t, data)
		if err != nil {
			return
		}
		for _, i := range file.List() {
			b, err := file.Bytes(i.Name)
			if err == nil && int64(len(b)) != i.Size() {
				t.Fatalf("%+v has %d bytes", i, len(b))
			}
		}
	})
}
