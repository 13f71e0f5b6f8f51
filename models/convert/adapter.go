package convert

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/belay-ml/belay/models/ckpt"
	"github.com/belay-ml/belay/models/family"
)

// Suffixes of canonical adapter names.
const (
	loraA = ".lora_A"
	loraB = ".lora_B"
)

// defaultAdapter is the adapter name that PEFT gives when none is chosen.
const defaultAdapter = "default"

// findAdapter reads the adapter's name from stored names like X.lora_A.default.weight.
func (w *viewer) findAdapter() error {
	pattern := regexp.MustCompile(`\.lora_[AB]\.([^.]+)\.weight$`)
	for _, name := range w.s.names {
		m := pattern.FindStringSubmatch(name)
		if m == nil {
			continue
		}
		if w.adapter != "" && w.adapter != m[1] {
			return fmt.Errorf("two LoRA adapters, %q and %q: belay reads checkpoints with one", w.adapter, m[1])
		}
		w.adapter = m[1]
	}
	return nil
}

// adapters views the A and B of one module. Modules split by rows share A and split B as their weight;
// modules split by columns split A by columns and share B.
func (w *viewer) adapters(r family.Rule, c chain, layer int) error {
	module := strings.TrimSuffix(at(r.Name, layer, -1), ".weight")
	nameA, nameB := module+loraA+"."+w.adapter+".weight", module+loraB+"."+w.adapter+".weight"
	a, okA := w.s.pieces[nameA]
	b, okB := w.s.pieces[nameB]
	if !okA && !okB {
		return nil
	}
	if !okA || !okB {
		return fmt.Errorf("module %s has only one of lora_A and lora_B", module)
	}
	w.s.used[nameA], w.s.used[nameB] = true, true
	shapes, cuts, err := w.parts(r, w.s.tp)
	if err != nil {
		return err
	}
	if len(a[0].Shape) != 2 || a[0].Shape[0] < 1 {
		return fmt.Errorf("tensor %s: shape %v is not [r, inputs]", nameA, a[0].Shape)
	}
	rank := a[0].Shape[0]
	cutA, cutsB := adapterCuts(cuts)
	wantA := []int{rank, shapes[0][1]}
	parts := make([][]int, len(shapes)) // of B
	full := []int{0, rank}
	for k, s := range shapes {
		parts[k] = []int{s[0], rank}
		full[0] += cutsB[k].whole(parts[k])[0]
	}
	env := Env{HeadDim: w.cfg.HeadDim}
	wantB, err := c.shape(env, parts)
	if err != nil {
		return fmt.Errorf("tensor %s: %w", nameB, err)
	}
	for k := range a {
		if !slices.Equal(a[k].Shape, wantA) {
			return fmt.Errorf("tensor %s: shape %v on tensor parallel rank %d, want %v", nameA, a[k].Shape, k, wantA)
		}
		if !slices.Equal(b[k].Shape, wantB) {
			return fmt.Errorf("tensor %s: shape %v on tensor parallel rank %d, want %v", nameB, b[k].Shape, k, wantB)
		}
	}
	name := at(r.Adapter, layer, -1)
	w.add(unpack{info: ckpt.Info{Name: name + loraA, DType: a[0].DType, Shape: cutA.whole(wantA)}, cuts: []cut{cutA}, pieces: a, shapes: [][]int{wantA}, all: gather{n: 1}})
	w.add(unpack{info: ckpt.Info{Name: name + loraB, DType: b[0].DType, Shape: full}, cuts: cutsB, pieces: b, chain: c, env: env, shapes: parts, part: -1, all: gather{n: 1}})
	return nil
}

// adapterCuts are the cuts of A and of the parts of B for those of the module's weights.
func adapterCuts(weights []cut) (a cut, b []cut) {
	a = cut{tp: weights[0].tp, copies: 1}
	if weights[0].split == family.Columns {
		a.split = family.Columns
	}
	for _, w := range weights {
		if w.split == family.Columns {
			w.split = ""
		}
		b = append(b, w)
	}
	return a, b
}

// HasAdapters says whether a canonical Source holds LoRA weights.
func HasAdapters(src ckpt.Source) bool {
	return slices.ContainsFunc(src.List(), func(i ckpt.Info) bool { return strings.HasSuffix(i.Name, loraA) })
}
