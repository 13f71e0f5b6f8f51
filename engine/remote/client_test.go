package remote_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/key"
	"github.com/belay-ml/belay/engine/remote"
	"github.com/belay-ml/belay/engine/remote/dir"
	"github.com/belay-ml/belay/engine/remote/remotetest"
	"github.com/belay-ml/belay/engine/store"
)

// bench is a remote folder with a result in it, and an empty workspace.
type bench struct {
	*testing.T
	root   string
	bucket *remotetest.Faulty
	here   *store.Store
	rec    *store.Record
	there  *store.Store
	client *remote.Client // of there
	sleeps atomic.Int64
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{T: t, root: t.TempDir(), here: remotetest.Workspace(t), there: remotetest.Workspace(t)}
	b.bucket = &remotetest.Faulty{Bucket: dir.Open(b.root)}
	b.rec = remotetest.Made(t, b.here, "a", remotetest.Files())
	b.push()
	b.client = b.open(b.there)
	return b
}

func (b *bench) open(st *store.Store) *remote.Client {
	return remote.New(b.bucket, st, remote.Options{Sleep: func(ctx context.Context, _ time.Duration) error {
		b.sleeps.Add(1)
		return ctx.Err()
	}})
}

func (b *bench) push() remote.Pushed {
	b.Helper()
	p, err := b.open(b.here).Push(b.Context(), b.rec, event.Stage{})
	if err != nil {
		b.Fatal(err)
	}
	return p
}

func (b *bench) key() key.Key { return key.Key(b.rec.Key) }

func (b *bench) pull() (*store.Record, error) {
	return b.client.Pull(b.Context(), b.key(), remotetest.Ports(), event.Stage{})
}

func (b *bench) pulled() {
	b.Helper()
	rec, err := b.pull()
	if err != nil || rec == nil {
		b.Fatalf("pull: %v %v", rec, err)
	}
	if d, err := artifact.DigestPath(b.Context(), rec.Root, nil); err != nil || d != b.rec.Digest {
		b.Errorf("what came has digest %s, want %s: %v", d, b.rec.Digest, err)
	}
}

// untouched checks that nothing of a failed pull is visible in the store.
func (b *bench) untouched() {
	b.Helper()
	if _, ok := b.there.Lookup(b.Context(), b.key()); ok {
		b.Error("the store has a result")
	}
	for _, folder := range []string{"artifacts", "keys", "tmp/x"} {
		if left, _ := os.ReadDir(filepath.Join(b.there.Root(), folder)); len(left) > 0 {
			b.Errorf("the store has %s: %v", folder, left)
		}
	}
}

// objects are the files of the remote: of ac or cas.
func (b *bench) objects(kind string) []string {
	b.Helper()
	list, err := filepath.Glob(filepath.Join(b.root, "v1", kind, "*"))
	if err != nil || len(list) == 0 {
		b.Fatal("no objects", err)
	}
	return list
}

func edit(t testing.TB, path string, change func([]byte) []byte) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, change(data), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Whatever is done to one object of the remote: it is found, nothing of it comes into the store, and the next push of
// whoever has the result heals the remote.
func TestDamageInTheRemoteIsFoundAndHealed(t *testing.T) {
	t.Parallel()
	for name, harm := range map[string]func(testing.TB, string){
		"a flipped bit": func(t testing.TB, p string) {
			edit(t, p, func(d []byte) []byte { d[len(d)/2] ^= 4; return d })
		},
		"a shorter object": func(t testing.TB, p string) { edit(t, p, func(d []byte) []byte { return d[:len(d)*2/3] }) },
		"an empty object":  func(t testing.TB, p string) { edit(t, p, func([]byte) []byte { return nil }) },
		"a web page": func(t testing.TB, p string) {
			edit(t, p, func(d []byte) []byte { return slices.Concat([]byte("<!DOCTYPE html>"), d)[:len(d)] })
		},
		"a missing object": func(t testing.TB, p string) {
			if err := os.Remove(p); err != nil {
				t.Fatal(err)
			}
		},
	} {
		for _, kind := range []string{"ac", "cas"} {
			t.Run(name+" in "+kind, func(t *testing.T) {
				t.Parallel()
				b := newBench(t)
				for _, path := range b.objects(kind) {
					good, err := os.ReadFile(path)
					if err != nil {
						t.Fatal(err)
					}
					harm(t, path)
					rec, err := b.pull()
					if kind == "ac" && name == "a missing object" {
						if rec != nil || err != nil {
							t.Fatalf("pull: %v %v, want nothing", rec, err)
						}
					} else if err == nil || fault.CodeOf(err) != fault.Network || !strings.Contains(err.Error(), b.root) {
						t.Fatalf("pull of a harmed %s: %v %v", filepath.Base(path), rec, err)
					}
					b.untouched()
					mine := remotetest.Made(t, b.there, "a", remotetest.Files()) // computed, as a run would
					if _, err := b.client.Push(t.Context(), mine, event.Stage{}); err != nil {
						t.Fatal(err)
					}
					if now, err := os.ReadFile(path); err != nil || kind == "cas" && !bytes.Equal(now, good) {
						t.Errorf("%s is not healed: %v", filepath.Base(path), err)
					}
					b.there = remotetest.Workspace(t)
					b.client = b.open(b.there)
					b.pulled()
					b.there = remotetest.Workspace(t)
					b.client = b.open(b.there)
				}
			})
		}
	}
}

func TestAnEndlessBodyEnds(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.bucket.OnGet = func(name string, _ int64, body io.ReadCloser) (io.ReadCloser, error) {
		if strings.Contains(name, "/cas/") {
			return remotetest.Instead(body, remotetest.Endless{}), nil
		}
		return nil, nil
	}
	if rec, err := b.pull(); !errors.Is(err, remote.ErrWrong) {
		t.Errorf("pull: %v %v", rec, err)
	}
	b.untouched()
}

func TestTheResultOfAnotherKeyIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	other := remotetest.Made(t, b.here, "other", map[string]string{"x": "1"})
	if _, err := b.open(b.here).Push(t.Context(), other, event.Stage{}); err != nil {
		t.Fatal(err)
	}
	mine, theirs := filepath.Join(b.root, "v1/ac", string(b.key())), filepath.Join(b.root, "v1/ac", other.Key)
	for name, change := range map[string]func([]byte) []byte{
		"is that of key":              func(d []byte) []byte { return d },
		"its parts do not make its k": func(d []byte) []byte { return bytes.ReplaceAll(d, []byte(other.Key), []byte(b.rec.Key)) },
	} {
		text, err := os.ReadFile(theirs)
		if err != nil {
			t.Fatal(err)
		}
		edit(t, mine, func([]byte) []byte { return change(text) })
		if _, err := b.pull(); !errors.Is(err, remote.ErrWrong) || !strings.Contains(err.Error(), name) {
			t.Errorf("pull: %v, want %q", err, name)
		}
		b.untouched()
	}
}

func TestAResultWithoutThePortsOfItsStageIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, p := range []artifact.Port{{Name: "model", Kind: artifact.Dir}, {Name: "out", Kind: artifact.LoRA}, {Name: "out", Kind: artifact.Dir, Path: "."}} {
		if _, err := b.client.Pull(t.Context(), b.key(), []artifact.Port{p}, event.Stage{}); !errors.Is(err, remote.ErrWrong) {
			t.Errorf("port %+v: %v, want a wrong answer", p, err)
		}
	}
	b.untouched()
}

func TestABrokenDownloadGoesOnWhereItBroke(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	large := artifact.HashText(string(remotetest.Random(600_000, 1)))
	var offsets []int64
	b.bucket.OnGet = func(name string, offset int64, body io.ReadCloser) (io.ReadCloser, error) {
		if !strings.HasSuffix(name, string(large)) {
			return nil, nil
		}
		offsets = append(offsets, offset)
		switch len(offsets) {
		case 1, 2: // moves on each time, so this is not the end
			return remotetest.Cut(body, 100_000, remote.Fail(remote.ErrDown, "the cable is out")), nil
		case 3, 4, 5: // does not
			return remotetest.Cut(body, 0, remote.Fail(remote.ErrDown, "the cable is out")), nil
		}
		return nil, nil
	}
	if _, err := b.pull(); !errors.Is(err, remote.ErrDown) {
		t.Fatalf("pull: %v, want down", err)
	}
	b.untouched()
	// Another process goes on.
	b.client = b.open(b.there)
	b.pulled()
	if d := cmp.Diff([]int64{0, 100_000, 200_000, 200_000, 200_000}, offsets[:5]); d != "" || len(offsets) != 6 || offsets[5] != 200_000 {
		t.Errorf("asked from %v", offsets)
	}
	if left, _ := os.ReadDir(filepath.Join(b.there.Root(), "pull")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// What an earlier attempt left may be damaged itself, by a crash.
func TestADamagedStartOfADownloadIsFetchedAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	dir := filepath.Join(b.there.Root(), "pull", b.rec.Key)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, path := range b.objects("cas") {
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(path)), []byte("rubbish"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range b.rec.Files { // complete, and wrong
		if f.Size > 300_000 {
			if err := os.WriteFile(filepath.Join(dir, string(f.Digest)), make([]byte, f.Size), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	b.pulled()
}

func TestOnlyWhatIsMissingIsMoved(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.bucket.Forget()
	if p := b.push(); p.Objects != 0 || b.bucket.Count("PUT")+b.bucket.Count("NEW") != 0 {
		t.Errorf("a second push sends %+v: %v", p, b.bucket.Calls())
	}
	if got, want := b.bucket.Count("HEAD"), len(b.objects("cas")); got != want {
		t.Errorf("%d heads, want %d: one a blob", got, want)
	}
	// One small file changes: one pack and a result.
	files := remotetest.Files()
	files["small/1/1.txt"] = "changed"
	b.rec = remotetest.Made(t, b.here, "changed", files)
	if p := b.push(); p.Objects != 2 || p.Bytes > 100_000 {
		t.Errorf("the push of a small change sends %+v", p)
	}
	b.pulled()
	b.bucket.Forget()
	b.pulled()
	if got := b.bucket.Calls(); len(got) != 1 {
		t.Errorf("a pull of what is here does %v", got)
	}
}

func TestLargeFilesOfOtherArtifactsAreNotFetched(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	weights := string(remotetest.Random(2<<20, 9))
	b.rec = remotetest.Made(t, b.here, "with weights", map[string]string{"w": weights, "big2": string(remotetest.Random(2<<20, 10))})
	b.push()
	b.client = b.open(b.there)
	old := remotetest.Made(t, b.there, "old", map[string]string{"deep/same": weights})
	b.bucket.Forget()
	b.pulled()
	if n := b.bucket.Count("GET cas/"); n != 1 {
		t.Errorf("%d blobs were fetched, want 1: %v", n, b.bucket.Calls())
	}
	// A damaged copy is no source.
	path := filepath.Join(old.Path("out"), "deep/same")
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	edit(t, path, func(d []byte) []byte { d[5] ^= 1; return d })
	b.rec = remotetest.Made(t, b.here, "with weights again", map[string]string{"w": weights, "y": "1"})
	b.push()
	b.client = b.open(b.there)
	b.pulled()
}

func TestManySmallFilesAreFewObjects(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	files := map[string]string{}
	for i := range 600 {
		files[fmt.Sprintf("d%d/%d", i%30, i)] = strings.Repeat(fmt.Sprint(i, " "), 2400)
	}
	b.rec = remotetest.Made(t, b.here, "many", files)
	p := b.push()
	if p.Objects > 4 {
		t.Errorf("600 small files are %d objects", p.Objects)
	}
	b.pulled()
}

func TestTheFirstResultStays(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	other := remotetest.Made(t, b.there, "a", map[string]string{"x": "another result of the same key"})
	p, err := b.client.Push(t.Context(), other, event.Stage{})
	if err != nil || !p.Other || p.Objects != 0 {
		t.Errorf("push: %+v %v, want the other's to stay", p, err)
	}
	b.there = remotetest.Workspace(t)
	b.client = b.open(b.there)
	b.pulled()
}

func TestLocalDamageIsNotShared(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, size := range []int{100, 400_000} {
		rec := remotetest.Made(t, b.here, fmt.Sprint("rot ", size), map[string]string{"x": string(remotetest.Random(size, 3)), "y": "2"})
		path := filepath.Join(rec.Path("out"), "x")
		if err := os.Chmod(path, 0o644); err != nil {
			t.Fatal(err)
		}
		edit(t, path, func(d []byte) []byte { d[9] ^= 1; return d })
		_, err := b.open(b.here).Push(t.Context(), rec, event.Stage{})
		if err == nil || fault.CodeOf(err) != fault.Data || !strings.Contains(err.Error(), "belay cache verify") {
			t.Errorf("push: %v", err)
		}
		if _, err := os.Stat(filepath.Join(b.root, "v1/ac", rec.Key)); err == nil {
			t.Error("the result is shared")
		}
	}
}

func TestTemporaryTroubleIsTriedAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var n atomic.Int64
	b.bucket.OnGet = func(string, int64, io.ReadCloser) (io.ReadCloser, error) {
		if n.Add(1)%2 == 1 {
			return nil, remote.Fail(remote.ErrDown, "503")
		}
		return nil, nil
	}
	b.pulled()
	if b.sleeps.Load() == 0 {
		t.Error("no pause between attempts")
	}
}

func TestACancelledPullEndsAndGoesOnLater(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx, cancel := context.WithCancel(t.Context())
	b.bucket.OnGet = func(name string, _ int64, body io.ReadCloser) (io.ReadCloser, error) {
		if strings.Contains(name, "/cas/") {
			cancel()
		}
		return nil, nil
	}
	if rec, err := b.client.Pull(ctx, b.key(), nil, event.Stage{}); !errors.Is(err, context.Canceled) {
		t.Errorf("pull: %v %v", rec, err)
	}
	b.untouched()
	b.bucket.OnGet = nil
	b.pulled()
}

// Results of any shape come out of an empty workspace as they went in.
func TestAnyTreeGoesThereAndBack(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		if n++; n > 25 { // each syncs some dozen files
			return
		}
		files := map[string]string{}
		for i := range rapid.IntRange(0, 5).Draw(rt, "files") {
			name := fmt.Sprintf("%s%d", rapid.SampledFrom([]string{"", "a/", "a/b/", "ü ñ/"}).Draw(rt, "folder"), i)
			size := rapid.SampledFrom([]int{0, 1, 100, 256<<10 - 1, 256 << 10, 300_000}).Draw(rt, "size")
			text := string(remotetest.Random(size, uint64(rapid.IntRange(0, 2).Draw(rt, "content"))))
			switch rapid.IntRange(0, 5).Draw(rt, "class") {
			case 0:
				text = "#!" + text
			case 1:
				name += "/"
			case 2:
				text = "-> nowhere"
			}
			files[name] = text
		}
		files["root"] = ""
		b.rec = remotetest.Made(t, b.here, fmt.Sprint("tree ", n), files)
		b.push()
		b.there = remotetest.Workspace(t)
		b.client = b.open(b.there)
		b.pulled()
	})
}

func FuzzDecodeResult(f *testing.F) {
	parts := key.Parts{Format: key.Format, Stage: "s", Version: 1}
	k := parts.Key()
	m := &artifact.Manifest{Format: 1, Key: string(k), Parts: []byte(`{"format":1,"stage":"s","version":1}`), Files: []artifact.File{
		{Path: "out", Mode: artifact.Regular, Size: 1, Digest: artifact.HashText("x")}}}
	tree, err := artifact.NewTree(m.Files)
	if err != nil {
		f.Fatal(err)
	}
	m.Digest, m.Bytes = tree.Digest, tree.Bytes
	for _, p := range []remote.Packs{{}, {Below: 10, Digests: []artifact.Digest{artifact.HashText("x"), artifact.HashText("")}}} {
		text, err := (&remote.Result{Manifest: m, Packs: p}).Encode()
		if err != nil {
			f.Fatal(err)
		}
		if _, err := remote.DecodeResult(k, nil, text); err != nil {
			f.Fatal(err)
		}
		f.Add(text)
		f.Add(bytes.Replace(text, []byte(`"out"`), []byte(`"../out"`), 1))
	}
	f.Add([]byte("<html>"))
	f.Add([]byte(`{"format":1,"manifest":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := remote.DecodeResult(k, nil, data)
		if err != nil {
			if !errors.Is(err, remote.ErrWrong) {
				t.Errorf("%v is not a wrong answer", err)
			}
			return
		}
		if r.Manifest.Key != string(k) {
			t.Errorf("it is of key %s", r.Manifest.Key)
		}
		for _, p := range r.Manifest.Files {
			if !filepath.IsLocal(filepath.FromSlash(p.Path)) {
				t.Errorf("path %q", p.Path)
			}
		}
		text, err := r.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := remote.DecodeResult(k, nil, text); err != nil {
			t.Errorf("what was read cannot be read again: %v", err)
		}
	})
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]remote.Address{
		"file:///a/b/../c": {Dir: "/a/c"},
		"s3://team-x/p/q/": {Bucket: "team-x", Prefix: "p/q"},
		"s3://team.x":      {Bucket: "team.x"},
	} {
		if got, err := remote.ParseAddress(text); err != nil || got != want {
			t.Errorf("%s: %+v %v", text, got, err)
		}
	}
	if a, err := remote.ParseAddress("https://host:1/x"); err != nil || a.Web.String() != "https://host:1/x" {
		t.Error(a, err)
	}
	for _, text := range []string{"", "x", "file://a", "file:a", "s3://", "s3:///x", "s3://UP/x", "s3://bucket/../x", "http://", "ftp://x/y",
		"https://u:hunter2@h/x", "https://h/x?token=hunter2", "https://h/x#hunter2", "http://[hunter2"} {
		if a, err := remote.ParseAddress(text); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %+v %v", text, a, err)
		}
	}
}
