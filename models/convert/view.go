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

// unpack is how one canonical tensor comes out of stored pieces.
type unpack struct {
	info   ckpt.Info
	split  string
	pieces []piece
	chain  chain
	env    Env
	shapes [][]int // canonical shapes of all parts of one piece
	part   int     // -1: all parts, one below the other (the B matrix of an adapter)
}

// viewer builds a view rule by rule.
type viewer struct {
	f      *family.Family
	format *family.Format
	cfg    hfconfig.Config
	s      *stored
	out    *view

	adaptersOnly bool // the directory holds LoRA weights beside a base model elsewhere
	missing      []string
	adapter      string // the adapter's name in stored names
}

// newView checks that the stored tensors are those of the model and views them.
func newView(f *family.Family, format *family.Format, cfg hfconfig.Config, s *stored, adaptersOnly bool) (*view, error) {
	w := &viewer{f: f, format: format, cfg: cfg, s: s, out: &view{index: map[string]unpack{}}, adaptersOnly: adaptersOnly}
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
	head := slices.Contains(r.From, "head.weight")
	for _, l := range layers {
		name := at(r.Name, l)
		pieces, ok := w.s.pieces[name]
		switch {
		case r.When == family.TiedPipeline:
			if ok && w.cfg.TieEmbeddings {
				w.s.used[name] = true // a copy of the embedding
			}
			continue
		case head && w.cfg.TieEmbeddings:
			if ok {
				w.s.used[name] = true // likewise
			}
			continue
		case ok:
			w.s.used[name] = true
			if err := w.tensors(r, c, l, name, pieces); err != nil {
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
			if err := w.adapters(r, c, l); err != nil {
				return err
			}
		}
	}
	return nil
}

// partShapes are the canonical shapes of a rule's parts on one of tp ranks.
func (w *viewer) partShapes(r family.Rule, tp int) ([][]int, string, error) {
	var shapes [][]int
	split := ""
	for i, from := range r.From {
		t, _ := w.f.TensorNamed(from)
		if i == 0 {
			split = t.Split
		}
		s, err := shardShape(shapeOf(t, w.cfg), t.Split, tp)
		if err != nil {
			return nil, "", fmt.Errorf("tensor %s: %w", from, err)
		}
		shapes = append(shapes, s)
	}
	return shapes, split, nil
}

// tensors views the parts of one stored tensor.
func (w *viewer) tensors(r family.Rule, c chain, layer int, name string, pieces []piece) error {
	t, _ := w.f.TensorNamed(r.From[0])
	shapes, split, err := w.partShapes(r, w.s.tp)
	if t.Vocab { // rows may be padded: take the file's word for their number
		shapes, split, err = [][]int{slices.Clone(pieces[0].Shape)}, t.Split, nil
		if full := shapeOf(t, w.cfg); len(shapes[0]) != 2 || shapes[0][1] != full[1] || shapes[0][0]*w.s.tp < full[0] {
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
	for k, p := range pieces {
		if !slices.Equal(p.Shape, want) {
			return fmt.Errorf("tensor %s: shape %v on tensor parallel rank %d, the config says %v", name, p.Shape, k, want)
		}
		if p.DType != pieces[0].DType {
			return fmt.Errorf("tensor %s: type %v on tensor parallel rank %d, %v on rank 0", name, p.DType, k, pieces[0].DType)
		}
	}
	for k, from := range r.From {
		full := slices.Clone(shapes[k])
		w.grow(full, split)
		w.add(unpack{
			info:  ckpt.Info{Name: at(from, layer), DType: pieces[0].DType, Shape: full},
			split: split, pieces: pieces, chain: c, env: env, shapes: shapes, part: k,
		})
	}
	return nil
}

// grow turns a shard's shape into the whole one.
func (w *viewer) grow(shape []int, split string) {
	switch split {
	case family.Rows:
		shape[0] *= w.s.tp
	case family.Columns:
		shape[1] *= w.s.tp
	}
}

func (w *viewer) add(u unpack) {
	w.out.index[u.info.Name] = u
	w.out.infos = append(w.out.infos, u.info)
}

// optional checks that optional layer tensors are in every layer or in none.
func (w *viewer) optional() error {
	if w.adaptersOnly {
		return nil
	}
	for _, t := range w.f.Canonical {
		if !t.Optional || !layered(t.Name) {
			continue
		}
		n, absent := 0, ""
		for l := range w.cfg.NumLayers {
			if _, ok := w.out.index[at(t.Name, l)]; ok {
				n++
			} else if absent == "" {
				absent = at(t.Name, l)
			}
		}
		if n > 0 && absent != "" {
			return fmt.Errorf("%d of %d layers have %s, but %s is missing", n, w.cfg.NumLayers, strings.TrimPrefix(t.Name, "layers.{l}."), absent)
		}
	}
	return nil
}

// order sorts the tensors canonically: as the family lists them, each adapter after its layer.
func (w *viewer) order() {
	rank := map[string]int{}
	for i, s := range slots(w.f, w.cfg) {
		rank[s.name] = i * 2
	}
	for _, i := range w.out.infos {
		if _, ok := rank[i.Name]; !ok {
			for l := range w.cfg.NumLayers {
				if strings.HasPrefix(i.Name, at("layers.{l}.", l)) {
					rank[i.Name] = rank[at("layers.{l}.mlp.down.weight", l)] + 1
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

// block unpacks and joins the pieces.
func (u unpack) block() (Block, error) {
	pieces := u.pieces
	if u.split == "" {
		pieces = pieces[:1]
	}
	count := 1
	if u.part < 0 {
		count = len(u.shapes)
	}
	whole := make([]Block, count) // the joined parts asked for
	for k := range count {
		var shards []Block
		for _, p := range pieces {
			data, err := p.load()
			if err != nil {
				return Block{}, err
			}
			b := Block{Shape: p.Shape, Size: p.DType.Size(), Data: data}
			part := u.part
			if part < 0 {
				part = k
			}
			if b, err = u.chain.inverse(u.env, b, u.shapes, part); err != nil {
				return Block{}, err
			}
			shards = append(shards, b)
		}
		whole[k] = join(shards, u.split)
	}
	return joinRows(whole), nil
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
