package param_test

import (
	"strings"
	"testing"

	"github.com/belay-ml/belay/engine/param"
)

func TestSizesAreReadAsPeopleWriteThem(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"8GiB": 8 << 30, "500MB": 500_000_000, "1.5 GB": 1_500_000_000, "0": 0, "42": 42, "10kb": 10_000, "1 KiB": 1024, "7EiB": 7 << 60,
	} {
		if have, err := param.Bytes(text); err != nil || have != want {
			t.Errorf("%s: want %d, have %d, %v", text, want, have, err)
		}
	}
	for _, text := range []string{"", " ", "GB", "-1GB", "8 XB", "8GiB 3", "1e400GB", "16EiB", "8EiB", "99999999999999999999", "NaN", "Inf", "1.2.3MB"} {
		if have, err := param.Bytes(text); err == nil {
			t.Errorf("%q passes as %d", text, have)
		} else if !strings.Contains(err.Error(), "want a size such as") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzBytes(f *testing.F) {
	for _, seed := range []string{"8GiB", "1.5 GB", "0x10", "1,000", "٣GB", "9223372036854775807", ".", "1e9"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if n, err := param.Bytes(text); n < 0 || err != nil && n != 0 {
			t.Fatalf("%q gives %d, %v", text, n, err)
		}
	})
}
