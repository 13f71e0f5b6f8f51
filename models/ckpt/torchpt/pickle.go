package torchpt

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"strconv"
)

// pickler writes protocol 2, the one that torch.save uses.
type pickler struct {
	out     []byte
	globals map[Global]uint32
	tensors []*Tensor // in order of their storage keys
	keys    map[*Tensor]int
	depth   int
}

// encode gives the pickle of v and the tensors in it, whose storage key is their index.
func encode(v any) ([]byte, []*Tensor, error) {
	p := &pickler{out: []byte{0x80, 2}, globals: map[Global]uint32{}, keys: map[*Tensor]int{}}
	if err := p.value(v); err != nil {
		return nil, nil, err
	}
	return append(p.out, '.'), p.tensors, nil
}

func (p *pickler) op(b ...byte) { p.out = append(p.out, b...) }

func (p *pickler) value(v any) error {
	if p.depth++; p.depth > 200 {
		return fmt.Errorf("encode pickle: values nest deeper than 200")
	}
	defer func() { p.depth-- }()
	switch x := v.(type) {
	case nil:
		p.op('N')
	case bool:
		if x {
			p.op(0x88)
		} else {
			p.op(0x89)
		}
	case int:
		p.integer(int64(x))
	case int64:
		p.integer(x)
	case *big.Int:
		return fmt.Errorf("encode pickle: integer %v is beyond 64 bits", x)
	case float64:
		p.op('G')
		p.out = binary.BigEndian.AppendUint64(p.out, math.Float64bits(x))
	case string:
		p.op('X')
		p.out = binary.LittleEndian.AppendUint32(p.out, uint32(len(x)))
		p.out = append(p.out, x...)
	case Global:
		p.global(x)
	case Tuple:
		return p.tuple(x)
	case *List:
		p.op(']')
		return p.items(x.Items, 'e')
	case *Set:
		p.global(Global{"__builtin__", "set"})
		if err := p.tuple(Tuple{&List{Items: x.Items}}); err != nil {
			return err
		}
		p.op('R')
	case *Dict:
		if x.Ordered {
			p.global(Global{"collections", "OrderedDict"})
			p.op(')', 'R')
		} else {
			p.op('}')
		}
		flat := make([]any, 0, 2*x.Len())
		for i := range x.Len() {
			k, val := x.At(i)
			flat = append(flat, k, val)
		}
		return p.items(flat, 'u')
	case *Object:
		p.global(x.Class)
		if err := p.tuple(x.Args); err != nil {
			return err
		}
		if x.New {
			p.op(0x81)
		} else {
			p.op('R')
		}
		if x.State != nil {
			if err := p.value(x.State); err != nil {
				return err
			}
			p.op('b')
		}
	case *Tensor:
		return p.tensor(x)
	default:
		return fmt.Errorf("encode pickle: no form for %T", v)
	}
	return nil
}

func (p *pickler) integer(n int64) {
	switch {
	case n >= 0 && n < 1<<8:
		p.op('K', byte(n))
	case n >= 0 && n < 1<<16:
		p.op('M', byte(n), byte(n>>8))
	case n == int64(int32(n)):
		p.op('J')
		p.out = binary.LittleEndian.AppendUint32(p.out, uint32(n))
	default:
		p.op(0x8a, 8)
		p.out = binary.LittleEndian.AppendUint64(p.out, uint64(n))
	}
}

// global writes a name once and recalls it afterwards.
func (p *pickler) global(g Global) {
	if k, ok := p.globals[g]; ok {
		p.op('j')
		p.out = binary.LittleEndian.AppendUint32(p.out, k)
		return
	}
	k := uint32(len(p.globals))
	p.globals[g] = k
	p.out = append(p.out, "c"+g.Module+"\n"+g.Name+"\n"...)
	p.op('r')
	p.out = binary.LittleEndian.AppendUint32(p.out, k)
}

func (p *pickler) tuple(t []any) error {
	if len(t) == 0 {
		p.op(')')
		return nil
	}
	if len(t) > 3 {
		p.op('(')
	}
	for _, v := range t {
		if err := p.value(v); err != nil {
			return err
		}
	}
	if len(t) > 3 {
		p.op('t')
	} else {
		p.op(byte(0x84 + len(t)))
	}
	return nil
}

func (p *pickler) items(flat []any, end byte) error {
	if len(flat) == 0 {
		return nil
	}
	p.op('(')
	for _, v := range flat {
		if err := p.value(v); err != nil {
			return err
		}
	}
	p.op(end)
	return nil
}

// tensor writes the call that rebuilds a contiguous tensor over its own storage.
func (p *pickler) tensor(t *Tensor) error {
	key, ok := p.keys[t]
	if !ok {
		key = len(p.tensors)
		p.keys[t] = key
		p.tensors = append(p.tensors, t)
	}
	class, typed := Global{"torch.storage", untyped}, false
	count := t.Size()
	for _, n := range typeNames {
		if n.dt == t.DType && n.storage != "" {
			class, typed = Global{"torch", n.storage}, true
			count = int64(t.Info("").Len())
		}
	}
	name := "_rebuild_tensor_v2"
	if !typed {
		name = "_rebuild_tensor_v3"
	}
	p.global(Global{"torch._utils", name})
	p.op('(')
	if err := p.tuple(Tuple{"storage", class, strconv.Itoa(key), "cpu", count}); err != nil {
		return err
	}
	p.op('Q', 'K', 0)
	shape, stride := make(Tuple, len(t.Shape)), make(Tuple, len(t.Shape))
	step := 1
	for i := len(t.Shape) - 1; i >= 0; i-- {
		shape[i], stride[i] = t.Shape[i], step
		step *= max(t.Shape[i], 1)
	}
	if err := p.tuple(shape); err != nil {
		return err
	}
	if err := p.tuple(stride); err != nil {
		return err
	}
	p.op(0x89) // requires_grad
	if err := p.value(NewOrderedDict()); err != nil {
		return err
	}
	if !typed {
		g, err := ScalarGlobal(t.DType)
		if err != nil {
			return fmt.Errorf("encode pickle: %w", err)
		}
		p.global(g)
	}
	p.op('t', 'R')
	return nil
}
