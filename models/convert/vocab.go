package convert

import (
	"fmt"
	"slices"

	"github.com/belay-ml/belay/models/ckpt"
	"github.com/belay-ml/belay/models/family"
)

// paddedVocab is the number of rows that a vocabulary takes in a Megatron checkpoint.
func paddedVocab(vocab, divisibleBy, tp int) int {
	m := max(divisibleBy, 1) * max(tp, 1)
	return (vocab + m - 1) / m * m
}

// vocabView changes the number of rows of the embedding and the output layer: rows beyond the
// vocabulary are cut, and missing ones are copies of the last row.
type vocabView struct {
	ckpt.Source
	rows  int
	infos map[string]ckpt.Info
}

// withVocab is src with rows rows in every tensor that family f marks as one of the vocabulary.
func withVocab(src ckpt.Source, f *family.Family, rows int) ckpt.Source {
	v := &vocabView{Source: src, rows: rows, infos: map[string]ckpt.Info{}}
	for _, i := range src.List() {
		if t, ok := f.TensorNamed(i.Name); ok && t.Vocab && i.Shape[0] != rows {
			v.infos[i.Name] = i
		}
	}
	if len(v.infos) == 0 {
		return src
	}
	return v
}

func (v *vocabView) List() []ckpt.Info {
	out := v.Source.List()
	for i := range out {
		if _, ok := v.infos[out[i].Name]; ok {
			out[i].Shape = slices.Clone(out[i].Shape)
			out[i].Shape[0] = v.rows
		}
	}
	return out
}

func (v *vocabView) Bytes(name string) ([]byte, error) {
	b, err := v.Source.Bytes(name)
	if err != nil {
		return nil, err
	}
	i, ok := v.infos[name]
	if !ok {
		return b, nil
	}
	if i.Shape[0] == 0 {
		return nil, fmt.Errorf("pad tensor %s: it has no rows to copy", name)
	}
	width := len(b) / i.Shape[0]
	if v.rows < i.Shape[0] {
		return b[:v.rows*width], nil
	}
	out := make([]byte, 0, v.rows*width)
	out = append(out, b...)
	for len(out) < v.rows*width {
		out = append(out, b[len(b)-width:]...)
	}
	return out, nil
}
