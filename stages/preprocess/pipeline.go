package preprocess

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/stages/preprocess/handler"
	"github.com/belay-ml/belay/stages/preprocess/record"
)

// A batch ends at so many records or bytes.
const (
	batchRecords = 256
	batchBytes   = 128 << 10
	// columnsBy is the number of records by which every needed column must have shown up.
	columnsBy = 1000
)

// batch is a stretch of the input on its way through the workers.
type batch struct {
	raw  []record.Raw
	read int64 // bytes of all files read so far
	end  int64 // records of the input up to here

	done    chan struct{} // closed when what follows is filled in
	docs    []handler.Document
	columns []string // seen in these records, in order
	err     error    // of the record after docs
}

// pipeline reads, encodes and collects.
type pipeline struct {
	files   []string
	options record.Options
	handler handler.Handler
	workers int
	// skip is how many records an earlier attempt has dealt with, in which it saw these columns.
	skip    int64
	columns []string
	// collect takes the documents in input order, up to a position of the input.
	collect func(docs []handler.Document, columns []string, at position) error
}

// skipping passes batches on without the records to be skipped, and numbers them.
func (p *pipeline) skipping(emit func(*batch) error) func(*batch) error {
	read := int64(0)
	return func(b *batch) error {
		n := min(max(p.skip-read, 0), int64(len(b.raw)))
		read += int64(len(b.raw))
		b.raw, b.end = b.raw[n:], read
		if len(b.raw) == 0 && b.err == nil {
			return nil
		}
		return emit(b)
	}
}

// run works until the input ends. The reader owns both channels: jobs feeds the workers, order keeps
// the batches in line for the collector, which waits for each to be done.
func (p *pipeline) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	jobs := make(chan *batch, p.workers)
	order := make(chan *batch, 2*p.workers)
	g.Go(func() error {
		defer close(order)
		defer close(jobs)
		return p.read(ctx, p.skipping(func(b *batch) error {
			b.done = make(chan struct{})
			for _, to := range []chan<- *batch{order, jobs} {
				select {
				case to <- b:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return nil
		}))
	})
	for range p.workers {
		g.Go(func() error {
			for b := range jobs {
				if ctx.Err() == nil {
					p.encode(b)
				}
				close(b.done)
			}
			return nil
		})
	}
	g.Go(func() error {
		c := collector{files: p.files, needed: p.handler.Columns(), collect: p.collect, seen: p.columns, records: int(p.skip)}
		for b := range order {
			select {
			case <-b.done:
			case <-ctx.Done():
				return ctx.Err()
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := c.take(b); err != nil {
				return err
			}
		}
		return c.end()
	})
	return g.Wait()
}

// read cuts the files' records into batches.
func (p *pipeline) read(ctx context.Context, emit func(*batch) error) error {
	before := int64(0)
	for _, path := range p.files {
		n, err := p.readFile(ctx, path, before, emit)
		if err != nil {
			return err
		}
		before += n
	}
	return nil
}

func (p *pipeline) readFile(ctx context.Context, path string, before int64, emit func(*batch) error) (size int64, err error) {
	f, err := record.Open(path, p.options)
	if err != nil {
		return 0, fault.Wrap(fault.Data, err)
	}
	defer f.Close()
	b, bytes := &batch{}, 0
	for {
		raw, err := f.Next()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				// What came before the mistake is worked on first, so that the first mistake is the one reported.
				b.err = fault.Wrap(fault.Data, err)
			}
			b.read = before + f.Offset()
			if len(b.raw) > 0 || b.err != nil {
				failed := b.err != nil
				if err := emit(b); err != nil {
					return 0, err
				}
				if failed {
					return 0, nil
				}
			}
			return f.Offset(), nil
		}
		b.raw = append(b.raw, raw)
		bytes += len(raw.JSON) + len(raw.Text)
		for _, c := range raw.Cells {
			bytes += len(c)
		}
		if len(b.raw) >= batchRecords || bytes >= batchBytes {
			b.read = before + f.Offset()
			if err := emit(b); err != nil {
				return 0, err
			}
			b, bytes = &batch{}, 0
		}
		if err := ctx.Err(); err != nil {
			return 0, err
		}
	}
}

// encode does a worker's part of a batch. A record that fails ends it.
func (p *pipeline) encode(b *batch) {
	b.docs = make([]handler.Document, 0, len(b.raw))
	for _, raw := range b.raw {
		r, err := record.Decode(raw)
		if err == nil {
			for _, c := range r.Fields.Keys {
				if !slices.Contains(b.columns, c) {
					b.columns = append(b.columns, c)
				}
			}
			var doc handler.Document
			if doc, err = p.handler.Encode(r); err == nil {
				b.docs = append(b.docs, doc)
				continue
			}
		}
		b.err = fault.Wrap(fault.Data, err)
		break
	}
	b.raw = nil
}

// collector hands documents on in order and watches for columns that never come.
type collector struct {
	files   []string
	needed  []string
	seen    []string
	records int
	collect func([]handler.Document, []string, position) error
}

func (c *collector) take(b *batch) error {
	for _, name := range b.columns {
		if !slices.Contains(c.seen, name) {
			c.seen = append(c.seen, name)
		}
	}
	c.records += len(b.docs)
	if c.records >= columnsBy || b.err != nil && len(c.seen) > 0 {
		if err := c.missing(); err != nil {
			return err
		}
	}
	if err := c.collect(b.docs, c.seen, position{Records: b.end, Bytes: b.read}); err != nil {
		return err
	}
	return b.err
}

func (c *collector) end() error {
	if c.records == 0 {
		return fault.New(fault.Data, "read input %s: no records", strings.Join(baseNames(c.files), ", "))
	}
	return c.missing()
}

// baseNames are files as messages call them.
func baseNames(files []string) []string {
	var out []string
	for _, f := range files {
		out = append(out, filepath.Base(f))
	}
	return out
}

func (c *collector) missing() error {
	for _, name := range c.needed {
		if !slices.Contains(c.seen, name) {
			return fault.New(fault.Data, "read input: no column %q; the columns are %s", name, strings.Join(c.seen, ", ")).
				WithHint("map_keys (json_keys for style pretrain) names the columns to read; an empty name leaves one out")
		}
	}
	return nil
}

func totalSize(files []string) (int64, error) {
	total := int64(0)
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			return 0, fmt.Errorf("find input: %w", err)
		}
		total += info.Size()
	}
	return total, nil
}
