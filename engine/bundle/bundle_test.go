package bundle_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/bundle"
	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/key"
	"github.com/belay-ml/belay/engine/remote"
	"github.com/belay-ml/belay/engine/remote/remotetest"
	"github.com/belay-ml/belay/engine/store"
)

// files are those of a workspace, by path. Text is as in remotetest.Made.
var files = map[string]string{
	"recipes/a.yaml": "belay: 1\n", "data/big": string(remotetest.Random(700_000, 9)), "data/copy": string(remotetest.Random(700_000, 9)),
	"data/run.sh": "#!/bin/sh\n", "data/empty": "", "data/link": "-> big", "data/none/": "",
}

func listing(t testing.TB, files map[string]string) (dir string, out []artifact.File) {
	t.Helper()
	dir = t.TempDir()
	for p, text := range files {
		at := filepath.Join(dir, p)
		err := os.MkdirAll(filepath.Dir(at), 0o755)
		switch {
		case err != nil:
		case strings.HasSuffix(p, "/"):
			err = os.MkdirAll(at, 0o755)
		case strings.HasPrefix(text, "-> "):
			err = os.Symlink(text[3:], at)
		case strings.HasPrefix(text, "#!"):
			err = os.WriteFile(at, []byte(text), 0o755)
		default:
			err = os.WriteFile(at, []byte(text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	tree, err := artifact.DigestTree(t.Context(), dir, nil, artifact.FollowOutside)
	if err != nil {
		t.Fatal(err)
	}
	return dir, tree.Files
}

// made writes a bundle with results of some names.
func made(t testing.TB, names ...string) (text []byte, keys []key.Key) {
	t.Helper()
	dir, list := listing(t, files)
	st := remotetest.Workspace(t)
	var out bytes.Buffer
	w, err := bundle.NewWriter(&out)
	if err != nil {
		t.Fatal(err)
	}
	ix := bundle.Index{Recipe: "recipes/a.yaml", Files: list, Secrets: []bundle.Secret{{Name: "A", Env: "B"}}}
	for _, f := range list {
		if err := w.File(t.Context(), filepath.Join(dir, f.Path), f); err != nil {
			t.Fatal(err)
		}
	}
	c := remote.New(w.Bucket(), st, remote.Options{Parallel: 1})
	for _, name := range names {
		rec := remotetest.Made(t, st, name, remotetest.Files())
		if _, err := c.Push(t.Context(), rec, event.Stage{}); err != nil {
			t.Fatal(err)
		}
		ix.Results = append(ix.Results, bundle.Result{Node: name, Key: key.Key(rec.Key)})
		keys = append(keys, key.Key(rec.Key))
	}
	if err := w.Close(ix); err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), keys
}

func read(text []byte) (*bundle.Bundle, error) {
	return bundle.Read(bytes.NewReader(text), int64(len(text)))
}

// whole reads and checks.
func whole(ctx context.Context, text []byte) (*bundle.Bundle, error) {
	b, err := read(text)
	if err == nil {
		_, err = b.Check(ctx, func(int64, int64) {})
	}
	return b, err
}

func TestWhatGoesIntoABundleComesOut(t *testing.T) {
	t.Parallel()
	text, keys := made(t, "a", "b")
	b, err := read(text)
	if err != nil {
		t.Fatal(err)
	}
	var moved, total int64
	checked, err := b.Check(t.Context(), func(done, all int64) { moved, total = done, all })
	if err != nil || moved != total || total < 1_500_000 || checked.Bytes < 2*1_500_000 {
		t.Fatalf("check: %v, %d of %d bytes, makes %d", err, moved, total, checked.Bytes)
	}
	if len(text) > 2_000_000 {
		t.Errorf("%d bytes: what is equal is there more than once", len(text))
	}
	st := remotetest.Workspace(t)
	c := remote.New(b.Bucket("x.belay"), st, remote.Options{})
	for _, k := range keys {
		rec, err := c.Pull(t.Context(), k, remotetest.Ports(), event.Stage{})
		if err != nil || rec == nil {
			t.Fatalf("pull %s: %v %v", k.Short(), rec, err)
		}
	}
	dir := t.TempDir()
	if err := b.Place(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	_, want := listing(t, files)
	tree, err := artifact.DigestTree(t.Context(), dir, nil, artifact.FollowOutside)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, tree.Files); d != "" {
		t.Errorf("other files:\n%s", d)
	}
	if differ, err := b.Differs(t.Context(), dir); len(differ) > 0 || err != nil {
		t.Errorf("what was placed differs: %v %v", differ, err)
	}
	for name, harm := range map[string]func(path string) error{
		"data/big":    func(p string) error { return os.WriteFile(p, []byte("x"), 0o644) },
		"data/run.sh": func(p string) error { return os.Chmod(p, 0o644) },
		"data/link":   func(p string) error { return errors.Join(os.Remove(p), os.Symlink("empty", p)) },
		"data/empty":  func(p string) error { return os.WriteFile(p, []byte("x"), 0o644) },
	} {
		if err := harm(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		if differ, err := b.Differs(t.Context(), dir); !slices.Contains(differ, name) || err != nil {
			t.Errorf("%s: differ %v, %v", name, differ, err)
		}
	}
	if err := b.Place(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	if differ, err := b.Differs(t.Context(), dir); len(differ) > 0 || err != nil {
		t.Errorf("what was placed again differs: %v %v", differ, err)
	}
	for name, harm := range map[string]func(path string) error{
		"data/empty": func(p string) error { return errors.Join(os.Remove(p), os.Mkdir(p, 0o755)) },
		"data/none":  func(p string) error { return errors.Join(os.Remove(p), os.WriteFile(p, nil, 0o644)) },
	} {
		if err := harm(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Differs(t.Context(), dir); err == nil || !strings.Contains(err.Error(), "in the place of a file") {
			t.Errorf("%s: %v, want that it cannot be placed", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Check(ctx, func(int64, int64) {}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled check: %v", err)
	}
}

// Every byte of what a bundle holds counts: one that is another is found, or was about the archive alone.
func TestAByteThatIsAnotherIsFound(t *testing.T) {
	t.Parallel()
	text, _ := made(t, "a")
	step := len(text)/400 + 1
	harmless := 0
	for at := 0; at < len(text); at += step {
		bad := bytes.Clone(text)
		bad[at] ^= 0x40
		if _, err := whole(t.Context(), bad); err == nil {
			harmless++ // times, checksums and local headers, which nobody looks at
		}
	}
	if harmless > 20 {
		t.Errorf("%d of 400 changes were not found", harmless)
	}
	for cut := 1; cut < len(text); cut += step {
		if _, err := read(text[:len(text)-cut]); err == nil {
			t.Fatalf("a bundle without its last %d bytes was read", cut)
		}
	}
	if _, err := read(append(bytes.Clone(text), 0)); err == nil || !strings.Contains(err.Error(), "something follows its end") {
		t.Errorf("a byte too many: %v", err)
	}
}

// item is an entry of an archive made by hand.
type item struct {
	name, text string
	method     uint16
}

// archive is a zip archive with any entries.
func archive(t testing.TB, items ...item) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, it := range items {
		w, err := z.CreateHeader(&zip.FileHeader{Name: it.name, Method: it.method})
		if err == nil {
			_, err = w.Write([]byte(it.text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// with is a bundle with an index and other entries.
func with(t testing.TB, index string, items ...item) []byte {
	t.Helper()
	all := append([]item{{name: "belay-bundle", text: bundle.Magic}}, items...)
	return archive(t, append(all, item{name: "index.json", text: index})...)
}

func blob(text string) item {
	return item{name: remote.BlobName(artifact.HashText(text)), text: text}
}

func file(path, text string) string {
	return fmt.Sprintf(`{"path": %q, "mode": "f", "size": %d, "digest": %q}`, path, len(text), artifact.HashText(text))
}

func link(path, target string) string {
	return fmt.Sprintf(`{"path": %q, "mode": "l", "size": %d, "digest": %q, "target": %q}`, path, len(target), artifact.HashText(target), target)
}

func index(files ...string) string {
	return `{"format": 1, "files": [` + strings.Join(files, ", ") + `]}`
}

func TestABundleThatLiesIsRefused(t *testing.T) {
	t.Parallel()
	k := string(artifact.HashText("k"))
	x := blob("x")
	for name, c := range map[string]struct {
		text []byte
		want string
	}{
		"nothing":                   {nil, "no bundle"},
		"text":                      {[]byte(strings.Repeat("hello ", 100)), "no bundle"},
		"another archive":           {archive(t, item{name: "a", text: "b"}), "no bundle"},
		"another format":            {with(t, `{"format": 2}`), "format 2, this program knows 1"},
		"an index with more":        {with(t, `{"format": 1, "run": "rm -rf /"}`), "unknown field"},
		"an index that goes on":     {with(t, `{"format": 1} {}`), "text after its end"},
		"no index":                  {archive(t, item{name: "belay-bundle", text: bundle.Magic}, item{name: "a"}), "not those that it tells of"},
		"an entry of another name":  {with(t, index(), item{name: "../../etc/passwd", text: "x"}), `entry "../../etc/passwd" has no place in one`},
		"an entry twice":            {with(t, index(file("a", "x")), x, x), "it is there twice"},
		"a compressed entry":        {with(t, index(file("a", "x")), item{x.name, strings.Repeat("x", 1<<20), zip.Deflate}), "it is compressed"},
		"an entry for nothing":      {with(t, index(), x), "belongs to nothing"},
		"a file that is missing":    {with(t, index(file("a", "x"))), "is missing"},
		"a file of other bytes":     {with(t, index(file("a", "x")), item{name: x.name, text: "y"}), "its bytes make"},
		"a file that is too short":  {with(t, index(file("a", "xx")), item{name: remote.BlobName(artifact.HashText("xx")), text: "x"}), "ends 1 bytes too early"},
		"a file that is too long":   {with(t, index(file("a", "x")), item{name: x.name, text: "xx"}), "it has 2 bytes, want 1"},
		"a path that escapes":       {with(t, index(file("../a", "x")), x), `file "../a": no path below the workspace`},
		"a path from the root":      {with(t, index(file("/a", "x")), x), "no path below"},
		"a path that is not clean":  {with(t, index(file("a//b", "x")), x), "no path below"},
		"a path with a backslash":   {with(t, index(file(`a\b`, "x")), x), "no path below"},
		"a path in the store":       {with(t, index(file(".belay/keys/x", "x")), x), "nothing may go into .belay"},
		"a path in a repository":    {with(t, index(file("a/.GIT/hooks/x", "x")), x), "nothing may go into .GIT"},
		"settings":                  {with(t, index(file("belay.yaml", "x")), x), "settings do not travel"},
		"a path twice":              {with(t, index(file("a", "x"), file("a", "x")), x), "listed twice"},
		"a file that is a folder":   {with(t, index(file("a", "x"), file("a/b", "x")), x), "both a file and a directory"},
		"paths out of order":        {with(t, index(file("b", "x"), file("a", "x")), x), "not in order"},
		"a link that escapes":       {with(t, index(link("a", "../x"))), `link to "../x" leaves`},
		"a link through the root":   {with(t, index(link("a", "/etc"))), `link to "/etc" leaves`},
		"a mode that is none":       {with(t, index(`{"path": "a", "mode": "s", "size": 0}`)), `unknown mode "s"`},
		"an empty file with bytes":  {with(t, index(fmt.Sprintf(`{"path": "a", "mode": "f", "size": 0, "digest": %q}`, k))), "size of other content"},
		"a recipe that is not here": {with(t, `{"format": 1, "recipe": "r.yaml"}`), "is not among its files"},
		"a result that is missing":  {with(t, `{"format": 1, "results": [{"node": "a", "key": "`+k+`"}]}`), "is missing"},
		"a result that is no key":   {with(t, `{"format": 1, "results": [{"node": "a", "key": "../x"}]}`), "it is no key"},
		"a result too many":         {with(t, index(), item{name: "v1/ac/" + k, text: "{}"}), "holds 1 results and tells of 0"},
		"a result that is none":     {with(t, `{"format": 1, "results": [{"node": "a", "key": "`+k+`"}]}`, item{name: "v1/ac/" + k, text: "{}"}), "result of a: read result"},
		"a secret that is a line":   {with(t, `{"format": 1, "secrets": [{"name": "A", "env": "B}\nhooks: [{run: x}]"}]}`), "no names"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := whole(t.Context(), c.text); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("have %v, want %s", err, c.want)
			}
		})
	}
}

// Entries that lie over each other would make much of little.
func TestEntriesThatOverlapAreRefused(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("x", 100_000)
	text := with(t, index(file("a", big), file("b", "y")), blob(big), blob("y"))
	b, err := whole(t.Context(), text)
	if err != nil {
		t.Fatal(err)
	}
	_ = b
	// The second entry is made to say that it is as long as the first and lies where that lies.
	at := bytes.LastIndex(text, []byte(blob("y").name)) - 46
	from := bytes.Index(text, []byte("PK\x01\x02"))
	second := bytes.Index(text[from+4:], []byte("PK\x01\x02")) + from + 4
	bad := bytes.Clone(text)
	copy(bad[at+16:at+28], text[second+16:second+28]) // checksum and sizes
	copy(bad[at+42:at+46], text[second+42:second+46]) // place
	if _, err := read(bad); err == nil || !strings.Contains(err.Error(), "entries overlap") {
		t.Errorf("have %v, want that they overlap", err)
	}
}

// A million entries are refused before anything is made for them.
func TestAMillionEntriesAreRefused(t *testing.T) {
	t.Parallel()
	text := with(t, index())
	end := len(text) - 22
	var long bytes.Buffer
	long.Write(text[:end])
	record := make([]byte, 56)
	copy(record, "PK\x06\x06")
	binary.LittleEndian.PutUint64(record[4:], 44)
	binary.LittleEndian.PutUint64(record[24:], 1_000_000)
	binary.LittleEndian.PutUint64(record[32:], 1_000_000)
	locator := make([]byte, 20)
	copy(locator, "PK\x06\x07")
	binary.LittleEndian.PutUint64(locator[8:], uint64(end))
	long.Write(record)
	long.Write(locator)
	tail := bytes.Clone(text[end:])
	binary.LittleEndian.PutUint16(tail[10:], 0xffff)
	long.Write(tail)
	if _, err := read(long.Bytes()); err == nil || !strings.Contains(err.Error(), "it has 1000000 entries") {
		t.Errorf("have %v, want that there are too many", err)
	}
}

// A listing that makes terabytes of one file is refused before the first byte is written.
func TestAResultThatClaimsToBeHugeIsRefused(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("x", 200_000)
	d := artifact.HashText(text)
	var list []artifact.File
	for i := range 20_000 {
		list = append(list, artifact.File{Path: fmt.Sprintf("out/%05d", i), Mode: artifact.Regular, Size: int64(len(text)), Digest: d})
	}
	tree, err := artifact.NewTree(list)
	if err != nil {
		t.Fatal(err)
	}
	parts := key.Parts{Format: key.Format, Stage: "fake", Version: 1}
	pd, n, _ := tree.At("out")
	m := &artifact.Manifest{Format: artifact.ManifestFormat, Digest: tree.Digest, Bytes: tree.Bytes, Key: string(parts.Key()), Stage: "fake", Version: 1, Files: list,
		Ports: map[string]artifact.PortContent{"out": {Path: "out", Kind: artifact.Dir, Digest: pd, Bytes: n}}}
	if m.Parts, err = json.Marshal(parts); err != nil {
		t.Fatal(err)
	}
	body, err := (&remote.Result{Manifest: m}).Encode()
	if err != nil {
		t.Fatal(err)
	}
	bad := with(t, `{"format": 1, "results": [{"node": "a", "key": "`+m.Key+`"}]}`, blob(text), item{name: remote.ResultName(key.Key(m.Key)), text: string(body)})
	if _, err := whole(t.Context(), bad); err == nil || !strings.Contains(err.Error(), "claims to hold more than") {
		t.Errorf("have %v, want that it is too much", err)
	}
}

// A link that lies in the folder does not lead a file out of it.
func TestFilesStayInTheirFolder(t *testing.T) {
	t.Parallel()
	b, err := whole(t.Context(), with(t, index(file("a/b", "x")), blob("x")))
	if err != nil {
		t.Fatal(err)
	}
	dir, away := t.TempDir(), t.TempDir()
	if err := os.Symlink(away, filepath.Join(dir, "a")); err != nil {
		t.Fatal(err)
	}
	if err := b.Place(t.Context(), dir); err == nil {
		t.Error("a file went through a link")
	}
	if left, _ := os.ReadDir(away); len(left) > 0 {
		t.Errorf("outside lies %v", left)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("in the folder lies %v", left)
	}
}

// What is wrong in a pack is found before the results that came before it are there: members that are others under its right
// digest, and the right members under another.
func TestAPackThatLiesIsFoundByCheck(t *testing.T) {
	t.Parallel()
	text, keys := made(t, "a")
	z, err := zip.NewReader(bytes.NewReader(text), int64(len(text)))
	if err != nil {
		t.Fatal(err)
	}
	content := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		content[f.Name] = string(data)
	}
	for what, harm := range map[string]func(pack string) (other string, d artifact.Digest){
		"members": func(pack string) (string, artifact.Digest) {
			other := strings.Repeat("z", len(pack))
			return other, artifact.HashText(other)
		},
		"name": func(pack string) (string, artifact.Digest) { return pack, artifact.HashText("another") },
		"none": func(pack string) (string, artifact.Digest) { return pack, artifact.HashText(pack) },
	} {
		b, err := read(text)
		if err != nil {
			t.Fatal(err)
		}
		r, err := b.Result(keys[0])
		if err != nil || len(r.Packs.Digests) != 1 {
			t.Fatal(err, "want one pack")
		}
		var items []item
		for _, o := range r.Objects() {
			it := item{name: o.Name, text: content[o.Name]}
			if len(o.Blobs) > 1 {
				it.text, r.Packs.Digests[0] = harm(it.text)
				it.name = remote.BlobName(r.Packs.Digests[0])
			}
			items = append(items, it)
		}
		body, err := r.Encode()
		if err != nil {
			t.Fatal(err)
		}
		items = append(items, item{name: remote.ResultName(keys[0]), text: string(body)})
		bad := with(t, `{"format": 1, "results": [{"node": "a", "key": "`+string(keys[0])+`"}]}`, items...)
		if _, err := whole(t.Context(), bad); (err == nil) != (what == "none") || err != nil && !strings.Contains(err.Error(), "its bytes make") {
			t.Errorf("%s: have %v", what, err)
		}
	}
}

func TestAFileThatChangesWhileItIsPackedFailsTheBundle(t *testing.T) {
	t.Parallel()
	dir, list := listing(t, map[string]string{"a": "one"})
	if err := os.WriteFile(filepath.Join(dir, "a"), []byte("two"), 0o644); err != nil {
		t.Fatal(err)
	}
	w, err := bundle.NewWriter(&bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.File(t.Context(), filepath.Join(dir, "a"), list[0]); err == nil {
		t.Error("it was packed")
	}
	if err := w.File(t.Context(), "x", artifact.File{Path: ".git/config", Mode: artifact.Regular}); err == nil {
		t.Error("a private file was packed")
	}
}

// FuzzRead looks for bundles that break the reader, or that make something although they are not what they say.
func FuzzRead(f *testing.F) {
	small, _ := smallBundle(f)
	f.Add(small)
	f.Add(with(f, index(file("a", "x"), link("b", "a")), blob("x")))
	f.Add(with(f, `{"format": 1}`))
	f.Add([]byte("PK\x03\x04"))
	f.Fuzz(func(t *testing.T, text []byte) {
		b, err := whole(t.Context(), text)
		if err != nil {
			return
		}
		for _, file := range b.Index.Files {
			if !filepath.IsLocal(file.Path) {
				t.Fatalf("path %q", file.Path)
			}
		}
		dir := t.TempDir()
		if err := b.Place(t.Context(), dir); errors.Is(err, store.ErrWrongBytes) { // others are names that this file system does not take
			t.Fatalf("a checked file does not come out: %v", err)
		}
		st, err := store.Open(dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer st.Close()
		c := remote.New(b.Bucket("x"), st, remote.Options{})
		for _, r := range b.Index.Results {
			if _, err := c.Pull(t.Context(), r.Key, nil, event.Stage{}); errors.Is(err, remote.ErrWrong) || errors.Is(err, remote.ErrAbsent) {
				t.Fatalf("a checked result does not come out: %v", err)
			}
		}
	})
}

func smallBundle(t testing.TB) ([]byte, key.Key) {
	st := remotetest.Workspace(t)
	var out bytes.Buffer
	w, err := bundle.NewWriter(&out)
	if err != nil {
		t.Fatal(err)
	}
	rec := remotetest.Made(t, st, "a", map[string]string{"x": "1", "y": "2", "l": "-> x"})
	if _, err := remote.New(w.Bucket(), st, remote.Options{Parallel: 1}).Push(context.Background(), rec, event.Stage{}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(bundle.Index{Results: []bundle.Result{{Node: "a", Key: key.Key(rec.Key)}}}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), key.Key(rec.Key)
}

// More entries than the archive's old form can count.
func TestManyFilesMakeALongBundle(t *testing.T) {
	t.Parallel()
	const n = 1<<16 + 10
	items, list := make([]item, n), make([]string, n)
	for i := range n {
		text := fmt.Sprint(i)
		items[i], list[i] = blob(text), file(fmt.Sprintf("f/%06d", i), text)
	}
	b, err := whole(t.Context(), with(t, index(list...), items...))
	if err != nil || len(b.Index.Files) != n {
		t.Fatalf("have %v", err)
	}
}
