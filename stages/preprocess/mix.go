package preprocess

import (
	"context"
	"errors"
	"io"
)

// The words of the parameter mix.
const (
	mixConcat = "concat"
	mixUnder  = "interleave_under"
	mixOver   = "interleave_over"
)

// mixer puts the records of several streams into one order.
type mixer struct {
	streams []*stream
	// draw picks the stream of the next record; nil takes one record of each in turn.
	draw func() int
	// interleaved streams are read side by side, until one of them (over: every one) came to its end. Others are read
	// one after another.
	interleaved, over bool

	at     int
	ended  []bool
	ending int // how many of them
}

// take is the next record; io.EOF ends the input.
func (m *mixer) take(ctx context.Context) (item, error) {
	if m.interleaved {
		return m.interleave(ctx)
	}
	for ; m.at < len(m.streams); m.at++ {
		it, err := m.streams[m.at].take(ctx)
		if !errors.Is(err, io.EOF) {
			return it, err
		}
	}
	return item{}, io.EOF
}

// interleave ends as the datasets library does: a stream has come to its end when its last record was taken; in turn,
// the round is completed.
func (m *mixer) interleave(ctx context.Context) (item, error) {
	if m.ended == nil {
		m.ended = make([]bool, len(m.streams))
		for i, s := range m.streams {
			if err := m.note(ctx, i); err != nil {
				return item{}, err
			}
			if m.ended[i] {
				return item{}, s.empty()
			}
		}
	}
	enough := m.ending > 0
	if m.over {
		enough = m.ending == len(m.streams)
	}
	if enough && (m.draw != nil || m.at%len(m.streams) == 0) {
		return item{}, io.EOF
	}
	i := m.at % len(m.streams)
	if m.draw != nil {
		i = m.draw()
	}
	m.at++
	it, err := m.streams[i].take(ctx)
	if err != nil {
		return item{}, err
	}
	return it, m.note(ctx, i)
}

// note looks whether a stream has come to its end, and lets it begin anew.
func (m *mixer) note(ctx context.Context, i int) error {
	done, err := m.streams[i].done(ctx)
	if err != nil || !done {
		return err
	}
	if !m.ended[i] {
		m.ended[i] = true
		m.ending++
	}
	m.streams[i].again()
	return nil
}

func (m *mixer) offset() int64 {
	n := int64(0)
	for _, s := range m.streams {
		n += s.offset()
	}
	return n
}

// filtered is how many records the streams themselves left out.
func (m *mixer) filtered() int64 {
	n := int64(0)
	for _, s := range m.streams {
		n += s.filtered
	}
	return n
}

func (m *mixer) close() {
	for _, s := range m.streams {
		s.close()
	}
}

// draws picks streams by their weights, as interleave_datasets of the datasets library does with the same seed.
func draws(weights []float64, seed int64) func() int {
	g := newPCG64(uint64(seed))
	bounds := make([]float64, len(weights))
	sum := 0.0
	for i, w := range weights {
		sum += w
		bounds[i] = sum
	}
	for i := range bounds {
		bounds[i] /= sum
	}
	return func() int {
		x := g.float64()
		for i, b := range bounds {
			if x < b {
				return i
			}
		}
		return len(bounds) - 1
	}
}
