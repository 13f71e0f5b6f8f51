package safetensors

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"sort"

	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/models/ckpt"
)

// Limits of a header: the format's own cap, and more dimensions than any framework has.
const (
	maxHeader = 100_000_000
	maxRank   = 64
)

// entry is one tensor of a header; begin and end count from the first byte after the header.
type entry struct {
	ckpt.Info
	begin, end int64
}

// headerError says where in the header something is wrong; at counts from the header's first byte.
type headerError struct {
	at  int64
	msg string
}

func (e *headerError) Error() string { return e.msg }

// parseHeader reads the JSON header and checks it against the number of data bytes behind it.
// Entries come back in the order of storage.
func parseHeader(text []byte, dataLen int64) ([]entry, map[string]string, error) {
	p := &headerParser{dec: json.NewDecoder(bytes.NewReader(text)), seen: map[string]bool{}}
	p.dec.UseNumber()
	if len(text) == 0 || text[0] != '{' {
		return nil, nil, &headerError{0, "header does not begin with '{'"}
	}
	if err := p.object(p.member); err != nil {
		return nil, nil, err
	}
	if rest := bytes.TrimSpace(text[p.dec.InputOffset():]); len(rest) != 0 {
		return nil, nil, p.fail("text after the header's closing brace")
	}
	sort.SliceStable(p.entries, func(i, j int) bool {
		a, b := p.entries[i], p.entries[j]
		if a.begin != b.begin {
			return a.begin < b.begin
		}
		return a.end < b.end // empty tensors before the one that starts at the same byte
	})
	at := int64(0)
	for _, e := range p.entries {
		switch {
		case e.begin < at:
			return nil, nil, &headerError{0, fmt.Sprintf("tensor %q begins at data byte %d, inside the tensor before it, which ends at %d", e.Name, e.begin, at)}
		case e.begin > at:
			return nil, nil, &headerError{0, fmt.Sprintf("gap in the data: bytes %d to %d belong to no tensor (before %q)", at, e.begin, e.Name)}
		case e.end > dataLen:
			return nil, nil, &headerError{0, fmt.Sprintf("tensor %q ends at data byte %d, but the file holds %d data bytes: is it truncated?", e.Name, e.end, dataLen)}
		}
		at = e.end
	}
	if at != dataLen {
		return nil, nil, &headerError{0, fmt.Sprintf("%d data bytes after the last tensor, which ends at data byte %d", dataLen-at, at)}
	}
	return p.entries, p.meta, nil
}

type headerParser struct {
	dec     *json.Decoder
	entries []entry
	meta    map[string]string
	seen    map[string]bool
}

func (p *headerParser) fail(format string, args ...any) error {
	return &headerError{p.dec.InputOffset(), fmt.Sprintf(format, args...)}
}

// object reads a JSON object and hands each key to f, which reads the value.
func (p *headerParser) object(f func(key string) error) error {
	t, err := p.dec.Token()
	if err != nil {
		return p.fail("bad JSON: %v", err)
	}
	if t != json.Delim('{') {
		return p.fail("want an object, have %v", t)
	}
	for p.dec.More() {
		t, err := p.dec.Token()
		if err != nil {
			return p.fail("bad JSON: %v", err)
		}
		key, ok := t.(string)
		if !ok {
			return p.fail("want a key, have %v", t)
		}
		if err := f(key); err != nil {
			return err
		}
	}
	if _, err := p.dec.Token(); err != nil {
		return p.fail("bad JSON: %v", err)
	}
	return nil
}

func (p *headerParser) member(name string) error {
	if p.seen[name] {
		return p.fail("name %q twice", name)
	}
	p.seen[name] = true
	if name == "__metadata__" {
		p.meta = map[string]string{}
		return p.object(func(key string) error {
			t, err := p.dec.Token()
			if err != nil {
				return p.fail("bad JSON: %v", err)
			}
			s, ok := t.(string)
			if !ok {
				return p.fail("__metadata__ %q is not text", key)
			}
			p.meta[key] = s
			return nil
		})
	}
	e := entry{Info: ckpt.Info{Name: name}}
	var have [3]bool
	err := p.object(func(key string) error {
		switch key {
		case "dtype":
			t, err := p.dec.Token()
			if err != nil {
				return p.fail("bad JSON: %v", err)
			}
			s, _ := t.(string)
			if e.DType, err = dtype.Parse(s); err != nil {
				return p.fail("tensor %q: %v", name, err)
			}
			have[0] = true
		case "shape":
			dims, err := p.ints(name, "shape", maxRank)
			if err != nil {
				return err
			}
			e.Shape = make([]int, len(dims))
			for i, d := range dims {
				e.Shape[i] = int(d)
			}
			have[1] = true
		case "data_offsets":
			span, err := p.ints(name, "data_offsets", 2)
			if err != nil {
				return err
			}
			if len(span) != 2 || span[0] > span[1] {
				return p.fail("tensor %q: data_offsets %v is not [begin, end]", name, span)
			}
			e.begin, e.end = span[0], span[1]
			have[2] = true
		default:
			return p.fail("tensor %q: unknown key %q", name, key)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i, key := range []string{"dtype", "shape", "data_offsets"} {
		if !have[i] {
			return p.fail("tensor %q: no %s", name, key)
		}
	}
	size := int64(e.DType.Size())
	for _, d := range e.Shape {
		if d != 0 && size > math.MaxInt64/int64(d) {
			return p.fail("tensor %q: shape %v is too large", name, e.Shape)
		}
		size *= int64(d)
	}
	if size != e.end-e.begin {
		return p.fail("tensor %q: %v %v takes %d bytes, data_offsets [%d, %d] give %d", name, e.DType, e.Shape, size, e.begin, e.end, e.end-e.begin)
	}
	p.entries = append(p.entries, e)
	return nil
}

// ints reads an array of at most limit non-negative integers.
func (p *headerParser) ints(name, key string, limit int) ([]int64, error) {
	t, err := p.dec.Token()
	if err != nil {
		return nil, p.fail("bad JSON: %v", err)
	}
	if t != json.Delim('[') {
		return nil, p.fail("tensor %q: %s is not an array", name, key)
	}
	out := []int64{}
	for p.dec.More() {
		t, err := p.dec.Token()
		if err != nil {
			return nil, p.fail("bad JSON: %v", err)
		}
		num, ok := t.(json.Number)
		if !ok {
			return nil, p.fail("tensor %q: %s holds %v", name, key, t)
		}
		v, err := num.Int64()
		if err != nil || v < 0 {
			return nil, p.fail("tensor %q: %s holds %v", name, key, num)
		}
		if len(out) == limit {
			return nil, p.fail("tensor %q: %s has more than %d numbers", name, key, limit)
		}
		out = append(out, v)
	}
	if _, err := p.dec.Token(); err != nil {
		return nil, p.fail("bad JSON: %v", err)
	}
	return out, nil
}
