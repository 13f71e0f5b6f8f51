package mapped

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestMappedAndReadRangesAreTheSame(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x")
	data := []byte("0123456789")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, open := range map[string]func(string) (*File, error){"mapped": Open, "read": OpenUnmapped} {
		f, err := open(path)
		if err != nil {
			t.Fatal(err)
		}
		b, err := f.Range(3, 4)
		if err != nil || !bytes.Equal(b, data[3:7]) {
			t.Errorf("%s: %q %v", name, b, err)
		}
		b, err = f.Range(0, 4)
		if f.Forget(); err != nil || !bytes.Equal(b, data[:4]) {
			t.Errorf("%s: a range reads %q %v after Forget", name, b, err)
		}
		if b, err := f.Range(10, 0); err != nil || len(b) != 0 {
			t.Errorf("%s: empty range at the end: %q %v", name, b, err)
		}
		for _, r := range [][2]int64{{-1, 1}, {0, 11}, {11, 0}, {5, 1 << 62}, {1, -1}} {
			if _, err := f.Range(r[0], r[1]); err == nil {
				t.Errorf("%s: range %v accepted", name, r)
			}
		}
		buf := make([]byte, 4)
		if n, err := f.ReadAt(buf, 8); n != 2 || err == nil {
			t.Errorf("%s: read %d bytes at the end, error %v", name, n, err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Open(filepath.Dir(path)); err == nil {
		t.Error("a directory opened")
	}
}
