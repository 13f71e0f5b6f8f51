package corpus

import "fmt"

// Collator makes batches of fine-tuning samples.
type Collator struct {
	SeqLength int
	PadID     int32
	// Multiple pads to the longest sample of the batch rounded up to a multiple of it; 0 pads every
	// batch to SeqLength.
	Multiple int
	// Whole leaves the documents of a pack in one piece: positions run on and attention sees all of
	// it, as the reference does. By default each document of a pack stands alone.
	Whole bool
	// ResetAtEOD ends a document after each EOD, in samples that are no packs of known lengths: what the reference's
	// --reset-position-ids goes by.
	ResetAtEOD bool
	EOD        int32
	// PadLeft puts padding in front of a sample.
	PadLeft bool
}

// Batch is a micro batch of B rows of T positions, row after row.
type Batch struct {
	B, T int
	IDs  []int32 // B*T
	// Labels are shifted: the label of a position is the id that follows it, Ignored where nothing is
	// to be learned (prompts, padding, the last id of a document).
	Labels    []int32 // B*T
	Positions []int32 // B*T
	// CuSeqlens holds the cumulative ends of the runs that attend only to themselves, over B*T rows,
	// with a leading 0. Padding of a row is a run of its own.
	CuSeqlens []int32
	// Trained is the number of labels that are not Ignored.
	Trained int
	// Tokens is the number of ids that are not padding.
	Tokens int
}

// ActualSeqLen is what the attention kernels of the field call the cumulative ends: CuSeqlens without its leading 0.
func (b Batch) ActualSeqLen() []int32 { return b.CuSeqlens[1:] }

// Collate makes one batch. The reference's per-row attention mask (causal, padding hidden) is the
// same as CuSeqlens for right padding, since no trained position looks at padding.
func (c Collator) Collate(samples []Instruction) (Batch, error) {
	b := Batch{B: len(samples), T: c.SeqLength}
	longest := 0
	for i, s := range samples {
		if len(s.Mask) != len(s.IDs) || len(s.Labels) != len(s.IDs) {
			return b, fmt.Errorf("collate sample %d: %d ids, %d mask entries, %d labels", i, len(s.IDs), len(s.Mask), len(s.Labels))
		}
		longest = max(longest, len(s.IDs))
	}
	if longest > c.SeqLength {
		return b, fmt.Errorf("collate: a sample has %d ids, seq_length is %d", longest, c.SeqLength)
	}
	if c.Multiple > 0 {
		b.T = max((longest+c.Multiple-1)/c.Multiple*c.Multiple, c.Multiple)
	}
	n := b.B * b.T
	b.IDs, b.Labels, b.Positions = make([]int32, n), make([]int32, n), make([]int32, n)
	b.CuSeqlens = append(b.CuSeqlens, 0)
	for i, s := range samples {
		c.row(&b, i*b.T, s)
	}
	return b, nil
}

func (c Collator) row(b *Batch, base int, s Instruction) {
	ids, labels, pos := b.IDs[base:base+b.T], b.Labels[base:base+b.T], b.Positions[base:base+b.T]
	for i := range ids {
		ids[i], labels[i], pos[i] = c.PadID, Ignored, int32(i)
	}
	start := 0
	if pad := b.T - len(s.IDs); c.PadLeft && pad > 0 {
		start = pad
		b.CuSeqlens = append(b.CuSeqlens, int32(base+start))
	}
	copy(ids[start:], s.IDs)
	at := 0
	for _, n := range c.documents(s) {
		from := at
		at += int(n)
		if n == 0 {
			continue
		}
		copy(labels[start+from:start+at-1], s.Labels[from+1:at])
		for i := from; i < at; i++ {
			pos[start+i] = int32(i - from)
			b.Tokens += int(s.Mask[i] & 1)
		}
		b.CuSeqlens = append(b.CuSeqlens, int32(base+start+at))
	}
	if end := start + at; end < b.T {
		for i := end; i < b.T; i++ {
			pos[i] = int32(i - end)
		}
		b.CuSeqlens = append(b.CuSeqlens, int32(base+b.T))
	}
	for _, l := range labels {
		if l >= 0 {
			b.Trained++
		}
	}
}

// documents are the lengths of what stands alone in a sample.
func (c Collator) documents(s Instruction) []int32 {
	switch {
	case c.Whole || len(s.Lengths) == 0 && !c.ResetAtEOD:
		return []int32{int32(len(s.IDs))}
	case len(s.Lengths) > 1 || !c.ResetAtEOD:
		return s.Lengths
	}
	var out []int32
	from := 0
	for i, id := range s.IDs {
		if id == c.EOD || i == len(s.IDs)-1 {
			out = append(out, int32(i+1-from))
			from = i + 1
		}
	}
	return out
}
