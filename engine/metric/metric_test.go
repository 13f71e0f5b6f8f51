package metric

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/belay-ml/belay/engine/fault"
)

func TestNumbersAreReadFromAFolderOrAFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const text = `{"acc": 0.5, "n": 3, "task": "mmlu", "per": {"a.b": {"acc": 1e-3}, "list": [1]}, "loss": "NaN", "top": "+Inf", "no": null, "on": true}`
	if err := os.WriteFile(filepath.Join(dir, File), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	want := Set{"acc": 0.5, "n": 3, "per.a.b.acc": 1e-3, "loss": math.NaN(), "top": math.Inf(1)}
	for _, path := range []string{dir, filepath.Join(dir, File)} {
		have, err := Read(path)
		if d := cmp.Diff(want, have, cmpopts.EquateNaNs()); d != "" || err != nil {
			t.Errorf("%s: %v %s", path, err, d)
		}
	}
}

func TestWhatHoldsNoNumbersIsNamed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := Read(dir); err == nil || !strings.Contains(err.Error(), "has no metrics.json") || fault.CodeOf(err) != fault.Data {
		t.Errorf("an empty folder: %v", err)
	}
	if _, err := Read(filepath.Join(dir, "none")); fault.CodeOf(err) != fault.Data {
		t.Errorf("nothing: %v", err)
	}
	for text, want := range map[string]string{
		"": "byte 0", "[1]": "want a JSON object", "null": "want a JSON object", "3": "want a JSON object", `{"a": 1} x`: "text after the end",
		`{"a": 1e999}`: "byte", strings.Repeat(`{"a":`, 20) + "1" + strings.Repeat("}", 20): "nested more than 16 deep",
		`{"a": "` + strings.Repeat("x", maxBytes) + `"}`: "more than 8388608 bytes",
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: %v, want %q", text, err, want)
		}
	}
}

// FuzzParse holds that a set is finite work and the same every time.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{`{"a": 1}`, `{"a": {"b": [1, {"c": 2}], "d": "NaN"}}`, `{"a.b": 1, "a": {"b": 2}}`, `{`, `[]`, "{\"\xff\": 1}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		one, err := Parse(text)
		two, again := Parse(text)
		if (err == nil) != (again == nil) || err == nil && !cmp.Equal(one, two, cmpopts.EquateNaNs()) {
			t.Fatalf("%v %v, %v %v", one, err, two, again)
		}
	})
}
