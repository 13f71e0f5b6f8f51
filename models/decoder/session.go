package decoder

import (
	"fmt"

	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/ascend/op"
	"github.com/belay-ml/belay/ascend/tensor"
)

// SessionOptions sizes a Session.
type SessionOptions struct {
	Slots  int // sequences at a time
	MaxLen int // tokens a sequence may reach
	// MaxRows is the most tokens of one pass through the model; longer prompts take several. 0 means
	// the smaller of 512 and MaxLen, but at least Slots.
	MaxRows int
}

// Session continues several sequences, one a slot, with a key/value cache.
type Session struct {
	m    *Model
	opt  SessionOptions
	k, v []tensor.Tensor // one a layer: slots*maxLen x KD
	lens []int

	acts acts
	x    tensor.Tensor // rows x H
	last tensor.Tensor // slots x H, the last hidden state of each fed chunk
	hn   tensor.Tensor // slots x H
	rstd tensor.Tensor // 1 x slots
	out  tensor.Tensor // slots x V

	spec           op.AttentionSpec
	ids, slot, pos []int32
	runs           []run
	host           []float32
}

// Chunk is tokens to append to a slot.
type Chunk struct {
	Slot int
	IDs  []int32
}

// run is the rows of one chunk inside one pass: tokens [from, to) of it.
type run struct{ chunk, from, to int }

// NewSession allocates caches and activations.
func (m *Model) NewSession(opt SessionOptions) (*Session, error) {
	if opt.Slots <= 0 || opt.MaxLen <= 0 || opt.MaxRows < 0 {
		return nil, fmt.Errorf("open session: %d slots of %d tokens, %d rows a pass", opt.Slots, opt.MaxLen, opt.MaxRows)
	}
	if opt.MaxRows == 0 {
		opt.MaxRows = min(512, opt.MaxLen)
	}
	opt.MaxRows = max(opt.MaxRows, opt.Slots)
	alloc := func(rows, cols int) tensor.Tensor { return m.be.Alloc(dtype.F32, rows, cols) }
	s := &Session{m: m, opt: opt, spec: m.attention(), lens: make([]int, opt.Slots)}
	for range m.layers {
		s.k = append(s.k, alloc(opt.Slots*opt.MaxLen, m.kRow))
		s.v = append(s.v, alloc(opt.Slots*opt.MaxLen, m.kRow))
	}
	n, h := opt.MaxRows, m.cfg.Hidden
	s.x = alloc(n, h)
	s.acts = m.newActs(n)
	s.acts.x, s.acts.mid = s.x, s.x
	s.last, s.hn, s.rstd = alloc(opt.Slots, h), alloc(opt.Slots, h), alloc(1, opt.Slots)
	s.out = alloc(opt.Slots, m.cfg.Vocab)
	s.ids, s.slot, s.pos = make([]int32, 0, n), make([]int32, 0, n), make([]int32, 0, n)
	s.runs = make([]run, 0, n)
	s.host = make([]float32, opt.Slots*m.cfg.Vocab)
	return s, nil
}

// Len is the number of tokens in a slot.
func (s *Session) Len(slot int) int { return s.lens[slot] }

// Truncate forgets the tokens of a slot from the n-th on.
func (s *Session) Truncate(slot, n int) { s.lens[slot] = min(s.lens[slot], max(n, 0)) }

// Fork makes slot dst a copy of slot src.
func (s *Session) Fork(dst, src int) {
	n := s.lens[src]
	s.lens[dst] = n
	if dst == src || n == 0 {
		return
	}
	from, to := src*s.opt.MaxLen, dst*s.opt.MaxLen
	for l := range s.k {
		s.m.be.Copy(s.k[l].RowRange(to, to+n), s.k[l].RowRange(from, from+n))
		s.m.be.Copy(s.v[l].RowRange(to, to+n), s.v[l].RowRange(from, from+n))
	}
}

// Feed appends every chunk to its slot and gives the logits after each chunk's last token, one row of
// the vocabulary a chunk. The slice is good until the next Feed.
func (s *Session) Feed(chunks []Chunk) ([]float32, error) {
	if err := s.Prefill(chunks); err != nil {
		return nil, err
	}
	n, v := len(chunks), s.m.cfg.Vocab
	hn, logits := s.hn.RowRange(0, n), s.out.RowRange(0, n)
	s.m.be.RMSNorm(hn, s.rstd.ColRange(0, n), s.last.RowRange(0, n), s.m.norm.data, float32(s.m.cfg.NormEps))
	s.m.be.MatMul(logits, hn, s.m.head.data, false, true, 1, 0)
	host := s.host[:n*v]
	s.m.be.Download(host, logits)
	return host, nil
}

// Prefill is Feed without the vocabulary head.
//
// Chunks are cut into passes of at most MaxRows rows. A chunk that fits one pass is never cut, so how
// its numbers are computed does not depend on its company.
func (s *Session) Prefill(chunks []Chunk) error {
	if err := s.check(chunks); err != nil {
		return fmt.Errorf("feed session: %w", err)
	}
	for c, done := 0, 0; c < len(chunks); {
		s.runs = s.runs[:0]
		for room := s.opt.MaxRows; c < len(chunks) && room > 0; {
			total := len(chunks[c].IDs)
			n := min(total-done, room)
			if n < total-done && len(s.runs) > 0 {
				break // too long for the rest of this pass: it begins the next one
			}
			s.runs = append(s.runs, run{c, done, done + n})
			room -= n
			if done += n; done == total {
				c, done = c+1, 0
			}
		}
		s.pass(chunks)
	}
	return nil
}

func (s *Session) check(chunks []Chunk) error {
	if len(chunks) == 0 || len(chunks) > s.opt.Slots {
		return fmt.Errorf("%d chunks for %d slots", len(chunks), s.opt.Slots)
	}
	for i, c := range chunks {
		if c.Slot < 0 || c.Slot >= s.opt.Slots {
			return fmt.Errorf("slot %d of %d", c.Slot, s.opt.Slots)
		}
		for _, d := range chunks[:i] {
			if d.Slot == c.Slot {
				return fmt.Errorf("slot %d appears twice", c.Slot)
			}
		}
		if len(c.IDs) == 0 {
			return fmt.Errorf("slot %d: no tokens", c.Slot)
		}
		if n := s.lens[c.Slot] + len(c.IDs); n > s.opt.MaxLen {
			return fmt.Errorf("slot %d: %d tokens, room for %d", c.Slot, n, s.opt.MaxLen)
		}
		if err := s.m.checkIDs(c.IDs); err != nil {
			return fmt.Errorf("slot %d: %w", c.Slot, err)
		}
	}
	return nil
}

// pass runs the blocks over s.runs and keeps the last hidden state of every chunk that ends here.
func (s *Session) pass(chunks []Chunk) {
	m, be := s.m, s.m.be
	s.ids, s.slot, s.pos = s.ids[:0], s.slot[:0], s.pos[:0]
	for _, r := range s.runs {
		c := &chunks[r.chunk]
		for _, id := range c.IDs[r.from:r.to] {
			s.ids = append(s.ids, id)
			s.slot = append(s.slot, int32(c.Slot))
			s.pos = append(s.pos, int32(s.lens[c.Slot]))
			s.lens[c.Slot]++
		}
	}
	n := len(s.ids)
	x := s.x.RowRange(0, n)
	be.Embed(x, m.embed.data, s.ids)
	for i := range m.layers {
		l := &m.layers[i]
		a := s.acts.first(n, l)
		m.project(l, &a, s.pos)
		be.CacheStore(s.k[i], m.k(a.qkv), s.slot, s.pos, s.opt.MaxLen)
		be.CacheStore(s.v[i], m.v(a.qkv), s.slot, s.pos, s.opt.MaxLen)
		s.spec.Window = m.cfg.Window(i)
		be.AttentionCached(a.o, m.q(a.qkv), s.k[i], s.v[i], s.slot, s.pos, s.opt.MaxLen, &s.spec)
		m.finish(l, &a, x)
	}
	row := 0
	for _, r := range s.runs {
		row += r.to - r.from
		if r.to == len(chunks[r.chunk].IDs) {
			be.Copy(s.last.RowRange(r.chunk, r.chunk+1), x.RowRange(row-1, row))
		}
	}
}
