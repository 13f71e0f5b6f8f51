package secret

import (
	"strings"
	"testing"
)

func TestOnlyKeysHoldDigestsOfValues(t *testing.T) {
	t.Parallel()
	text := Text{Parts: []Part{{Plain: "Bearer "}, {Name: "A"}, {Plain: "/"}, {Name: "B"}}}
	salted, err := text.Salted(func(name string) (string, error) {
		if name == "A" {
			return "d1", nil
		}
		return "", nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := salted.Keyed(), "Bearer ${secret.A d1}/${secret.B}"; got != want {
		t.Errorf("in keys %q, want %q", got, want)
	}
	if salted.String() != text.String() || strings.Contains(salted.String(), "d1") {
		t.Errorf("prints as %q", salted)
	}
	if text.Keyed() != text.String() {
		t.Errorf("the text that was salted has changed: %q", text.Keyed())
	}
}
