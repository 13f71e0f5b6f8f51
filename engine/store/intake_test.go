package store

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/belay-ml/belay/engine/artifact"
)

// made is the manifest of an artifact with files, by name, and what its blobs hold.
func made(t *testing.T, name string, files map[string]string) (*artifact.Manifest, map[artifact.Digest]string) {
	t.Helper()
	rec := publish(t, open(t, t.TempDir(), nil), name, files)
	texts := map[artifact.Digest]string{}
	for _, text := range files {
		texts[artifact.HashText(text)] = text
	}
	return rec.Manifest, texts
}

// from fetches blobs out of a map.
func from(texts map[artifact.Digest]string) func(context.Context, *Intake) error {
	return func(ctx context.Context, in *Intake) error {
		for _, b := range in.Missing() {
			have := in.Have(b)
			if err := in.Put(ctx, b, have, strings.NewReader(texts[b.Digest][have:])); err != nil {
				return err
			}
		}
		return nil
	}
}

func TestAnImportedResultIsLikeAPublishedOne(t *testing.T) {
	t.Parallel()
	files := map[string]string{"a": "1", "d/b": "2", "d/same": "1", "l": "-> d/b", "empty": ""}
	m, texts := made(t, "k", files)
	s := open(t, t.TempDir(), nil)
	rec, err := s.Import(ctx, m, from(texts))
	if err != nil {
		t.Fatal(err)
	}
	if found, ok := s.Lookup(ctx, keyOf("k")); !ok || found.Digest != m.Digest || found.Root != rec.Root {
		t.Errorf("lookup: %+v %v", found, ok)
	}
	if d, err := artifact.DigestPath(ctx, rec.Root, nil); d != m.Digest {
		t.Error(d, err)
	}
	if st, err := os.Stat(filepath.Join(rec.Path("out"), "a")); err != nil || st.Mode() != 0o444 {
		t.Error(st.Mode(), err)
	}
	// The same content under another key needs no bytes.
	other := *m
	other.Key = string(keyOf("other"))
	_, err = s.Import(ctx, &other, func(context.Context, *Intake) error { t.Error("it was fetched again"); return nil })
	if _, ok := s.Lookup(ctx, keyOf("other")); !ok || err != nil {
		t.Error(ok, err)
	}
	for _, folder := range []string{"pull", "work", "locks"} {
		if left, _ := os.ReadDir(s.path(folder)); len(left) > 0 {
			t.Errorf("left in %s: %v", folder, left)
		}
	}
}

func TestWhatCannotBeImported(t *testing.T) {
	t.Parallel()
	files := map[string]string{"a": "first", "b": "second"}
	good, texts := made(t, "k", files)
	swapped := map[artifact.Digest]string{artifact.HashText("first"): "f1rst", artifact.HashText("second"): "second"}
	short := map[artifact.Digest]string{artifact.HashText("first"): "firs", artifact.HashText("second"): "second"}
	change := func(do func(m *artifact.Manifest)) *artifact.Manifest {
		m := *good
		m.Files = append([]artifact.File(nil), good.Files...)
		do(&m)
		return &m
	}
	for name, c := range map[string]struct {
		m     *artifact.Manifest
		fetch func(context.Context, *Intake) error
		want  error
	}{
		"wrong bytes":     {good, from(swapped), ErrWrongBytes},
		"too few bytes":   {good, from(short), ErrWrongBytes},
		"nothing comes":   {good, func(context.Context, *Intake) error { return nil }, nil},
		"another digest":  {change(func(m *artifact.Manifest) { m.Digest = artifact.HashText("x") }), from(texts), ErrWrongBytes},
		"no key":          {change(func(m *artifact.Manifest) { m.Key = "../../x" }), from(texts), ErrWrongBytes},
		"a path out":      {change(func(m *artifact.Manifest) { m.Files[0].Path = "../../../x" }), from(texts), ErrWrongBytes},
		"an absolute one": {change(func(m *artifact.Manifest) { m.Files[0].Path = "/tmp/x" }), from(texts), ErrWrongBytes},
		"more than the disk holds": {change(func(m *artifact.Manifest) {
			m.Files[0].Size = math.MaxInt64 / 4
			tree, err := artifact.NewTree(m.Files)
			if err != nil {
				t.Fatal(err)
			}
			m.Digest = tree.Digest
		}), from(texts), unix.ENOSPC},
	} {
		s := open(t, t.TempDir(), nil)
		_, err := s.Import(ctx, c.m, c.fetch)
		if err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: error %v, want %v", name, err, c.want)
		}
		for _, folder := range []string{"artifacts", "keys"} {
			if left, _ := os.ReadDir(s.path(folder)); len(left) > 0 {
				t.Errorf("%s: %s holds %v", name, folder, left)
			}
		}
	}
}

func TestABrokenImportGoesOn(t *testing.T) {
	t.Parallel()
	m, texts := made(t, "k", map[string]string{"a": strings.Repeat("long", 1000), "b": "second"})
	s := open(t, t.TempDir(), nil)
	_, err := s.Import(ctx, m, func(ctx context.Context, in *Intake) error {
		for _, b := range in.Missing() {
			if b.Size > 1000 {
				return in.Put(ctx, b, 0, &failing{strings.NewReader(texts[b.Digest][:1500])})
			}
		}
		return nil
	})
	if !errors.Is(err, errCable) {
		t.Fatal(err)
	}
	s.Close()
	s = open(t, s.Workspace(), nil) // another process; it keeps what came
	var asked int64
	_, err = s.Import(ctx, m, func(ctx context.Context, in *Intake) error {
		for _, b := range in.Missing() {
			if b.Size > 1000 {
				asked = in.Have(b)
			}
		}
		return from(texts)(ctx, in)
	})
	if err != nil || asked != 1500 {
		t.Errorf("it went on from %d: %v", asked, err)
	}
}

var errCable = errors.New("the cable is out")

// failing ends in an error.
type failing struct{ *strings.Reader }

func (f *failing) Read(p []byte) (int, error) {
	if f.Len() == 0 {
		return 0, errCable
	}
	return f.Reader.Read(p)
}

func TestAbandonedImportsAreSwept(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), nil)
	for name, age := range map[string]time.Duration{"old": 8 * 24 * time.Hour, "new": time.Hour, "done": 0} {
		dir := s.path("pull", string(keyOf(name)))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(-age)
		if err := os.Chtimes(dir, at, at); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(s.path("keys", string(keyOf("done"))[:2]), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.place("keys", string(keyOf("done")), ".json"), nil, 0o644); err != nil { // killed after its record
		t.Fatal(err)
	}
	s = open(t, s.Workspace(), nil)
	left, err := os.ReadDir(s.path("pull"))
	if err != nil || len(left) != 1 || left[0].Name() != string(keyOf("new")) {
		t.Errorf("left: %v %v", left, err)
	}
}

func TestABlobThatNobodyWantsIsNotTaken(t *testing.T) {
	t.Parallel()
	m, texts := made(t, "k", map[string]string{"a": "first"})
	s := open(t, t.TempDir(), nil)
	_, err := s.Import(ctx, m, func(ctx context.Context, in *Intake) error {
		other := Blob{artifact.HashText("evil"), 4}
		if err := in.Put(ctx, other, 0, bytes.NewReader([]byte("evil"))); err == nil {
			t.Error("it was taken")
		}
		if err := in.Put(ctx, Blob{"../../../evil", 4}, 0, bytes.NewReader([]byte("evil"))); err == nil {
			t.Error("a path was taken")
		}
		return from(texts)(ctx, in)
	})
	if err != nil {
		t.Error(err)
	}
}
