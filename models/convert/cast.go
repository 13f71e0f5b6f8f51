package convert

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/models/ckpt"
)

// ParseDType reads the spellings of users and of config.json: bf16, bfloat16, fp16, float16, fp32, ...
// Empty text is dtype.Invalid, which means: as the source has it.
func ParseDType(s string) (dtype.DType, error) {
	switch s {
	case "":
		return dtype.Invalid, nil
	case "bf16", "bfloat16", "BF16":
		return dtype.BF16, nil
	case "fp16", "float16", "half", "F16":
		return dtype.F16, nil
	case "fp32", "float32", "float", "F32":
		return dtype.F32, nil
	}
	return dtype.Invalid, fmt.Errorf("dtype %q: want bf16, fp16 or fp32", s)
}

// configDType is config.json's spelling.
func configDType(d dtype.DType) string {
	switch d {
	case dtype.BF16:
		return "bfloat16"
	case dtype.F16:
		return "float16"
	case dtype.F32:
		return "float32"
	case dtype.F64:
		return "float64"
	}
	return ""
}

// castable are the types that cast reads and writes.
func castable(d dtype.DType) bool {
	return d == dtype.F64 || d == dtype.F32 || d == dtype.F16 || d == dtype.BF16
}

// castView rounds the floating-point tensors of a Source to one type, ties to even.
type castView struct {
	ckpt.Source
	to    dtype.DType
	types map[string]dtype.DType
}

// Cast is src with every floating-point tensor as type to. The correction bias of a router keeps its type:
// it is added to close scores, and both formats hold it in float32.
func Cast(src ckpt.Source, to dtype.DType) ckpt.Source {
	v := &castView{Source: src, to: to, types: map[string]dtype.DType{}}
	for _, i := range src.List() {
		if v.types[i.Name] = i.DType; strings.HasSuffix(i.Name, routerBias) {
			v.types[i.Name] = dtype.Invalid
		}
	}
	return v
}

// routerBias ends the canonical name of a router's correction bias.
const routerBias = ".router.bias"

func (v *castView) List() []ckpt.Info {
	out := v.Source.List()
	for i := range out {
		if v.types[out[i].Name].Float() {
			out[i].DType = v.to
		}
	}
	return out
}

func (v *castView) Bytes(name string) ([]byte, error) {
	b, err := v.Source.Bytes(name)
	if err != nil {
		return nil, err
	}
	from := v.types[name]
	if !from.Float() || from == v.to {
		return b, nil
	}
	if !castable(from) || !castable(v.to) {
		return nil, fmt.Errorf("cast tensor %s: no rounding from %v to %v", name, from, v.to)
	}
	return castBytes(b, from, v.to), nil
}

func castBytes(in []byte, from, to dtype.DType) []byte {
	n := len(in) / from.Size()
	out := make([]byte, n*to.Size())
	if from == dtype.F64 || to == dtype.F64 {
		for i := range n {
			storeWide(out[i*to.Size():], to, loadWide(in[i*from.Size():], from))
		}
		return out
	}
	for i := range n {
		store(out[i*to.Size():], to, load(in[i*from.Size():], from))
	}
	return out
}

// load widens one element to float32, which is exact.
func load(b []byte, d dtype.DType) float32 {
	switch d {
	case dtype.BF16:
		return math.Float32frombits(uint32(binary.LittleEndian.Uint16(b)) << 16)
	case dtype.F16:
		return halfToFloat(binary.LittleEndian.Uint16(b))
	}
	return math.Float32frombits(binary.LittleEndian.Uint32(b))
}

func store(b []byte, d dtype.DType, x float32) {
	switch d {
	case dtype.BF16:
		binary.LittleEndian.PutUint16(b, floatToBrain(x))
	case dtype.F16:
		binary.LittleEndian.PutUint16(b, floatToHalf(x))
	default:
		binary.LittleEndian.PutUint32(b, math.Float32bits(x))
	}
}

func loadWide(b []byte, d dtype.DType) float64 {
	if d == dtype.F64 {
		return math.Float64frombits(binary.LittleEndian.Uint64(b))
	}
	return float64(load(b, d))
}

// storeWide rounds through float32, as PyTorch does for its small types.
func storeWide(b []byte, d dtype.DType, x float64) {
	if d == dtype.F64 {
		binary.LittleEndian.PutUint64(b, math.Float64bits(x))
		return
	}
	store(b, d, float32(x))
}

// floatToBrain rounds to bfloat16, ties to even.
func floatToBrain(x float32) uint16 {
	u := math.Float32bits(x)
	if x != x {
		return uint16(u>>16) | 0x40 // stays a quiet NaN
	}
	return uint16((u + 0x7fff + u>>16&1) >> 16)
}

// halfToFloat widens IEEE binary16.
func halfToFloat(h uint16) float32 {
	sign, exp, frac := uint32(h>>15)<<31, uint32(h>>10)&0x1f, uint32(h)&0x3ff
	switch exp {
	case 0x1f:
		return math.Float32frombits(sign | 0x7f800000 | frac<<13)
	case 0: // subnormal: frac * 2^-24
		x := float32(frac) * (1.0 / (1 << 24))
		return math.Float32frombits(math.Float32bits(x) | sign)
	}
	return math.Float32frombits(sign | (exp+112)<<23 | frac<<13)
}

// floatToHalf rounds to IEEE binary16, ties to even.
func floatToHalf(x float32) uint16 {
	u := math.Float32bits(x)
	sign := uint16(u >> 16 & 0x8000)
	u &= 0x7fffffff
	switch {
	case u > 0x7f800000: // NaN
		return sign | 0x7e00 | uint16(u>>13&0x3ff)
	case u >= 0x47800000: // 65536 and more, infinity
		return sign | 0x7c00
	case u < 0x38800000: // below 2^-14: add a number whose last place is 2^-24
		r := math.Float32frombits(u) + 0.5
		return sign | uint16(math.Float32bits(r)-0x3f000000)
	}
	u += 0xfff + u>>13&1 // may carry into the exponent, up to infinity
	return sign | uint16((u-0x38000000)>>13)
}
