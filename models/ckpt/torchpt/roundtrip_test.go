package torchpt

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/testdata/goldens"
)

func TestWhatIsWrittenReadsBackEqual(t *testing.T) {
	t.Parallel()
	state := NewOrderedDict()
	types := []dtype.DType{
		dtype.F64, dtype.F32, dtype.F16, dtype.BF16, dtype.F8E4M3, dtype.F8E5M2, dtype.I64, dtype.I32, dtype.I16,
		dtype.I8, dtype.U8, dtype.U16, dtype.U32, dtype.U64, dtype.Bool,
	}
	want := map[string][]byte{}
	for i, d := range types {
		data := bytes.Repeat([]byte{byte(i)}, 6*d.Size())
		state.Set(d.String(), NewTensor(d, []int{2, 3}, func() ([]byte, error) { return data, nil }))
		want["model."+d.String()] = data
	}
	state.Set("x._extra_state", nil)
	state.Set("empty", NewTensor(dtype.F32, []int{0, 3}, func() ([]byte, error) { return nil, nil }))
	attrs := NewDict()
	attrs.Set("num_layers", 4)
	attrs.Set("eps", 1e-6)
	attrs.Set("big", int64(1)<<40)
	attrs.Set("neg", int64(-5))
	attrs.Set("names", &List{Items: []any{"a", "b"}})
	attrs.Set("params_dtype", Global{"torch", "bfloat16"})
	root := NewDict()
	root.Set("args", Namespace(attrs))
	root.Set("checkpoint_version", 3.0)
	root.Set("model", state)

	path := filepath.Join(t.TempDir(), "model_optim_rng.pt")
	if err := Write(path, root); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if len(f.List()) != len(types)+1 {
		t.Errorf("%d tensors, want %d", len(f.List()), len(types)+1)
	}
	for _, i := range f.List() {
		have, err := f.Bytes(i.Name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(have, want[i.Name]) {
			t.Errorf("%s: %v, want %v", i.Name, have, want[i.Name])
		}
		if "model."+i.DType.String() != i.Name && i.Name != "model.empty" {
			t.Errorf("%s has type %v", i.Name, i.DType)
		}
	}
	args, _ := f.Root().(*Dict).Get("args")
	a := args.(*Object)
	if a.Class.String() != "argparse.Namespace" || a.Attrs() == nil {
		t.Fatalf("args %+v", a)
	}
	for key, v := range map[string]any{"num_layers": int64(4), "eps": 1e-6, "big": int64(1) << 40, "neg": int64(-5), "params_dtype": Global{"torch", "bfloat16"}} {
		if have, _ := a.Attrs().Get(key); have != v {
			t.Errorf("args.%s = %v, want %v", key, have, v)
		}
	}
	if v, ok := f.Root().(*Dict).Get("model"); !ok {
		t.Error("no model")
	} else if x, ok := v.(*Dict).Get("x._extra_state"); !ok || x != nil {
		t.Errorf("extra state %v %v", x, ok)
	}
}

func TestEqualContentGivesEqualFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var files [2][]byte
	for i := range files {
		d := NewDict()
		for _, name := range []string{"a", "b", "c"} {
			d.Set(name, NewTensor(dtype.U8, []int{3}, func() ([]byte, error) { return []byte(name + "xy"), nil }))
		}
		path := filepath.Join(dir, "x.pt")
		if err := Write(path, d); err != nil {
			t.Fatal(err)
		}
		var err error
		if files[i], err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(files[0], files[1]) {
		t.Error("two writes differ")
	}
}

// TestGoldenFilesReadAndRewrite opens every .pt file of the conversion goldens, writes its value again
// and compares every tensor.
func TestGoldenFilesReadAndRewrite(t *testing.T) {
	t.Parallel()
	dir := goldens.Dir(t, "convert")
	n := 0
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".pt" {
			return err
		}
		n++
		f, err := Open(path)
		if err != nil {
			t.Error(err)
			return nil
		}
		defer f.Close()
		again := filepath.Join(t.TempDir(), "model_optim_rng.pt")
		if err := Write(again, f.Root()); err != nil {
			t.Error(err)
			return nil
		}
		g, err := Open(again)
		if err != nil {
			t.Error(err)
			return nil
		}
		defer g.Close()
		if len(f.List()) != len(g.List()) || len(f.List()) == 0 {
			t.Errorf("%s: %d tensors, again %d", path, len(f.List()), len(g.List()))
		}
		for _, i := range f.List() {
			a, err := f.Bytes(i.Name)
			if err != nil {
				t.Error(err)
				continue
			}
			b, err := g.Bytes(i.Name)
			if err != nil || !bytes.Equal(a, b) {
				t.Errorf("%s: %s differs (%v)", path, i.Name, err)
			}
		}
		return nil
	})
	if err != nil || n == 0 {
		t.Fatalf("%d files: %v", n, err)
	}
}
