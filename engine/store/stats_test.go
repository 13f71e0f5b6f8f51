package store

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/belay-ml/belay/engine/artifact"
)

func TestOnlyOldEnoughStatesAreTrusted(t *testing.T) {
	t.Parallel()
	seen := time.Unix(1000, 500)
	d := artifact.HashText("x")
	ago := func(mtime, ctime time.Duration) artifact.Stat {
		return artifact.Stat{Ino: 1, Mtime: seen.Add(-mtime).UnixNano(), Ctime: seen.Add(-ctime).UnixNano()}
	}
	const sec, ms = time.Second, time.Millisecond
	for _, c := range []struct {
		name    string
		st      artifact.Stat
		sources bool
		sealed  bool
	}{
		{"long ago", ago(time.Hour, time.Hour), true, true},
		{"just now", ago(0, 0), false, false},
		{"two seconds ago", ago(2*sec, 2*sec), false, true},
		{"a little more than two seconds ago", ago(2*sec+1, 2*sec+1), true, true},
		{"old times put on a new file", ago(time.Hour, ms), false, false},
		{"in the future", ago(-time.Hour, time.Hour), false, false},
		{"fifty milliseconds ago", ago(50*ms, 50*ms), false, true},
		{"ten milliseconds ago", ago(10*ms, 10*ms), false, false},
		{"a coarse clock, a second ago", artifact.Stat{Ino: 1, Mtime: 999e9, Ctime: 999e9}, false, false},
	} {
		for _, kind := range []string{"sources", "sealed"} {
			cache := &statCache{path: filepath.Join(t.TempDir(), "stat")}
			want := c.sealed
			if kind == "sources" {
				sources{cache}.Remember(c.st, d, seen)
				want = c.sources
			} else {
				sealed{cache}.Remember(c.st, d, seen)
			}
			if _, ok := cache.Digest(c.st); ok != want {
				t.Errorf("%s, %s: trusted %v", kind, c.name, ok)
			}
		}
	}
}

func TestStatsSurviveOnDisk(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "stat")
	state := func(i int) artifact.Stat { return artifact.Stat{Dev: 1, Ino: uint64(i), Size: 3, Mtime: 4, Ctime: 5} }
	fill := func(from, to int) {
		c := &statCache{path: path}
		for i := from; i < to; i++ {
			c.remember(state(i), artifact.HashText(fmt.Sprint(i)), time.Now(), 0)
		}
		if err := c.flush(); err != nil {
			t.Fatal(err)
		}
	}
	count := func() (n int) {
		c := &statCache{path: path}
		for i := range 100 {
			if d, ok := c.Digest(state(i)); ok {
				if d != artifact.HashText(fmt.Sprint(i)) {
					t.Errorf("state %d has the digest of another", i)
				}
				n++
			}
		}
		return n
	}
	fill(0, 50)
	fill(50, 100)
	if n := count(); n != 100 {
		t.Errorf("%d of 100 known", n)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		data []byte
		want int
	}{
		{"torn at the end", data[:len(data)-10], 99},
		{"damaged in the middle", append(append([]byte(nil), data[:50*statEntry]...), make([]byte, 50*statEntry)...), 50},
		{"no cache at all", []byte("rubbish"), 0},
	} {
		if err := os.WriteFile(path, c.data, 0o644); err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second time from the repaired file
			if n := count(); n != c.want {
				t.Errorf("%s: %d known, want %d", c.name, n, c.want)
			}
		}
	}
	fill(0, 100)
	if n := count(); n != 100 {
		t.Errorf("after the repair, %d of 100 known", n)
	}
}

func FuzzStatCache(f *testing.F) {
	f.Add(appendEntry(nil, artifact.Stat{Ino: 1}, [32]byte{1}))
	f.Add([]byte("x"))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "stat")
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		c := &statCache{path: path}
		c.Digest(artifact.Stat{})
		if len(c.known)*statEntry > len(data) {
			t.Errorf("%d entries from %d bytes", len(c.known), len(data))
		}
	})
}
