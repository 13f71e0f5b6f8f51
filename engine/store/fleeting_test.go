package store

import "testing"

func TestAFleetingStoreReadsNoContents(t *testing.T) {
	t.Parallel()
	digest := func(fleeting bool) string {
		s := open(t, t.TempDir(), nil)
		if fleeting {
			s.Fleeting()
		}
		return string(publish(t, s, "a", map[string]string{"f": "text"}).Digest)
	}
	// Equal contents in two files have one digest, unless their states stand for them.
	if a, b := digest(false), digest(false); a != b {
		t.Errorf("digests of equal contents: %s and %s", a, b)
	}
	if a, b := digest(true), digest(true); a == b {
		t.Errorf("a fleeting store read contents: %s twice", a)
	}
}
