package pretrain

import (
	"fmt"

	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/models/decoder"
	"github.com/belay-ml/belay/stages/corpus"
)

// samples deals the train part of a GPT data set as micro batches.
type samples struct {
	set    *corpus.GPT
	layout corpus.PositionOptions
	plain  bool // nothing happens at document ends

	item  []int32
	input decoder.Input
}

// newSamples builds the maps of the data set, or finds them in cache, a folder.
func newSamples(p *Params, index *corpus.Index, eos []int32, cache string) (*samples, error) {
	parts, err := corpus.NewGPT(index, corpus.GPTConfig{
		Split: p.Split, Samples: [3]int64{p.Hyper.Samples(), 0, 0}, SeqLength: p.SeqLength, Seed: uint32(p.Seed), Cache: cache,
	})
	if err != nil {
		return nil, err
	}
	if parts[0] == nil {
		return nil, fmt.Errorf("split %q leaves nothing to train on", p.Split)
	}
	s := &samples{
		set:    parts[0],
		layout: corpus.PositionOptions{EOD: int32(p.EOD), ResetPositionIDs: p.ResetPos, ResetAttentionMask: p.ResetMask, EODMaskLoss: p.EODMask},
		plain:  !p.ResetPos && !p.ResetMask && !p.EODMask,
	}
	if p.EOD < 0 && !s.plain {
		if len(eos) == 0 {
			s.close()
			return nil, fault.New(fault.Recipe, "reset_position_ids, reset_attention_mask and eod_mask_loss need to know which id ends a document: set eod_token")
		}
		s.layout.EOD = eos[0]
	}
	return s, nil
}

func (s *samples) close() { s.set.Close() }

// Describe is one line for the log.
func (s *samples) Describe() string {
	return fmt.Sprintf("%d samples of %d tokens from %d documents, %d epochs", s.set.Len(), s.set.SeqLength, s.set.Sequences, s.set.Epochs)
}

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
