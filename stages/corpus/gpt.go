package corpus

import (
	"fmt"
	"math"
)

// Dataset is a source of pretraining samples of SeqLength+1 ids: the first SeqLength are the input,
// the last SeqLength the labels.
type Dataset interface {
	// Len is the number of samples.
	Len() int64
	// Item appends sample i to dst.
	Item(dst []int32, i int64) ([]int32, error)
}

// GPTConfig says how a token index is cut into samples (Megatron core 0.6, GPTDataset).
type GPTConfig struct {
	Split     string   // "949,50,1": shares of train, valid and test
	Samples   [3]int64 // samples wanted of each part
	SeqLength int
	Seed      uint32
}

// GPT is one part (train, valid or test) of a token index, cut into samples that run on over document
// ends. Documents here are the index's sequences, as in the reference.
type GPT struct {
	Part      string
	SeqLength int
	First     int // first sequence of the part
	Sequences int // sequences of the part
	Epochs    int64
	Requested int64

	// Document holds sequence numbers, Epochs copies of the part, shuffled.
	Document []int32
	// Start holds where each sample begins: a position in Document and an offset into that sequence.
	// There is one entry more than samples.
	Start []Position
	// Shuffle is the order of the samples.
	Shuffle []uint32

	index *Index
}

// Position is a place in a document index.
type Position struct {
	Document int64
	Offset   int32
}

// Parts names the three parts of a split, in order.
var parts = [3]string{"train", "valid", "test"}

// NewGPT builds the parts of an index; a part without a share is nil.
func NewGPT(index *Index, cfg GPTConfig) ([3]*GPT, error) {
	var out [3]*GPT
	if cfg.SeqLength < 1 {
		return out, fmt.Errorf("build samples of %s: sequence length %d", index.prefix, cfg.SeqLength)
	}
	bounds, err := ParseSplit(cfg.Split)
	if err != nil {
		return out, fmt.Errorf("build samples of %s: %w", index.prefix, err)
	}
	n := float64(index.sequences)
	for p := range out {
		if bounds[p] == bounds[p+1] {
			continue
		}
		from, to := int(math.RoundToEven(bounds[p]*n)), int(math.RoundToEven(bounds[p+1]*n))
		g := &GPT{
			Part: parts[p], SeqLength: cfg.SeqLength, First: from, Sequences: to - from,
			Requested: cfg.Samples[p], index: index,
		}
		if err := g.build(cfg.Seed); err != nil {
			return out, fmt.Errorf("build %s samples of %s: %w", g.Part, index.prefix, err)
		}
		out[p] = g
	}
	return out, nil
}

// build plans the epochs, then draws document order and sample order from one generator, in the
// order of the reference.
func (g *GPT) build(seed uint32) error {
	perEpoch := int64(0)
	for i := range g.Sequences {
		perEpoch += int64(g.index.Len(g.First + i))
	}
	s, want := int64(g.SeqLength), g.Requested
	if perEpoch == 0 {
		return fmt.Errorf("split gives this part %d of %d sequences with 0 tokens, no number of epochs fills %d samples: give it a larger share, or none",
			g.Sequences, g.index.sequences, want)
	}
	if want < 0 || want > (math.MaxInt64-perEpoch)/s-1 {
		return fmt.Errorf("%d samples of %d tokens wanted", want, s)
	}
	g.Epochs = max(1, (want*s+1+perEpoch-1)/perEpoch)
	total := (g.Epochs*perEpoch - 1) / s
	if docs := g.Epochs * int64(g.Sequences); docs > math.MaxInt32 || total >= math.MaxUint32-1 {
		return fmt.Errorf("%d epochs make %d document entries and %d samples, more than 32-bit maps hold: train on fewer samples or a smaller part", g.Epochs, docs, total)
	}

	// The last epoch is shuffled apart when the run would use less than 80 % of it.
	separate, beforeLast := false, int64(0)
	if g.Epochs > 1 {
		beforeLast = ((g.Epochs-1)*perEpoch - 1) / s
		last, per := want-beforeLast, (perEpoch-1)/s
		if last < 0 || last > per+1 {
			return fmt.Errorf("the last of %d epochs would give %d samples of the %d it has", g.Epochs, last, per)
		}
		separate = last < int64(0.8*float64(per))
	}

	rng := NewMT19937(seed)
	g.Document = make([]int32, 0, g.Epochs*int64(g.Sequences))
	for range g.Epochs {
		for i := range g.Sequences {
			g.Document = append(g.Document, int32(g.First+i))
		}
	}
	if cut := len(g.Document) - g.Sequences; separate {
		Shuffle(rng, g.Document[:cut])
		Shuffle(rng, g.Document[cut:])
	} else {
		Shuffle(rng, g.Document)
	}
	g.walk(total)

	g.Shuffle = make([]uint32, total)
	for i := range g.Shuffle {
		g.Shuffle[i] = uint32(i)
	}
	if separate {
		Shuffle(rng, g.Shuffle[:beforeLast])
		Shuffle(rng, g.Shuffle[beforeLast:])
	} else {
		Shuffle(rng, g.Shuffle)
	}
	return nil
}

// walk lays samples end to end over the documents: each takes SeqLength+1 ids, and the next begins at
// its last one.
func (g *GPT) walk(total int64) {
	g.Start = make([]Position, 1, total+1)
	at := Position{}
	for range total {
		for need := int64(g.SeqLength) + 1; need > 0; {
			have := int64(g.index.Len(int(g.Document[at.Document]))) - int64(at.Offset)
			if need <= have {
				at.Offset += int32(need - 1)
				break
			}
			need -= have
			at = Position{Document: at.Document + 1}
		}
		g.Start = append(g.Start, at)
	}
}

// Len is the number of samples.
func (g *GPT) Len() int64 { return int64(len(g.Shuffle)) }

// Item appends the SeqLength+1 ids of sample i to dst.
func (g *GPT) Item(dst []int32, i int64) ([]int32, error) {
	if i < 0 || i >= g.Len() {
		return dst, fmt.Errorf("read %s sample %d of %s: there are %d", g.Part, i, g.index.prefix, g.Len())
	}
	k := g.Shuffle[i]
	a, b := g.Start[k], g.Start[k+1]
	var err error
	for d := a.Document; d <= b.Document; d++ {
		seq := int(g.Document[d])
		from, to := 0, g.index.Len(seq)
		if d == a.Document {
			from = int(a.Offset)
		}
		if d == b.Document {
			to = int(b.Offset) + 1
		}
		if dst, err = g.index.AppendRange(dst, seq, from, to-from); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// Types names the element types that the reference stores the three maps in.
func (g *GPT) Types() (document, sample, shuffle string) { return "int32", "int32", "uint32" }
