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

func newSamples(p *Params) (*samples, error) {
	prefix, err := findPrefix(p.Data.Path)
	if err != nil {
		return nil, err
	}
	data, err := corpus.OpenInstructions(prefix)
	if err != nil {
		return nil, err
	}
	parts, err := data.Split(p.Split, [3]int64{p.Hyper.Samples(), 0, 0}, p.SeqLength, uint32(p.Seed))
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
// own, and padding is left out: it trains nothing and nothing looks at it.
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
			if err := s.add(item, at, end); err != nil {
				return *in, fmt.Errorf("sample %d: %w", i, err)
			}
			at = end
		}
	}
	if len(in.IDs) == 0 {
		return *in, fmt.Errorf("samples %d to %d hold no tokens", from, from+int64(n)-1)
	}
	return *in, nil
}

// add appends ids [from, to) of an item as a sequence, without what its attention mask hides at the ends.
func (s *samples) add(item corpus.Instruction, from, to int) error {
	for from < to && item.Mask[from] == 0 {
		from++
	}
	for to > from && item.Mask[to-1] == 0 {
		to--
	}
	if from == to {
		return nil
	}
	in := &s.input
	for k := from; k < to; k++ {
		if item.Mask[k] == 0 {
			return fmt.Errorf("the attention mask hides token %d between visible ones: only padding at the ends can be hidden", k)
		}
		target := int32(corpus.Ignored)
		if k+1 < to {
			target = item.Labels[k+1]
		}
		in.IDs = append(in.IDs, item.IDs[k])
		in.Targets = append(in.Targets, target)
		in.Pos = append(in.Pos, int32(k-from))
	}
	in.CuSeqlens = append(in.CuSeqlens, int32(len(in.IDs)))
	return nil
}
