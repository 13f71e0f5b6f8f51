package decoder

import (
	"fmt"
	"math"

	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/ascend/op"
	"github.com/belay-ml/belay/ascend/tensor"
	"github.com/belay-ml/belay/models/hfconfig"
)

// Model is the parameters of a decoder on one backend.
type Model struct {
	be  op.Backend
	cfg hfconfig.Config

	embed, norm *unit
	head        *unit // the same unit as embed when tied
	layers      []layer
	units       []*unit // every stored tensor once, in canonical order
	adapters    *lora   // nil without LoRA

	rope op.RopeSpec
	act  op.Act
	qRow int // width of q in a qkv row: heads * head dim
	kRow int // width of k and of v
}

// layer is one transformer block.
type layer struct {
	attnNorm, mlpNorm    *unit
	qkv, o, gateUp, down linear
}

// New gives a model with zero weights; Load or Init fills them.
func New(be op.Backend, cfg hfconfig.Config) (*Model, error) {
	if err := cfg.Check(); err != nil {
		return nil, fmt.Errorf("build model: %w", err)
	}
	if err := cfg.Plain(); err != nil {
		return nil, fmt.Errorf("build model: %w", err)
	}
	inv, scale, err := hfconfig.InvFreq(cfg)
	if err != nil {
		return nil, fmt.Errorf("build model: %w", err)
	}
	m := &Model{
		be: be, cfg: cfg,
		rope: op.RopeSpec{HeadDim: cfg.HeadDim, InvFreq: inv, Scale: scale},
		qRow: cfg.NumHeads * cfg.HeadDim,
		kRow: cfg.NumKVHeads * cfg.HeadDim,
	}
	switch cfg.Activation {
	case "silu":
		m.act = op.SiLU
	case "gelu_tanh":
		m.act = op.GELUTanh
	case "gelu_erf":
		m.act = op.GELUErf
	}
	h, f := cfg.Hidden, cfg.FFN
	m.embed = m.matrix(h, part{"embed.weight", cfg.Vocab})
	m.layers = make([]layer, cfg.NumLayers)
	for i := range m.layers {
		at := func(name string) string { return fmt.Sprintf("layers.%d.%s", i, name) }
		l := &m.layers[i]
		l.attnNorm = m.vector(part{at("attn_norm.weight"), h})
		l.qkv = m.linear(h, cfg.QKVBias, at("attn.qkv"), part{at("attn.q"), m.qRow}, part{at("attn.k"), m.kRow}, part{at("attn.v"), m.kRow})
		l.o = m.linear(m.qRow, cfg.OutBias, at("attn.o"), part{at("attn.o"), h})
		l.mlpNorm = m.vector(part{at("mlp_norm.weight"), h})
		l.gateUp = m.linear(h, cfg.MLPBias, at("mlp.gate_up"), part{at("mlp.gate"), f}, part{at("mlp.up"), f})
		l.down = m.linear(f, cfg.MLPBias, at("mlp.down"), part{at("mlp.down"), h})
	}
	m.norm = m.vector(part{"norm.weight", h})
	m.head = m.embed
	if !cfg.TieEmbeddings {
		m.head = m.matrix(h, part{"head.weight", cfg.Vocab})
	}
	return m, nil
}

// Config is what the model was built from.
func (m *Model) Config() hfconfig.Config { return m.cfg }

// Backend is where the model lives.
func (m *Model) Backend() op.Backend { return m.be }

// unit is one device tensor, of one or more canonical tensors, with its gradient.
type unit struct {
	data, grad tensor.Tensor
	parts      []part
	vector     bool // 1 x n; its parts are column ranges of shape [n]
	decay      bool // weight decay applies: matrices, not norms and biases
	frozen     bool
}

// part is a range of a unit's rows (or columns, of a vector) under a canonical name.
type part struct {
	name string
	size int
}

func (m *Model) matrix(cols int, parts ...part) *unit {
	u := m.newUnit(false, cols, parts)
	m.units = append(m.units, u)
	return u
}

func (m *Model) vector(parts ...part) *unit {
	u := m.newUnit(true, 0, parts)
	m.units = append(m.units, u)
	return u
}

func (m *Model) newUnit(vector bool, cols int, parts []part) *unit {
	n := 0
	for _, p := range parts {
		n += p.size
	}
	u := &unit{parts: parts, vector: vector, decay: !vector}
	if vector {
		u.data = m.be.Alloc(dtype.F32, 1, n)
	} else {
		u.data = m.be.Alloc(dtype.F32, n, cols)
	}
	return u
}

// linear makes the units of a projection of several joined parts.
func (m *Model) linear(in int, bias bool, fused string, parts ...part) linear {
	ws, bs := make([]part, len(parts)), make([]part, len(parts))
	for i, p := range parts {
		ws[i], bs[i] = part{p.name + ".weight", p.size}, part{p.name + ".bias", p.size}
	}
	l := linear{name: fused, parts: parts, w: m.matrix(in, ws...)}
	if bias {
		l.b = m.vector(bs...)
	}
	return l
}

// look is the range of t that part i covers.
func (u *unit) look(t tensor.Tensor, i int) tensor.Tensor {
	if !t.Valid() {
		return t
	}
	from := 0
	for _, p := range u.parts[:i] {
		from += p.size
	}
	if u.vector {
		return t.ColRange(from, from+u.parts[i].size)
	}
	return t.RowRange(from, from+u.parts[i].size)
}

func (u *unit) shape(i int) []int {
	if u.vector {
		return []int{u.parts[i].size}
	}
	return []int{u.parts[i].size, u.data.Cols}
}

// Param is one canonical tensor.
type Param struct {
	Name  string
	Shape []int
	Data  tensor.Tensor
	Grad  tensor.Tensor // not valid while frozen or before there is a Batch that computes gradients
	Decay bool          // weight decay applies
}

// Len is the number of elements.
func (p Param) Len() int { return p.Data.Len() }

// Params lists the base model's tensors in canonical order, adapters aside.
func (m *Model) Params() []Param { return params(m.units) }

func params(units []*unit) []Param {
	var out []Param
	for _, u := range units {
		for i, p := range u.parts {
			out = append(out, Param{Name: p.name, Shape: u.shape(i), Data: u.look(u.data, i), Grad: u.look(u.grad, i), Decay: u.decay})
		}
	}
	return out
}

// trainable calls f with every unit that is not frozen, base first, adapters after, in canonical order.
func (m *Model) trainable(f func(*unit)) {
	for _, u := range m.units {
		if !u.frozen {
			f(u)
		}
	}
	if m.adapters != nil {
		for _, u := range m.adapters.units {
			f(u)
		}
	}
}

// Trainable lists the tensors that a step updates: the base parameters, or with LoRA the adapters.
func (m *Model) Trainable() []Param {
	var units []*unit
	m.trainable(func(u *unit) { units = append(units, u) })
	return params(units)
}

// NumParams counts the elements of all tensors and of those that train.
func (m *Model) NumParams() (all, training int) {
	for _, u := range m.units {
		all += u.data.Len()
	}
	if m.adapters != nil {
		for _, u := range m.adapters.units {
			all += u.data.Len()
		}
	}
	m.trainable(func(u *unit) { training += u.data.Len() })
	return all, training
}

// allocGrads gives every trainable unit a gradient.
func (m *Model) allocGrads() {
	m.trainable(func(u *unit) {
		if !u.grad.Valid() {
			u.grad = m.be.Alloc(dtype.F32, u.data.Rows, u.data.Cols)
		}
	})
}

// ZeroGrad clears the gradients.
func (m *Model) ZeroGrad() {
	m.trainable(func(u *unit) {
		if u.grad.Valid() {
			m.be.Zero(u.grad)
		}
	})
}

// GradNorm is the L2 norm of all gradients together; a tied tensor counts once.
func (m *Model) GradNorm() float64 {
	sum := 0.0
	m.trainable(func(u *unit) {
		if u.grad.Valid() {
			sum += m.be.SumSquares(u.grad)
		}
	})
	return math.Sqrt(sum)
}

// attention is the backend's description of this model's attention, without sequences and window.
func (m *Model) attention() op.AttentionSpec {
	return op.AttentionSpec{
		Heads: m.cfg.NumHeads, KVHeads: m.cfg.NumKVHeads, HeadDim: m.cfg.HeadDim,
		Scale: float32(1 / math.Sqrt(float64(m.cfg.HeadDim))),
	}
}
