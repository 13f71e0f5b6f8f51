package convert

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/models/ckpt"
	"github.com/belay-ml/belay/models/ckpt/safetensors"
)

// eightBit rewrites a model's up projections as 8-bit weights in blocks of 5 by 7, each block with a scale.
func eightBit(t *testing.T, change func(i *ckpt.Info)) string {
	t.Helper()
	dir := fourLayers().hf(t, 3)
	src, err := safetensors.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	out := ckpt.NewMemory()
	put := func(i ckpt.Info, b []byte) {
		change(&i)
		if err := out.Put(i, b[:i.Size()]); err != nil {
			t.Fatal(err)
		}
	}
	for _, i := range src.List() {
		b, err := src.Bytes(i.Name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(i.Name, "up_proj.weight") {
			put(i, slices.Clone(b))
			continue
		}
		i.DType = dtype.F8E4M3
		weights := make([]byte, i.Size())
		for k := range weights {
			weights[k] = []byte{0x38, 0x01, 0xb8, 0x7e, 0x80}[k%5] // 1, 2^-9, -1, 448, -0
		}
		put(i, weights)
		rows, cols := (i.Shape[0]+4)/5, (i.Shape[1]+6)/7
		scales := make([]byte, 4*rows*cols)
		for k := range rows * cols {
			store(scales[4*k:], dtype.F32, float32(k+1)*0.3)
		}
		put(ckpt.Info{Name: i.Name + scaleSuffix, DType: dtype.F32, Shape: []int{rows, cols}}, scales)
	}
	if err := safetensors.Write(filepath.Join(dir, safetensors.SingleName), out, nil); err != nil {
		t.Fatal(err)
	}
	cfg := fourLayers().config()
	cfg["quantization_config"] = map[string]any{"quant_method": "fp8", "weight_block_size": []int{5, 7}}
	text, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestBlocksOfEightBitsAreScaled(t *testing.T) {
	t.Parallel()
	dir := eightBit(t, func(*ckpt.Info) {})
	src, meta, err := OpenCanonical(dir, OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	b, err := src.Bytes("layers.2.mlp.up.weight")
	if err != nil {
		t.Fatal(err)
	}
	// 24 by 16 in blocks of 5 by 7: three blocks across.
	for _, at := range [][2]int{{0, 0}, {4, 6}, {5, 7}, {11, 13}, {23, 15}} {
		k := at[0]*16 + at[1]
		x := []float32{1, 1.0 / 512, -1, 448, 0}[k%5] * (float32(at[0]/5*3+at[1]/7+1) * 0.3)
		if have := load(b[2*k:], dtype.BF16); have != brain(x) {
			t.Errorf("element %v is %g, want %g", at, have, brain(x))
		}
	}
	if len(meta.Leftovers) > 0 || len(meta.Notes) != 1 || meta.DType != dtype.BF16 {
		t.Errorf("meta %+v", meta)
	}
	out := filepath.Join(t.TempDir(), "out")
	mustRun(t, Options{From: dir, Out: out, To: Mcore, TP: 2, Verify: true})
	back := filepath.Join(t.TempDir(), "back")
	mustRun(t, Options{From: out, Out: back, To: HF, Template: dir, Verify: true})
	same := filepath.Join(t.TempDir(), "same")
	mustRun(t, Options{From: dir, Out: same, To: HF})
	equalHF(t, same, back)
	for _, dir := range []string{back, same} {
		text, err := os.ReadFile(filepath.Join(dir, "config.json"))
		if err != nil || strings.Contains(string(text), "quantization_config") {
			t.Errorf("config.json still speaks of 8 bits (%v): %s", err, text)
		}
	}
}

func TestScalesThatDoNotFitAreRefused(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(i *ckpt.Info){
		"blocks of [5 7] of [24 16] need [5 3]": func(i *ckpt.Info) {
			if strings.HasSuffix(i.Name, scaleSuffix) {
				i.Shape = []int{5, 2}
			}
		},
		"with scales of BF16": func(i *ckpt.Info) {
			if strings.HasSuffix(i.Name, scaleSuffix) {
				i.DType = dtype.BF16
			}
		},
		"scales model.layers.0.mlp.up_proj.weight, which is not there": func(i *ckpt.Info) {
			if i.Name == "model.layers.0.mlp.up_proj.weight" {
				i.Name = "other"
			}
		},
	} {
		_, _, err := OpenCanonical(eightBit(t, change), OpenOptions{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}
