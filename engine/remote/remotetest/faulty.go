package remotetest

import (
	"context"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/belay-ml/belay/engine/remote"
)

// Faulty is a bucket in front of another. Its functions, where set, decide what becomes of a call; a nil result of
// theirs leaves it as it is.
type Faulty struct {
	remote.Bucket
	OnGet  func(name string, offset int64, body io.ReadCloser) (io.ReadCloser, error)
	OnHead func(name string) error
	OnPut  func(name string) error

	mu    sync.Mutex
	calls []string
}

func (f *Faulty) log(call, name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, call+" "+strings.TrimPrefix(name, "v1/"))
}

// Calls are all calls so far, as "GET ac/<key>".
func (f *Faulty) Calls() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.calls...)
}

// Count counts the calls that begin with a text, since the last Forget.
func (f *Faulty) Count(prefix string) int {
	n := 0
	for _, c := range f.Calls() {
		if strings.HasPrefix(c, prefix) {
			n++
		}
	}
	return n
}

// Forget forgets the calls so far.
func (f *Faulty) Forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = nil
}

// Head asks OnHead.
func (f *Faulty) Head(ctx context.Context, name string) (int64, error) {
	f.log("HEAD", name)
	if f.OnHead != nil {
		if err := f.OnHead(name); err != nil {
			return 0, err
		}
	}
	return f.Bucket.Head(ctx, name)
}

// Get asks OnGet.
func (f *Faulty) Get(ctx context.Context, name string, offset int64) (io.ReadCloser, error) {
	f.log("GET", name)
	body, err := f.Bucket.Get(ctx, name, offset)
	if err != nil || f.OnGet == nil {
		return body, err
	}
	other, err := f.OnGet(name, offset, body)
	if err != nil {
		body.Close()
		return nil, err
	}
	if other != nil {
		return other, nil
	}
	return body, nil
}

// Put asks OnPut.
func (f *Faulty) Put(ctx context.Context, name string, b remote.Body) error {
	f.log("PUT", name)
	if f.OnPut != nil {
		if err := f.OnPut(name); err != nil {
			return err
		}
	}
	return f.Bucket.Put(ctx, name, b)
}

// PutNew asks OnPut.
func (f *Faulty) PutNew(ctx context.Context, name string, b remote.Body) error {
	f.log("NEW", name)
	if f.OnPut != nil {
		if err := f.OnPut(name); err != nil {
			return err
		}
	}
	return f.Bucket.PutNew(ctx, name, b)
}

// Cut is a body that ends in an error after n bytes.
func Cut(body io.ReadCloser, n int64, err error) io.ReadCloser {
	return readCloser{io.MultiReader(io.LimitReader(body, n), failing{err}), body}
}

// Instead is a body of other bytes.
func Instead(body io.Closer, r io.Reader) io.ReadCloser { return readCloser{r, body} }

type readCloser struct {
	io.Reader
	io.Closer
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// Endless is zero bytes without end.
type Endless struct{}

// Read fills p.
func (Endless) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// Harms are what may happen to the files of a bucket behind its server's back, by name.
func Harms() map[string]func(path string) error {
	return map[string]func(path string) error{
		"corrupted": func(path string) error {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			data[len(data)/2] ^= 1
			return os.WriteFile(path, data, 0o644)
		},
		"truncated": func(path string) error { return os.Truncate(path, 10) },
		"deleted":   os.Remove,
	}
}
