package reindex

import (
	"fmt"
	"math"
	"slices"

	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/stages/corpus"
)

// part is a run of documents.
type part struct {
	suffix   string
	from, to int
}

// parts says which documents of a field go where.
func (p *Params) parts(f *field) ([]part, error) {
	switch {
	case p.Split != "":
		bounds, err := corpus.ParseSplit(p.Split)
		if err != nil {
			return nil, fault.Wrap(fault.Recipe, err)
		}
		var out []part
		for i, name := range []string{"train", "valid", "test"} {
			if bounds[i] == bounds[i+1] {
				continue
			}
			// as Megatron rounds when it reads
			from, to := int(math.RoundToEven(bounds[i]*float64(f.documents))), int(math.RoundToEven(bounds[i+1]*float64(f.documents)))
			if from == to {
				return nil, fault.New(fault.Data, "split %s leaves no document of %d for %s", p.Split, f.documents, name).
					WithHint("give it a larger share, or 0")
			}
			out = append(out, part{"_" + name, from, to})
		}
		return out, nil
	case p.PerPart > 0:
		var out []part
		for from := 0; from < f.documents; from += p.PerPart {
			out = append(out, part{fmt.Sprintf("_%03d", len(out)), from, min(from+p.PerPart, f.documents)})
		}
		return out, nil
	}
	return []part{{"", 0, f.documents}}, nil
}

// describe makes the manifest of what the inputs have in common. differ names what they have not; counts of records and
// what was dropped are only those of the inputs, and left out.
func describe(inputs []*corpus.Manifest, prefix string) (m corpus.Manifest, differ []string) {
	m = corpus.Manifest{Format: 1, Style: "reindex", Prefix: prefix, EOD: -1, PAD: -1, Dropped: map[string]int64{}}
	for i, in := range inputs {
		if i == 0 {
			m.Style, m.Template, m.Compat = in.Style, in.Template, in.Compat
			m.Instruction, m.Pairs, m.Packed, m.SeqLength = in.Instruction, in.Pairs, in.Packed, in.SeqLength
			m.VocabSize, m.EOD, m.PAD = in.VocabSize, in.EOD, in.PAD
		}
		for name, same := range map[string]bool{
			"style": m.Style == in.Style, "template": m.Template == in.Template, "packed": m.Packed == in.Packed, "seq_length": m.SeqLength == in.SeqLength,
			"vocab_size": m.VocabSize == in.VocabSize, "eod_id": m.EOD == in.EOD, "pad_id": m.PAD == in.PAD,
		} {
			if !same && !slices.Contains(differ, name) {
				differ = append(differ, name)
			}
		}
		m.Samples, m.Tokens, m.Trained = m.Samples+in.Samples, m.Tokens+in.Tokens, m.Trained+in.Trained
	}
	slices.Sort(differ)
	return m, differ
}
