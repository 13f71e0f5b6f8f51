package bundle

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/key"
	"github.com/belay-ml/belay/engine/remote"
	"github.com/belay-ml/belay/engine/store"
)

// Bundle is a bundle that is read. It is safe for concurrent use.
type Bundle struct {
	Index   Index
	r       io.ReaderAt
	size    int64
	entries map[string]entry
}

// entry is where the bytes of an entry lie.
type entry struct{ at, size int64 }

// errNone says that a file is no bundle at all.
var errNone = errors.New("this is no bundle of belay")

// Is says whether bytes from the start of a file are those of a bundle.
func Is(start []byte) bool {
	const at = 30 // the length of the fixed part of an entry's header
	return len(start) >= at+len(first)+len(Magic) && bytes.HasPrefix(start, []byte("PK\x03\x04")) && string(start[at:at+len(first)]) == first &&
		bytes.Contains(start[at+len(first):], []byte(Magic))
}

// name is what an entry between the first and the last may be called.
var name = regexp.MustCompile(`^v1/(ac|cas)/[0-9a-f]{64}$`)

// Read looks at the structure of a bundle and its index, not yet at what it holds.
func Read(r io.ReaderAt, size int64) (*Bundle, error) {
	start := make([]byte, min(size, 256))
	if _, err := r.ReadAt(start, 0); err != nil && err != io.EOF {
		return nil, fmt.Errorf("read bundle: %w", err)
	}
	if !Is(start) {
		return nil, errNone
	}
	n, err := count(r, size)
	if err != nil {
		return nil, fmt.Errorf("read bundle: %w", err)
	}
	if n > maxEntries {
		return nil, fmt.Errorf("read bundle: it has %d entries, at most %d can be", n, maxEntries)
	}
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("read bundle: %w", err)
	}
	b := &Bundle{r: r, size: size, entries: make(map[string]entry, len(z.File))}
	if uint64(len(z.File)) != n || n < 2 || z.File[0].Name != first || z.File[n-1].Name != last {
		return nil, errors.New("read bundle: its entries are not those that it tells of")
	}
	var sum int64
	for i, f := range z.File {
		if i > 0 && uint64(i) < n-1 && !name.MatchString(f.Name) {
			return nil, fmt.Errorf("read bundle: entry %.80q has no place in one", f.Name)
		}
		if err := b.take(f, &sum); err != nil {
			return nil, fmt.Errorf("read bundle: entry %.80q: %w", f.Name, err)
		}
	}
	if magic, err := b.bytes(first, int64(len(Magic))); err != nil || string(magic) != Magic {
		return nil, errNone
	}
	text, err := b.bytes(last, maxIndex)
	if err != nil {
		return nil, fmt.Errorf("read bundle: %w", err)
	}
	ix, err := decodeIndex(text)
	if err != nil {
		return nil, fmt.Errorf("read bundle: %w", err)
	}
	b.Index = *ix
	results := 0
	for name := range b.entries {
		if strings.HasPrefix(name, "v1/ac/") {
			results++
		}
	}
	for _, res := range ix.Results {
		if _, ok := b.entries[remote.ResultName(res.Key)]; !ok {
			return nil, fmt.Errorf("read bundle: the result of key %s is missing", res.Key.Short())
		}
	}
	if results != len(ix.Results) {
		return nil, fmt.Errorf("read bundle: it holds %d results and tells of %d", results, len(ix.Results))
	}
	return b, nil
}

// take notes where an entry lies. sum is what the entries have together.
func (b *Bundle) take(f *zip.File, sum *int64) error {
	at, err := f.DataOffset()
	size := int64(f.UncompressedSize64)
	switch _, twice := b.entries[f.Name]; {
	case err != nil:
		return err
	case twice:
		return errors.New("it is there twice")
	case f.Method != zip.Store || f.CompressedSize64 != f.UncompressedSize64 || f.Flags&1 != 0:
		return errors.New("it is compressed or encrypted, which no entry is")
	case size < 0 || at < 0 || at > b.size || size > b.size-at:
		return errors.New("it is larger than the file")
	}
	if *sum += size; *sum > b.size {
		return errors.New("entries overlap")
	}
	b.entries[f.Name] = entry{at, size}
	return nil
}

// count is the number of entries, before anything is made for them. The end of the file must be that of a zip archive
// without a comment, as a bundle's is.
func count(r io.ReaderAt, size int64) (uint64, error) {
	const end, locator, long = 22, 20, 56
	buf := make([]byte, end)
	errCut := errors.New("it was cut short, or something follows its end")
	if size < end {
		return 0, errCut
	}
	if _, err := r.ReadAt(buf, size-end); err != nil && err != io.EOF {
		return 0, err
	}
	if !bytes.HasPrefix(buf, []byte("PK\x05\x06")) || buf[20] != 0 || buf[21] != 0 {
		return 0, errCut
	}
	n := uint64(binary.LittleEndian.Uint16(buf[10:]))
	where := binary.LittleEndian.Uint32(buf[16:])
	if n != 0xffff && where != 0xffffffff && binary.LittleEndian.Uint32(buf[12:]) != 0xffffffff {
		return n, nil
	}
	if size < end+locator+long {
		return 0, errCut
	}
	buf = make([]byte, locator+long)
	if _, err := r.ReadAt(buf, size-end-locator-long); err != nil && err != io.EOF {
		return 0, err
	}
	if !bytes.HasPrefix(buf[long:], []byte("PK\x06\x07")) || !bytes.HasPrefix(buf, []byte("PK\x06\x06")) {
		return 0, errCut
	}
	return binary.LittleEndian.Uint64(buf[32:]), nil
}

// bytes are a small entry.
func (b *Bundle) bytes(name string, limit int64) ([]byte, error) {
	e, ok := b.entries[name]
	if !ok || e.size > limit {
		return nil, fmt.Errorf("entry %s is missing or has more than %d bytes", name, limit)
	}
	data := make([]byte, e.size)
	if _, err := b.r.ReadAt(data, e.at); err != nil && (err != io.EOF || e.size > 0) {
		return nil, fmt.Errorf("entry %s: %w", name, err)
	}
	return data, nil
}

// Checked says what a bundle holds once it was found to be whole.
type Checked struct {
	Bytes int64 // of all that it makes
}

// Check reads every byte and finds whether it is what it should be. moved is told of bytes that were read.
func (b *Bundle) Check(ctx context.Context, moved func(done, total int64)) (*Checked, error) {
	c, err := b.check(ctx, moved)
	if err != nil {
		return nil, fmt.Errorf("check bundle: %w", err)
	}
	return c, nil
}

func (b *Bundle) check(ctx context.Context, moved func(done, total int64)) (*Checked, error) {
	out := &Checked{}
	need := map[string][][]store.Blob{} // what objects must hold, in every way that somebody says
	for name, size := range b.Index.objects() {
		need[name] = [][]store.Blob{{{Digest: digestOf(name), Size: size}}}
	}
	for _, f := range b.Index.Files {
		out.Bytes += f.Size
	}
	for _, res := range b.Index.Results {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		r, err := b.Result(res.Key)
		if err != nil {
			return nil, fmt.Errorf("result of %s: %w", res.Node, err)
		}
		if r.Manifest.Bytes < 0 {
			return nil, fmt.Errorf("result of %s: it has %d bytes", res.Node, r.Manifest.Bytes)
		}
		if out.Bytes += r.Manifest.Bytes; out.Bytes < 0 || out.Bytes > maxTimes*b.size+maxExtra {
			return nil, fmt.Errorf("it has %d bytes and claims to hold more than %d times as many", b.size, maxTimes)
		}
		for _, o := range r.Objects() {
			if !slices.ContainsFunc(need[o.Name], func(have []store.Blob) bool { return slices.Equal(have, o.Blobs) }) {
				need[o.Name] = append(need[o.Name], o.Blobs)
			}
		}
	}
	type object struct {
		name string
		entry
	}
	var all []object
	var total, done int64
	for n, e := range b.entries {
		if !strings.HasPrefix(n, "v1/cas/") {
			continue
		}
		if need[n] == nil {
			return nil, fmt.Errorf("entry %s belongs to nothing", n)
		}
		all = append(all, object{n, e})
		total += e.size * int64(len(need[n]))
	}
	for n := range need {
		if _, ok := b.entries[n]; !ok {
			return nil, fmt.Errorf("entry %s is missing", n)
		}
	}
	slices.SortFunc(all, func(x, y object) int { return cmp.Compare(x.at, y.at) })
	buf := make([]byte, 1<<20)
	for _, o := range all {
		for _, members := range need[o.name] {
			if err := b.holds(ctx, o.name, o.entry, members, buf, func(n int64) { done += n; moved(done, total) }); err != nil {
				return nil, fmt.Errorf("entry %s: %w", o.name, err)
			}
		}
	}
	return out, nil
}

// Result is a result with all that it says by itself.
func (b *Bundle) Result(k key.Key) (*remote.Result, error) {
	text, err := b.bytes(remote.ResultName(k), remote.MaxResult)
	if err != nil {
		return nil, err
	}
	return remote.DecodeResult(k, nil, text)
}

func digestOf(name string) artifact.Digest {
	return artifact.Digest(name[strings.LastIndexByte(name, '/')+1:])
}
