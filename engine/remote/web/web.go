package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/belay-ml/belay/engine/remote"
	"github.com/belay-ml/belay/engine/remote/wire"
)

// Bucket is a folder of a web server.
type Bucket struct {
	base   *url.URL
	token  string
	client *http.Client
}

// Options of a bucket. The zero value is usable.
type Options struct {
	Token  string // bearer token
	Limits wire.Limits
}

// Open takes an address as a bucket. It asks nothing.
func Open(base *url.URL, o Options) *Bucket {
	return &Bucket{base: base, token: o.Token, client: wire.NewClient(wire.NewTransport(o.Limits))}
}

// String is the address.
func (b *Bucket) String() string { return b.base.Redacted() }

// Head is the size of a blob.
func (b *Bucket) Head(ctx context.Context, name string) (int64, error) {
	resp, err := b.do(ctx, http.MethodHead, name, nil, nil)
	if err != nil {
		return 0, err
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return 0, b.status(resp)
	}
	return resp.ContentLength, nil
}

// Get reads a blob from an offset on.
func (b *Bucket) Get(ctx context.Context, name string, offset int64) (io.ReadCloser, error) {
	header := http.Header{}
	if offset > 0 {
		header.Set("Range", fmt.Sprintf("bytes=%d-", offset))
	}
	resp, err := b.do(ctx, http.MethodGet, name, header, nil)
	if err != nil {
		return nil, err
	}
	body := &reader{resp.Body}
	switch {
	case resp.StatusCode == http.StatusOK: // also from servers that know no ranges
		if _, err := io.CopyN(io.Discard, body, offset); err != nil {
			body.Close()
			if err == io.EOF {
				err = remote.Fail(remote.ErrWrong, "it ends before byte %d", offset)
			}
			return nil, err
		}
		return body, nil
	case resp.StatusCode == http.StatusPartialContent && offset > 0 &&
		strings.HasPrefix(resp.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", offset)):
		return body, nil
	}
	body.Close()
	return nil, b.status(resp)
}

// Put writes a blob.
func (b *Bucket) Put(ctx context.Context, name string, body remote.Body) error {
	return b.put(ctx, name, body, nil)
}

// PutNew writes a blob unless there is one.
func (b *Bucket) PutNew(ctx context.Context, name string, body remote.Body) error {
	if _, err := b.Head(ctx, name); err == nil {
		return remote.Fail(remote.ErrExists, "%s exists", name)
	} else if !errors.Is(err, remote.ErrAbsent) {
		return err
	}
	return b.put(ctx, name, body, http.Header{"If-None-Match": {"*"}})
}

func (b *Bucket) put(ctx context.Context, name string, body remote.Body, header http.Header) error {
	resp, err := b.do(ctx, http.MethodPut, name, header, &body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10) // so that the connection can be used again
	switch resp.StatusCode {
	case http.StatusOK, http.StatusCreated, http.StatusNoContent:
		return nil
	case http.StatusPreconditionFailed:
		return remote.Fail(remote.ErrExists, "%s exists", name)
	case http.StatusNotFound, http.StatusConflict: // WebDAV: there is no such folder
		return remote.Fail(remote.ErrDenied, "%s: PUT makes no folders: %s", b.base.Redacted(), resp.Status)
	}
	return b.status(resp)
}

func (b *Bucket) do(ctx context.Context, method, name string, header http.Header, body *remote.Body) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, b.base.JoinPath(name).String(), nil)
	if err != nil {
		return nil, err
	}
	for k, v := range header {
		req.Header[k] = v
	}
	if b.token != "" {
		req.Header.Set("Authorization", "Bearer "+b.token)
	}
	var failed error // of the body: this machine's
	if body != nil {
		r, err := body.Reader()
		if err != nil {
			return nil, err
		}
		req.ContentLength = body.Size
		req.Header.Set("Content-Type", "application/octet-stream")
		req.GetBody = func() (io.ReadCloser, error) { return body.Reader() }
		req.Body = &source{r, &failed}
		if body.Size == 0 {
			r.Close()
			req.Body = http.NoBody
		}
	}
	resp, err := b.client.Do(req)
	switch {
	case err == nil:
		return resp, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case failed != nil:
		return nil, failed
	}
	var u *url.Error
	if errors.As(err, &u) { // without the address, which String names
		err = u.Err
	}
	return nil, remote.Fail(remote.ErrDown, "%w", err)
}

// source remembers why a body could not be read.
type source struct {
	io.ReadCloser
	failed *error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		*s.failed = err
	}
	return n, err
}

// status is the error that an answer means.
func (b *Bucket) status(resp *http.Response) error {
	kind := remote.ErrWrong
	switch code := resp.StatusCode; {
	case code == http.StatusNotFound || code == http.StatusGone:
		kind = remote.ErrAbsent
	case code == http.StatusUnauthorized, code == http.StatusForbidden, code == http.StatusMethodNotAllowed,
		code == http.StatusProxyAuthRequired, code == http.StatusInsufficientStorage, code == http.StatusRequestEntityTooLarge:
		kind = remote.ErrDenied
	case code == http.StatusRequestTimeout, code == http.StatusTooManyRequests, code >= 500:
		kind = remote.ErrDown
	}
	return remote.Fail(kind, "%s: the server says %s", resp.Request.Method, resp.Status)
}

// reader gives errors of a connection their kind.
type reader struct{ io.ReadCloser }

func (r *reader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if err != nil && err != io.EOF && !errors.Is(err, context.Canceled) {
		err = remote.Fail(remote.ErrDown, "the connection broke: %w", err)
	}
	return n, err
}
