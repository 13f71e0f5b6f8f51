package convert

import (
	"fmt"
	"math"
	"strings"

	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/models/ckpt"
	"github.com/belay-ml/belay/models/family"
)

// mergeView adds adapters to their base weights: W + alpha/r * B A.
type mergeView struct {
	ckpt.Source
	scale float32
	infos map[string]ckpt.Info
	plan  map[string]merging // canonical weight -> its share of an adapter
}

// merging says which rows of an adapter's B belong to a weight.
type merging struct {
	adapter  string
	from, to int
}

// MergeLoRA is src with its adapters merged and no longer listed. p.R may be 0: the files know it;
// p.Targets, if given, must be the modules that have adapters.
//
// Rounding is that of PyTorch on the CPU, so that results equal the reference's bit for bit. bfloat16:
// B A accumulates in float32 and is rounded, the product with alpha/r is rounded, the sum is rounded.
// float16: B A and the product with alpha/r are float32, then rounded; the sum is rounded. float32 has
// no steps between.
func MergeLoRA(src ckpt.Source, meta Meta, p LoRA) (ckpt.Source, error) {
	v := &mergeView{Source: src, infos: map[string]ckpt.Info{}, plan: map[string]merging{}}
	for _, i := range src.List() {
		v.infos[i.Name] = i
	}
	m := newModel(meta.fam, meta.Config, false)
	rank := 0
	found := map[string]bool{}
	for _, kind := range []Format{Mcore, Legacy} { // module names of both are understood
		format := rulesOf(meta.fam, kind)
		if format == nil {
			continue
		}
		for _, r := range format.Rules {
			if r.Adapter == "" {
				continue
			}
			for l := range meta.Config.NumLayers {
				name := at(r.Adapter, l, -1)
				a, ok := v.infos[name+loraA]
				if !ok || !m.holds(r, l) {
					continue
				}
				if rank != 0 && a.Shape[0] != rank {
					return nil, fmt.Errorf("merge LoRA: %s has r %d, others %d", name, a.Shape[0], rank)
				}
				rank = a.Shape[0]
				found[r.Adapter] = true
				from := 0
				for _, part := range r.From {
					base, ok := v.infos[at(part, l, -1)]
					if !ok {
						return nil, fmt.Errorf("merge LoRA: %s has no base weight %s", name, at(part, l, -1))
					}
					if base.DType != dtype.BF16 && base.DType != dtype.F16 && base.DType != dtype.F32 || !castable(a.DType) {
						return nil, fmt.Errorf("merge LoRA: base weight %s of type %v with an adapter of type %v: want bf16, fp16 or fp32", base.Name, base.DType, a.DType)
					}
					v.plan[base.Name] = merging{name, from, from + base.Shape[0]}
					from += base.Shape[0]
				}
			}
		}
	}
	if err := checkTargets(meta, p, found); err != nil {
		return nil, err
	}
	switch {
	case rank == 0:
		return src, nil
	case p.R != 0 && p.R != rank:
		return nil, fmt.Errorf("merge LoRA: lora_r is %d, the weights have r %d", p.R, rank)
	case p.Alpha <= 0 || math.IsInf(p.Alpha, 0) || math.IsNaN(p.Alpha):
		return nil, fmt.Errorf("merge LoRA: lora_alpha is %g: give the value used in training", p.Alpha)
	}
	v.scale = float32(p.Alpha / float64(rank))
	return v, nil
}

// checkTargets compares the module names given by the user with the adapters found.
func checkTargets(meta Meta, p LoRA, found map[string]bool) error {
	if len(p.Targets) == 0 {
		return nil
	}
	m := newModel(meta.fam, meta.Config, false)
	fits := func(r family.Rule) bool {
		for l := range meta.Config.NumLayers {
			if m.holds(r, l) {
				return true
			}
		}
		return false
	}
	given := map[string]bool{}
	names := map[string]string{}
	for _, kind := range []Format{Legacy, Mcore} {
		if format := rulesOf(meta.fam, kind); format != nil {
			for _, r := range format.Rules {
				if r.Adapter != "" && fits(r) {
					names[moduleName(r)] = r.Adapter
				}
			}
		}
	}
	for _, t := range p.Targets {
		adapter, ok := names[t]
		if !ok {
			return fmt.Errorf("merge LoRA: lora_target_modules names %q, which family %s does not have", t, meta.fam.Name)
		}
		if !found[adapter] {
			return fmt.Errorf("merge LoRA: lora_target_modules names %s, but the checkpoint holds no adapter for it", t)
		}
		given[adapter] = true
	}
	for adapter := range found {
		if !given[adapter] {
			return fmt.Errorf("merge LoRA: the checkpoint holds an adapter for %s, which lora_target_modules does not name: leave the option out to merge all", strings.TrimPrefix(adapter, "layers.{l}."))
		}
	}
	return nil
}

func (v *mergeView) List() []ckpt.Info {
	var out []ckpt.Info
	for _, i := range v.Source.List() {
		if !strings.HasSuffix(i.Name, loraA) && !strings.HasSuffix(i.Name, loraB) {
			out = append(out, i)
		}
	}
	return out
}

func (v *mergeView) Bytes(name string) ([]byte, error) {
	base, err := v.Source.Bytes(name)
	m, ok := v.plan[name]
	if err != nil || !ok {
		return base, err
	}
	a, err := v.floats(m.adapter + loraA)
	if err != nil {
		return nil, err
	}
	b, err := v.floats(m.adapter + loraB)
	if err != nil {
		return nil, err
	}
	info := v.infos[name]
	rank, in := v.infos[m.adapter+loraA].Shape[0], info.Shape[1]
	if len(b) < m.to*rank || len(a) != rank*in {
		return nil, fmt.Errorf("merge tensor %s: adapter %s does not fit %v", name, m.adapter, info.Shape)
	}
	out := make([]byte, len(base))
	row := make([]float32, in)
	size := info.DType.Size()
	for i := range info.Shape[0] {
		clear(row)
		for k, w := range b[(m.from+i)*rank : (m.from+i+1)*rank] {
			for j, x := range a[k*in : (k+1)*in] {
				row[j] += float32(w * x) // the conversion forbids a fused multiply-add
			}
		}
		for j, x := range row {
			at := (i*in + j) * size
			store(out[at:], info.DType, load(base[at:], info.DType)+v.delta(x, info.DType))
		}
	}
	return out, nil
}

// delta scales an element of B A with the rounding of its type.
func (v *mergeView) delta(x float32, d dtype.DType) float32 {
	switch d {
	case dtype.BF16:
		return brain(v.scale * brain(x))
	case dtype.F16:
		return halfToFloat(floatToHalf(v.scale * x))
	}
	return v.scale * x
}

func brain(x float32) float32 { return math.Float32frombits(uint32(floatToBrain(x)) << 16) }

func (v *mergeView) floats(name string) ([]float32, error) {
	raw, err := v.Source.Bytes(name)
	if err != nil {
		return nil, err
	}
	d := v.infos[name].DType
	out := make([]float32, len(raw)/d.Size())
	for i := range out {
		out[i] = load(raw[i*d.Size():], d)
	}
	return out, nil
}

// overlay lays one Source over another: names of the upper one win.
type overlay struct {
	lower, upper ckpt.Source
	has          map[string]bool
}

func newOverlay(lower, upper ckpt.Source) *overlay {
	o := &overlay{lower, upper, map[string]bool{}}
	for _, i := range upper.List() {
		o.has[i.Name] = true
	}
	return o
}

func (o *overlay) List() []ckpt.Info {
	over := map[string]ckpt.Info{}
	for _, i := range o.upper.List() {
		over[i.Name] = i
	}
	out := o.lower.List()
	for k, i := range out {
		if u, ok := over[i.Name]; ok {
			out[k] = u
			delete(over, i.Name)
		}
	}
	for _, i := range o.upper.List() {
		if _, ok := over[i.Name]; ok {
			out = append(out, i)
		}
	}
	return out
}

func (o *overlay) Bytes(name string) ([]byte, error) {
	if o.has[name] {
		return o.upper.Bytes(name)
	}
	return o.lower.Bytes(name)
}

func (o *overlay) Close() error {
	if err := o.upper.Close(); err != nil {
		o.lower.Close()
		return err
	}
	return o.lower.Close()
}
