package artifact

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"runtime"
	"sort"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// DigestPath is the content digest of a file or directory outside the store. cache may be nil.
func DigestPath(ctx context.Context, path string, cache StatCache) (Digest, error) {
	t, err := DigestTree(ctx, path, cache, FollowOutside)
	if err != nil {
		return "", err
	}
	return t.Digest, nil
}

// DigestTree lists and digests a file or directory. Files whose state the cache knows are not read; the
// others are hashed side by side.
func DigestTree(ctx context.Context, root string, cache StatCache, links Links) (*Tree, error) {
	entries, dir, err := Walk(root, links)
	if err != nil {
		return nil, fmt.Errorf("digest: %w", err)
	}
	if err := HashEntries(ctx, entries, cache); err != nil {
		return nil, fmt.Errorf("digest: %w", err)
	}
	files := make([]File, len(entries))
	for i := range entries {
		files[i] = entries[i].File
	}
	if !dir {
		f := files[0]
		return &Tree{Digest: f.Digest, Bytes: f.Size, Files: files}, nil
	}
	t, err := NewTree(files)
	if err != nil {
		return nil, fmt.Errorf("digest %s: %w", root, err)
	}
	return t, nil
}

// HashEntries fills in the digests that entries still lack, from the cache or by reading. New ones are
// remembered.
func HashEntries(ctx context.Context, entries []Entry, cache StatCache) error {
	var unknown []*Entry
	for i := range entries {
		e := &entries[i]
		if e.Digest != "" || (e.Mode != Regular && e.Mode != Executable) {
			continue
		}
		if cache != nil {
			if d, ok := cache.Digest(e.Stat); ok {
				e.Digest = d
				continue
			}
		}
		unknown = append(unknown, e)
	}
	if len(unknown) == 0 {
		return ctx.Err()
	}
	// The largest first, so that no long one is left for the end.
	sort.SliceStable(unknown, func(i, j int) bool { return unknown[i].Size > unknown[j].Size })
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for _, e := range unknown {
		g.Go(func() error {
			d, st, seen, err := HashFile(ctx, e.Abs)
			if err != nil {
				return err
			}
			e.Digest, e.Stat, e.Size = d, st, st.Size
			if cache != nil {
				cache.Remember(st, d, seen)
			}
			return nil
		})
	}
	return g.Wait()
}

// HashFile reads a file and gives its digest with the state it had while it was read, and a moment just before
// that state was taken. A file that changes meanwhile is an error.
func HashFile(ctx context.Context, path string) (Digest, Stat, time.Time, error) {
	fail := func(err error) (Digest, Stat, time.Time, error) { return "", Stat{}, time.Time{}, err }
	f, err := os.Open(path)
	if err != nil {
		return fail(err)
	}
	defer f.Close()
	before, err := fstat(f)
	if err != nil {
		return fail(err)
	}
	h := sha256.New()
	buf := make([]byte, min(max(before.Size+1, 512), 512<<10))
	for {
		if err := ctx.Err(); err != nil {
			return fail(err)
		}
		n, err := f.Read(buf)
		h.Write(buf[:n])
		if err == io.EOF {
			break
		}
		if err != nil {
			return fail(err)
		}
	}
	seen := time.Now()
	after, err := fstat(f)
	if err != nil {
		return fail(err)
	}
	if before != after {
		return fail(fmt.Errorf("read %s: the file changed meanwhile", path))
	}
	return Digest(hex.EncodeToString(h.Sum(nil))), after, seen, nil
}

func fstat(f *os.File) (Stat, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return Stat{}, &os.PathError{Op: "stat", Path: f.Name(), Err: err}
	}
	return statOf(&st), nil
}
