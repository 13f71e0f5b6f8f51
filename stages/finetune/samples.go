package finetune

import (
	"fmt"

	"github.com/belay-ml/belay/models/decoder"
	"github.com/belay-ml/belay/stages/corpus"
)

// samples deals the train part of instruction data as micro batches without padding.
type samples struct {
	data  *corpus.Instructions
	part  *corpus.InstructionPart
	input decoder.Input
}

func newSamples(p *Params, prefix string) (*samples, error) {
	data, err := corpus.OpenInstructions(prefix)
	if err != nil {
		return nil, err
	}
	seqs := p.GlobalBatchSize
	if seqs == 0 {
		seqs = p.MicroBatchSize
	}
	parts, err := data.Split(p.Split, [3]int64{int64(p.TrainIters) * int64(seqs), 0, 0}, p.SeqLength, uint32(p.Seed))
	if err == nil && parts[0] == nil {
		err = fmt.Errorf("split %q leaves nothing to train on", p.Split)
	}
	if err != nil {
		data.Close()
		return nil, err
	}
	return &samples{data: data, part: parts[0]}, nil
}

func (s *samples) close() { s.data.Close() }

// Describe is one line for the log.
func (s *samples) Describe() string {
	return fmt.Sprintf("%d samples of at most %d tokens", s.data.Len(), s.part.SeqLength)
}

// Micro is samples [from, from+n) in the shuffled order. Every sample of a pack is a sequence of its
// own, and what pads a pack is left out: it trains nothing and nothing looks at it.
func (s *samples) Micro(from int64, n int) (decoder.Input, error) {
	in := &s.input
	in.IDs, in.Targets, in.Pos = in.IDs[:0], in.Targets[:0], in.Pos[:0]
	in.CuSeqlens = append(in.CuSeqlens[:0], 0)
	for i := from; i < from+int64(n); i++ {
		item, err := s.part.At(int(i))
		if err != nil {
			return *in, err
		}
		at := 0
		for _, length := range item.Lengths {
			end := at + int(length)
			for k := at; k < end; k++ {
				target := int32(corpus.Ignored)
				if k+1 < end {
					target = item.Labels[k+1]
				}
				in.IDs = append(in.IDs, item.IDs[k])
				in.Targets = append(in.Targets, target)
				in.Pos = append(in.Pos, int32(k-at))
			}
			in.CuSeqlens = append(in.CuSeqlens, int32(len(in.IDs)))
			at = end
		}
	}
	return *in, nil
}
