package pretrain

import (
	"fmt"
	"io"
	"strings"

	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/models/decoder"
	"github.com/belay-ml/belay/stages/corpus"
)

// samples deals the train part of one or several GPT data sets as micro batches.
type samples struct {
	set    corpus.Dataset
	about  string
	layout corpus.PositionOptions
	plain  bool // nothing happens at document ends

	closers []io.Closer
	item    []int32
	input   decoder.Input
}

// newSamples builds the maps of the data sets, or finds them in cache, a folder.
func newSamples(p *Params, texts []text, blended bool, eos []int32, cache string) (_ *samples, err error) {
	s := &samples{
		layout: corpus.PositionOptions{EOD: int32(p.EOD), ResetPositionIDs: p.ResetPos, ResetAttentionMask: p.ResetMask, EODMaskLoss: p.EODMask},
		plain:  !p.ResetPos && !p.ResetMask && !p.EODMask,
	}
	if p.EOD < 0 && !s.plain {
		if len(eos) == 0 {
			return nil, fault.New(fault.Recipe, "reset_position_ids, reset_attention_mask and eod_mask_loss need to know which id ends a document: set eod_token")
		}
		s.layout.EOD = eos[0]
	}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if !blended {
		set, err := s.build(p, texts[0], p.Hyper.Samples(), cache)
		if err != nil {
			return nil, err
		}
		s.set, s.about = set, about(set)
		return s, nil
	}
	return s, s.blend(p, texts, cache)
}

// blend deals the samples of several data sets, which are built with as many as their share needs.
func (s *samples) blend(p *Params, texts []text, cache string) error {
	var weights []float64
	for _, t := range texts {
		weights = append(weights, t.weight)
	}
	wanted, err := corpus.Wanted(weights, p.Hyper.Samples())
	if err != nil {
		return err
	}
	var sets []corpus.Dataset
	var lines []string
	for i, t := range texts {
		set, err := s.build(p, t, wanted[i], cache)
		if err != nil {
			return err
		}
		sets, lines = append(sets, set), append(lines, about(set))
	}
	b, err := corpus.NewBlend(sets, weights, p.Hyper.Samples(), cache)
	if err != nil {
		return err
	}
	s.set, s.closers = b, append(s.closers, b)
	for i, t := range texts {
		lines[i] = fmt.Sprintf("%.4g %% of %s (%s)", 100*b.Weights[i], t.label, lines[i])
	}
	s.about = fmt.Sprintf("%d samples, blended: %s", b.Len(), strings.Join(lines, ", "))
	return nil
}

// build makes the train part of one index.
func (s *samples) build(p *Params, t text, wanted int64, cache string) (*corpus.GPT, error) {
	parts, err := corpus.NewGPT(t.Index, corpus.GPTConfig{
		Split: p.Split, Samples: [3]int64{wanted, 0, 0}, SeqLength: p.SeqLength, Seed: uint32(p.Seed), Cache: cache,
	})
	if err != nil {
		return nil, err
	}
	for _, g := range parts {
		s.closers = append(s.closers, g)
	}
	if parts[0] == nil {
		return nil, fmt.Errorf("split %q leaves nothing to train on", p.Split)
	}
	return parts[0], nil
}

func about(g *corpus.GPT) string {
	return fmt.Sprintf("%d samples of %d tokens from %d documents, %d epochs", g.Len(), g.SeqLength, g.Sequences, g.Epochs)
}

func (s *samples) close() {
	for _, c := range s.closers {
		c.Close()
	}
}

// Describe is one line for the log.
func (s *samples) Describe() string { return s.about }

// Micro is samples [from, from+n) in the shuffled order.
func (s *samples) Micro(from int64, n int) (decoder.Input, error) {
	in := &s.input
	in.IDs, in.Targets, in.Pos = in.IDs[:0], in.Targets[:0], in.Pos[:0]
	in.CuSeqlens = append(in.CuSeqlens[:0], 0)
	for i := from; i < from+int64(n); i++ {
		var err error
		if s.item, err = s.set.Item(s.item[:0], i); err != nil {
			return *in, err
		}
		ids, targets := s.item[:len(s.item)-1], s.item[1:]
		base := int32(len(in.IDs))
		in.IDs = append(in.IDs, ids...)
		in.Targets = append(in.Targets, targets...)
		if s.plain {
			for k := range ids {
				in.Pos = append(in.Pos, int32(k))
			}
			in.CuSeqlens = append(in.CuSeqlens, base+int32(len(ids)))
			continue
		}
		l := corpus.LayOut(ids, s.layout)
		in.Pos = append(in.Pos, l.Positions...)
		for k, m := range l.LossMask {
			if m == 0 {
				in.Targets[int(base)+k] = -1
			}
		}
		for _, end := range l.CuSeqlens[1:] {
			in.CuSeqlens = append(in.CuSeqlens, base+end)
		}
	}
	return *in, nil
}
