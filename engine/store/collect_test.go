package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/belay-ml/belay/engine/artifact"
)

// aged makes the last use of a key lie some days back.
func aged(t testing.TB, s *Store, name string, days int) {
	t.Helper()
	at := time.Now().AddDate(0, 0, -days)
	if err := os.Chtimes(s.place("keys", string(keyOf(name)), ".json"), at, at); err != nil {
		t.Fatal(err)
	}
}

func collect(t testing.TB, s *Store, o Collection) *Collected {
	t.Helper()
	got, err := s.Collect(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// gone lists what a collection says about artifacts and the rest: "artifact k", "key 1234".
func gone(c *Collected) []string {
	var out []string
	for _, g := range c.Gone {
		name := g.Node
		if g.What == GoneLast {
			name = g.Name
		} else if name == "" {
			name = artifact.Digest(g.Name).Short()
		}
		out = append(out, g.What+" "+name)
	}
	return out
}

func there(s *Store, names ...string) string {
	var out []string
	for _, n := range names {
		if _, err := os.Stat(s.place("keys", string(keyOf(n)), ".json")); err == nil {
			out = append(out, n)
		}
	}
	return strings.Join(out, " ")
}

// make publishes a result that says what made it.
func (b *shelf) make(name string, parents map[string]artifact.Digest) *Record {
	b.t.Helper()
	sc, err := b.Scratch(keyOf(name), false)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(sc.Out, "out"), 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(sc.Out, "out", "f"), []byte("the text of "+name), 0o644); err != nil {
		b.t.Fatal(err)
	}
	rec, err := b.Publish(ctx, sc, []artifact.Port{{Name: "out"}}, nil, artifact.Manifest{Stage: "s", Version: 1, Parents: parents,
		Made: artifact.Made{Node: name, Recipe: "r"}})
	if err != nil {
		b.t.Fatal(err)
	}
	return rec
}

// plant puts a result into the store as make does, but without waiting for the disk.
func (b *shelf) plant(name string, parents map[string]artifact.Digest) *Record {
	b.t.Helper()
	text := "the text of " + name
	tree, err := artifact.NewTree([]artifact.File{{Path: "out/f", Mode: artifact.Regular, Size: int64(len(text)), Digest: artifact.HashText(text)}})
	if err != nil {
		b.t.Fatal(err)
	}
	ports, err := portContents(tree, []artifact.Port{{Name: "out"}})
	if err != nil {
		b.t.Fatal(err)
	}
	m := &artifact.Manifest{Format: artifact.ManifestFormat, Digest: tree.Digest, Bytes: tree.Bytes, Key: string(keyOf(name)), Files: tree.Files,
		Ports: ports, Parents: parents, Made: artifact.Made{Node: name}}
	manifest, err := m.Encode()
	if err != nil {
		b.t.Fatal(err)
	}
	dir := b.place("artifacts", string(m.Digest), "")
	for path, data := range map[string]string{filepath.Join(dir, "manifest.json"): string(manifest), filepath.Join(dir, "files/out/f"): text,
		b.place("keys", m.Key, ".json"): string(manifest)} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(data), 0o444)); err != nil {
			b.t.Fatal(err)
		}
	}
	return &Record{Manifest: m, Root: b.Artifact(m.Digest)}
}

type shelf struct {
	*Store
	t fatal
}

type fatal interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

func TestACollectionKeepsWhatIsWanted(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), nil)
	b := &shelf{s, t}
	recs := map[string]*Record{}
	for _, name := range []string{"source", "linked", "pinned", "recent", "busy", "old"} {
		recs[name] = b.make(name, nil)
	}
	recs["middle"] = b.make("middle", map[string]artifact.Digest{"source.out": recs["source"].Ports["out"].Digest})
	recs["part"] = b.make("part", nil)
	recs["last"] = b.make("last", map[string]artifact.Digest{
		"middle.out":  recs["middle"].Ports["out"].Digest,
		"part.out/f":  recs["part"].Files[0].Digest,
		"data.jsonl":  artifact.HashText("a source"),
		"gone.out":    artifact.HashText("nothing"),
		"gone.out/in": artifact.HashText("nothing in it"),
	})
	for name := range recs {
		aged(t, s, name, 90)
	}
	aged(t, s, "recent", 29)
	if _, err := s.Link("r", "a/b", recs["linked"], "out"); err != nil {
		t.Fatal(err)
	}
	if err := s.Pin(Pin{Name: "v1", Items: []Pinned{{Node: "pinned", Key: keyOf("pinned"), Artifact: recs["pinned"].Digest}}}); err != nil {
		t.Fatal(err)
	}
	if err := s.SaveLast("r", "last", Last{Key: keyOf("last"), Artifact: recs["last"].Digest}); err != nil {
		t.Fatal(err)
	}
	lock, _, err := s.TryLock(keyOf("busy"))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()

	look := collect(t, s, Collection{Days: 30})
	if d := cmp.Diff([]string{"artifact old"}, gone(look)); d != "" {
		t.Error(d)
	}
	if g := look.Gone[0]; g.Why != "unused for 90 days" || g.Recipe != "r" || g.Stage != "s" || g.Bytes == 0 || look.Bytes != g.Bytes {
		t.Errorf("%+v", g)
	}
	if _, err := os.Stat(recs["old"].Root); err != nil {
		t.Error("a look removed something")
	}
	s.window = 0 // one thing at a time
	if done := collect(t, s, Collection{Days: 30, Apply: true}); cmp.Diff(gone(look), gone(done)) != "" || done.Kept != 8 {
		t.Errorf("told %v, did %v and kept %d", gone(look), gone(done), done.Kept)
	}
	names := []string{"busy", "last", "linked", "middle", "old", "part", "pinned", "recent", "source"}
	if got := there(s, names...); got != "busy last linked middle part pinned recent source" {
		t.Error(got)
	}
	if _, err := os.Stat(filepath.Dir(recs["old"].Root)); err == nil {
		t.Error("the artifact is still there")
	}
	if err := s.Unpin("v1"); err != nil {
		t.Fatal(err)
	}
	if done := collect(t, s, Collection{Days: 1, Apply: true}); cmp.Diff([]string{"artifact pinned", "artifact recent"}, gone(done)) != "" || done.Bytes == 0 || done.Kept != 6 {
		t.Errorf("%v, %+v", gone(done), done)
	}
	left, err := os.ReadDir(s.tmp.dir)
	if len(left) > 0 || err != nil {
		t.Errorf("left in tmp: %v %v", left, err)
	}
}

func TestAForgottenRecipeKeepsNothing(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), nil)
	s.window = 0
	b := &shelf{s, t}
	for _, name := range []string{"a", "b"} {
		rec := b.make(name, nil)
		aged(t, s, name, 90)
		if err := s.SaveLast("recipe "+name, name, Last{Key: keyOf(name), Artifact: rec.Digest}); err != nil {
			t.Fatal(err)
		}
	}
	got := collect(t, s, Collection{Days: 30, Forget: []string{"recipe a", "recipe a"}, Apply: true})
	if d := cmp.Diff([]string{"recipe recipe a", "artifact a"}, gone(got)); d != "" || there(s, "a", "b") != "b" {
		t.Errorf("%s; there is %s", d, there(s, "a", "b"))
	}
	if _, ok := s.Last("recipe a", "a"); ok {
		t.Error("the last success is still there")
	}
	if _, err := s.Collect(ctx, Collection{Forget: []string{"recipe a"}}); !errors.Is(err, ErrNoRecipe) {
		t.Error(err)
	}
}

func TestABudgetTakesTheOldestFirst(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), nil)
	b := &shelf{s, t}
	var total int64
	for i, name := range []string{"a", "b", "c", "d"} {
		rec := b.make(name, nil)
		total += rec.Bytes
		aged(t, s, name, 20-i)
		if err := s.SaveLast("r", name, Last{Key: keyOf(name), Artifact: rec.Digest}); err != nil {
			t.Fatal(err)
		}
		if name == "b" {
			if err := s.Pin(Pin{Name: "v1", Items: []Pinned{{Key: keyOf("b"), Artifact: rec.Digest}}}); err != nil {
				t.Fatal(err)
			}
		}
		if name == "c" {
			if _, err := s.Link("r", "c", rec, "out"); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range []struct {
		max  int64
		want []string
		over int64
	}{
		{total, nil, 0},
		{total - 1, []string{"artifact a"}, 0},
		{total / 2, []string{"artifact a", "artifact d"}, 0},
		{1, []string{"artifact a", "artifact d"}, total/2 - 1},
	} {
		got := collect(t, s, Collection{Days: 30, MaxSize: c.max})
		if d := cmp.Diff(c.want, gone(got)); d != "" || got.Over != c.over {
			t.Errorf("at most %d bytes: over by %d, want %d; %s", c.max, got.Over, c.over, d)
		}
	}
}

func TestACollectionClearsWhatRunsAndCrashesLeft(t *testing.T) {
	t.Parallel()
	var warnings []string
	s := open(t, t.TempDir(), &warnings)
	b := &shelf{s, t}
	old := time.Now().AddDate(0, 0, -40)
	write := func(at time.Time, elem ...string) {
		t.Helper()
		p := s.path(elem...)
		err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, []byte("text"), 0o644), os.Chtimes(p, at, at), os.Chtimes(filepath.Dir(p), at, at))
		if err != nil {
			t.Fatal(err)
		}
	}
	keyless, lost := b.make("keyless", nil), b.make("lost", nil)
	if err := errors.Join(os.Remove(s.place("keys", string(keyOf("keyless")), ".json")), os.RemoveAll(filepath.Dir(lost.Root))); err != nil {
		if err := removeAll(filepath.Dir(lost.Root)); err != nil {
			t.Fatal(err)
		}
	}
	broken := b.make("broken", nil)
	if err := os.WriteFile(s.place("keys", string(keyOf("broken")), ".json"), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, at := range map[string]time.Time{"stalled": old, "fresh": time.Now()} {
		sc, err := s.Scratch(keyOf(name), true)
		if err != nil {
			t.Fatal(err)
		}
		write(at, "work", string(sc.Key), "work", "part")
		for _, dir := range []string{"work", "pub", "pub/files", "resumable", "."} {
			if err := os.Chtimes(s.path("work", string(sc.Key), dir), at, at); err != nil {
				t.Fatal(err)
			}
		}
	}
	held, _, err := s.TryLock(keyOf("held"))
	if err != nil {
		t.Fatal(err)
	}
	defer held.Release()
	read := artifact.HashText("a source")
	if err := s.SaveLast("r", "n", Last{Key: keyOf("n"), Inputs: map[string]Input{"in": {Digest: read}}}); err != nil {
		t.Fatal(err)
	}
	unread := artifact.HashText("another")
	write(old, "trees", string(read[:2]), string(read)+".json")
	write(old, "trees", string(unread[:2]), string(unread)+".json")
	write(old, "runs", "20260101-000000-aaaa", "events.jsonl")
	write(old, "runs", "20260101-000000-aaaa", "run.json")
	write(time.Now(), "runs", "20260301-000000-aaaa", "events.jsonl")
	write(old, "quarantine", "x", "files", "f")
	write(time.Now(), "quarantine", "y", "files", "f")
	if err := os.Chtimes(s.path("quarantine/x"), old, old); err != nil {
		t.Fatal(err)
	}
	write(old, "locks", string(keyOf("dead")))
	write(old, "stat-123")

	s.window = 0
	got := collect(t, s, Collection{Days: 30, Apply: true})
	want := []string{
		"artifact broken", "artifact keyless", "events 20260101-000", "key " + artifact.Digest(keyOf("broken")).Short(), "key lost",
		"listing " + unread.Short(), "quarantine x", "rest locks/" + string(keyOf("dead"))[:6], "rest stat-123",
		"scratch " + keyOf("stalled").Short(),
	}
	have := gone(got)
	slices.Sort(have)
	if d := cmp.Diff(want, have); d != "" {
		t.Error(d)
	}
	for path, want := range map[string]bool{
		"runs/20260101-000000-aaaa/run.json": true, "runs/20260101-000000-aaaa/events.jsonl": false, "runs/20260301-000000-aaaa/events.jsonl": true,
		"quarantine/x": false, "quarantine/y": true, "stat-123": false,
		"work/" + string(keyOf("stalled")): false, "work/" + string(keyOf("fresh")): true,
		"locks/" + string(keyOf("dead")): false, "locks/" + string(keyOf("held")): true,
	} {
		if _, err := os.Stat(s.path(path)); (err == nil) != want {
			t.Errorf("%s: there %v, want %v", path, err == nil, want)
		}
	}
	for _, rec := range []*Record{keyless, broken} {
		if _, err := os.Stat(filepath.Dir(rec.Root)); err == nil {
			t.Errorf("artifact %s is still there", rec.Digest.Short())
		}
	}
	if again := collect(t, s, Collection{Days: 30, Apply: true}); len(again.Gone) > 0 {
		t.Errorf("a second collection finds %v", gone(again))
	}
}

// What a result that was made or found an hour or more before a process began is worth is decided by Days; what that
// process found is not.
func TestNothingGoesThatALivingProcessFound(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, other := open(t, dir, nil), open(t, dir, nil)
	b := &shelf{s, t}
	for _, name := range []string{"found", "made", "unused"} {
		b.make(name, nil)
		aged(t, s, name, 90)
	}
	if _, ok := other.Lookup(ctx, keyOf("found")); !ok {
		t.Fatal("not found")
	}
	aged(t, s, "unused", 90)
	(&shelf{other, t}).make("made", nil) // again, as --force does
	if got := collect(t, s, Collection{Apply: true}); cmp.Diff([]string{"artifact unused"}, gone(got)) != "" {
		t.Error(gone(got))
	}
	other.Close()
	if got := collect(t, s, Collection{Apply: true}); len(got.Gone) != 2 {
		t.Error(gone(got))
	}
}

func TestFindingAResultAgainAndAgainWritesNothing(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), nil)
	publish(t, s, "k", map[string]string{"x": "1"})
	file := s.place("keys", string(keyOf("k")), ".json")
	at := time.Now().Add(-time.Hour / 2).Truncate(time.Second)
	if err := os.Chtimes(file, at, at); err != nil {
		t.Fatal(err)
	}
	used := func() time.Time {
		if _, ok := s.Lookup(ctx, keyOf("k")); !ok {
			t.Fatal("not found")
		}
		items, err := s.List(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return items[0].Used
	}
	if got := used(); !got.Equal(at) {
		t.Errorf("the last use half an hour ago became %s", got)
	}
	aged(t, s, "k", 1)
	if got := used(); time.Since(got) > time.Minute {
		t.Errorf("the last use is %s", got)
	}
}

// model is a store as a property test sees it.
type model struct {
	names   []string
	parents map[string][]string
	age     map[string]int
	pins    map[string]bool
	lasts   map[string]bool
	links   map[string]bool
}

func (m *model) keeps(days int) map[string]bool {
	out := map[string]bool{}
	var up func(string)
	up = func(n string) {
		out[n] = true
		for _, p := range m.parents[n] {
			up(p)
		}
	}
	for n := range m.lasts {
		up(n)
	}
	for _, n := range m.names {
		if m.pins[n] || m.links[n] || m.age[n] < days {
			out[n] = true
		}
	}
	return out
}

func TestACollectionRemovesExactlyWhatNothingReaches(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(root, "")
		if err != nil {
			rt.Fatal(err)
		}
		s, err := Open(dir, nil)
		if err != nil {
			rt.Fatal(err)
		}
		defer s.Close()
		b := &shelf{s, rt}
		m := &model{parents: map[string][]string{}, age: map[string]int{}, pins: map[string]bool{}, lasts: map[string]bool{}, links: map[string]bool{}}
		recs := map[string]*Record{}
		n := rapid.IntRange(1, 7).Draw(rt, "artifacts")
		for i := range n {
			name := fmt.Sprint("n", i)
			parents := map[string]artifact.Digest{}
			for _, p := range m.names {
				switch rapid.IntRange(0, 5).Draw(rt, "reads "+p) {
				case 0:
					parents[p+".out"] = recs[p].Ports["out"].Digest
					m.parents[name] = append(m.parents[name], p)
				case 1:
					parents[p+".out/f"] = recs[p].Files[0].Digest
					m.parents[name] = append(m.parents[name], p)
				}
			}
			recs[name] = b.plant(name, parents)
			m.names = append(m.names, name)
			m.age[name] = rapid.IntRange(0, 60).Draw(rt, "age")
			at := time.Now().AddDate(0, 0, -m.age[name])
			if err := os.Chtimes(s.place("keys", string(keyOf(name)), ".json"), at, at); err != nil {
				rt.Fatal(err)
			}
			switch rapid.IntRange(0, 9).Draw(rt, "root") {
			case 0:
				m.pins[name] = true
				err = s.Pin(Pin{Name: name, Items: []Pinned{{Node: name, Key: keyOf(name), Artifact: recs[name].Digest}}})
			case 1:
				m.lasts[name] = true
				err = s.SaveLast("r", name, Last{Key: keyOf(name), Artifact: recs[name].Digest})
			case 2:
				m.links[name] = true
				_, err = s.Link("r", name, recs[name], "out")
			}
			if err != nil {
				rt.Fatal(err)
			}
		}
		days := rapid.IntRange(0, 60).Draw(rt, "days")
		if _, err := s.Collect(ctx, Collection{Days: days, Apply: true, Now: time.Now().Add(-time.Minute)}); err != nil {
			rt.Fatal(err)
		}
		have := map[string]bool{}
		for name, rec := range recs {
			_, err := os.Stat(rec.Root)
			_, ok := s.Lookup(ctx, keyOf(name))
			if ok != (err == nil) {
				rt.Fatalf("%s: found %v, but its files: %v", name, ok, err)
			}
			if ok {
				have[name] = true
			}
		}
		// A day's edge: an age of exactly `days` lies a moment on either side.
		want := m.keeps(days)
		for _, name := range m.names {
			if m.age[name] == days && !want[name] {
				delete(have, name)
			}
		}
		if d := cmp.Diff(want, have); d != "" {
			rt.Fatalf("days %d, ages %v: %s", days, m.age, d)
		}
	})
	dirs, _ := os.ReadDir(root)
	for _, d := range dirs {
		removeAll(filepath.Join(root, d.Name()))
	}
}

// Every step of a collection may be its last.
func TestACollectionCutShortLeavesAGoodStore(t *testing.T) {
	t.Parallel()
	for steps := 0; steps < 48; steps += 3 {
		steps := steps
		dir := t.TempDir()
		s := open(t, dir, nil)
		b := &shelf{s, t}
		for i := range 3 {
			b.plant(fmt.Sprint("k", i), nil)
			aged(t, s, fmt.Sprint("k", i), 90)
		}
		kept := b.plant("kept", nil)
		c, cancel := context.WithCancel(ctx)
		_, err := s.Collect(countdown{c, &steps}, Collection{Days: 30, Apply: true})
		cancel()
		if err == nil && steps < 0 {
			t.Error("a cancelled collection reports success")
		}
		for i := range 3 {
			name := fmt.Sprint("k", i)
			if rec, ok := s.Lookup(ctx, keyOf(name)); ok {
				if text, err := os.ReadFile(filepath.Join(rec.Path("out"), "f")); string(text) != "the text of "+name {
					t.Errorf("%q %v", text, err)
				}
			}
		}
		b.make("k0", nil)
		if _, ok := s.Lookup(ctx, keyOf("kept")); !ok {
			t.Errorf("%s is gone", kept.Digest)
		}
		if err := s.Verify(ctx, func(v Verdict) {
			if v.Damage != nil {
				t.Error(v.Damage)
			}
		}); err != nil {
			t.Error(err)
		}
		s.Close()
		open(t, dir, nil).Close()
		if left, _ := os.ReadDir(s.path("tmp")); len(left) > 0 {
			t.Errorf("left in tmp: %v", left)
		}
	}
}

// countdown is a context that ends after it was asked some times.
type countdown struct {
	context.Context
	left *int
}

func (c countdown) Err() error {
	if *c.left--; *c.left < 0 {
		return context.Canceled
	}
	return nil
}
