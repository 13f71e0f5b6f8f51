package decoder

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/models/ckpt"
	"github.com/belay-ml/belay/models/decoder/philox"
)

// LoRA says where low-rank adapters go: y += (Alpha/Rank) (x A^T) B^T beside each target.
type LoRA struct {
	Rank  int
	Alpha float64
	// Targets names linear layers of a block: single projections (q k v o gate up down) or the joined
	// ones (qkv gate_up), which share one A.
	Targets []string
}

// TargetNames lists what LoRA.Targets may hold.
func TargetNames() []string {
	return []string{"q", "k", "v", "qkv", "o", "gate", "up", "gate_up", "down"}
}

// lora is the adapters of a model.
type lora struct {
	cfg   LoRA
	units []*unit
}

// site is the adapters at one stored projection. Their A matrices lie in one unit, because they read
// the same input.
type site struct {
	a       *unit // total rank x in
	targets []target
	scale   float32
}

// target is one adapter of a site.
type target struct {
	name      string
	from, to  int   // output columns
	low, high int   // its rows of a
	b         *unit // out x rank
}

// Attach freezes the model and adds adapters with B zero and A Kaiming-uniform with a = sqrt 5, that
// is uniform within 1/sqrt(in), drawn from the seed and the adapter's name. Batches and optimizers
// made before do not know of them.
func (m *Model) Attach(cfg LoRA, seed uint64) error {
	switch {
	case m.adapters != nil:
		return errors.New("attach lora: the model has adapters; merge them first")
	case cfg.Rank <= 0:
		return fmt.Errorf("attach lora: rank %d is not positive", cfg.Rank)
	case len(cfg.Targets) == 0:
		return fmt.Errorf("attach lora: no targets; use some of %s", strings.Join(TargetNames(), " "))
	}
	for i, t := range cfg.Targets {
		if !slices.Contains(TargetNames(), t) {
			return fmt.Errorf("attach lora: unknown target %q; use some of %s", t, strings.Join(TargetNames(), " "))
		}
		if slices.Contains(cfg.Targets[:i], t) {
			return fmt.Errorf("attach lora: target %s is named twice", t)
		}
	}
	for joined, singles := range map[string][]string{"qkv": {"q", "k", "v"}, "gate_up": {"gate", "up"}} {
		for _, s := range singles {
			if slices.Contains(cfg.Targets, joined) && slices.Contains(cfg.Targets, s) {
				return fmt.Errorf("attach lora: target %s is part of %s", s, joined)
			}
		}
	}
	m.adapters = &lora{cfg: cfg}
	for i := range m.layers {
		for _, l := range m.layers[i].linears() {
			m.attachAt(l, seed)
		}
	}
	for _, u := range m.units {
		u.frozen = true
	}
	return nil
}

// attachAt adds the adapters of one stored projection.
func (m *Model) attachAt(l *linear, seed uint64) {
	cfg := m.adapters.cfg
	s := &site{scale: float32(cfg.Alpha / float64(cfg.Rank))}
	var aParts []part
	add := func(name string, from, to int) {
		short := name[strings.LastIndexByte(name, '.')+1:]
		if !slices.Contains(cfg.Targets, short) {
			return
		}
		low := len(s.targets) * cfg.Rank
		b := m.newUnit(false, cfg.Rank, []part{{name + ".lora_B", to - from}})
		s.targets = append(s.targets, target{name: name, from: from, to: to, low: low, high: low + cfg.Rank, b: b})
		aParts = append(aParts, part{name + ".lora_A", cfg.Rank})
	}
	from := 0
	for _, p := range l.parts {
		add(p.name, from, from+p.size)
		from += p.size
	}
	if len(l.parts) > 1 {
		add(l.name, 0, from)
	}
	if len(s.targets) == 0 {
		return
	}
	in := l.w.data.Cols
	s.a = m.newUnit(false, in, aParts)
	for i, p := range aParts {
		m.upload(s.a.look(s.a.data, i), func(dst []float32) {
			philox.Uniforms(dst, seed, stream(p.name), 1/math.Sqrt(float64(in)))
		})
	}
	l.site = s
	m.adapters.units = append(m.adapters.units, s.a)
	for i := range s.targets {
		m.adapters.units = append(m.adapters.units, s.targets[i].b)
	}
}

// LoRA gives the adapters' configuration, and whether there are any.
func (m *Model) LoRA() (LoRA, bool) {
	if m.adapters == nil {
		return LoRA{}, false
	}
	return m.adapters.cfg, true
}

// LoadAdapters fills the adapters from tensors named NAME.lora_A (rank x in) and NAME.lora_B
// (out x rank), where NAME is a canonical linear layer ("layers.0.attn.q") or a joined one
// ("layers.0.attn.qkv").
func (m *Model) LoadAdapters(src ckpt.Source) error {
	if m.adapters == nil {
		return errors.New("load adapters: the model has none; attach them first")
	}
	if err := m.fill(src, params(m.adapters.units), false); err != nil {
		return fmt.Errorf("load adapters: %w", err)
	}
	return nil
}

// ExportAdapters shows the adapters as a checkpoint, under the names that LoadAdapters reads.
func (m *Model) ExportAdapters(dt dtype.DType) (ckpt.Source, error) {
	if m.adapters == nil {
		return nil, errors.New("export adapters: the model has none")
	}
	return newView(m.be, params(m.adapters.units), dt), nil
}

// Merge adds (Alpha/Rank) B A to the weights, removes the adapters and unfreezes the model. Batches
// and optimizers made before are void.
func (m *Model) Merge() error {
	if m.adapters == nil {
		return errors.New("merge lora: the model has no adapters")
	}
	for i := range m.layers {
		for _, l := range m.layers[i].linears() {
			if l.site == nil {
				continue
			}
			for j := range l.site.targets {
				t := &l.site.targets[j]
				m.be.MatMul(l.w.data.RowRange(t.from, t.to), t.b.data, l.site.a.data.RowRange(t.low, t.high), false, false, l.site.scale, 1)
			}
			l.site = nil
		}
	}
	for _, u := range m.units {
		u.frozen = false
	}
	m.adapters = nil
	return nil
}
