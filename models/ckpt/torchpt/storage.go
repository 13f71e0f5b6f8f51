package torchpt

import (
	"fmt"
	"strings"
	"sync"

	"github.com/belay-ml/belay/ascend/dtype"
)

// storage is a flat run of bytes that tensors look into.
type storage struct {
	key  string
	size int64 // bytes
	dt   dtype.DType

	read func() ([]byte, error)
	once sync.Once
	data []byte
	err  error
}

func (s *storage) bytes() ([]byte, error) {
	s.once.Do(func() { s.data, s.err = s.read() })
	return s.data, s.err
}

// named is one row of the table of element types.
type named struct {
	storage string // class name in module torch; "" when the type came after typed storages
	scalar  string // dtype name in module torch
	dt      dtype.DType
}

// typeNames follows torch/storage.py and torch/_utils.py.
var typeNames = [...]named{
	{"DoubleStorage", "float64", dtype.F64},
	{"FloatStorage", "float32", dtype.F32},
	{"HalfStorage", "float16", dtype.F16},
	{"BFloat16Storage", "bfloat16", dtype.BF16},
	{"LongStorage", "int64", dtype.I64},
	{"IntStorage", "int32", dtype.I32},
	{"ShortStorage", "int16", dtype.I16},
	{"CharStorage", "int8", dtype.I8},
	{"ByteStorage", "uint8", dtype.U8},
	{"BoolStorage", "bool", dtype.Bool},
	{"", "float8_e4m3fn", dtype.F8E4M3},
	{"", "float8_e5m2", dtype.F8E5M2},
	{"", "uint16", dtype.U16},
	{"", "uint32", dtype.U32},
	{"", "uint64", dtype.U64},
}

// untyped is the class of storages that count bytes.
const untyped = "UntypedStorage"

// storageType is the element type of a storage class.
func storageType(g Global) (dtype.DType, error) {
	if g.Module == "torch" || g.Module == "torch.cuda" || g.Module == "torch.storage" || strings.HasPrefix(g.Module, "torch_npu") {
		if g.Name == untyped {
			return dtype.U8, nil
		}
		for _, n := range typeNames {
			if n.storage != "" && n.storage == g.Name {
				return n.dt, nil
			}
		}
	}
	return dtype.Invalid, fmt.Errorf("unknown storage class %s", g)
}

// scalarType is the element type of a torch dtype.
func scalarType(g Global) (dtype.DType, error) {
	if g.Module == "torch" {
		for _, n := range typeNames {
			if n.scalar == g.Name {
				return n.dt, nil
			}
		}
	}
	return dtype.Invalid, fmt.Errorf("unknown element type %s", g)
}

// ScalarGlobal is the torch dtype of an element type, for example torch.bfloat16.
func ScalarGlobal(d dtype.DType) (Global, error) {
	for _, n := range typeNames {
		if n.dt == d {
			return Global{"torch", n.scalar}, nil
		}
	}
	return Global{}, fmt.Errorf("torch has no element type for %v", d)
}
