package corpus

import (
	"errors"
	"fmt"
)

// Ignored is the label of a position that is not trained on.
const Ignored = -100

// The names of fine-tuning data: PREFIX_packed_FIELD_document, and PREFIX_packed_lengths.
const (
	FieldInputIDs = "input_ids"
	FieldMask     = "attention_mask"
	FieldLabels   = "labels"
)

// FieldPrefix is the index prefix of one field of instruction data.
func FieldPrefix(prefix, field string) string { return prefix + "_packed_" + field + "_document" }

// LengthsPrefix is the index prefix of the lengths of packed samples.
func LengthsPrefix(prefix string) string { return prefix + "_packed_lengths" }

// Instruction is one fine-tuning sample; labels stand under their own ids, not shifted.
type Instruction struct {
	IDs, Mask, Labels []int32
	// Lengths are those of the samples in a pack; what they leave of IDs is padding. A sample that
	// is no pack has one length.
	Lengths []int32
}

// Instructions is open fine-tuning data.
type Instructions struct {
	prefix            string
	ids, mask, labels *Index
	lengths           *Index // nil unless packed with known lengths
	closers           []*Index
}

// The two answers of preference data, whose fields are named chosen_input_ids and so on.
const (
	Chosen   = "chosen_"
	Rejected = "rejected_"
)

// OpenInstructions opens PREFIX_packed_{input_ids,attention_mask,labels}_document.
func OpenInstructions(prefix string) (*Instructions, error) { return OpenAnswers(prefix, "") }

// OpenAnswers opens the Chosen or the Rejected answers of preference data, which are read like instructions.
func OpenAnswers(prefix, which string) (_ *Instructions, err error) {
	d := &Instructions{prefix: prefix}
	defer func() {
		if err != nil {
			d.Close()
		}
	}()
	open := func(p string) (*Index, error) {
		x, err := Open(p)
		if err == nil {
			d.closers = append(d.closers, x)
		}
		return x, err
	}
	if d.ids, err = open(FieldPrefix(prefix, which+FieldInputIDs)); err != nil {
		return nil, err
	}
	if d.mask, err = open(FieldPrefix(prefix, which+FieldMask)); err != nil {
		return nil, err
	}
	if d.labels, err = open(FieldPrefix(prefix, which+FieldLabels)); err != nil {
		return nil, err
	}
	for _, x := range []*Index{d.mask, d.labels} {
		if x.Sequences() != d.ids.Sequences() {
			return nil, fmt.Errorf("open instructions %s: %s has %d sequences, %s %d", prefix, x.prefix, x.Sequences(), d.ids.prefix, d.ids.Sequences())
		}
		for i := range x.Sequences() {
			if x.Len(i) != d.ids.Len(i) {
				return nil, fmt.Errorf("open instructions %s: sequence %d has %d entries in %s, %d in %s", prefix, i, x.Len(i), x.prefix, d.ids.Len(i), d.ids.prefix)
			}
		}
	}
	if which == "" && Exists(LengthsPrefix(prefix)) {
		if d.lengths, err = open(LengthsPrefix(prefix)); err != nil {
			return nil, err
		}
		if d.lengths.Sequences() != d.ids.Sequences() {
			return nil, fmt.Errorf("open instructions %s: lengths of %d packs, %d packs", prefix, d.lengths.Sequences(), d.ids.Sequences())
		}
	}
	return d, nil
}

// Len is the number of samples (packs, when packed).
func (d *Instructions) Len() int { return d.ids.Sequences() }

// Indexes are the open indexes: ids, mask, labels, and lengths when they are known.
func (d *Instructions) Indexes() []*Index { return d.closers }

// Packed says that lengths of packed samples are known.
func (d *Instructions) Packed() bool { return d.lengths != nil }

// At reads sample i.
func (d *Instructions) At(i int) (Instruction, error) {
	var out Instruction
	var errs [4]error
	out.IDs, errs[0] = d.ids.Append(nil, i)
	out.Mask, errs[1] = d.mask.Append(nil, i)
	out.Labels, errs[2] = d.labels.Append(nil, i)
	if d.lengths == nil {
		out.Lengths = []int32{int32(len(out.IDs))}
	} else {
		out.Lengths, errs[3] = d.lengths.Append(nil, i)
		left := int64(len(out.IDs))
		for k, n := range out.Lengths {
			if left -= int64(n); n < 0 || left < 0 {
				return out, fmt.Errorf("read %s: pack %d: length %d of sample %d does not fit %d ids", d.lengths.prefix, i, n, k, len(out.IDs))
			}
		}
	}
	return out, errors.Join(errs[:]...)
}

// Close closes the files.
func (d *Instructions) Close() error {
	var errs []error
	for _, x := range d.closers {
		errs = append(errs, x.Close())
	}
	d.closers = nil
	return errors.Join(errs...)
}

// InstructionPart is train, valid or test of fine-tuning data in its shuffled order, which is whole
// epochs: its length is at least the samples wanted and one more.
type InstructionPart struct {
	Part      string
	SeqLength int
	Shuffle   []int32
	data      *Instructions
}

// Split deals the samples to train, valid and test (RC3, decoder_packed_mtf_dataset). Parts without
// samples are nil.
func (d *Instructions) Split(split string, samples [3]int64, seqLength int, seed uint32) ([3]*InstructionPart, error) {
	var out [3]*InstructionPart
	if seqLength < 1 {
		return out, fmt.Errorf("split instructions %s: sequence length %d", d.prefix, seqLength)
	}
	bounds, err := countSplit(split, d.Len())
	if err != nil {
		return out, fmt.Errorf("split instructions %s: %w", d.prefix, err)
	}
	for p := range out {
		from, to := max(bounds[p], 0), bounds[p+1]
		if to <= from {
			continue
		}
		if samples[p] < 0 || samples[p] > 1<<31 {
			return out, fmt.Errorf("split instructions %s: %d samples wanted of %s", d.prefix, samples[p], parts[p])
		}
		part := &InstructionPart{Part: parts[p], SeqLength: seqLength, data: d}
		rng := NewMT19937(seed)
		for int64(len(part.Shuffle)) <= samples[p] {
			at := len(part.Shuffle)
			for i := from; i < to; i++ {
				part.Shuffle = append(part.Shuffle, int32(i))
			}
			Shuffle(rng, part.Shuffle[at:])
		}
		out[p] = part
	}
	return out, nil
}

// Len is the number of samples in the part's order.
func (p *InstructionPart) Len() int { return len(p.Shuffle) }

// At reads sample i of the order, cut to the sequence length.
func (p *InstructionPart) At(i int) (Instruction, error) {
	if i < 0 || i >= len(p.Shuffle) {
		return Instruction{}, fmt.Errorf("read %s sample %d of %s: there are %d", p.Part, i, p.data.prefix, len(p.Shuffle))
	}
	s, err := p.data.At(int(p.Shuffle[i]))
	if err == nil && len(s.IDs) > p.SeqLength {
		s.cut(p.SeqLength)
	}
	return s, err
}

func (s *Instruction) cut(n int) {
	s.IDs, s.Mask, s.Labels = s.IDs[:n], s.Mask[:n], s.Labels[:n]
	for k, left := 0, int32(n); k < len(s.Lengths); k++ {
		if s.Lengths[k] >= left {
			s.Lengths[k] = left
			s.Lengths = s.Lengths[:k+1]
			return
		}
		left -= s.Lengths[k]
	}
}
