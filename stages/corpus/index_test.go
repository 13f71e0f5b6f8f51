package corpus

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// write makes an index of documents of sequences.
func write(t testing.TB, prefix string, dtype DType, documents [][][]int32) {
	t.Helper()
	w, err := Create(prefix, dtype)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	for _, d := range documents {
		for _, ids := range d {
			if err := w.Add(ids); err != nil {
				t.Fatal(err)
			}
		}
		w.EndDocument()
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	types := map[DType][2]int32{U8: {0, 255}, I8: {-128, 127}, I16: {-32768, 32767}, U16: {0, 65535}, I32: {-1 << 31, 1<<31 - 1}, I64: {-1 << 31, 1<<31 - 1}}
	rapid.Check(t, func(r *rapid.T) {
		dtype := rapid.SampledFrom([]DType{U8, I8, I16, U16, I32, I64}).Draw(r, "dtype")
		id := rapid.Int32Range(types[dtype][0], types[dtype][1])
		want := rapid.SliceOfN(rapid.SliceOfN(rapid.SliceOfN(id, 0, 5), 0, 3), 0, 6).Draw(r, "documents")
		prefix := filepath.Join(dir, "x")
		write(t, prefix, dtype, want)
		x, err := Open(prefix)
		if err != nil {
			r.Fatal(err)
		}
		defer x.Close()
		if x.DType() != dtype || x.Documents() != len(want) {
			r.Fatalf("%s, %d documents", x.DType(), x.Documents())
		}
		tokens := int64(0)
		for d := range want {
			from, to := x.Document(d)
			if to-from != len(want[d]) {
				r.Fatalf("document %d has %d sequences, want %d", d, to-from, len(want[d]))
			}
			for k, ids := range want[d] {
				got, err := x.Append([]int32{}, from+k)
				if err != nil {
					r.Fatal(err)
				}
				if diff := cmp.Diff(append([]int32{}, ids...), got); diff != "" {
					r.Fatalf("sequence %d (-want +got):\n%s", from+k, diff)
				}
				tokens += int64(len(ids))
			}
		}
		if x.Tokens() != tokens {
			r.Fatalf("%d tokens, want %d", x.Tokens(), tokens)
		}
	})
}

func TestSequencesFilledInAreThoseAdded(t *testing.T) {
	t.Parallel()
	for _, dtype := range []DType{U8, U16, I32, I64} {
		var files [2]string
		for i := range files {
			prefix := filepath.Join(t.TempDir(), "a")
			w, err := Create(prefix, dtype)
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range []int{0, 1, 7, spillAt / 8, 3, spillAt/4 + 1, 5} {
				ids := make([]int32, n)
				for k := range ids {
					ids[k] = int32((k + n) % 251)
				}
				if i == 0 {
					err = w.Add(ids)
				} else {
					err = w.Fill(n, func(to []int32) error { copy(to, ids); return nil })
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			for _, ext := range []string{".idx", ".bin"} {
				text, err := os.ReadFile(prefix + ext)
				if err != nil {
					t.Fatal(err)
				}
				files[i] += string(text)
			}
		}
		if files[0] != files[1] {
			t.Errorf("%s: the files differ", dtype)
		}
	}
}

func TestWriterLeavesNothingBeforeClose(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w, err := Create(filepath.Join(dir, "x"), U16)
	if err != nil {
		t.Fatal(err)
	}
	err = w.Add([]int32{1, 70000})
	if want := "id 1 of sequence 0 is 70000, uint16 holds 0 to 65535"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %q in it", err, want)
	}
	if Exists(filepath.Join(dir, "x")) {
		t.Error("the index is visible before Close")
	}
	w.Abort()
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("Abort leaves %v", left)
	}
}

func TestLiesOfAnIndexAreNamed(t *testing.T) {
	t.Parallel()
	put64 := func(at int, v uint64) func([]byte) []byte {
		return func(b []byte) []byte { binary.LittleEndian.PutUint64(b[at:], v); return b }
	}
	// Two sequences (2 and 3 ids) in two documents: lengths at 34, positions at 42, documents at 58.
	for name, c := range map[string]struct {
		change func([]byte) []byte
		want   string
	}{
		"a short header":                      {func(b []byte) []byte { return b[:20] }, "20 bytes, a header has 34"},
		"another magic":                       {func(b []byte) []byte { b[0] = 'X'; return b }, `byte 0: magic is "XMIDIDX\x00\x00"`},
		"another version":                     {put64(9, 2), "byte 9: version is 2, want 1"},
		"an unknown type":                     {func(b []byte) []byte { b[17] = 9; return b }, "byte 17: element type code 9 holds no token ids"},
		"a type of no ids":                    {func(b []byte) []byte { b[17] = 7; return b }, "byte 17: element type float32 holds no token ids"},
		"more sequences than bytes":           {put64(18, 1<<61), "byte 18: 2305843009213693952 sequences need 12 bytes each, the file has 48"},
		"more documents than bytes":           {put64(26, 1<<61), "byte 26: 2305843009213693952 document entries of 8 bytes, the file has 24 bytes for them"},
		"no document entry":                   {put64(26, 0), "byte 26: 0 document entries"},
		"bytes at the end":                    {func(b []byte) []byte { return append(b, 1) }, "byte 82: 1 bytes follow the document index"},
		"a negative length":                   {func(b []byte) []byte { b[37] = 0x80; return b }, "byte 34: sequence 0 has length -2147483646"},
		"a length past the end":               {func(b []byte) []byte { b[38] = 4; return b }, "byte 50: sequence 1 lies at byte 8 with 4 ids of 4 bytes, the .bin file has 20 bytes"},
		"a sequence over another":             {func(b []byte) []byte { b[50] = 4; return b }, "byte 50: sequence 1 lies at bytes 4 to 16, over the sequence before it at 0 to 8"},
		"sequences over one another in all":   {func(b []byte) []byte { b[34], b[38], b[42], b[50] = 5, 5, 0, 0; return b }, "byte 50: sequence 1 lies at bytes 0 to 20, over"},
		"a negative position":                 {put64(42, 1<<63), "byte 42: sequence 0 lies at byte -9223372036854775808"},
		"a first document entry other than 0": {put64(58, 1), "byte 58: document entry 0 is 1, want 0"},
		"documents that go back":              {put64(66, 1<<63), "byte 66: document entry 1 is -9223372036854775808, less than 0 before it"},
		"a document past the sequences":       {put64(66, 9), "byte 66: document entry 1 is 9, there are 2 sequences"},
		"a last document that is not the end": {put64(74, 1), "byte 74: the last document entry is 1, there are 2 sequences"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			prefix := filepath.Join(t.TempDir(), "x")
			write(t, prefix, I32, [][][]int32{{{1, 2}}, {{3, 4, 5}}})
			raw, err := os.ReadFile(prefix + ".idx")
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(prefix+".idx", c.change(raw), 0o644); err != nil {
				t.Fatal(err)
			}
			x, err := Open(prefix)
			if err == nil {
				x.Close()
				t.Fatal("opened")
			}
			if want := "read " + prefix + ".idx: " + c.want; !strings.HasPrefix(err.Error(), want) {
				t.Errorf("error %q, want %q", err, want)
			}
		})
	}
}

func TestModeBytesOfMultimodalDataAreAccepted(t *testing.T) {
	t.Parallel()
	prefix := filepath.Join(t.TempDir(), "x")
	write(t, prefix, I32, [][][]int32{{{1, 2}}, {{3}}})
	raw, _ := os.ReadFile(prefix + ".idx")
	if err := os.WriteFile(prefix+".idx", append(raw, 0, 1), 0o644); err != nil {
		t.Fatal(err)
	}
	if x := mustOpen(t, prefix); x.Sequences() != 2 {
		t.Errorf("%d sequences", x.Sequences())
	}
}

func FuzzIndex(f *testing.F) {
	dir := f.TempDir()
	write(f, filepath.Join(dir, "seed"), I32, [][][]int32{{{1, 2}, {}}, {}, {{3, 4, 5}}})
	raw, err := os.ReadFile(filepath.Join(dir, "seed.idx"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw, int64(20))
	f.Add(raw[:34], int64(0))
	f.Add([]byte(magic), int64(1<<40))
	f.Fuzz(func(t *testing.T, raw []byte, size int64) {
		x := &Index{prefix: "fuzz"}
		if size < 0 || x.parse(raw, size) != nil {
			return
		}
		total := int64(0)
		for d := range x.Documents() {
			from, to := x.Document(d)
			for s := from; s < to; s++ {
				n := int64(x.Len(s))
				total += n
				if end := x.pointer(s) + n*int64(x.dtype.Size()); end > size || end < 0 {
					t.Fatalf("sequence %d ends at byte %d of %d", s, end, size)
				}
			}
		}
		if total != x.Tokens() {
			t.Fatalf("%d tokens, want %d", x.Tokens(), total)
		}
	})
}

func TestMergeJoinsSequencesAndDocuments(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a_text_document"), filepath.Join(dir, "b_text_document")
	write(t, a, I32, [][][]int32{{{1, 2}, {3}}, {}})
	write(t, b, I32, [][][]int32{{{4}}})
	inputs, err := Prefixes(dir, "text_document")
	if err != nil || cmp.Diff([]string{a, b}, inputs) != "" {
		t.Fatalf("prefixes %v, %v", inputs, err)
	}
	if _, err := Merge(t.Context(), filepath.Join(dir, "m"), inputs); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "want"), I32, [][][]int32{{{1, 2}, {3}}, {}, {{4}}})
	for _, ext := range []string{".bin", ".idx"} {
		got, _ := os.ReadFile(filepath.Join(dir, "m"+ext))
		want, _ := os.ReadFile(filepath.Join(dir, "want"+ext))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", ext, diff)
		}
	}
	write(t, b, U16, [][][]int32{{{4}}})
	if _, err := Merge(t.Context(), filepath.Join(dir, "m"), inputs); err == nil || !strings.Contains(err.Error(), "holds uint16, the first input int32") {
		t.Errorf("error %v", err)
	}
	if err := os.Remove(a + ".bin"); err != nil {
		t.Fatal(err)
	}
	if _, err := Prefixes(dir, "text_document"); err == nil || !strings.Contains(err.Error(), "a_text_document.bin is missing") {
		t.Errorf("error %v", err)
	}
}

func BenchmarkWrite(b *testing.B) {
	for _, dtype := range []DType{I32, U16} {
		for _, n := range []int{16, 1024} {
			b.Run(fmt.Sprintf("%s/%d ids", dtype, n), func(b *testing.B) {
				ids := make([]int32, n)
				w, err := Create(filepath.Join(b.TempDir(), "x"), dtype)
				if err != nil {
					b.Fatal(err)
				}
				defer w.Abort()
				b.SetBytes(int64(n * dtype.Size()))
				b.ReportAllocs()
				for b.Loop() {
					if err := w.Add(ids); err != nil {
						b.Fatal(err)
					}
					w.EndDocument()
				}
			})
		}
	}
}

func TestAWriterGoesOnFromAMark(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			r.Fatal(err)
		}
		o := Options{DType: rapid.SampledFrom([]DType{U16, I32, I64}).Draw(r, "dtype"), Multimodal: rapid.Bool().Draw(r, "multimodal"), Work: dir}
		type step struct {
			ids  []int32
			mode int8
			end  bool
		}
		steps := rapid.SliceOf(rapid.Custom(func(r *rapid.T) step {
			s := step{ids: rapid.SliceOfN(rapid.Int32Range(0, 1000), 0, 6).Draw(r, "ids"), end: rapid.Bool().Draw(r, "end")}
			if o.Multimodal {
				s.mode = rapid.Int8().Draw(r, "mode")
			}
			return s
		})).Draw(r, "steps")
		add := func(w *Writer, steps []step) {
			for _, s := range steps {
				if err := w.AddMode(s.ids, s.mode); err != nil {
					r.Fatal(err)
				}
				if s.end {
					w.EndDocument()
				}
			}
		}
		at := rapid.IntRange(0, len(steps)).Draw(r, "steps before the mark")
		lost := rapid.IntRange(at, len(steps)).Draw(r, "steps before the end")
		w, err := New(filepath.Join(dir, "x"), o)
		if err != nil {
			r.Fatal(err)
		}
		add(w, steps[:at])
		mark, err := w.Mark()
		if err != nil {
			r.Fatal(err)
		}
		add(w, steps[at:lost])
		if _, err := w.Mark(); err != nil { // so that there is something to cut off
			r.Fatal(err)
		}
		w.Abort()
		if w, err = Resume(filepath.Join(dir, "x"), o, mark); err != nil {
			r.Fatal(err)
		}
		if info, err := os.Stat(filepath.Join(dir, "x.ids")); err != nil || info.Size() != mark.Tokens*int64(o.DType.Size()) {
			r.Fatalf("%d bytes of ids are left, %d tokens were marked: %v", info.Size(), mark.Tokens, err)
		}
		add(w, steps[at:])
		if err := w.Close(); err != nil {
			r.Fatal(err)
		}
		o.Work = ""
		plain, err := New(filepath.Join(dir, "want"), o)
		if err != nil {
			r.Fatal(err)
		}
		add(plain, steps)
		if err := plain.Close(); err != nil {
			r.Fatal(err)
		}
		for _, ext := range []string{".bin", ".idx"} {
			got, _ := os.ReadFile(filepath.Join(dir, "x"+ext))
			want, _ := os.ReadFile(filepath.Join(dir, "want"+ext))
			if diff := cmp.Diff(want, got); diff != "" {
				r.Fatalf("%s (-want +got):\n%s", ext, diff)
			}
		}
		x, err := Open(filepath.Join(dir, "x"))
		if err != nil {
			r.Fatal(err)
		}
		defer x.Close()
		for i, s := range steps {
			if x.Mode(i) != s.mode {
				r.Fatalf("sequence %d has mode %d, want %d", i, x.Mode(i), s.mode)
			}
		}
		if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
			r.Fatalf("%v are left", left)
		}
	})
}

func TestAMarkIsNotTakenWithoutWhatItSpeaksOf(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := Options{DType: I32, Work: dir}
	w, err := New(filepath.Join(dir, "x"), o)
	if err != nil {
		t.Fatal(err)
	}
	w.Abort()
	for name, m := range map[string]Mark{"ids that are not there": {Sequences: 0, Tokens: 1}, "negative counts": {Documents: -1}, "documents past the sequences": {Ended: 1}} {
		if w, err := Resume(filepath.Join(dir, "x"), o, m); err == nil {
			w.Abort()
			t.Errorf("%s: no error", name)
		}
	}
	if w, err := Resume(filepath.Join(dir, "y"), o, Mark{}); err == nil {
		w.Abort()
		t.Error("no parts: no error")
	}
}

func TestMergePassesModesOnAndDoesNotMixThem(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"a", "b"} {
		w, err := New(filepath.Join(dir, name), Options{DType: I32, Multimodal: true})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.AddMode([]int32{1, 2}, 1); err != nil {
			t.Fatal(err)
		}
		if err := w.AddMode([]int32{3}, 0); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Merge(t.Context(), filepath.Join(dir, "m"), []string{filepath.Join(dir, "a"), filepath.Join(dir, "b")}); err != nil {
		t.Fatal(err)
	}
	x := mustOpen(t, filepath.Join(dir, "m"))
	if got := []int8{x.Mode(0), x.Mode(1), x.Mode(2), x.Mode(3)}; !x.Multimodal() || cmp.Diff([]int8{1, 0, 1, 0}, got) != "" {
		t.Errorf("modes %v", got)
	}
	write(t, filepath.Join(dir, "c"), I32, [][][]int32{{{1}}})
	if _, err := Merge(t.Context(), filepath.Join(dir, "m"), []string{filepath.Join(dir, "c"), filepath.Join(dir, "a")}); err == nil || !strings.Contains(err.Error(), "modes of multimodal data true, in the first input false") {
		t.Errorf("error %v", err)
	}
}
