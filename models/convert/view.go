package convert

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/models/ckpt"
	"github.com/belay-ml/belay/models/family"
	"github.com/belay-ml/belay/models/hfconfig"
)

// view is a stored checkpoint seen as canonical tensors.
type view struct {
	infos   []ckpt.Info
	index   map[string]unpack
	closers []interface{ Close() error }
}

// viewer builds a view rule by rule.
type viewer struct {
	model
	format *family.Format
	s      *stored
	out    *view

	adaptersOnly bool // the directory holds LoRA weights beside a base model elsewhere
	missing      []string
	wrong        []string // tensors that the config leaves no room for
	adapter      string   // the adapter's name in stored names
}

// newView checks that the stored tensors are those of the model and views them.
func newView(f *family.Family, format *family.Format, cfg hfconfig.Config, s *stored, adaptersOnly bool) (*view, error) {
	w := &viewer{model: newModel(f, cfg, s.grouped), format: format, s: s, out: &view{index: map[string]unpack{}}, adaptersOnly: adaptersOnly}
	if err := w.findAdapter(); err != nil {
		return nil, err
	}
	for _, r := range format.Rules {
		if err := w.rule(r); err != nil {
			return nil, err
		}
	}
	if len(w.missing) > 0 {
		return nil, fmt.Errorf("%d tensors are missing, first %s", len(w.missing), strings.Join(w.missing[:min(3, len(w.missing))], ", "))
	}
	for _, name := range w.wrong {
		if !s.used[name] {
			return nil, fmt.Errorf("tensor %s is there, but the config says that there is none", name)
		}
	}
	for _, name := range s.names {
		if !s.used[name] && (strings.Contains(name, loraA+".") || strings.Contains(name, loraB+".")) {
			return nil, fmt.Errorf("tensor %s is a LoRA adapter of a module that belay keeps no adapters of: merge it with the trainer that made it", name)
		}
		if strings.HasSuffix(name, "weight_scale_inv") {
			return nil, fmt.Errorf("tensor %s scales blocks of 8-bit weights: convert the checkpoint to bf16 first", name)
		}
	}
	if err := w.optional(); err != nil {
		return nil, err
	}
	w.order()
	return w.out, nil
}

// rule views the tensors of one rule in every layer.
func (w *viewer) rule(r family.Rule) error {
	c, err := chainOf(r.By)
	if err != nil {
		return fmt.Errorf("rule %s: %w", r.Name, err)
	}
	layers := []int{-1}
	if layered(r.Name) {
		layers = layers[:0]
		for l := range w.cfg.NumLayers {
			layers = append(layers, l)
		}
	}
	for _, l := range layers {
		fits := w.holds(r, l)
		switch {
		case !fits && (r.Experts != "" || experted(r.Name)):
		case !fits:
			if name := at(r.Name, l, -1); w.s.pieces[name] != nil {
				w.wrong = append(w.wrong, name)
			}
		case r.Experts != "":
			err = w.gather(r, c, l)
		case experted(r.Name):
			for e := 0; e < w.cfg.MoE.Experts && err == nil; e++ {
				err = w.one(r, c, l, e)
			}
		default:
			err = w.one(r, c, l, -1)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// one views the tensor of a rule in a layer and, unless expert is -1, of an expert.
func (w *viewer) one(r family.Rule, c chain, layer, expert int) error {
	name := at(r.Name, layer, expert)
	pieces, ok := w.s.pieces[name]
	head := slices.Contains(r.From, "head.weight")
	switch {
	case r.When == family.TiedPipeline:
		if ok && w.cfg.TieEmbeddings {
			w.s.used[name] = true // a copy of the embedding
		}
		return nil
	case head && w.cfg.TieEmbeddings:
		if ok {
			w.s.used[name] = true // likewise
		}
		return nil
	case ok:
		w.s.used[name] = true
		if err := w.tensors(r, c, layer, expert, name, pieces, gather{n: 1}, 0); err != nil {
			return err
		}
	case w.adaptersOnly:
	case head:
		w.missing = append(w.missing, name+" (if the model shares it with the embedding, config.json must say tie_word_embeddings: true)")
	default:
		if t, _ := w.f.TensorNamed(r.From[0]); !t.Optional {
			w.missing = append(w.missing, name)
		}
	}
	if r.Adapter != "" && w.adapter != "" {
		return w.adapters(r, c, layer)
	}
	return nil
}

// gather views the experts of a layer out of the tensors that hold those of a rank.
func (w *viewer) gather(r family.Rule, c chain, layer int) error {
	for rank := range w.s.ep {
		name := at(r.Name, layer, -1)
		if _, ok := w.s.pieces[name]; !ok {
			name = gathered(name, rank)
		}
		pieces, ok := w.s.pieces[name]
		if !ok {
			if !w.adaptersOnly {
				w.missing = append(w.missing, name)
			}
			continue
		}
		w.s.used[name] = true
		from, to := expertRange(w.cfg.MoE.Experts, rank, w.s.ep)
		for e := from; e < to; e++ {
			if err := w.tensors(r, c, layer, e, name, pieces, gather{r.Experts, to - from}, e-from); err != nil {
				return err
			}
		}
	}
	return nil
}

// parts are the canonical shapes of a rule's parts on one of tp ranks, and their cuts.
func (m model) parts(r family.Rule, tp int) (shapes [][]int, cuts []cut, err error) {
	for _, from := range r.From {
		t, _ := m.f.TensorNamed(from)
		c := m.cutOf(t, tp)
		s, err := c.shape(m.shapeOf(t))
		if err != nil {
			return nil, nil, fmt.Errorf("tensor %s: %w", from, err)
		}
		shapes, cuts = append(shapes, s), append(cuts, c)
	}
	return shapes, cuts, nil
}

// tensors views the parts of one stored tensor, or of one of the experts in it.
func (w *viewer) tensors(r family.Rule, c chain, layer, expert int, name string, pieces []piece, all gather, number int) error {
	t, _ := w.f.TensorNamed(r.From[0])
	shapes, cuts, err := w.parts(r, w.s.tp)
	if t.Vocab { // rows may be padded: take the file's word for their number
		shapes, cuts, err = [][]int{slices.Clone(pieces[0].Shape)}, []cut{w.cutOf(t, w.s.tp)}, nil
		if full := w.shapeOf(t); len(shapes[0]) != 2 || shapes[0][1] != full[1] || shapes[0][0]*w.s.tp < full[0] {
			return fmt.Errorf("tensor %s: shape %v on each of %d tensor parallel ranks, the config says %v", name, shapes[0], w.s.tp, full)
		}
	}
	if err != nil {
		return err
	}
	env := Env{HeadDim: w.cfg.HeadDim}
	want, err := c.shape(env, shapes)
	if err != nil {
		return fmt.Errorf("tensor %s: %w", name, err)
	}
	want = all.shape(want)
	for k, p := range pieces {
		if !slices.Equal(p.Shape, want) {
			return fmt.Errorf("tensor %s: shape %v on tensor parallel rank %d, the config says %v", name, p.Shape, k, want)
		}
		if p.DType != pieces[0].DType {
			return fmt.Errorf("tensor %s: type %v on tensor parallel rank %d, %v on rank 0", name, p.DType, k, pieces[0].DType)
		}
	}
	twins := w.s.twins[name]
	if expert < 0 && len(twins) != w.s.ep-1 {
		return fmt.Errorf("tensor %s: %d of %d expert parallel ranks hold it", name, len(twins)+1, w.s.ep)
	}
	for k, from := range r.From {
		w.add(unpack{
			info: ckpt.Info{Name: at(from, layer, expert), DType: pieces[0].DType, Shape: cuts[k].whole(shapes[k])},
			cuts: cuts, pieces: pieces, twins: twins, chain: c, env: env, shapes: shapes, part: k, all: all, expert: number,
		})
	}
	return nil
}

func (w *viewer) add(u unpack) {
	w.out.index[u.info.Name] = u
	w.out.infos = append(w.out.infos, u.info)
}

// optional checks that optional layer tensors are in every layer that can have them or in none.
func (w *viewer) optional() error {
	if w.adaptersOnly {
		return nil
	}
	for _, t := range w.f.Canonical {
		if !t.Optional || !layered(t.Name) || experted(t.Name) {
			continue
		}
		n, of, absent := 0, 0, ""
		for l := range w.cfg.NumLayers {
			if !w.features(l).Holds(t.If) {
				continue
			}
			of++
			if _, ok := w.out.index[at(t.Name, l, -1)]; ok {
				n++
			} else if absent == "" {
				absent = at(t.Name, l, -1)
			}
		}
		if n > 0 && absent != "" {
			return fmt.Errorf("%d of %d layers have %s, but %s is missing", n, of, strings.TrimPrefix(t.Name, "layers.{l}."), absent)
		}
	}
	return nil
}

// order sorts the tensors canonically: as the family lists them, each adapter after its layer.
func (w *viewer) order() {
	rank, last := map[string]int{}, map[int]int{}
	for i, s := range w.slots() {
		rank[s.name], last[s.layer] = i*2, i*2
	}
	for _, i := range w.out.infos {
		if _, ok := rank[i.Name]; !ok {
			if rest, ok := strings.CutPrefix(i.Name, "layers."); ok {
				if l, _, ok := leadingNumber(rest); ok {
					rank[i.Name] = last[l] + 1
				}
			}
		}
	}
	slices.SortStableFunc(w.out.infos, func(a, b ckpt.Info) int { return rank[a.Name] - rank[b.Name] })
}

func (v *view) List() []ckpt.Info { return slices.Clone(v.infos) }

func (v *view) Bytes(name string) ([]byte, error) {
	u, ok := v.index[name]
	if !ok {
		return nil, fmt.Errorf("read tensor %s: not in this checkpoint", name)
	}
	b, err := u.block()
	if err != nil {
		return nil, fmt.Errorf("read tensor %s: %w", name, err)
	}
	return b.Data, nil
}

func (v *view) Close() error {
	var errs []error
	for _, c := range v.closers {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// mainType is the type of most elements of a checkpoint.
func mainType(src ckpt.Source) dtype.DType {
	count := map[dtype.DType]int64{}
	best := dtype.Invalid
	for _, i := range src.List() {
		count[i.DType] += int64(i.Len())
		if count[i.DType] > count[best] {
			best = i.DType
		}
	}
	return best
}
