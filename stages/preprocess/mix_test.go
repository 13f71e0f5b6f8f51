package preprocess

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What numpy 2.4.6 gives for default_rng(seed).random(3), as float.hex() writes it.
func TestRandomNumbersAreThoseOfNumpy(t *testing.T) {
	t.Parallel()
	for seed, want := range map[uint64][]float64{
		7:             {0x1.400c8353e3ca9p-1, 0x1.cb5f9b795e4cdp-1, 0x1.8d26acbf2815fp-1, 0x1.cd396d5eab510p-3},
		0:             {0x1.461fd79fb3850p-1, 0x1.1442f7e20b674p-2, 0x1.4fa7b529d9bd0p-5},
		1234:          {0x1.f411fde7f56d7p-1, 0x1.855207dff3a6ap-2, 0x1.d8b3baf857bc7p-1},
		1099511627781: {0x1.369aef039fe80p-8, 0x1.7d86d011ccc50p-2, 0x1.2ca955ddd4dd7p-1},
	} {
		g := newPCG64(seed)
		for i, w := range want {
			if got := g.float64(); got != w {
				t.Errorf("seed %d: number %d is %x, want %x", seed, i, got, w)
			}
		}
	}
}

// default_rng(7).choice(2, size=12, p=[.6, .4]) of the same numpy.
func TestDrawsAreThoseOfTheDatasetsLibrary(t *testing.T) {
	t.Parallel()
	draw := draws([]float64{3, 2}, 7)
	var got []int
	for range 12 {
		got = append(got, draw())
	}
	if diff := cmp.Diff([]int{1, 1, 1, 0, 0, 1, 0, 1, 1, 0, 0, 0}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
