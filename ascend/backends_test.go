package ascend

import (
	"errors"
	"strings"
	"testing"
)

func TestTheDefaultBackendOpensUnderItsName(t *testing.T) {
	t.Parallel()
	first := Backends()[0].Name
	b, end, err := Open(first, Options{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer end()
	if b.Name() != first {
		t.Errorf("%s calls itself %s", first, b.Name())
	}
}

func TestBackendsThatCannotOpenSayWhatToDo(t *testing.T) {
	t.Parallel()
	if _, _, err := Open("cann", Options{Threads: 1}); !errors.Is(err, ErrNoNPU) || !strings.Contains(err.Error(), "backend cpu") {
		t.Errorf("cann: %v", err)
	}
	for name, c := range map[string]struct {
		backend string
		options Options
		says    string
	}{
		"unknown name": {"gpu", Options{Threads: 1}, "[cpu cann]"},
		"no threads":   {"cpu", Options{}, "at least 1"},
		"unknown tier": {"cpu", Options{Threads: 1, Tier: "avx"}, `"avx"`},
	} {
		if _, _, err := Open(c.backend, c.options); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: have %v, want an error that says %s", name, err, c.says)
		}
	}
}
