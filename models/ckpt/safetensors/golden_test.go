package safetensors

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/belay-ml/belay/testdata/goldens"
)

// TestGoldenFilesAreRewrittenByteForByte reads every safetensors file of the conversion goldens, which
// the format's own library wrote, and writes it again.
func TestGoldenFilesAreRewrittenByteForByte(t *testing.T) {
	t.Parallel()
	dir := goldens.Dir(t, "convert")
	files, err := filepath.Glob(filepath.Join(dir, "*", "*", "*.safetensors"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no safetensors files under %s: %v", dir, err)
	}
	for _, path := range files {
		rel, _ := filepath.Rel(dir, path)
		t.Run(rel, func(t *testing.T) {
			t.Parallel()
			f, err := Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			again := filepath.Join(t.TempDir(), "again.safetensors")
			if err := Write(again, f, f.Metadata()); err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			have, err := os.ReadFile(again)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(want, have) {
				t.Error("bytes differ")
			}
		})
	}
}
