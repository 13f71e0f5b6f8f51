package corpus

// PositionOptions says what happens at the end-of-document ids inside a pretraining sample.
type PositionOptions struct {
	EOD                int32
	ResetPositionIDs   bool // positions count from 0 again after each
	ResetAttentionMask bool // what lies up to and including one is hidden from what follows
	EODMaskLoss        bool // no loss where the input is one
}

// Layout is what a pretraining sample needs besides its ids.
type Layout struct {
	Positions []int32
	LossMask  []float32
	// CuSeqlens holds the cumulative ends of the documents that attention must not cross, with a leading 0.
	CuSeqlens []int32
}

// LayOut works out a sample's positions, loss mask and attention boundaries.
func LayOut(tokens []int32, o PositionOptions) Layout {
	l := Layout{
		Positions: make([]int32, len(tokens)),
		LossMask:  make([]float32, len(tokens)),
		CuSeqlens: []int32{0},
	}
	start := 0
	for i, id := range tokens {
		l.Positions[i], l.LossMask[i] = int32(i-start), 1
		if id != o.EOD {
			continue
		}
		if o.EODMaskLoss {
			l.LossMask[i] = 0
		}
		if o.ResetPositionIDs {
			start = i + 1
		}
		if o.ResetAttentionMask && i+1 < len(tokens) {
			l.CuSeqlens = append(l.CuSeqlens, int32(i+1))
		}
	}
	if len(tokens) > 0 {
		l.CuSeqlens = append(l.CuSeqlens, int32(len(tokens)))
	}
	return l
}
