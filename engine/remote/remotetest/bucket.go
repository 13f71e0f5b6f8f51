package remotetest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/key"
	"github.com/belay-ml/belay/engine/remote"
	"github.com/belay-ml/belay/engine/store"
)

// Bucket checks that a kind of bucket keeps its promises. open gives an empty one; large is the size of a blob that it
// sends in more than one piece.
func Bucket(t *testing.T, large int, open func(t *testing.T) remote.Bucket) {
	t.Helper()
	for name, check := range map[string]func(*testing.T, remote.Bucket){
		"what is not there is absent":                           absent,
		"what was put is there, from any offset on":             putAndGet,
		"put writes over, put new does not":                     overwrite,
		"one of many first writers wins":                        race,
		"a body that is not what it should be is not put":       damaged,
		"a cancelled transfer leaves nothing that is not whole": cancelled,
		"an upload whose body fails leaves nothing":             broken,
	} {
		t.Run(name, func(t *testing.T) { check(t, open(t)) })
	}
	t.Run("a large blob goes there and back", func(t *testing.T) { there(t, open(t), Random(large, 7)) })
	t.Run("a large damaged body is not put", func(t *testing.T) { harmed(t, open(t), Random(large, 8)) })
	t.Run("a result goes there and back", func(t *testing.T) { Roundtrip(t, open(t)) })
}

// Random is n bytes that only a seed tells.
func Random(n int, seed uint64) []byte {
	out := make([]byte, n)
	var s [32]byte
	s[0] = byte(seed)
	_, _ = rand.NewChaCha8(s).Read(out)
	return out
}

func nameOf(b remote.Body) string { return "v1/cas/" + string(b.Digest) }

func read(t *testing.T, b remote.Bucket, name string, offset int64) []byte {
	t.Helper()
	r, err := b.Get(t.Context(), name, offset)
	if err != nil {
		t.Fatalf("get %s from %d: %v", name, offset, err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("read %s: %v", name, err)
	}
	return data
}

func absent(t *testing.T, b remote.Bucket) {
	for _, name := range []string{"v1/cas/" + string(artifact.HashText("x")), "v1/ac/" + string(artifact.HashText("y"))} {
		if _, err := b.Head(t.Context(), name); !errors.Is(err, remote.ErrAbsent) {
			t.Errorf("head: %v, want absent", err)
		}
		if r, err := b.Get(t.Context(), name, 0); !errors.Is(err, remote.ErrAbsent) {
			t.Errorf("get: %v %v, want absent", r, err)
		}
	}
}

func there(t *testing.T, b remote.Bucket, data []byte) {
	body := remote.Bytes(data)
	if err := b.Put(t.Context(), nameOf(body), body); err != nil {
		t.Fatal(err)
	}
	if size, err := b.Head(t.Context(), nameOf(body)); size != body.Size || err != nil {
		t.Errorf("head: %d %v, want %d", size, err, body.Size)
	}
	for _, at := range []int{0, 1, len(data) / 2, len(data) - 1} {
		if at < 0 || at >= max(len(data), 1) {
			continue
		}
		if got := read(t, b, nameOf(body), int64(at)); !bytes.Equal(got, data[at:]) {
			t.Errorf("from %d: %d bytes, want %d of others", at, len(got), len(data)-at)
		}
	}
}

func putAndGet(t *testing.T, b remote.Bucket) {
	for _, n := range []int{0, 1, 2, 100_000} {
		there(t, b, Random(n, 1))
	}
}

func overwrite(t *testing.T, b remote.Bucket) {
	const name = "v1/ac/0123"
	one, two := remote.Bytes([]byte("one")), remote.Bytes([]byte("two, longer"))
	if err := b.PutNew(t.Context(), name, one); err != nil {
		t.Fatal(err)
	}
	if err := b.PutNew(t.Context(), name, two); !errors.Is(err, remote.ErrExists) {
		t.Errorf("second put new: %v, want exists", err)
	}
	if got := string(read(t, b, name, 0)); got != "one" {
		t.Errorf("after the second put new: %q", got)
	}
	if err := b.Put(t.Context(), name, two); err != nil {
		t.Fatal(err)
	}
	if got := string(read(t, b, name, 0)); got != "two, longer" {
		t.Errorf("after put: %q", got)
	}
}

func race(t *testing.T, b remote.Bucket) {
	const writers = 8
	wins := make([]bool, writers)
	var g errgroup.Group
	for i := range writers {
		g.Go(func() error {
			err := b.PutNew(t.Context(), "v1/ac/raced", remote.Bytes(fmt.Append(nil, i)))
			wins[i] = err == nil
			if errors.Is(err, remote.ErrExists) || errors.Is(err, remote.ErrDown) { // S3 may say "conflict, try again"
				return nil
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	got := string(read(t, b, "v1/ac/raced", 0))
	n := 0
	for i, won := range wins {
		if won {
			n++
			if fmt.Sprint(i) != got {
				t.Errorf("writer %d won, but %s is there", i, got)
			}
		}
	}
	if n != 1 {
		t.Errorf("%d writers won, want 1", n)
	}
}

func damaged(t *testing.T, b remote.Bucket) { harmed(t, b, Random(3000, 3)) }

func harmed(t *testing.T, b remote.Bucket, data []byte) {
	dir := t.TempDir()
	for _, c := range []struct {
		name string
		harm func([]byte) []byte
	}{
		{"flipped", func(d []byte) []byte { d[len(d)/3] ^= 1; return d }},
		{"shorter", func(d []byte) []byte { return d[:len(d)-1] }},
		{"empty", func([]byte) []byte { return nil }},
		{"longer", func(d []byte) []byte { return append(d, 0) }}, // last: the right beginning may be put
	} {
		good := remote.Bytes(data)
		path := filepath.Join(dir, c.name)
		if err := os.WriteFile(path, c.harm(bytes.Clone(data)), 0o600); err != nil {
			t.Fatal(err)
		}
		err := b.Put(t.Context(), nameOf(good), remote.File(path, good.Digest, good.Size))
		switch {
		case err == nil && c.name != "longer":
			t.Errorf("%s: it was put", c.name)
		case errors.Is(err, remote.ErrDown), errors.Is(err, remote.ErrDenied):
			t.Errorf("%s: the remote is blamed: %v", c.name, err)
		}
		if size, err := b.Head(t.Context(), nameOf(good)); err == nil && c.name == "longer" {
			if got := read(t, b, nameOf(good), 0); !bytes.Equal(got, data) {
				t.Error("longer: other bytes are there")
			}
		} else if !errors.Is(err, remote.ErrAbsent) {
			t.Errorf("%s: something of %d bytes is there: %v", c.name, size, err)
		}
	}
}

func cancelled(t *testing.T, b remote.Bucket) {
	ctx, cancel := context.WithCancel(t.Context())
	body := remote.Bytes(Random(200_000, 4))
	inner := body.Open
	body.Open = func() (remote.Content, error) {
		c, err := inner()
		return &tripping{Content: c, do: func() error { cancel(); return nil }}, err
	}
	if err := b.Put(ctx, nameOf(body), body); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled put: %v", err)
	}
	// The end may have been on its way already: whole or not at all.
	if size, err := b.Head(t.Context(), nameOf(body)); err == nil && size != body.Size || err != nil && !errors.Is(err, remote.ErrAbsent) {
		t.Errorf("after a cancelled put there are %d bytes: %v", size, err)
	}
}

func broken(t *testing.T, b remote.Bucket) {
	body := remote.Bytes(Random(200_000, 5))
	inner := body.Open
	failure := errors.New("the disk is gone")
	body.Open = func() (remote.Content, error) {
		c, err := inner()
		return &tripping{Content: c, do: func() error { return failure }}, err
	}
	if err := b.Put(t.Context(), nameOf(body), body); !errors.Is(err, failure) {
		t.Errorf("broken put: %v", err)
	}
	if _, err := b.Head(t.Context(), nameOf(body)); !errors.Is(err, remote.ErrAbsent) {
		t.Errorf("after a broken put: %v, want absent", err)
	}
}

// tripping does something after its first bytes.
type tripping struct {
	remote.Content
	do   func() error
	read bool
}

func (c *tripping) Read(p []byte) (int, error) {
	if c.read {
		if err := c.do(); err != nil {
			return 0, err
		}
	}
	c.read = true
	return c.Content.Read(p[:min(len(p), 1000)])
}

// Workspace opens a store in a folder of its own.
func Workspace(t testing.TB) *store.Store {
	t.Helper()
	st, err := store.Open(t.TempDir(), func(text string) { t.Errorf("store: %s", text) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	return st
}

// Made publishes a folder with files as the result of a key made of a name. A file's text "-> x" is a link, one that
// begins with #! can be executed, a name that ends in / is an empty folder.
func Made(t testing.TB, st *store.Store, name string, files map[string]string) *store.Record {
	t.Helper()
	parts := key.Parts{Format: key.Format, Stage: "fake", Version: 1, Params: map[string]string{"name": name}}
	sc, err := st.Scratch(parts.Key(), false)
	if err != nil {
		t.Fatal(err)
	}
	for p, text := range files {
		p = filepath.Join(sc.Out, "out", p)
		if err := write(p, text); err != nil {
			t.Fatal(err)
		}
	}
	m := artifact.Manifest{Stage: "fake", Version: 1, Made: artifact.Made{Node: name}}
	if m.Parts, err = json.Marshal(parts); err != nil {
		t.Fatal(err)
	}
	rec, err := st.Publish(t.Context(), sc, Ports(), nil, m)
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

// Ports are those of what Made makes.
func Ports() []artifact.Port { return []artifact.Port{{Name: "out", Kind: artifact.Dir}} }

func write(p, text string) error {
	if p[len(p)-1] == '/' {
		return os.MkdirAll(p, 0o755)
	}
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		return err
	}
	switch {
	case len(text) > 3 && text[:3] == "-> ":
		return os.Symlink(text[3:], p)
	case len(text) > 2 && text[:2] == "#!":
		return os.WriteFile(p, []byte(text), 0o755)
	}
	return os.WriteFile(p, []byte(text), 0o644)
}

// Files is an artifact of all sorts: large and small files, equal ones, an empty one, links, folders.
func Files() map[string]string {
	files := map[string]string{
		"large.bin": string(Random(600_000, 1)), "also/large.bin": string(Random(600_000, 1)), "other.bin": string(Random(300_000, 2)),
		"empty": "", "link": "-> also/large.bin", "run.sh": "#!/bin/sh\n", "nothing/here/": "", "ünïcode name\n": "x",
	}
	for i := range 50 {
		files[fmt.Sprintf("small/%d/%d.txt", i%7, i)] = fmt.Sprint("text ", i%40)
	}
	return files
}

// Roundtrip pushes a result and pulls it into an empty workspace.
func Roundtrip(t *testing.T, b remote.Bucket) {
	t.Helper()
	here, elsewhere := Workspace(t), Workspace(t)
	rec := Made(t, here, "a", Files())
	push := remote.New(b, here, remote.Options{})
	pushed, err := push.Push(t.Context(), rec, event.Stage{})
	if err != nil || !pushed.New || pushed.Objects < 3 {
		t.Fatalf("push: %+v %v", pushed, err)
	}
	again, err := push.Push(t.Context(), rec, event.Stage{})
	if err != nil || again.New || again.Objects != 0 {
		t.Errorf("second push: %+v %v, want nothing sent", again, err)
	}
	got, err := remote.New(b, elsewhere, remote.Options{}).Pull(t.Context(), key.Key(rec.Key), Ports(), event.Stage{})
	if err != nil || got == nil {
		t.Fatalf("pull: %v %v", got, err)
	}
	if d := cmp.Diff(rec.Manifest, got.Manifest); d != "" {
		t.Errorf("another manifest:\n%s", d)
	}
	if have, err := artifact.DigestPath(t.Context(), got.Path("out"), nil); err != nil || have != rec.Ports["out"].Digest {
		t.Errorf("digest of what came: %s %v, want %s", have, err, rec.Ports["out"].Digest)
	}
	if found, ok := elsewhere.Lookup(t.Context(), key.Key(rec.Key)); !ok || found.Digest != rec.Digest {
		t.Error("the store does not find what was pulled")
	}
	none, err := remote.New(b, elsewhere, remote.Options{}).Pull(t.Context(), key.Key(artifact.HashText("no")), nil, event.Stage{})
	if none != nil || err != nil {
		t.Errorf("pull of what nobody made: %v %v", none, err)
	}
}

func digestOf(data []byte) string { return string(remote.Bytes(data).Digest) }
