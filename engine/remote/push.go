package remote

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/key"
	"github.com/belay-ml/belay/engine/store"
)

// Pushed says what a push did.
type Pushed struct {
	New     bool  // the remote had no result under the key
	Other   bool  // it has another result under the key, which stays
	Objects int   // that were written
	Bytes   int64 // of those
}

// Push brings a result to the remote: what is there already is not sent. The result itself comes last, so a push that
// breaks off leaves nothing that others could take for whole. Where another was first, theirs stays.
func (c *Client) Push(ctx context.Context, rec *store.Record, ev event.Stage) (Pushed, error) {
	out, err := c.push(ctx, rec, ev)
	if err != nil {
		return out, c.explain(err, "push the result of key %s", key.Key(rec.Key).Short())
	}
	return out, nil
}

func (c *Client) push(ctx context.Context, rec *store.Record, ev event.Stage) (out Pushed, err error) {
	k := key.Key(rec.Key)
	name := ResultName(k)
	there, err := c.look(ctx, k, nil)
	switch {
	case errors.Is(err, ErrWrong): // written anew
	case err != nil:
		return out, err
	case there != nil && there.Manifest.Digest != rec.Digest && !c.blamed(name):
		out.Other = true
		return out, nil
	}
	out.New = there == nil
	all := blobs(rec.Manifest)
	n, below := packsFor(all), int64(packBelow)
	if there != nil {
		n, below = len(there.Packs.Digests), there.Packs.Below
	}
	objects, packs, err := c.objects(ctx, rec, all, below, n)
	if err != nil {
		return out, err
	}
	p := &counter{text: "pushing", ev: ev}
	for _, o := range objects {
		p.total += o.body.Size
	}
	wrote := make(chan int64, len(objects))
	err = each(ctx, cap(c.slots), objects, func(ctx context.Context, o object) error {
		n, err := c.put(ctx, o)
		p.add(o.body.Size)
		if n >= 0 && err == nil {
			wrote <- n
		}
		return err
	})
	close(wrote)
	for n := range wrote {
		out.Objects++
		out.Bytes += n
	}
	if err != nil || there != nil && !c.blamed(name) {
		return out, err
	}
	result := &Result{Manifest: rec.Manifest, Packs: packs}
	text, err := result.Encode()
	if err != nil {
		return out, err
	}
	if len(text) > MaxResult {
		return out, fmt.Errorf("share result: its listing has %d bytes, %d can be shared", len(text), MaxResult)
	}
	body := Bytes(text)
	write := c.bucket.PutNew
	if c.blamed(name) {
		write = c.bucket.Put
	}
	err = c.try(ctx, func() (bool, error) { return false, write(ctx, name, body) })
	if errors.Is(err, ErrExists) { // another was first, or an attempt that seemed to fail did not
		return out, nil
	}
	if err == nil {
		c.cleared(name)
		out.Objects++
		out.Bytes += body.Size
	}
	return out, err
}

// object is a blob to push.
type object struct {
	name string
	body Body
}

// objects are what a result needs: its large blobs, and n packs of those below a size.
func (c *Client) objects(ctx context.Context, rec *store.Record, all []store.Blob, below int64, n int) ([]object, Packs, error) {
	paths := make(map[artifact.Digest]string, len(rec.Files))
	for _, f := range rec.Files {
		paths[f.Digest] = filepath.Join(rec.Root, filepath.FromSlash(f.Path))
	}
	file := func(b store.Blob) Body { return File(paths[b.Digest], b.Digest, b.Size) }
	alone, groups := split(all, below, n)
	var out []object
	for _, b := range alone {
		out = append(out, object{BlobName(b.Digest), file(b)})
	}
	var packs Packs
	for _, members := range groups {
		if err := ctx.Err(); err != nil {
			return nil, packs, err
		}
		files := make([]Body, len(members))
		for i, b := range members {
			files[i] = file(b)
		}
		h := sha256.New()
		if err := joined(h, files); err != nil {
			return nil, packs, err
		}
		d := artifact.Digest(hex.EncodeToString(h.Sum(nil)))
		packs.Below, packs.Digests = below, append(packs.Digests, d)
		if len(members) > 0 {
			out = append(out, object{BlobName(d), pack(files, d, total(members))})
		}
	}
	return out, packs, nil
}

// pack is the body of files one after the other. They are small, so it is held in memory while it is sent.
func pack(files []Body, d artifact.Digest, size int64) Body {
	return Body{Size: size, Digest: d, Open: func() (Content, error) {
		w := &buffer{data: make([]byte, 0, size)}
		if err := joined(w, files); err != nil {
			return nil, err
		}
		return Bytes(w.data).Open()
	}}
}

type buffer struct{ data []byte }

func (b *buffer) Write(p []byte) (int, error) {
	b.data = append(b.data, p...)
	return len(p), nil
}

// joined writes files one after the other, each checked.
func joined(w io.Writer, files []Body) error {
	buf := make([]byte, 64<<10)
	for _, f := range files {
		r, err := f.Reader()
		if err != nil {
			return err
		}
		_, err = io.CopyBuffer(w, r, buf)
		r.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// put writes a blob that is not there, and says how many bytes that were: -1 when it was there.
func (c *Client) put(ctx context.Context, o object) (wrote int64, err error) {
	wrote = -1
	err = c.try(ctx, func() (bool, error) {
		if !c.blamed(o.name) {
			size, err := c.bucket.Head(ctx, o.name)
			if err == nil && (size == o.body.Size || size < 0) {
				return false, nil
			}
			if err != nil && !errors.Is(err, ErrAbsent) {
				return false, err
			}
		}
		if err := c.bucket.Put(ctx, o.name, o.body); err != nil {
			return false, err
		}
		wrote = o.body.Size
		c.cleared(o.name)
		return false, nil
	})
	if err != nil {
		return wrote, fmt.Errorf("put blob %.12s: %w", filepath.Base(o.name), err)
	}
	return wrote, nil
}
