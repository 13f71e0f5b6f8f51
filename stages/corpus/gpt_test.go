package corpus

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// someDocuments writes an index of n documents, and opens it.
func someDocuments(t testing.TB, prefix string, n int) *Index {
	t.Helper()
	var documents [][][]int32
	for i := range n {
		ids := make([]int32, 1+i%17)
		for k := range ids {
			ids[k] = int32(100*i + k)
		}
		documents = append(documents, [][]int32{ids})
	}
	write(t, prefix, I32, documents)
	x, err := Open(prefix)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.Close() })
	return x
}

// items are all samples of the train part.
func items(t *testing.T, x *Index, cfg GPTConfig) [][]int32 {
	t.Helper()
	built, err := NewGPT(x, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer built[0].Close()
	var out [][]int32
	for i := range built[0].Len() {
		ids, err := built[0].Item(nil, i)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, ids)
	}
	return out
}

func TestMapsComeFromTheCacheUntilTheIndexChanges(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	x := someDocuments(t, filepath.Join(dir, "x"), 50)
	cfg := GPTConfig{Split: "100,0,0", Samples: [3]int64{200, 0, 0}, SeqLength: 8, Seed: 5}
	want := items(t, x, cfg)
	cfg.Cache = filepath.Join(dir, "cache")
	for range 2 {
		if diff := cmp.Diff(want, items(t, x, cfg)); diff != "" {
			t.Fatalf("samples by the cache (-want +got):\n%.1000s", diff)
		}
	}
	kept, _ := filepath.Glob(filepath.Join(cfg.Cache, "*"))
	if len(kept) != 4 {
		t.Fatalf("kept: %v", kept)
	}
	made := map[string]os.FileInfo{}
	for _, f := range kept {
		made[f], _ = os.Stat(f)
	}
	items(t, x, cfg)
	for f, was := range made {
		if now, err := os.Stat(f); err != nil || !os.SameFile(was, now) {
			t.Errorf("%s was made again", f)
		}
	}
	// Files that are cut short, or of another shape, are made again.
	for _, f := range kept {
		if err := os.Truncate(f, 100); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, items(t, x, cfg)); diff != "" {
			t.Fatalf("samples after damage to %s (-want +got):\n%.1000s", f, diff)
		}
	}
	// As many documents and ids as before, in another order of lengths.
	other := [][][]int32{}
	for i := range x.Sequences() {
		ids, err := x.Append(nil, x.Sequences()-1-i)
		if err != nil {
			t.Fatal(err)
		}
		other = append(other, [][]int32{ids})
	}
	write(t, filepath.Join(dir, "x"), I32, other)
	y := mustOpen(t, filepath.Join(dir, "x"))
	plain := cfg
	plain.Cache = ""
	if diff := cmp.Diff(items(t, y, plain), items(t, y, cfg)); diff != "" {
		t.Errorf("samples of a changed index (-want +got):\n%.1000s", diff)
	}
}

func TestDamagedMapsAreNamed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	x := someDocuments(t, filepath.Join(dir, "x"), 30)
	cfg := GPTConfig{Split: "100,0,0", Samples: [3]int64{40, 0, 0}, SeqLength: 8, Seed: 5, Cache: filepath.Join(dir, "cache")}
	items(t, x, cfg)
	maps, _ := filepath.Glob(filepath.Join(cfg.Cache, "*.npy"))
	random := rand.New(rand.NewPCG(3, 4))
	failed := 0
	for round := range 60 {
		path := maps[round%len(maps)]
		was, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		raw := append([]byte(nil), was...)
		for range 1 + random.IntN(20) {
			raw[128+random.IntN(len(raw)-128)] = byte(random.Uint32())
		}
		if err := os.WriteFile(path, raw, 0o644); err != nil {
			t.Fatal(err)
		}
		built, err := NewGPT(x, cfg)
		if err != nil {
			t.Fatal(err)
		}
		for i := range built[0].Len() {
			ids, err := built[0].Item([]int32{1}, i)
			if err == nil && len(ids) != 10 {
				t.Fatalf("sample %d has %d ids", i, len(ids)-1)
			}
			if err != nil {
				failed++
			}
		}
		built[0].Close()
		if err := os.WriteFile(path, was, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if failed == 0 {
		t.Error("no damage was seen")
	}
}

func FuzzOpen(f *testing.F) {
	dir := f.TempDir()
	write(f, filepath.Join(dir, "seed"), I32, [][][]int32{{{1, 2}, {}}, {}, {{3, 4, 5}}})
	idx, _ := os.ReadFile(filepath.Join(dir, "seed.idx"))
	bin, _ := os.ReadFile(filepath.Join(dir, "seed.bin"))
	f.Add(idx, bin)
	f.Add(idx, bin[:19])
	f.Add(idx[:40], bin)
	f.Fuzz(func(t *testing.T, idx, bin []byte) {
		prefix := filepath.Join(t.TempDir(), "x")
		if os.WriteFile(prefix+".idx", idx, 0o644) != nil || os.WriteFile(prefix+".bin", bin, 0o644) != nil {
			t.Skip()
		}
		x, err := Open(prefix)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "read "+prefix+".idx: ") {
				t.Fatalf("error %q names no file", err)
			}
			return
		}
		defer x.Close()
		if x.Tokens()*int64(x.DType().Size()) > int64(len(bin)) {
			t.Fatalf("%d tokens in %d bytes", x.Tokens(), len(bin))
		}
		for i := range x.Sequences() {
			ids, err := x.Append(nil, i)
			if err == nil && len(ids) != x.Len(i) {
				t.Fatalf("sequence %d has %d ids, want %d", i, len(ids), x.Len(i))
			}
		}
		built, err := NewGPT(x, GPTConfig{Split: "80,10,10", Samples: [3]int64{20, 5, 0}, SeqLength: 3, Seed: 1})
		if err != nil {
			return
		}
		for _, g := range built {
			for i := int64(0); g != nil && i < g.Len(); i++ {
				if ids, err := g.Item(nil, i); err == nil && len(ids) != 4 {
					t.Fatalf("sample %d has %d ids", i, len(ids))
				}
			}
		}
	})
}

// FuzzInstructions lets the indexes of one set disagree.
func FuzzInstructions(f *testing.F) {
	f.Add([]byte{1, 2, 3}, []byte{3, 2}, []byte{5}, []byte{2, 1})
	f.Add([]byte{4}, []byte{4}, []byte{4}, []byte{9, 9})
	f.Add([]byte{4, 4}, []byte{4, 4}, []byte{4, 4}, []byte{4, 0})
	f.Fuzz(func(t *testing.T, ids, mask, labels, lengths []byte) {
		prefix := filepath.Join(t.TempDir(), "x")
		for name, of := range map[string][]byte{FieldPrefix("", FieldInputIDs): ids, FieldPrefix("", FieldMask): mask, FieldPrefix("", FieldLabels): labels} {
			var documents [][][]int32
			for _, n := range of {
				documents = append(documents, [][]int32{make([]int32, n)})
			}
			write(t, prefix+name, I32, documents)
		}
		var packs [][][]int32
		for _, n := range lengths {
			packs = append(packs, [][]int32{{int32(int8(n)), 1}})
		}
		write(t, LengthsPrefix(prefix), I32, packs)
		d, err := OpenInstructions(prefix)
		if err != nil {
			return
		}
		defer d.Close()
		for i := range d.Len() {
			s, err := d.At(i)
			if err != nil {
				continue
			}
			if len(s.IDs) != len(s.Mask) || len(s.IDs) != len(s.Labels) {
				t.Fatalf("sample %d: %d ids, %d mask entries, %d labels", i, len(s.IDs), len(s.Mask), len(s.Labels))
			}
			if _, err := (Collator{SeqLength: 300, Multiple: 8}).Collate([]Instruction{s}); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func BenchmarkBuildMaps(b *testing.B) {
	for _, documents := range []int{100_000, 1_000_000} {
		b.Run(fmt.Sprint(documents), func(b *testing.B) {
			x := someDocuments(b, filepath.Join(b.TempDir(), "x"), documents)
			for b.Loop() {
				built, err := NewGPT(x, GPTConfig{Split: "100,0,0", Samples: [3]int64{x.Tokens() / 64, 0, 0}, SeqLength: 64, Seed: 1})
				if err != nil {
					b.Fatal(err)
				}
				built[0].Close()
			}
			b.ReportMetric(float64(documents*b.N)/b.Elapsed().Seconds()/1e6, "Mdocuments/s")
		})
	}
}
