package convert

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/belay-ml/belay/models/ckpt"
	"github.com/belay-ml/belay/models/family"
)

// peftReader finds the adapters of a PEFT folder for the joined modules that canonical adapters belong to.
type peftReader struct {
	dir  string
	src  ckpt.Source
	conf peftConfig
	meta Meta
	m    model

	ab   map[string][2]ckpt.Info // A and B by module
	used map[string]bool
	out  *computed
}

// half is an adapter of one canonical weight inside a joined module.
type half struct {
	rows   int    // of the weight
	module string // of the folder; "" when the weight has no adapter
	rule   family.Rule
	part   int // of the rule
	block  int // of the joined rank
}

// withPEFT lays the LoRA weights of a PEFT folder over the base model. Modules that Megatron joins (q, k and v; gate and
// up) have an A each in PEFT and share one in a canonical adapter: they are put one below the other, with the B's in
// blocks, so the rank grows while the product and its scale stay. Where all A's are the same, as in what belay exports,
// it does not grow. Weights that the folder holds whole replace the base's. The result owns base.
func withPEFT(base ckpt.Source, meta Meta, dir string) (ckpt.Source, LoRA, error) {
	r, err := newPEFTReader(meta, dir)
	if err != nil {
		return nil, LoRA{}, fmt.Errorf("open LoRA weights: %w", err)
	}
	upper, lora, err := r.read()
	if err != nil {
		r.src.Close()
		return nil, LoRA{}, fmt.Errorf("open LoRA weights %s: %w", dir, err)
	}
	return newOverlay(base, upper), lora, nil
}

func newPEFTReader(meta Meta, dir string) (*peftReader, error) {
	conf, err := readPEFTConfig(dir)
	if err != nil {
		return nil, err
	}
	src, err := openPEFTWeights(dir)
	if err != nil {
		return nil, err
	}
	return &peftReader{dir: dir, src: src, conf: conf, meta: meta, m: newModel(meta.fam, meta.Config, false), ab: map[string][2]ckpt.Info{}, used: map[string]bool{}, out: &computed{make: map[string]func() ([]byte, error){}, owned: src}}, nil
}

func (r *peftReader) read() (ckpt.Source, LoRA, error) {
	whole := newStored(1, 1)
	for _, i := range r.src.List() {
		name := strings.TrimPrefix(i.Name, peftPrefix)
		if m := peftName.FindStringSubmatch(name); m != nil {
			pair := r.ab[m[1]]
			pair[m[2][0]-'A'] = i
			r.ab[m[1]] = pair
			continue
		}
		name = strings.Replace(name, ".modules_to_save.default.", ".", 1)
		whole.names = append(whole.names, name)
		whole.pieces[name] = []piece{{i, func() ([]byte, error) { return r.src.Bytes(i.Name) }}}
	}
	if len(r.ab) == 0 {
		return nil, LoRA{}, fmt.Errorf("no lora_A and lora_B weights there")
	}
	modules, targets, err := r.modules()
	if err != nil {
		return nil, LoRA{}, err
	}
	blocks, err := r.blocks(modules)
	if err != nil {
		return nil, LoRA{}, err
	}
	rank := r.conf.R * blocks
	for name, halves := range modules {
		r.join(name, halves, rank)
	}
	slices.SortFunc(r.out.infos, func(a, b ckpt.Info) int { return strings.Compare(a.Name, b.Name) })
	lora := LoRA{R: rank, Alpha: r.conf.scale() * float64(rank), Targets: targets, Own: r.conf.R}
	if len(whole.names) == 0 {
		return r.out, lora, nil
	}
	v, err := newView(r.meta.fam, r.meta.fam.HF, r.meta.Config, whole, true)
	if err != nil {
		return nil, LoRA{}, err
	}
	if left := leftovers(whole); len(left) > 0 {
		return nil, LoRA{}, fmt.Errorf("tensors that are neither adapters nor the model's: %s", strings.Join(left[:min(4, len(left))], ", "))
	}
	return newOverlay(r.out, v), lora, nil
}

// modules lists the canonical adapters that have weights in the folder, with their parts, and Megatron-Core's names for
// their modules.
func (r *peftReader) modules() (map[string][]half, []string, error) {
	out := map[string][]half{}
	var targets []string
	for _, rule := range adapterRules(r.meta.fam) {
		if rule.Adapter == "" {
			continue
		}
		for l := range r.meta.Config.NumLayers {
			if !r.m.holds(rule, l) {
				continue
			}
			halves, err := r.halves(rule, l)
			if err != nil {
				return nil, nil, err
			}
			if halves == nil {
				continue
			}
			out[at(rule.Adapter, l, -1)] = halves
			if name := moduleName(rule); !slices.Contains(targets, name) {
				targets = append(targets, name)
			}
		}
	}
	var left []string
	for module := range r.ab {
		if !r.used[module] {
			left = append(left, module)
		}
	}
	if len(left) > 0 {
		slices.Sort(left)
		return nil, nil, fmt.Errorf("%d adapters belong to no module of family %s with its %d layers, first %s", len(left), r.meta.fam.Name, r.meta.Config.NumLayers, left[0])
	}
	return out, targets, nil
}

// halves are the parts of a joined module in a layer; nil when none has an adapter.
func (r *peftReader) halves(rule family.Rule, layer int) ([]half, error) {
	var out []half
	any := false
	for _, from := range rule.From {
		t, _ := r.meta.fam.TensorNamed(from)
		h := half{rows: r.m.shapeOf(t)[0]}
		hf, part, ok := r.m.storedIn(r.meta.fam.HF, from, layer)
		if module := strings.TrimSuffix(at(hf.Name, layer, -1), ".weight"); ok {
			if pair, has := r.ab[module]; has {
				if err := r.fits(module, pair, hf); err != nil {
					return nil, err
				}
				h.module, h.rule, h.part = module, hf, part
				r.used[module] = true
				any = true
			}
		}
		out = append(out, h)
	}
	if !any {
		return nil, nil
	}
	return out, nil
}

// storedIn finds the rule that stores a canonical tensor of a layer, and its number among the rule's parts.
func (m model) storedIn(format *family.Format, name string, layer int) (family.Rule, int, bool) {
	for _, r := range format.Rules {
		if k := slices.Index(r.From, name); k >= 0 && m.holds(r, layer) {
			return r, k, true
		}
	}
	return family.Rule{}, 0, false
}

// fits checks the shapes of a module's A [r, inputs] and B [outputs, r].
func (r *peftReader) fits(module string, pair [2]ckpt.Info, rule family.Rule) error {
	a, b := pair[0], pair[1]
	switch {
	case a.Name == "" || b.Name == "":
		return fmt.Errorf("module %s has only one of lora_A and lora_B", module)
	case a.DType != b.DType || !castable(a.DType):
		return fmt.Errorf("module %s: lora_A is %v, lora_B %v", module, a.DType, b.DType)
	}
	shapes := r.m.partsOf(rule)
	outputs := 0
	for _, s := range shapes {
		outputs += s[0]
	}
	wantA, wantB := []int{r.conf.R, shapes[0][1]}, []int{outputs, r.conf.R}
	if !slices.Equal(a.Shape, wantA) || !slices.Equal(b.Shape, wantB) {
		return fmt.Errorf("module %s: lora_A %v and lora_B %v, want %v and %v (r is %d in %s)", module, a.Shape, b.Shape, wantA, wantB, r.conf.R, peftConfigName)
	}
	return nil
}

// partsOf are the shapes of a rule's canonical tensors.
func (m model) partsOf(rule family.Rule) [][]int {
	var out [][]int
	for _, from := range rule.From {
		t, _ := m.f.TensorNamed(from)
		out = append(out, m.shapeOf(t))
	}
	return out
}

// chainOfB are the transforms of a rule that also apply to B: PEFT keeps A and B upright where the weight lies on its side.
func chainOfB(rule family.Rule) (chain, error) {
	return chainOf(slices.DeleteFunc(slices.Clone(rule.By), func(name string) bool { return name == transpose{}.Name() }))
}

// blocks numbers the different A's of each module, and says how many the module with most of them has.
func (r *peftReader) blocks(modules map[string][]half) (int, error) {
	most := 1
	for _, halves := range modules {
		var seen [][]byte
		for i := range halves {
			h := &halves[i]
			if h.module == "" {
				continue
			}
			a, err := r.src.Bytes(r.ab[h.module][0].Name)
			if err != nil {
				return 0, err
			}
			h.block = slices.IndexFunc(seen, func(b []byte) bool { return bytes.Equal(a, b) })
			if h.block < 0 {
				h.block = len(seen)
				seen = append(seen, a)
			}
		}
		most = max(most, len(seen))
	}
	return most, nil
}

// join adds the canonical adapter of a module.
func (r *peftReader) join(name string, halves []half, rank int) {
	var d ckpt.Info // of any of the A's
	rows := 0
	for _, h := range halves {
		rows += h.rows
		if h.module != "" {
			d = r.ab[h.module][0]
		}
	}
	size := d.DType.Size()
	r.out.add(ckpt.Info{Name: name + loraA, DType: d.DType, Shape: []int{rank, d.Shape[1]}}, func() ([]byte, error) {
		out := make([]byte, rank*d.Shape[1]*size)
		for _, h := range halves {
			if h.module == "" {
				continue
			}
			a, err := r.src.Bytes(r.ab[h.module][0].Name)
			if err != nil {
				return nil, err
			}
			copy(out[h.block*len(a):], a)
		}
		return out, nil
	})
	r.out.add(ckpt.Info{Name: name + loraB, DType: d.DType, Shape: []int{rows, rank}}, func() ([]byte, error) {
		out := make([]byte, rows*rank*size)
		row := 0
		for _, h := range halves {
			if h.module != "" {
				b, err := r.partB(h)
				if err != nil {
					return nil, err
				}
				width := r.conf.R * size
				for i := range h.rows {
					copy(out[(row+i)*rank*size+h.block*width:], b.Data[i*width:(i+1)*width])
				}
			}
			row += h.rows
		}
		return out, nil
	})
}

// partB is the B of one canonical weight.
func (r *peftReader) partB(h half) (Block, error) {
	info := r.ab[h.module][1]
	data, err := r.src.Bytes(info.Name)
	if err != nil {
		return Block{}, err
	}
	c, err := chainOfB(h.rule)
	if err != nil {
		return Block{}, err
	}
	shapes := r.m.partsOf(h.rule)
	for _, s := range shapes {
		s[1] = r.conf.R
	}
	return c.inverse(Env{HeadDim: r.meta.Config.HeadDim}, Block{Shape: info.Shape, Size: info.DType.Size(), Data: data}, shapes, h.part)
}
