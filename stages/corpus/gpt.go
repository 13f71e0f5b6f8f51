package corpus

import (
	"crypto/sha256"
	"encoding/hex"
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
	// Cache, when it is given, is a folder in which the maps are kept for the next time, and from which they are
	// read without a copy in memory.
	Cache string
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

	// document holds sequence numbers, Epochs copies of the part, shuffled.
	document *table
	// start holds where each sample begins, in two columns: a position in document and an offset into that sequence.
	// There is one row more than samples.
	start *table
	// shuffle is the order of the samples.
	shuffle *table

	index *Index
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
		if err := g.build(cfg); err != nil {
			for _, g := range out {
				g.Close()
			}
			return [3]*GPT{}, fmt.Errorf("build %s samples of %s: %w", g.Part, index.prefix, err)
		}
		out[p] = g
	}
	return out, nil
}

// build plans the epochs, then draws document order and sample order from one generator, in the
// order of the reference.
func (g *GPT) build(cfg GPTConfig) error {
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

	if cfg.Cache == "" {
		g.fill(cfg.Seed, total, separate, beforeLast)
		return nil
	}
	facts, err := g.facts(cfg)
	if err != nil {
		return err
	}
	c := newMapCache(cfg.Cache, "GPTDataset", facts, []mapFile{
		{"document_index", "<i4", g.Epochs * int64(g.Sequences), 1},
		{"sample_index", "<i4", total + 1, 2},
		{"shuffle_index", "<u4", total, 1},
	})
	all, err := c.tables(func() []*table {
		g.fill(cfg.Seed, total, separate, beforeLast)
		return []*table{g.document, g.start, g.shuffle}
	})
	if err != nil {
		return err
	}
	g.document, g.start, g.shuffle = all[0], all[1], all[2]
	return nil
}

// facts are what the maps are made from: the index file's content too, which Megatron leaves out.
func (g *GPT) facts(cfg GPTConfig) (map[string]any, error) {
	raw, err := g.index.idx.Range(0, g.index.idx.Size())
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(raw)
	return map[string]any{
		"dataset_path": g.index.prefix, "num_samples": g.Requested, "index_split": g.Part,
		"random_seed": cfg.Seed, "sequence_length": g.SeqLength, "split": cfg.Split, "index_sha256": hex.EncodeToString(digest[:]),
		"first_sequence": g.First, "sequences": g.Sequences,
	}, nil
}

// fill works the maps out in memory.
func (g *GPT) fill(seed uint32, total int64, separate bool, beforeLast int64) {
	rng := NewMT19937(seed)
	document := make([]uint32, 0, g.Epochs*int64(g.Sequences))
	for range g.Epochs {
		for i := range g.Sequences {
			document = append(document, uint32(g.First+i))
		}
	}
	if cut := len(document) - g.Sequences; separate {
		Shuffle(rng, document[:cut])
		Shuffle(rng, document[cut:])
	} else {
		Shuffle(rng, document)
	}
	g.document = &table{columns: 1, cells: document}
	g.walk(total)

	shuffle := make([]uint32, total)
	for i := range shuffle {
		shuffle[i] = uint32(i)
	}
	if separate {
		Shuffle(rng, shuffle[:beforeLast])
		Shuffle(rng, shuffle[beforeLast:])
	} else {
		Shuffle(rng, shuffle)
	}
	g.shuffle = &table{columns: 1, cells: shuffle}
}

// walk lays samples end to end over the documents: each takes SeqLength+1 ids, and the next begins at
// its last one.
func (g *GPT) walk(total int64) {
	start := make([]uint32, 2, 2*(total+1))
	document, offset := 0, 0
	for range total {
		for need := g.SeqLength + 1; need > 0; {
			have := g.index.Len(int(g.document.cells[document])) - offset
			if need <= have {
				offset += need - 1
				break
			}
			need -= have
			document, offset = document+1, 0
		}
		start = append(start, uint32(document), uint32(offset))
	}
	g.start = &table{columns: 2, cells: start}
}

// Len is the number of samples.
func (g *GPT) Len() int64 { return g.shuffle.rows() }

// Item appends the SeqLength+1 ids of sample i to dst.
func (g *GPT) Item(dst []int32, i int64) ([]int32, error) {
	if i < 0 || i >= g.Len() {
		return dst, fmt.Errorf("read %s sample %d of %s: there are %d", g.Part, i, g.index.prefix, g.Len())
	}
	k := int64(g.shuffle.at(i, 0))
	if k >= g.Len() {
		return dst, fmt.Errorf("read %s sample %d of %s: the map of samples is damaged", g.Part, i, g.index.prefix)
	}
	first, last := int64(g.start.at(k, 0)), int64(g.start.at(k+1, 0))
	if last >= g.document.rows() {
		return dst, fmt.Errorf("read %s sample %d of %s: the map of samples is damaged", g.Part, i, g.index.prefix)
	}
	at := len(dst)
	for d := first; d <= last; d++ {
		seq := int(g.document.at(d, 0))
		if seq < g.First || seq >= g.First+g.Sequences {
			return dst[:at], fmt.Errorf("read %s sample %d of %s: the map of documents is damaged", g.Part, i, g.index.prefix)
		}
		from, to := 0, g.index.Len(seq)
		if d == first {
			from = int(g.start.at(k, 1))
		}
		if d == last {
			to = int(g.start.at(k+1, 1)) + 1
		}
		var err error
		if dst, err = g.index.AppendRange(dst, seq, from, to-from); err != nil {
			return dst[:at], err
		}
	}
	if len(dst)-at != g.SeqLength+1 {
		return dst[:at], fmt.Errorf("read %s sample %d of %s: it has %d ids: the maps are damaged", g.Part, i, g.index.prefix, len(dst)-at)
	}
	return dst, nil
}

// Close lets go of maps that were read from a cache.
func (g *GPT) Close() error {
	if g == nil {
		return nil
	}
	return closeTables([]*table{g.document, g.start, g.shuffle})
}

// Types names the element types that the reference stores the three maps in.
func (g *GPT) Types() (document, sample, shuffle string) { return "int32", "int32", "uint32" }
