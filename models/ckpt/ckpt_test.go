package ckpt

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/ascend/dtype"
)

func memory(t *testing.T, names ...string) *Memory {
	t.Helper()
	m := NewMemory()
	for i, n := range names {
		if err := m.Put(Info{Name: n, DType: dtype.U8, Shape: []int{1}}, []byte{byte(i)}); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func TestMemoryKeepsTheOrderOfPut(t *testing.T) {
	t.Parallel()
	m := memory(t, "b", "a")
	if err := m.Put(Info{Name: "b", DType: dtype.F32, Shape: []int{1}}, make([]byte, 4)); err != nil {
		t.Fatal(err)
	}
	want := []Info{{Name: "b", DType: dtype.F32, Shape: []int{1}}, {Name: "a", DType: dtype.U8, Shape: []int{1}}}
	if d := cmp.Diff(want, m.List()); d != "" {
		t.Errorf("-want +have\n%s", d)
	}
	if err := m.Put(Info{Name: "c", DType: dtype.F32, Shape: []int{2}}, make([]byte, 4)); err == nil || !strings.Contains(err.Error(), "4 bytes, want 8") {
		t.Errorf("error %v", err)
	}
	if _, err := m.Bytes("x"); err == nil {
		t.Error("a tensor that is not there was read")
	}
}

func TestJoinRefusesANameInTwoParts(t *testing.T) {
	t.Parallel()
	if _, err := Join(memory(t, "a"), memory(t, "b", "a")); err == nil || !strings.Contains(err.Error(), `tensor "a" is in two files`) {
		t.Errorf("error %v", err)
	}
	j, err := Join(memory(t, "a"), memory(t, "b", "c"))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := j.Bytes("c"); err != nil || b[0] != 1 || len(j.List()) != 3 {
		t.Errorf("%v %v", b, err)
	}
}
