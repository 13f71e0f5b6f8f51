package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/key"
	"github.com/belay-ml/belay/engine/store"
)

// Pull brings the result of a key into the store; nil when the remote has none. The caller holds the key's Lock.
// Ports are what the result must have, nil for any. ev is told about progress.
func (c *Client) Pull(ctx context.Context, k key.Key, ports []artifact.Port, ev event.Stage) (*store.Record, error) {
	r, err := c.Look(ctx, k, ports)
	if r == nil || err != nil {
		return nil, err
	}
	rec, err := c.store.Import(ctx, r.Manifest, func(ctx context.Context, in *store.Intake) error { return c.fetch(ctx, r, in, ev) })
	if err != nil {
		if errors.Is(err, store.ErrWrongBytes) {
			err = Fail(ErrWrong, "%w", err)
		}
		c.blame(ResultName(k), err)
		return nil, c.explain(err, "pull the result of key %s", k.Short())
	}
	return rec, nil
}

// fetch brings the blobs that an intake misses: packs first, for they hold the most files.
func (c *Client) fetch(ctx context.Context, r *Result, in *store.Intake, ev event.Stage) error {
	alone, members := split(blobs(r.Manifest), r.Packs.Below, len(r.Packs.Digests))
	p := &counter{text: "pulling", ev: ev}
	var todo []func(context.Context) error
	for i, list := range members {
		if slices.ContainsFunc(list, in.Wants) {
			p.total += total(list)
			todo = append(todo, func(ctx context.Context) error { return c.pack(ctx, r.Packs.Digests[i], list, in, p) })
		}
	}
	for _, b := range alone {
		if in.Wants(b) {
			p.total += b.Size
			p.done += in.Have(b)
			todo = append(todo, func(ctx context.Context) error { return c.blob(ctx, b, in, p) })
		}
	}
	return each(ctx, cap(c.slots), todo, func(ctx context.Context, do func(context.Context) error) error { return do(ctx) })
}

// blob brings one blob, from where an earlier attempt broke off. When the end result is wrong although it began with
// bytes from before, those may be to blame: once more from the start.
func (c *Client) blob(ctx context.Context, b store.Blob, in *store.Intake, p *counter) error {
	resumed := false
	name := BlobName(b.Digest)
	get := func() (bool, error) {
		have := in.Have(b)
		resumed = have > 0
		body, err := c.bucket.Get(ctx, name, have)
		if err != nil {
			return false, err
		}
		defer body.Close()
		r := &counted{Reader: body, add: p.add}
		err = in.Put(ctx, b, have, r)
		if errors.Is(err, store.ErrWrongBytes) {
			p.add(-have - r.n)
			return false, Fail(ErrWrong, "blob %s: %w", b.Digest.Short(), err)
		}
		return r.n > 0, err
	}
	err := c.try(ctx, get)
	if resumed && errors.Is(err, ErrWrong) {
		in.Drop(b)
		err = c.try(ctx, get)
	}
	if err != nil {
		c.blame(name, err)
		return fmt.Errorf("get blob %s: %w", b.Digest.Short(), err)
	}
	return nil
}

// pack brings the blobs of a pack that are missing.
func (c *Client) pack(ctx context.Context, d artifact.Digest, members []store.Blob, in *store.Intake, p *counter) error {
	name := BlobName(d)
	err := c.try(ctx, func() (bool, error) {
		body, err := c.bucket.Get(ctx, name, 0)
		if err != nil {
			return false, err
		}
		defer body.Close()
		r := &counted{Reader: body, add: p.add}
		for _, b := range members {
			part := io.LimitReader(r, b.Size)
			if in.Wants(b) {
				err = in.Put(ctx, b, 0, part)
			} else if _, err = io.CopyN(io.Discard, part, b.Size); err == io.EOF {
				err = store.ErrWrongBytes
			}
			if err != nil {
				in.Drop(b)
				p.add(-r.n)
			}
			if errors.Is(err, store.ErrWrongBytes) {
				return false, Fail(ErrWrong, "pack %s: %w", d.Short(), err)
			}
			if err != nil {
				return false, err
			}
		}
		return true, nil
	})
	if err != nil {
		c.blame(name, err)
		return fmt.Errorf("get pack %s: %w", d.Short(), err)
	}
	return nil
}
