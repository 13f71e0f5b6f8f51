package store

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/engine/artifact"
)

func TestPinsAreNamedOnce(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), nil)
	p := Pin{Name: "v1", Recipe: "r", Items: []Pinned{{Node: "n", Key: keyOf("n"), Artifact: artifact.HashText("n")}}}
	if err := s.Pin(p); err != nil {
		t.Fatal(err)
	}
	if err := s.Pin(p); !errors.Is(err, ErrPinned) {
		t.Error(err)
	}
	for _, name := range []string{"", ".", "..", "a/b", "-x", "a b", strings.Repeat("x", 101)} {
		if err := s.Pin(Pin{Name: name}); err == nil {
			t.Errorf("%q became a pin", name)
		}
		if err := s.Unpin(name); !errors.Is(err, ErrNoPin) {
			t.Errorf("unpin %q: %v", name, err)
		}
	}
	pins, err := s.Pins()
	if d := cmp.Diff([]Pin{p}, pins); d != "" || err != nil {
		t.Error(d, err)
	}
	if err := s.Unpin("v1"); err != nil {
		t.Error(err)
	}
	if err := s.Unpin("v1"); !errors.Is(err, ErrNoPin) {
		t.Error(err)
	}
}

func TestADamagedPinStopsACollection(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), nil)
	publish(t, s, "k", map[string]string{"x": "1"})
	aged(t, s, "k", 90)
	if err := errors.Join(os.Mkdir(s.path("pins"), 0o755), os.WriteFile(s.path("pins/v1.json"), []byte(`{"items":[{"key":"x"}]}`), 0o644)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Collect(ctx, Collection{Apply: true}); err == nil || !strings.Contains(err.Error(), "read pin v1") {
		t.Error(err)
	}
	if there(s, "k") == "" {
		t.Error("it collected all the same")
	}
}

func FuzzPin(f *testing.F) {
	f.Add([]byte(`{"name":"v1","items":[{"node":"n","key":"` + string(keyOf("n")) + `","artifact":"` + string(keyOf("a")) + `"}]}`))
	f.Add([]byte(`{"items":[{}]}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := parsePin(text)
		if err != nil {
			return
		}
		for _, it := range p.Items {
			if !it.Key.Valid() || !it.Artifact.Valid() {
				t.Errorf("%+v", it)
			}
		}
	})
}
