package preprocess

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/stages/corpus"
)

// merge joins the token indexes in the input folder whose names contain a key, for each key, in name
// order, under PREFIX_KEY.
func merge(ctx context.Context, p *Params, dir string) (corpus.Manifest, error) {
	m := corpus.Manifest{Format: 1, Style: "merge", Prefix: p.OutputPrefix, EOD: -1, PAD: -1, Dropped: map[string]int64{}}
	if p.Style != "" && p.Style != "pretrain" || p.Template != "" || p.Pack || p.SeqLength > 0 || len(p.JSONKeys) > 0 || p.Tokenizer.Given() ||
		len(p.Dataset) > 0 || p.MaxSamples > 0 || p.VocabFile.Given() || p.Learning != (Learning{}) {
		return m, fault.New(fault.Recipe, "merge_group_keys joins indexes that exist: it goes with input and output_prefix only")
	}
	if len(p.Input) != 1 {
		return m, fault.New(fault.Recipe, "merge_group_keys joins the token indexes of one folder, have %d inputs", len(p.Input))
	}
	for i, key := range p.MergeGroupKeys {
		if key == "" || key != filepath.Base(key) || slices.Contains(p.MergeGroupKeys[:i], key) {
			return m, fault.New(fault.Recipe, "merge_group_keys: %q cannot name a file of its own", key)
		}
		if err := ctx.Err(); err != nil {
			return m, err
		}
		inputs, err := corpus.Prefixes(p.Input[0].Path, key)
		if err != nil {
			return m, err
		}
		if len(inputs) == 0 {
			return m, fault.New(fault.Data, "merge: no token index in %s has %q in its name", p.Input[0].Path, key)
		}
		name := p.OutputPrefix + "_" + key
		w, err := corpus.Merge(ctx, filepath.Join(dir, name), inputs)
		if err != nil {
			return m, err
		}
		m.Indexes = append(m.Indexes, summary(name, w))
		m.Instruction = m.Instruction || strings.Contains(key, "packed_")
		for _, in := range inputs {
			m.Files = append(m.Files, filepath.Base(in))
		}
		if i == 0 {
			m.Samples, m.Tokens = int64(w.Sequences()), w.Tokens()
		}
	}
	return m, nil
}

// reasons lists counts by reason, most first.
func reasons(counts map[string]int64) string {
	var all []string
	for r := range counts {
		all = append(all, r)
	}
	sort.Slice(all, func(i, j int) bool {
		a, b := counts[all[i]], counts[all[j]]
		return a > b || a == b && all[i] < all[j]
	})
	for i, r := range all {
		all[i] = fmt.Sprintf("%d %s", counts[r], r)
	}
	return strings.Join(all, ", ")
}
