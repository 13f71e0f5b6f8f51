package convert

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/renameio/v2"

	"github.com/belay-ml/belay/models/ckpt"
	"github.com/belay-ml/belay/models/ckpt/safetensors"
	"github.com/belay-ml/belay/models/family"
)

// adapterOf is a module of a Hugging Face model whose adapter is part of a canonical one.
type adapterOf struct {
	module string      // "model.layers.0.self_attn.q_proj"
	name   string      // of the canonical adapter
	rule   family.Rule // that stores the module's weight
	rows   [][2]int    // of the canonical B, for each part of the rule
	in     ckpt.Info   // canonical A
	live   []int       // columns of B that are not all zero
}

// writePEFT writes a source's adapters, and nothing else, as a PEFT folder. A joined module's adapter is dealt to the
// modules that it is joined of: they share A, and B is cut by rows. Ranks that give a module nothing (zero columns of
// its B) are left out, so what was joined on reading comes apart again.
func writePEFT(ctx context.Context, src ckpt.Source, meta Meta, lora LoRA, dir, base string) (Written, error) {
	if err := refuseOther(dir); err != nil {
		return Written{}, err
	}
	all, err := peftModules(src, meta)
	if err != nil {
		return Written{}, err
	}
	rank := 1
	for i := range all {
		if err := ctx.Err(); err != nil {
			return Written{}, err
		}
		if err := all[i].look(src); err != nil {
			return Written{}, err
		}
	}
	// A module that gets nothing is left out, unless all are so: adapters that were never trained.
	if trained := slices.DeleteFunc(slices.Clone(all), func(m adapterOf) bool { return len(m.live) == 0 }); len(trained) > 0 {
		all = trained
	}
	for _, m := range all {
		rank = max(rank, len(m.live))
	}
	conf := peftConfig{Type: "LORA", Task: "CAUSAL_LM", Base: base, R: rank, Alpha: lora.Alpha * float64(rank) / float64(all[0].in.Shape[0]), Bias: "none", Fixed: true}
	var infos []ckpt.Info
	var targets []string
	for _, m := range all {
		outputs := 0
		for _, r := range m.rows {
			outputs += r[1] - r[0]
		}
		conf.FanInOut = conf.FanInOut || slices.Contains(m.rule.By, transpose{}.Name())
		infos = append(infos,
			ckpt.Info{Name: peftPrefix + m.module + loraA + ".weight", DType: m.in.DType, Shape: []int{rank, m.in.Shape[1]}},
			ckpt.Info{Name: peftPrefix + m.module + loraB + ".weight", DType: m.in.DType, Shape: []int{outputs, rank}})
		if t := m.module[strings.LastIndexByte(m.module, '.')+1:]; !slices.Contains(targets, t) {
			targets = append(targets, t)
		}
	}
	conf.Targets = targets
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Written{}, fmt.Errorf("write lora: %w", err)
	}
	w, err := safetensors.Create(filepath.Join(dir, peftWeights), infos, nil)
	if err != nil {
		return Written{}, err
	}
	out := Written{Folder: dir, Tensors: len(infos), PaddedVocab: meta.PaddedVocab, DType: all[0].in.DType}
	for i, m := range all {
		a, b, err := m.cut(src, meta, rank)
		if err == nil {
			err = errors.Join(w.Put(infos[2*i].Name, a), w.Put(infos[2*i+1].Name, b), ctx.Err())
		}
		if err != nil {
			return Written{}, errors.Join(fmt.Errorf("write lora: module %s: %w", m.module, err), w.Abort())
		}
		out.Bytes += int64(len(a) + len(b))
	}
	if err := w.Close(); err != nil {
		return Written{}, err
	}
	text, err := json.MarshalIndent(conf, "", "  ")
	if err != nil {
		return Written{}, err
	}
	return out, renameio.WriteFile(filepath.Join(dir, peftConfigName), append(text, '\n'), 0o644)
}

// peftModules lists the modules that get weights, layer by layer.
func peftModules(src ckpt.Source, meta Meta) ([]adapterOf, error) {
	infos := map[string]ckpt.Info{}
	for _, i := range src.List() {
		infos[i.Name] = i
	}
	model := newModel(meta.fam, meta.Config, false)
	var out []adapterOf
	for l := range meta.Config.NumLayers {
		for _, rule := range adapterRules(meta.fam) {
			in, ok := infos[at(rule.Adapter, l, -1)+loraA]
			if rule.Adapter == "" || !ok || !model.holds(rule, l) {
				continue
			}
			rows := map[string][2]int{}
			n := 0
			for i, s := range model.partsOf(rule) {
				rows[rule.From[i]] = [2]int{n, n + s[0]}
				n += s[0]
			}
			if b := infos[at(rule.Adapter, l, -1)+loraB]; !slices.Equal(b.Shape, []int{n, in.Shape[0]}) || b.DType != in.DType {
				return nil, fmt.Errorf("write lora: %s: lora_A is %v %v, lora_B %v %v", at(rule.Adapter, l, -1), in.DType, in.Shape, b.DType, b.Shape)
			}
			for _, hf := range meta.fam.HF.Rules {
				if _, mine := rows[hf.From[0]]; !mine || !model.holds(hf, l) {
					continue
				}
				m := adapterOf{module: strings.TrimSuffix(at(hf.Name, l, -1), ".weight"), name: at(rule.Adapter, l, -1), rule: hf, in: in}
				for _, from := range hf.From {
					r, ok := rows[from]
					if !ok {
						return nil, fmt.Errorf("write lora: %s joins weights of several Megatron modules, so adapters cannot be dealt to it: merge them (adapters: merge)", hf.Name)
					}
					m.rows = append(m.rows, r)
				}
				out = append(out, m)
			}
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("write lora: the source holds no adapters")
	}
	return out, nil
}

// look finds the columns of B that give the module anything.
func (m *adapterOf) look(src ckpt.Source) error {
	b, err := src.Bytes(m.name + loraB)
	if err != nil {
		return err
	}
	rank, size := m.in.Shape[0], m.in.DType.Size()
	zero := make([]byte, size)
	for c := range rank {
		if slices.ContainsFunc(m.rows, func(r [2]int) bool {
			for row := r[0]; row < r[1]; row++ {
				if x := b[(row*rank+c)*size:][:size]; !slices.Equal(x, zero) {
					return true
				}
			}
			return false
		}) {
			m.live = append(m.live, c)
		}
	}
	return nil
}

// cut gives the module's A [rank, inputs] and B [outputs, rank].
func (m *adapterOf) cut(src ckpt.Source, meta Meta, rank int) (a, b []byte, err error) {
	wholeA, errA := src.Bytes(m.name + loraA)
	wholeB, errB := src.Bytes(m.name + loraB)
	if err := errors.Join(errA, errB); err != nil {
		return nil, nil, err
	}
	size, width, in := m.in.DType.Size(), m.in.Shape[0], m.in.Shape[1]*m.in.DType.Size()
	a = make([]byte, rank*in)
	for i, c := range m.live {
		copy(a[i*in:], wholeA[c*in:(c+1)*in])
	}
	var parts []Block
	for _, r := range m.rows {
		p := Block{Shape: []int{r[1] - r[0], rank}, Size: size, Data: make([]byte, (r[1]-r[0])*rank*size)}
		for row := r[0]; row < r[1]; row++ {
			for i, c := range m.live {
				copy(p.Data[((row-r[0])*rank+i)*size:], wholeB[(row*width+c)*size:][:size])
			}
		}
		parts = append(parts, p)
	}
	c, err := chainOfB(m.rule)
	if err != nil {
		return nil, nil, err
	}
	joined, err := c.forward(Env{HeadDim: meta.Config.HeadDim}, parts)
	return a, joined.Data, err
}
