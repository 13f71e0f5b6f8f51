package decoder

import (
	"fmt"
	"slices"
	"strings"

	"github.com/belay-ml/belay/ascend/tensor"
	"github.com/belay-ml/belay/models/ckpt"
)

// Load fills the parameters from tensors with canonical names, of any floating-point type.
//
// embed.weight and head.weight may have more rows than the vocabulary: padding for tensor
// parallelism, which is cut off. head.weight may be present though the embedding is tied; it is then
// not read. Every other missing, left-over or misshapen tensor is named, all in one error, and the
// model is left as it was.
func (m *Model) Load(src ckpt.Source) error {
	if err := m.fill(src, m.Params(), m.cfg.TieEmbeddings); err != nil {
		return fmt.Errorf("load weights: %w", err)
	}
	return nil
}

// fill checks the whole list first, then copies tensor by tensor.
func (m *Model) fill(src ckpt.Source, want []Param, tied bool) error {
	have := map[string]ckpt.Info{}
	for _, info := range src.List() {
		have[info.Name] = info
	}
	var problems []string
	for _, p := range want {
		info, ok := have[p.Name]
		if !ok {
			problems = append(problems, p.Name+" is missing")
			continue
		}
		delete(have, p.Name)
		if !fits(info.Shape, p) {
			problems = append(problems, fmt.Sprintf("%s: want %v, have %v", p.Name, p.Shape, info.Shape))
		}
		if !info.DType.Float() {
			problems = append(problems, fmt.Sprintf("%s: want floating-point elements, have %s", p.Name, info.DType))
		}
	}
	if tied {
		delete(have, "head.weight")
	}
	var left []string
	for name := range have {
		left = append(left, name+" belongs nowhere in this model")
	}
	slices.Sort(left)
	if problems = append(problems, left...); len(problems) > 0 {
		const most = 12
		if n := len(problems); n > most {
			problems = append(problems[:most], fmt.Sprintf("and %d more", n-most))
		}
		return fmt.Errorf("%s", strings.Join(problems, "; "))
	}
	infos := map[string]ckpt.Info{}
	for _, info := range src.List() {
		infos[info.Name] = info
	}
	var buf []float32
	for _, p := range want {
		var err error
		if buf, err = m.copyIn(src, infos[p.Name], p.Data, buf); err != nil {
			return fmt.Errorf("%s: %w", p.Name, err)
		}
	}
	return nil
}

// fits says whether a tensor of the given shape can fill p, by cutting rows of the vocabulary at most.
func fits(shape []int, p Param) bool {
	if len(shape) != len(p.Shape) {
		return false
	}
	if (p.Name == "embed.weight" || p.Name == "head.weight") && len(shape) == 2 {
		return shape[0] >= p.Shape[0] && shape[1] == p.Shape[1]
	}
	return slices.Equal(shape, p.Shape)
}

// copyIn uploads the leading elements of a tensor; buf is scratch, grown as needed.
func (m *Model) copyIn(src ckpt.Source, info ckpt.Info, dst tensor.Tensor, buf []float32) ([]float32, error) {
	data, err := src.Bytes(info.Name)
	if err != nil {
		return buf, err
	}
	n := dst.Len()
	if len(data) < n*info.DType.Size() {
		return buf, fmt.Errorf("%d bytes for %d elements of %s", len(data), n, info.DType)
	}
	if cap(buf) < n {
		buf = make([]float32, n)
	}
	buf = buf[:n]
	if err := widen(buf, data[:n*info.DType.Size()], info.DType); err != nil {
		return buf, err
	}
	m.be.Upload(dst, buf)
	return buf, nil
}
