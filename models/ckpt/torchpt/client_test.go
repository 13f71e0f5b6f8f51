package torchpt

import (
	"encoding/binary"
	"math"
	"path/filepath"
	"testing"

	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/testdata/python"
)

func TestTorchReadsWhatIsWritten(t *testing.T) {
	t.Parallel()
	torch := python.With(t, "torch")
	state := NewOrderedDict()
	data := []byte{0, 0, 0x80, 0x3f, 0, 0, 0, 0x40}
	state.Set("w", NewTensor(dtype.F32, []int{2}, func() ([]byte, error) { return data, nil }))
	state.Set("b", NewTensor(dtype.BF16, []int{2, 2}, func() ([]byte, error) { return data, nil }))
	state.Set("f8", NewTensor(dtype.F8E4M3, []int{8}, func() ([]byte, error) { return data, nil }))
	path := filepath.Join(t.TempDir(), "x.pt")
	if err := Write(path, state); err != nil {
		t.Fatal(err)
	}
	out := python.Run(t, torch, `
import sys, torch
d = torch.load(sys.argv[1], weights_only=True)
print(d["w"].tolist(), d["b"].shape, d["b"].dtype, d["f8"].dtype)
d = torch.load(sys.argv[1], mmap=True, weights_only=True)
print(d["w"].tolist())`, path)
	want := "[1.0, 2.0] torch.Size([2, 2]) torch.bfloat16 torch.float8_e4m3fn\n[1.0, 2.0]\n"
	if out != want {
		t.Errorf("torch says %s, want %s", out, want)
	}
}

// What other programs write is read: kinds of values that training checkpoints hold, in the zip and the legacy container.
func TestWhatTorchWritesIsRead(t *testing.T) {
	t.Parallel()
	torch := python.With(t, "torch", "numpy")
	dir := t.TempDir()
	python.Run(t, torch, `
import sys, argparse, collections, random, numpy as np, torch
base = torch.arange(24, dtype=torch.float32)
d = dict(
    view=base.view(4, 6)[1:3, ::2], turned=base.view(4, 6).t(), shared=base, half=base.to(torch.float16), bf16=base.to(torch.bfloat16), empty=torch.empty(0, 3),
    scalar=torch.tensor(5.0), whole=torch.arange(3), flags=torch.tensor([True, False]), parameter=torch.nn.Parameter(base[:4].clone()),
    args=argparse.Namespace(lr=1e-4, params_dtype=torch.bfloat16, shape=torch.Size([2, 3]), names=["a"]), ordered=collections.OrderedDict(x=base[5:7]),
    number=np.float64(2.5), integer=np.int64(7), array=np.arange(3), rng=dict(python=random.getstate(), numpy=np.random.get_state(), torch=torch.get_rng_state()),
    optimizer=torch.optim.AdamW([torch.nn.Parameter(base[:2].clone())]).state_dict(), sets={1, 2}, big=1 << 80, none=None, text="ä")
torch.save(d, sys.argv[1] + "/zip.pt")
torch.save(d, sys.argv[1] + "/legacy.pt", _use_new_zipfile_serialization=False)`, dir)
	for _, name := range []string{"zip.pt", "legacy.pt"} {
		f, err := Open(filepath.Join(dir, name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		defer f.Close()
		for tensor, want := range map[string][]float32{
			"view": {6, 8, 10, 12, 14, 16}, "turned": {0, 6, 12, 18, 1, 7}, "parameter": {0, 1, 2, 3}, "ordered.x": {5, 6}, "scalar": {5},
		} {
			data, err := f.Bytes(tensor)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			for i, w := range want {
				if have := math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:])); have != w {
					t.Errorf("%s: %s[%d] is %v, want %v", name, tensor, i, have, w)
				}
			}
		}
		infos := map[string]dtype.DType{}
		for _, i := range f.List() {
			infos[i.Name] = i.DType
		}
		for tensor, want := range map[string]dtype.DType{"half": dtype.F16, "bf16": dtype.BF16, "whole": dtype.I64, "flags": dtype.Bool, "empty": dtype.F32, "rng.torch": dtype.U8} {
			if infos[tensor] != want {
				t.Errorf("%s: %s is %v, want %v", name, tensor, infos[tensor], want)
			}
		}
	}
}
