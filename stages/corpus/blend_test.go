package corpus

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// counted is a data set of so many samples, each its own number.
type counted int64

func (c counted) Len() int64 { return int64(c) }

func (c counted) Item(dst []int32, i int64) ([]int32, error) { return append(dst, int32(i)), nil }

// order is which set and sample each sample of a blend is.
func order(b *Blend) [][2]int64 {
	var out [][2]int64
	for i := range b.Len() {
		set, sample := b.At(i)
		out = append(out, [2]int64{int64(set), sample})
	}
	return out
}

func TestABlendFromTheCacheIsTheSame(t *testing.T) {
	t.Parallel()
	cache := t.TempDir()
	sets := []Dataset{counted(100), counted(200), counted(50)}
	open := func(weights []float64, total int64, cache string) [][2]int64 {
		t.Helper()
		b, err := NewBlend(sets, weights, total, cache)
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		return order(b)
	}
	for _, weights := range [][]float64{{1, 2, 0.5}, {1, 1, 1}} {
		want := open(weights, 120, "")
		for range 2 {
			if diff := cmp.Diff(want, open(weights, 120, cache)); diff != "" {
				t.Errorf("weights %v (-want +got):\n%.500s", weights, diff)
			}
		}
		if diff := cmp.Diff(want[:70], open(weights, 70, cache)); diff != "" {
			t.Errorf("weights %v, fewer samples (-want +got):\n%.500s", weights, diff)
		}
	}
	if maps, _ := filepath.Glob(filepath.Join(cache, "*.npy")); len(maps) != 4 {
		t.Errorf("%d maps, want one for each weights and count", len(maps))
	}
}

func TestABlendThatWouldRunDryIsRefused(t *testing.T) {
	t.Parallel()
	cache := t.TempDir()
	for range 2 { // the second from the cache
		if _, err := NewBlend([]Dataset{counted(100), counted(3)}, []float64{1, 1}, 20, cache); err == nil || err.Error() != "blend data sets: set 1 has 3 samples, 10 are needed" {
			t.Errorf("error %v", err)
		}
	}
}

func TestADamagedOrderOfABlendIsAnError(t *testing.T) {
	t.Parallel()
	cache := t.TempDir()
	sets := []Dataset{counted(100), counted(100)}
	b, err := NewBlend(sets, []float64{1, 1}, 60, cache)
	if err != nil {
		t.Fatal(err)
	}
	b.Close()
	maps, _ := filepath.Glob(filepath.Join(cache, "*.npy"))
	was, err := os.ReadFile(maps[0])
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	failed := 0
	for range 40 {
		raw := append([]byte(nil), was...)
		raw[128+random.IntN(len(raw)-128)] = byte(random.Uint32())
		if err := os.WriteFile(maps[0], raw, 0o644); err != nil {
			t.Fatal(err)
		}
		b, err := NewBlend(sets, []float64{1, 1}, 60, cache)
		if err != nil {
			failed++
			continue
		}
		for i := range b.Len() {
			if _, err := b.Item(nil, i); err != nil {
				failed++
			}
		}
		b.Close()
	}
	if failed == 0 {
		t.Error("no damage was seen")
	}
}
