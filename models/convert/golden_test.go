package convert

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/models/ckpt"
	"github.com/belay-ml/belay/models/ckpt/megatron"
	"github.com/belay-ml/belay/models/ckpt/safetensors"
	"github.com/belay-ml/belay/models/ckpt/torchpt"
	"github.com/belay-ml/belay/testdata/goldens"
)

// goldenCase is a case.json of the conversion goldens.
type goldenCase struct {
	Family string `json:"family"`
	Source string `json:"source_format"`
	Target string `json:"target_format"`
	Layout struct {
		TP     int    `json:"tp"`
		PP     int    `json:"pp"`
		EP     int    `json:"ep"`
		Layers int    `json:"layers_per_virtual_stage"`
		List   string `json:"num_layer_list"`
	} `json:"target"`
	DType     string `json:"params_dtype"`
	Divisible int    `json:"make_vocab_size_divisible_by"`
	Grouped   bool   `json:"moe_grouped_gemm"`
	LoRA      *struct {
		R       int      `json:"r"`
		Alpha   float64  `json:"alpha"`
		Targets []string `json:"targets"`
		Dir     string   `json:"dir"`
	} `json:"lora"`
	Input  string `json:"input"`
	Output string `json:"output"`
	Expect string `json:"expect"`
}

// options are those of the reference's run.
func (c goldenCase) options(dir, out string) Options {
	dtype, _, _ := strings.Cut(c.DType, " ")
	if strings.Contains(c.DType, "default") {
		dtype = ""
	}
	opt := Options{
		From: filepath.Join(dir, c.Input), Out: out, To: Format(c.Target), DType: dtype,
		TP: c.Layout.TP, PP: c.Layout.PP, EP: c.Layout.EP, NumLayersPerVirtualStage: c.Layout.Layers, NumLayerList: c.Layout.List,
		MakeVocabSizeDivisibleBy: c.Divisible, MoEGroupedGEMM: c.Grouped && c.Target != string(HF), Compat: RC3, Verify: true,
	}
	if c.LoRA != nil {
		opt.LoRA = filepath.Join(dir, c.LoRA.Dir)
		opt.LoRAR, opt.LoRAAlpha, opt.LoRATargetModules = c.LoRA.R, c.LoRA.Alpha, c.LoRA.Targets
	}
	if _, err := os.Stat(filepath.Join(dir, "template")); err == nil {
		opt.Template = filepath.Join(dir, "template")
	}
	return opt
}

func TestGoldenConversions(t *testing.T) {
	t.Parallel()
	root := goldens.Dir(t, "convert")
	cases, err := filepath.Glob(filepath.Join(root, "*", "case.json"))
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases under %s: %v", root, err)
	}
	for _, path := range cases {
		dir := filepath.Dir(path)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var c goldenCase
			if err := json.Unmarshal(text, &c); err != nil {
				t.Fatal(err)
			}
			out := filepath.Join(t.TempDir(), "out")
			_, err = Run(context.Background(), c.options(dir, out))
			if c.Expect == "error" {
				if err == nil {
					t.Error("accepted, want an error")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := filepath.Join(dir, "output")
			if c.Output != "" {
				want = filepath.Join(dir, c.Output)
			}
			if c.Target == string(HF) {
				equalHF(t, want, out)
			} else {
				equalMegatron(t, want, out)
			}
		})
	}
}

func equalHF(t *testing.T, want, have string) {
	t.Helper()
	a, err := safetensors.OpenDir(want)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	b, err := safetensors.OpenDir(have)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	equalSources(t, a, b)
}

func equalSources(t *testing.T, want, have ckpt.Source) {
	t.Helper()
	infos := map[string]ckpt.Info{}
	for _, i := range have.List() {
		infos[i.Name] = i
	}
	if len(infos) != len(want.List()) {
		t.Errorf("%d tensors, want %d", len(infos), len(want.List()))
	}
	for _, i := range want.List() {
		if d := cmp.Diff(i, infos[i.Name]); d != "" {
			t.Errorf("tensor %s: -want +have\n%s", i.Name, d)
			continue
		}
		x, err := want.Bytes(i.Name)
		if err != nil {
			t.Fatal(err)
		}
		y, err := have.Bytes(i.Name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(x, y) {
			n := 0
			for k := range x {
				if x[k] != y[k] {
					n++
				}
			}
			t.Errorf("tensor %s: %d of %d bytes differ", i.Name, n, len(x))
		}
	}
}

// equalMegatron compares folders, tracker and every rank's dictionary, keys without tensors included.
func equalMegatron(t *testing.T, want, have string) {
	t.Helper()
	if a, b := tree(t, want), tree(t, have); cmp.Diff(a, b) != "" {
		t.Fatalf("files: -want +have\n%s", cmp.Diff(a, b))
	}
	a, err := os.ReadFile(filepath.Join(want, megatron.TrackerName))
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(have, megatron.TrackerName))
	if err != nil {
		t.Fatal(err)
	}
	if string(a) != string(b) {
		t.Errorf("tracker %q, want %q", b, a)
	}
	for _, rel := range tree(t, want) {
		if filepath.Ext(rel) != ".pt" {
			continue
		}
		x, err := torchpt.Open(filepath.Join(want, rel))
		if err != nil {
			t.Fatal(err)
		}
		y, err := torchpt.Open(filepath.Join(have, rel))
		if err != nil {
			t.Fatal(err)
		}
		t.Run(filepath.Base(filepath.Dir(rel)), func(t *testing.T) {
			equalSources(t, x, y)
			if d := cmp.Diff(shape("", x.Root()), shape("", y.Root())); d != "" {
				t.Errorf("dictionary: -want +have\n%s", d)
			}
			equalArgs(t, x.Root(), y.Root())
		})
		x.Close()
		y.Close()
	}
}

// shape lists a dictionary's keys in order, with the kind of each value.
func shape(prefix string, v any) []string {
	d, ok := v.(*torchpt.Dict)
	if !ok {
		return nil
	}
	var out []string
	for _, k := range d.Keys() {
		x, _ := d.Get(k)
		line := prefix + k
		switch y := x.(type) {
		case nil:
			line += " none"
		case *torchpt.Tensor:
			line += " tensor"
		case *torchpt.Dict:
			line += map[bool]string{true: " ordered", false: " dict"}[y.Ordered]
		}
		out = append(out, line)
		out = append(out, shape(prefix+k+"/", x)...)
	}
	return out
}

// equalArgs compares the arguments that both files have, save those whose values belong to the run.
func equalArgs(t *testing.T, want, have any) {
	t.Helper()
	attrs := func(v any) *torchpt.Dict {
		d, ok := v.(*torchpt.Dict)
		if !ok {
			t.Fatalf("file holds %T", v)
		}
		a, _ := d.Get("args")
		return a.(*torchpt.Object).Attrs()
	}
	w, h := attrs(want), attrs(have)
	// The reference loses these when its source is a Megatron checkpoint.
	lost := []string{"vocab_size", "make_vocab_size_divisible_by", "norm_epsilon", "global_batch_size"}
	for _, name := range h.Keys() {
		x, ok := w.Get(name)
		if !ok {
			t.Errorf("args.%s is not one of the reference's", name)
			continue
		}
		y, _ := h.Get(name)
		if d := cmp.Diff(x, y); d != "" && !slices.Contains(lost, name) {
			t.Errorf("args.%s: -want +have\n%s", name, d)
		}
	}
}

func tree(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, path)
			out = append(out, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
