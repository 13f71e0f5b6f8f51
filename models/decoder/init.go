package decoder

import (
	"math"
	"strings"

	"github.com/belay-ml/belay/ascend/tensor"
	"github.com/belay-ml/belay/models/decoder/philox"
)

// initStd is the standard deviation of initial matrices, GPT-2's and Megatron's.
const initStd = 0.02

// Init draws initial weights as Megatron does: matrices normal with deviation 0.02, the two
// projections back into the residual stream divided by sqrt(2 layers), norms 1, biases 0.
//
// A tensor's numbers depend on the seed and its name alone.
func (m *Model) Init(seed uint64) {
	var buf []float32
	for _, p := range m.Params() {
		n := p.Data.Len()
		if cap(buf) < n {
			buf = make([]float32, n)
		}
		buf = buf[:n]
		switch {
		case strings.HasSuffix(p.Name, "norm.weight"):
			fillWith(buf, 1)
		case strings.HasSuffix(p.Name, ".bias"):
			fillWith(buf, 0)
		default:
			std := initStd
			if strings.HasSuffix(p.Name, "attn.o.weight") || strings.HasSuffix(p.Name, "mlp.down.weight") {
				std /= math.Sqrt(2 * float64(m.cfg.NumLayers))
			}
			philox.Normals(buf, seed, stream(p.Name))
			for i := range buf {
				buf[i] *= float32(std)
			}
		}
		m.be.Upload(p.Data, buf)
	}
}

// stream numbers a tensor by its name (64-bit FNV-1a).
func stream(name string) uint64 {
	h := uint64(0xcbf29ce484222325)
	for i := range len(name) {
		h = (h ^ uint64(name[i])) * 0x100000001b3
	}
	return h
}

func fillWith(dst []float32, x float32) {
	for i := range dst {
		dst[i] = x
	}
}

// upload fills t from a generator of a named tensor's numbers.
func (m *Model) upload(t tensor.Tensor, fill func([]float32)) {
	buf := make([]float32, t.Len())
	fill(buf)
	m.be.Upload(t, buf)
}
