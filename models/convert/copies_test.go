package convert

import (
	"strings"
	"testing"
)

// Copies of large tensors are not compared when the tensor is read, and are when a conversion is verified.
func TestLargeCopiesAreComparedWhenVerified(t *testing.T) {
	t.Parallel()
	reg, err := Families("")
	if err != nil {
		t.Fatal(err)
	}
	f, err := reg.Named("mixtral")
	if err != nil {
		t.Fatal(err)
	}
	cfg := tinyConfig(t, f, false)
	cfg.Vocab, cfg.Raw = 40, nil
	const tensor = "layers.1.router.weight"
	for spoiled, want := range map[string]string{
		"": "", "decoder.layers.1.mlp.router.weight": "tensor " + tensor + ": the copy on tensor parallel rank 1 differs from that on rank 0",
	} {
		s := storedOf(t, newModel(f, cfg, false), randomModel(t, f, cfg, 1), 2, spoiled)
		v, err := newView(f, f.Mcore, cfg, s, false)
		if err != nil {
			t.Fatal(err)
		}
		u := v.index[tensor]
		u.info.Shape = []int{checked} // as if it were that large
		v.index[tensor] = u
		if _, err := v.Bytes(tensor); err != nil {
			t.Errorf("reading compares: %v", err)
		}
		err = compareCopies(t.Context(), s, v, 2)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", spoiled, err, want)
		}
	}
}
