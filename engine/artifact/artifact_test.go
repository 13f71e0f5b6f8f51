package artifact

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// plant writes files below a new folder: a text is a file, "-> x" a link, a path ending in / a directory, and a
// path beginning with ! an executable file.
func plant(t testing.TB, files map[string]string) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "tree")
	must := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	must(os.MkdirAll(root, 0o755))
	for p, text := range files {
		mode := os.FileMode(0o644)
		if strings.HasPrefix(p, "!") {
			p, mode = p[1:], 0o755
		}
		abs := filepath.Join(root, p)
		if strings.HasSuffix(p, "/") {
			must(os.MkdirAll(abs, 0o755))
			continue
		}
		must(os.MkdirAll(filepath.Dir(abs), 0o755))
		if target, ok := strings.CutPrefix(text, "-> "); ok {
			must(os.Symlink(target, abs))
			continue
		}
		must(os.WriteFile(abs, []byte(text), mode))
	}
	return root
}

func digest(t testing.TB, root string) Digest {
	t.Helper()
	d, err := DigestPath(context.Background(), root, nil)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestFileDigestIsItsSHA256(t *testing.T) {
	t.Parallel()
	root := plant(t, map[string]string{"a": "abc"})
	if d := digest(t, filepath.Join(root, "a")); d != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" {
		t.Error(d)
	}
}

func TestDigestsTellTreesApart(t *testing.T) {
	t.Parallel()
	base := map[string]string{"a": "1", "b/c": "2", "b/d/e": "3"}
	with := func(del string, add ...string) map[string]string {
		m := map[string]string{}
		for k, v := range base {
			if k != del {
				m[k] = v
			}
		}
		for i := 0; i < len(add); i += 2 {
			m[add[i]] = add[i+1]
		}
		return m
	}
	seen := map[Digest]string{digest(t, plant(t, base)): "base"}
	for name, files := range map[string]map[string]string{
		"other content":            with("a", "a", "9"),
		"other name":               with("a", "aa", "1"),
		"a file missing":           with("a"),
		"a file more":              with("", "f", ""),
		"an empty directory more":  with("", "f/", ""),
		"executable":               with("a", "!a", "1"),
		"a link for a file":        with("a", "a", "-> b/c"),
		"another link":             with("a", "a", "-> b/d/e"),
		"moved into the directory": with("a", "b/a", "1"),
		"empty":                    {},
		"neighbour of a prefix":    with("", "b-x", "1"),
	} {
		d := digest(t, plant(t, files))
		if other, ok := seen[d]; ok {
			t.Errorf("%s has the digest of %s", name, other)
		}
		seen[d] = name
	}
}

func TestTouchingChangesNoDigest(t *testing.T) {
	t.Parallel()
	root := plant(t, map[string]string{"a": "1", "b/c": "2"})
	before := digest(t, root)
	old := time.Unix(1000, 0)
	if err := os.Chtimes(filepath.Join(root, "b/c"), old, old); err != nil {
		t.Fatal(err)
	}
	if after := digest(t, root); after != before {
		t.Error(before, after)
	}
}

func TestLinksLeavingTheTree(t *testing.T) {
	t.Parallel()
	blobs := plant(t, map[string]string{"x": "weights", "d/y": "more"})
	cache := plant(t, map[string]string{"model": "-> " + blobs + "/x", "dir": "-> " + blobs + "/d"})
	plain := plant(t, map[string]string{"model": "weights", "dir/y": "more"})
	if a, b := digest(t, cache), digest(t, plain); a != b {
		t.Errorf("followed source %s, plain copy %s", a, b)
	}
	if _, err := DigestTree(context.Background(), cache, nil, RefuseOutside); err == nil || !strings.Contains(err.Error(), "leaves the directory") {
		t.Errorf("output with outside links: %v", err)
	}
	loop := plant(t, map[string]string{"a/up": "-> .."})
	if _, err := DigestTree(context.Background(), loop, nil, RefuseOutside); err != nil {
		t.Errorf("a link to the root is inside: %v", err)
	}
	broken := plant(t, map[string]string{"a": "-> /no/such/file"})
	if _, err := DigestPath(context.Background(), broken, nil); err == nil {
		t.Error("a broken outside link was digested")
	}
}

func TestSubTreesHaveTheDigestOfTheirOwnFolder(t *testing.T) {
	t.Parallel()
	root := plant(t, map[string]string{"m/a": "1", "m/s/b": "2", "m-x": "3", "e/": ""})
	tree, err := DigestTree(context.Background(), root, nil, RefuseOutside)
	if err != nil {
		t.Fatal(err)
	}
	for _, rel := range []string{".", "m", "m/s", "m/s/b", "m-x", "e"} {
		d, n, ok := tree.At(rel)
		if want := digest(t, filepath.Join(root, rel)); !ok || d != want {
			t.Errorf("At(%s) = %s %v, want %s", rel, d, ok, want)
		}
		var sum int64
		for _, f := range tree.Under(rel) {
			sum += f.Size
		}
		if sum != n {
			t.Errorf("At(%s): %d bytes, files make %d", rel, n, sum)
		}
	}
	if _, _, ok := tree.At("nope"); ok {
		t.Error("found nope")
	}
}

// remembering is a cache that trusts everything.
type remembering map[Stat]Digest

func (r remembering) Digest(s Stat) (Digest, bool)           { d, ok := r[s]; return d, ok }
func (r remembering) Remember(s Stat, d Digest, _ time.Time) { r[s] = d }

func TestKnownFilesAreNotRead(t *testing.T) {
	t.Parallel()
	root := plant(t, map[string]string{"a": "1"})
	st, err := StatFile(filepath.Join(root, "a"))
	if err != nil {
		t.Fatal(err)
	}
	fake := HashText("other")
	tree, err := DigestTree(context.Background(), root, remembering{st: fake}, RefuseOutside)
	if err != nil || tree.Files[0].Digest != fake {
		t.Error(tree, err)
	}
	cache := remembering{}
	if _, err := DigestTree(context.Background(), root, cache, RefuseOutside); err != nil || cache[st] != HashText("1") {
		t.Error(cache, err)
	}
}

func TestCancelledDigestEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := DigestPath(ctx, plant(t, map[string]string{"a": "1"}), nil); err == nil {
		t.Error("digest of a cancelled context")
	}
}

func sample(t testing.TB) *Manifest {
	t.Helper()
	tree, err := NewTree([]File{{Path: "m/a", Mode: Regular, Size: 1, Digest: HashText("1")}, {Path: "e", Mode: EmptyDir},
		{Path: "l", Mode: Symlink, Size: 3, Target: "m/a", Digest: HashText("m/a")}})
	if err != nil {
		t.Fatal(err)
	}
	d, n, _ := tree.At("m")
	return &Manifest{Format: ManifestFormat, Digest: tree.Digest, Bytes: tree.Bytes, Key: "k", Stage: "copy", Version: 1,
		Ports: map[string]PortContent{"m": {Path: "m", Kind: Dir, Digest: d, Bytes: n}}, Files: tree.Files,
		Parts: json.RawMessage(`{}`), Parents: map[string]Digest{"base.m": d},
		Made: Made{Host: "h", At: time.Unix(5, 0).UTC(), Took: time.Second}, Notes: map[string]any{"commit": "c"}}
}

func TestManifestSurvivesItsJSON(t *testing.T) {
	t.Parallel()
	m := sample(t)
	data, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeManifest(data)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(m, got); d != "" {
		t.Error(d)
	}
}

func TestManifestThatLiesIsRefused(t *testing.T) {
	t.Parallel()
	data, err := sample(t).Encode()
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string][2]string{
		"changed size":       {`"size": 1`, `"size": 2`},
		"path outside":       {`"m/a"`, `"../a"`},
		"absolute path":      {`"path": "e"`, `"path": "/e"`},
		"link outside":       {`"target": "m/a"`, `"target": "../x"`},
		"unknown field":      {`"key"`, `"keys"`},
		"another format":     {`"format": 1`, `"format": 9`},
		"port elsewhere":     {`"path": "m",`, `"path": "e",`},
		"negative size":      {`"size": 1`, `"size": -1`},
		"unknown mode":       {`"mode": "f"`, `"mode": "s"`},
		"text after the end": {"\n}\n", "\n}\n{}"},
	} {
		bad := bytes.Replace(data, []byte(change[0]), []byte(change[1]), 1)
		if bytes.Equal(bad, data) {
			t.Fatalf("%s: nothing to change", name)
		}
		if _, err := DecodeManifest(bad); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

func TestListingOrderDoesNotCount(t *testing.T) {
	t.Parallel()
	name := rapid.StringMatching(`[a-c.-]{1,2}(/[a-c.-]{1,2}){0,3}`)
	rapid.Check(t, func(r *rapid.T) {
		var files []File
		for _, p := range rapid.SliceOf(name).Draw(r, "paths") {
			files = append(files, File{Path: p, Mode: Regular, Size: 1, Digest: HashText(p)})
		}
		shuffled := rapid.Permutation(files).Draw(r, "shuffled")
		a, errA := NewTree(append([]File(nil), files...))
		b, errB := NewTree(append([]File(nil), shuffled...))
		if (errA == nil) != (errB == nil) {
			r.Fatal(errA, errB)
		}
		if errA == nil && a.Digest != b.Digest {
			r.Fatalf("%s, shuffled %s", a.Digest, b.Digest)
		}
	})
}

func FuzzDecodeManifest(f *testing.F) {
	data, err := sample(f).Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"format":1,"files":[{"path":"a/a/a/a"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := DecodeManifest(data)
		if err != nil {
			return
		}
		for _, file := range m.Files {
			if !filepath.IsLocal(file.Path) {
				t.Errorf("accepted path %q", file.Path)
			}
		}
	})
}

// onErr is a context that does something whenever it is asked whether to end.
type onErr struct {
	context.Context
	do func()
}

func (c onErr) Err() error {
	c.do()
	return c.Context.Err()
}

func TestAFileThatChangesWhileItIsReadIsAnError(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("one"), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx := onErr{context.Background(), sync.OnceFunc(func() {
		if err := os.WriteFile(path, []byte("two, longer"), 0o644); err != nil {
			t.Error(err)
		}
	})}
	if _, _, _, err := HashFile(ctx, path); err == nil || err.Error() != "read "+path+": the file changed meanwhile" {
		t.Errorf("error %v", err)
	}
}
