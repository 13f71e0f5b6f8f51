package s3

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"slices"

	"github.com/minio/minio-go/v7"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/remote"
)

// maxParts is S3's limit.
const maxParts = 10_000

// parts writes a large blob in parts, in order, each with its own digest. It goes on with an upload that broke off. The
// whole is hashed on the way, and completed only when it is what it should be.
func (b *Bucket) parts(ctx context.Context, name string, body remote.Body) error {
	object := b.object(name)
	file, err := body.Open()
	if err != nil {
		return err
	}
	defer file.Close()
	id, there := b.begun(ctx, object)
	if id == "" {
		opts := minio.PutObjectOptions{ContentType: "application/octet-stream",
			UserMetadata: map[string]string{"x-amz-checksum-algorithm": "SHA256"}}
		if id, err = b.core.NewMultipartUpload(ctx, b.bucket, object, opts); err != nil {
			return b.kind(ctx, err)
		}
	}
	size := max(b.part, (body.Size+maxParts-1)/maxParts)
	whole := sha256.New()
	var done []minio.CompletePart
	for at := int64(0); at < body.Size; at += size {
		section := io.NewSectionReader(file, at, min(size, body.Size-at))
		one := sha256.New()
		if n, err := io.Copy(io.MultiWriter(whole, one), &interruptible{section, ctx}); err != nil || n != section.Size() {
			return errors.Join(err, ctx.Err(), body.Damaged())
		}
		sum := artifact.Digest(hex.EncodeToString(one.Sum(nil)))
		part, err := b.putPart(ctx, object, id, len(done)+1, section, sum, there)
		if err != nil {
			return err
		}
		done = append(done, part)
	}
	if artifact.Digest(hex.EncodeToString(whole.Sum(nil))) != body.Digest {
		_ = b.core.AbortMultipartUpload(ctx, b.bucket, object, id)
		return body.Damaged()
	}
	_, err = b.core.CompleteMultipartUpload(ctx, b.bucket, object, id, done, minio.PutObjectOptions{})
	if err != nil && len(there) > 0 { // what was there may be to blame: the next attempt begins anew
		_ = b.core.AbortMultipartUpload(ctx, b.bucket, object, id)
		return remote.Fail(remote.ErrDown, "%w", b.kind(ctx, err))
	}
	return b.kind(ctx, err)
}

// putPart writes one part, unless the server holds it.
func (b *Bucket) putPart(ctx context.Context, object, id string, number int, section *io.SectionReader, sum artifact.Digest,
	there []minio.ObjectPart,
) (minio.CompletePart, error) {
	out := minio.CompletePart{PartNumber: number, ChecksumSHA256: base64Of(sum)}
	i := slices.IndexFunc(there, func(p minio.ObjectPart) bool {
		return p.PartNumber == number && p.Size == section.Size() && p.ChecksumSHA256 == out.ChecksumSHA256
	})
	if i >= 0 {
		out.ETag = there[i].ETag
		return out, nil
	}
	if _, err := section.Seek(0, io.SeekStart); err != nil {
		return out, err
	}
	header := http.Header{}
	header.Set(minio.ChecksumSHA256.Key(), out.ChecksumSHA256)
	p, err := b.core.PutObjectPart(ctx, b.bucket, object, id, number, section, section.Size(),
		minio.PutObjectPartOptions{Sha256Hex: string(sum), CustomHeader: header})
	if err != nil {
		return out, b.kind(ctx, err)
	}
	out.ETag = p.ETag
	return out, nil
}

// begun finds the newest unfinished upload of an object and its parts. It is looked up by its exact name, and where that
// is not allowed or not known, the upload begins anew.
func (b *Bucket) begun(ctx context.Context, object string) (id string, parts []minio.ObjectPart) {
	list, err := b.core.ListMultipartUploads(ctx, b.bucket, object, "", "", "", 100)
	if err != nil {
		return "", nil
	}
	var newest minio.ObjectMultipartInfo
	for _, u := range list.Uploads {
		if u.Key == object && (newest.UploadID == "" || u.Initiated.After(newest.Initiated)) {
			newest = u
		}
	}
	for marker := 0; newest.UploadID != ""; {
		page, err := b.core.ListObjectParts(ctx, b.bucket, object, newest.UploadID, marker, 1000)
		if err != nil {
			return "", nil
		}
		parts = append(parts, page.ObjectParts...)
		if !page.IsTruncated || page.NextPartNumberMarker <= marker {
			break
		}
		marker = page.NextPartNumberMarker
	}
	if len(parts) == 0 {
		return "", nil
	}
	return newest.UploadID, parts
}

// interruptible ends with its context.
type interruptible struct {
	io.Reader
	ctx context.Context
}

func (r *interruptible) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}
