package sched

import (
	"testing"
)

func TestTokensOfAKindThatIsNotWantedDoNotCount(t *testing.T) {
	t.Parallel()
	free := tokens{cpus: 2, memory: 10, jobs: 3}
	for _, c := range []struct {
		name        string
		need, aside tokens
		want        bool
	}{
		{"nothing", tokens{}, tokens{}, true},
		{"all there is", tokens{cpus: 2, memory: 10}, tokens{}, true},
		{"more", tokens{cpus: 3}, tokens{}, false},
		{"a kind that there is none of", tokens{npus: 1}, tokens{}, false},
		{"what is set aside", tokens{cpus: 1, memory: 1}, tokens{memory: 20}, false},
		{"beside what is set aside", tokens{cpus: 1}, tokens{cpus: 1, memory: 20}, true},
	} {
		if got := c.need.fits(free, c.aside); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	if got := free.minus(tokens{cpus: 1}).plus(tokens{cpus: 1}); got != free {
		t.Error(got)
	}
}

func TestSizesForPeople(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0 bytes", 1000: "1000 bytes", 1536: "1.5 KiB", 64 << 30: "64 GiB", 1 << 62: "4.194e+06 TiB"} {
		if got := bytesText(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}
