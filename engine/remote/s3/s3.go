package s3

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/remote"
	"github.com/belay-ml/belay/engine/remote/wire"
)

// partSize is the size of a part, and of the largest blob that goes in one request.
const partSize = 64 << 20

// Options say which bucket, and who asks.
type Options struct {
	Bucket, Prefix string
	Endpoint       string // "http://127.0.0.1:7070"; empty means Amazon's of the region
	Region         string // empty means us-east-1
	AccessKey      string // empty asks without a name, for public buckets
	SecretKey      string
	Session        string
	Limits         wire.Limits
	PartSize       int64 // 0 means 64 MiB; for tests
}

// Bucket is a prefix of an S3 bucket.
type Bucket struct {
	core           *minio.Core
	bucket, prefix string
	host           string // for messages
	part           int64
}

// Open takes an S3 bucket. It asks nothing.
func Open(o Options) (*Bucket, error) {
	if o.Region == "" {
		o.Region = "us-east-1"
	}
	endpoint, secure, lookup := "s3."+o.Region+".amazonaws.com", true, minio.BucketLookupAuto
	if o.Endpoint != "" {
		u, err := url.Parse(o.Endpoint)
		if err != nil || u.Host == "" || u.User != nil || u.Scheme != "http" && u.Scheme != "https" || strings.Trim(u.Path, "/") != "" {
			return nil, fmt.Errorf("endpoint of the S3 server: want http://host:port or https://host")
		}
		endpoint, secure, lookup = u.Host, u.Scheme == "https", minio.BucketLookupPath
	}
	core, err := minio.NewCore(endpoint, &minio.Options{
		Creds:        credentials.NewStaticV4(o.AccessKey, o.SecretKey, o.Session),
		Secure:       secure,
		Region:       o.Region,
		BucketLookup: lookup,
		Transport:    wire.NewTransport(o.Limits),
		MaxRetries:   1, // the client tries again
	})
	if err != nil {
		return nil, fmt.Errorf("open S3 bucket %s: %w", o.Bucket, err)
	}
	b := &Bucket{core: core, bucket: o.Bucket, prefix: strings.Trim(o.Prefix, "/"), part: o.PartSize}
	if b.part <= 0 {
		b.part = partSize
	}
	if o.Endpoint != "" {
		b.host = " at " + endpoint
	}
	return b, nil
}

// String is the bucket as a URL.
func (b *Bucket) String() string { return "s3://" + path.Join(b.bucket, b.prefix) + b.host }

func (b *Bucket) object(name string) string { return path.Join(b.prefix, name) }

// Head is the size of a blob.
func (b *Bucket) Head(ctx context.Context, name string) (int64, error) {
	info, err := b.core.StatObject(ctx, b.bucket, b.object(name), minio.StatObjectOptions{})
	if err != nil {
		return 0, b.kind(ctx, err)
	}
	return info.Size, nil
}

// Get reads a blob from an offset on.
func (b *Bucket) Get(ctx context.Context, name string, offset int64) (io.ReadCloser, error) {
	var opts minio.GetObjectOptions
	if offset > 0 {
		if err := opts.SetRange(offset, 0); err != nil {
			return nil, err
		}
	}
	body, _, header, err := b.core.GetObject(ctx, b.bucket, b.object(name), opts)
	if err != nil {
		return nil, b.kind(ctx, err)
	}
	if got := header.Get("Content-Range"); offset > 0 && !strings.HasPrefix(got, fmt.Sprintf("bytes %d-", offset)) {
		body.Close()
		return nil, remote.Fail(remote.ErrWrong, "asked for the bytes from %d, the answer has range %q", offset, got)
	}
	return &reader{body, b, ctx}, nil
}

// reader gives errors of a connection their kind.
type reader struct {
	io.ReadCloser
	b   *Bucket
	ctx context.Context
}

func (r *reader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = r.b.kind(r.ctx, err)
	}
	return n, err
}

// Put writes a blob.
func (b *Bucket) Put(ctx context.Context, name string, body remote.Body) error {
	if body.Size > b.part {
		return b.parts(ctx, name, body)
	}
	return b.put(ctx, name, body, minio.PutObjectOptions{})
}

// PutNew writes a blob unless there is one.
func (b *Bucket) PutNew(ctx context.Context, name string, body remote.Body) error {
	var opts minio.PutObjectOptions
	opts.SetMatchETagExcept("*")
	return b.put(ctx, name, body, opts)
}

// put writes a blob by one request, which carries the digest twice: in its signature and as a checksum to keep.
func (b *Bucket) put(ctx context.Context, name string, body remote.Body, opts minio.PutObjectOptions) error {
	r, err := body.Reader()
	if err != nil {
		return err
	}
	defer r.Close()
	src := &source{ReadSeeker: r}
	opts.ContentType = "application/octet-stream"
	opts.UserMetadata = map[string]string{minio.ChecksumSHA256.Key(): base64Of(body.Digest)}
	_, err = b.core.PutObject(ctx, b.bucket, b.object(name), src, body.Size, "", string(body.Digest), opts)
	if src.failed != nil {
		return src.failed
	}
	return b.kind(ctx, err)
}

// source remembers why a body could not be read.
type source struct {
	io.ReadSeeker
	failed error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.ReadSeeker.Read(p)
	if err != nil && err != io.EOF {
		s.failed = err
	}
	return n, err
}

func base64Of(d artifact.Digest) string {
	raw, _ := hex.DecodeString(string(d)) // a valid digest
	return base64.StdEncoding.EncodeToString(raw)
}

// kind sorts an error.
func (b *Bucket) kind(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var answer minio.ErrorResponse
	if !errors.As(err, &answer) || answer.StatusCode == 0 && answer.Code == "" {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err
		}
		return remote.Fail(remote.ErrDown, "%w", err)
	}
	kind := remote.ErrWrong
	switch code := answer.StatusCode; {
	case answer.Code == minio.NoSuchBucket:
		return remote.Fail(remote.ErrDenied, "there is no bucket %s", b.bucket)
	case answer.Code == minio.NoSuchUpload: // another process completed it or gave it up
		kind = remote.ErrDown
	case code == http.StatusNotFound && answer.Code != minio.NoSuchKey && answer.Code != "": // some say so of unknown users
		kind = remote.ErrDenied
	case code == http.StatusNotFound || answer.Code == minio.NoSuchKey:
		kind = remote.ErrAbsent
	case code == http.StatusPreconditionFailed || answer.Code == minio.PreconditionFailed:
		kind = remote.ErrExists
	case code == http.StatusUnauthorized, code == http.StatusForbidden, code == http.StatusInsufficientStorage,
		answer.Code == "QuotaExceeded":
		kind = remote.ErrDenied
	case code == http.StatusConflict, code == http.StatusRequestTimeout, code == http.StatusTooManyRequests, code >= 500,
		answer.Code == "BadDigest", answer.Code == "XAmzContentChecksumMismatch", answer.Code == "XAmzContentSHA256Mismatch":
		kind = remote.ErrDown // or damage on the way
	}
	text := answer.Code
	if text == "" {
		text = http.StatusText(answer.StatusCode)
	}
	if answer.Message != "" {
		text += ": " + string(bytes.TrimSpace([]byte(answer.Message[:min(len(answer.Message), 300)])))
	}
	return remote.Fail(kind, "the server says %d %s", answer.StatusCode, text)
}
