package preprocess

import (
	"context"
	"errors"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/stages/preprocess/handler"
	"github.com/belay-ml/belay/stages/preprocess/record"
)

// A batch ends at so many records or bytes.
const (
	batchRecords = 256
	batchBytes   = 128 << 10
	// batchesAhead is how many batches a worker may be ahead of the collector, which has to wait for the disk at times.
	batchesAhead = 16
	// columnsBy is the number of records by which every needed column must have shown up.
	columnsBy = 1000
	// maxExamples is how many reasons are told with an example.
	maxExamples = 100
)

// batch is a stretch of the input on its way through the workers.
type batch struct {
	items []item
	begin int64 // records of the input before these
	read  int64 // bytes of all files read so far

	apart   bool       // its records are taken apart
	columns [][]string // by source, seen in these records, in order

	done    chan struct{} // closed when what follows is filled in
	results []result
	err     error // after the results

	memory handler.Memory // of the results, unless the sink keeps them
}

// clear makes a batch free for other records. It holds nothing of the old ones then.
func (b *batch) clear() {
	clear(b.items)
	clear(b.results)
	for i := range b.columns {
		clear(b.columns[i])
		b.columns[i] = b.columns[i][:0]
	}
	b.items, b.results, b.err, b.apart = b.items[:0], b.results[:0], nil, false
	b.memory.Reset()
}

// result is what became of one record.
type result struct {
	doc    handler.Document
	place  record.Place
	source int
	err    error // the record's; doc is empty
}

// pipeline reads, encodes and collects.
type pipeline struct {
	sources []*source
	mix     *mixer
	workers int
	// tolerance leaves records out that are wrong; nil ends the run at the first.
	tolerance *tolerance
	// examples are the first records left out, by reason.
	examples map[string]string
	idle     sync.Pool // of batches that are collected
	// seen are the columns of each source, once it is read.
	seen [][]string
	// from is what an earlier attempt has collected: nothing for a new one.
	from collected
	// keeps says whether collect needs the memory of documents afterwards; once it does not, it never will.
	keeps func() bool
	// collect takes the documents in input order, and how far the input is collected with them.
	collect func(docs []handler.Document, so collected) error
}

// collected is how far the input has come, and what is known of it by there. The input is the same stream of records
// whenever it is read.
type collected struct {
	Records  int64             `json:"records"`
	Bytes    int64             `json:"bytes"`   // of the files, for progress
	Counts   []int             `json:"counts"`  // records by source
	Columns  [][]string        `json:"columns"` // seen, by source
	Wrong    int               `json:"wrong"`   // records left out by tolerance
	Examples map[string]string `json:"examples"`
}

// run works until the input ends: a reader, workers that encode records, a collector. The reader owns both channels: order
// keeps the batches in line for the collector, which waits for each to be done. Workers take records apart, too, unless they
// are so busy that the reader has the time.
func (p *pipeline) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	jobs, order := make(chan *batch, p.workers), make(chan *batch, batchesAhead*p.workers)
	g.Go(func() error {
		defer close(order)
		defer close(jobs)
		return p.read(ctx, func(b *batch) error {
			select {
			case order <- b:
			case <-ctx.Done():
				return ctx.Err()
			}
			select {
			case jobs <- b:
				return nil
			default:
				p.takeApart(b)
			}
			select {
			case jobs <- b:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	})
	for range p.workers {
		g.Go(func() error {
			kept := &handler.Memory{}
			for b := range jobs {
				memory := kept
				if !p.keeps() {
					kept, memory = nil, &b.memory
				}
				if ctx.Err() == nil {
					p.work(b, memory)
				}
				close(b.done)
			}
			return nil
		})
	}
	g.Go(func() error {
		c := newCollector(p)
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
			b.clear()
			p.idle.Put(b)
		}
		return c.end()
	})
	return g.Wait()
}

// read cuts the records into batches.
func (p *pipeline) read(ctx context.Context, emit func(*batch) error) error {
	defer p.mix.close()
	b, bytes := p.batch(p.from.Records), 0
	for skip := p.from.Records; ; {
		it, err := p.mix.take(ctx)
		if skip > 0 && err == nil {
			skip--
			continue
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && !errors.Is(err, io.EOF):
			// What came before the mistake is worked on first, so that the first mistake is the one reported.
			b.err = err
		case err == nil:
			b.items = append(b.items, it)
			bytes += it.raw.Size()
		}
		if err == nil && len(b.items) < batchRecords && bytes < batchBytes {
			continue
		}
		b.read = p.mix.offset()
		last := err != nil                             // the end, or a mistake that the batch tells
		next := p.batch(b.begin + int64(len(b.items))) // the workers own b from here on
		if err := emit(b); err != nil || last {
			return err
		}
		b, bytes = next, 0
	}
}

// batch is an empty one.
func (p *pipeline) batch(begin int64) *batch {
	b, ok := p.idle.Get().(*batch)
	if !ok {
		b = &batch{columns: make([][]string, len(p.sources))}
	}
	b.begin, b.done = begin, make(chan struct{})
	return b
}

// work makes documents of the records of a batch. A record that must not fail ends it.
func (p *pipeline) work(b *batch, memory *handler.Memory) {
	for i := range b.items {
		it := &b.items[i]
		if it.err == nil && !b.apart {
			it.err = p.decode(b, it)
		}
		doc, err := p.one(it, memory)
		if err != nil && p.tolerance == nil {
			b.err = fault.Wrap(fault.Data, err)
			break
		}
		b.results = append(b.results, result{doc, it.place(), it.source, err})
		it.decoded.Fields = nil
		if err == nil { // which may hold a part of the record
			it.raw.Release()
		}
	}
}

// takeApart takes the records of a batch apart, up to one that ends it.
func (p *pipeline) takeApart(b *batch) {
	for i := range b.items {
		it := &b.items[i]
		if it.err == nil {
			it.err = p.decode(b, it)
		}
		if it.err != nil && p.tolerance == nil {
			break
		}
	}
	b.apart = true
}

// decode takes a record apart, and says whether the filter lets it through.
func (p *pipeline) decode(b *batch, it *item) (err error) {
	s := p.sources[it.source]
	looked := it.decoded.Fields != nil
	if !looked {
		if it.decoded, err = record.Decode(it.raw, s.options); err != nil {
			it.decoded.Fields = nil
			return err
		}
	}
	seen := &b.columns[it.source]
	for i, c := range it.decoded.Fields.Keys {
		if i < len(*seen) && (*seen)[i] == c {
			continue
		}
		if !slices.Contains(*seen, c) {
			*seen = append(*seen, strings.Clone(c)) // the record's memory is used again
		}
	}
	if !looked {
		keep, err := s.change.Apply(it.decoded)
		if err != nil {
			return err
		}
		it.left = !keep
	}
	return nil
}

// one makes a document of a record.
func (p *pipeline) one(it *item, m *handler.Memory) (handler.Document, error) {
	switch {
	case it.err != nil:
		return handler.Document{}, it.err
	case it.left:
		return handler.Document{Dropped: filtered}, nil
	}
	return p.sources[it.source].handler.Encode(it.decoded, m)
}

// filtered is the reason of what filter does not let through.
const filtered = "filter"

// collector hands documents on in order and watches for columns that never come.
type collector struct {
	*pipeline
	counts  []int // records by source
	records int
	docs    []handler.Document
}

func newCollector(p *pipeline) *collector {
	c := &collector{pipeline: p, counts: make([]int, len(p.sources)), records: int(p.from.Records)}
	p.seen = make([][]string, len(p.sources))
	copy(p.seen, p.from.Columns)
	copy(c.counts, p.from.Counts)
	maps.Copy(p.examples, p.from.Examples)
	if p.tolerance != nil {
		p.tolerance.count = p.from.Wrong
	}
	return c
}

// state is what is collected with a batch; records behind one that ends the run are not.
func (c *collector) state(b *batch) collected {
	so := collected{Records: b.begin + int64(len(b.results)), Bytes: b.read, Counts: c.counts, Columns: c.seen, Examples: c.examples}
	if c.tolerance != nil {
		so.Wrong = c.tolerance.count
	}
	return so
}

func (c *collector) take(b *batch) error {
	for i, columns := range b.columns {
		for _, name := range columns {
			if !slices.Contains(c.seen[i], name) {
				c.seen[i] = append(c.seen[i], name)
			}
		}
	}
	for _, r := range b.results {
		c.counts[r.source]++
	}
	c.docs = c.docs[:0]
	var stop error
	for _, r := range b.results {
		c.records++
		if r.err != nil {
			if stop = c.tolerance.wrong(r.err, c.records); stop != nil {
				break
			}
			r.doc = handler.Document{Dropped: record.Reason(r.err)}
		}
		if why := r.doc.Dropped; why != "" && c.examples[why] == "" && len(c.examples) < maxExamples {
			if c.examples[why] = r.place.String(); r.err != nil {
				c.examples[why] = r.err.Error()
			}
		}
		c.docs = append(c.docs, r.doc)
	}
	for i := range c.sources {
		if c.counts[i] >= columnsBy || b.err != nil || stop != nil {
			if err := c.missing(i); err != nil {
				return err
			}
		}
	}
	if stop != nil {
		return stop
	}
	if err := c.collect(c.docs, c.state(b)); err != nil {
		return err
	}
	return b.err
}

func (c *collector) end() error {
	if c.records == 0 {
		return fault.New(fault.Data, "read input %s: no records", strings.Join(filesOf(c.sources), ", "))
	}
	for i := range c.sources {
		if err := c.missing(i); err != nil {
			return err
		}
	}
	if c.tolerance != nil {
		return c.tolerance.share(c.records, nil)
	}
	return nil
}

// filesOf are the files of sources as messages call them.
func filesOf(sources []*source) []string {
	var out []string
	for _, s := range sources {
		for _, f := range s.files {
			out = append(out, filepath.Base(f))
		}
	}
	return out
}

// missing finds a column that should have shown up by now. A source of which nothing was read is not judged.
func (c *collector) missing(i int) error {
	if len(c.seen[i]) == 0 {
		return nil
	}
	for _, name := range c.sources[i].needed() {
		if !slices.Contains(c.seen[i], name) {
			what := ""
			if len(c.sources) > 1 {
				what = " " + c.sources[i].name
			}
			hint := "map_keys (json_keys for style pretrain) names the columns to read; an empty name leaves one out"
			if slices.Contains(c.sources[i].change.Columns(), name) {
				hint = "filter or map names it"
			}
			return fault.New(fault.Data, "read input%s: no column %q; the columns are %s", what, name, strings.Join(c.seen[i], ", ")).WithHint("%s", hint)
		}
	}
	return nil
}
