package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/models/ckpt"
	"github.com/belay-ml/belay/models/ckpt/safetensors"
	"github.com/belay-ml/belay/models/convert"
	"github.com/belay-ml/belay/models/hfconfig"
	"github.com/belay-ml/belay/testdata/goldens"
)

// The packages prove their numbers against these folders; here the same cases go through the command
// line, which proves the wiring.

// command runs a command line in this process.
func command(stdin string, args ...string) (stdout, stderr string, code int) {
	var out, msg bytes.Buffer
	code = Main(args, strings.NewReader(stdin), &out, &msg)
	return out.String(), msg.String(), code
}

// eachCase runs a sub test for every folder of goldens that holds a file.
func eachCase(t *testing.T, kind, file string, f func(t *testing.T, dir string)) {
	t.Helper()
	root := goldens.Dir(t, kind)
	found, err := filepath.Glob(filepath.Join(root, "*", file))
	if err != nil || len(found) == 0 {
		t.Fatalf("no cases under %s: %v", root, err)
	}
	for _, path := range found {
		t.Run(filepath.Base(filepath.Dir(path)), func(t *testing.T) {
			t.Parallel()
			f(t, filepath.Dir(path))
		})
	}
}

func load(t *testing.T, path string, v any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, v); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func TestGoldenForwardCommand(t *testing.T) {
	t.Parallel()
	families, err := convert.Families("")
	if err != nil {
		t.Fatal(err)
	}
	// Architectures that the decoder does not know yet, and families that are not described yet.
	pending := func(dir string) error {
		if !goldens.Pending() {
			return nil
		}
		cfg, err := hfconfig.Load(dir)
		if err == nil {
			err = cfg.Plain()
		}
		var unknown *hfconfig.UnsupportedError
		if errors.As(err, &unknown) {
			return err
		}
		_, err = families.Recognise(cfg)
		return err
	}
	eachCase(t, "models", "golden.safetensors", func(t *testing.T, dir string) {
		if _, err := os.Stat(filepath.Join(dir, "config.json")); err != nil {
			t.Skip("no config.json: not a Hugging Face model")
		}
		if err := pending(dir); err != nil {
			t.Skipf("pending: %v", err)
		}
		var meta struct {
			Tolerance struct {
				Logits float64 `json:"logits_atol"`
				Loss   float64 `json:"loss_atol"`
				Grads  float64 `json:"grads_atol"`
			} `json:"suggested_tolerance"`
		}
		load(t, filepath.Join(dir, "meta.json"), &meta)
		golden, out := filepath.Join(dir, "golden.safetensors"), filepath.Join(t.TempDir(), "out.safetensors")
		if _, msg, code := command("", "forward", "--model", dir, "--ids", golden, "--out", out, "--grad"); code != 0 {
			t.Fatalf("forward exits %d: %s", code, msg)
		}
		want, err := safetensors.Open(golden)
		if err != nil {
			t.Fatal(err)
		}
		defer want.Close()
		have, err := safetensors.Open(out)
		if err != nil {
			t.Fatal(err)
		}
		defer have.Close()
		grads := 0
		for _, info := range want.List() {
			tolerance := meta.Tolerance.Grads
			switch {
			case info.Name == "logits":
				sameLogits(t, want, have, meta.Tolerance.Logits)
				continue
			case info.Name == "loss":
				tolerance = meta.Tolerance.Loss
			case strings.HasPrefix(info.Name, "grad."):
				grads++
			default:
				continue
			}
			if d := farthest(floats(t, want, info.Name), floats(t, have, info.Name)); !(d <= tolerance) {
				t.Errorf("%s is off by %g, allowed %g", info.Name, d, tolerance)
			}
		}
		if grads == 0 {
			t.Error("the golden holds no gradients")
		}
	})
}

// sameLogits compares the logits of every row up to its length.
func sameLogits(t *testing.T, want, have *safetensors.File, tolerance float64) {
	t.Helper()
	w, h := floats(t, want, "logits"), floats(t, have, "logits")
	if len(w) != len(h) {
		t.Fatalf("%d logits, want %d", len(h), len(w))
	}
	lengths, _, err := integers(want, "lengths")
	if err != nil {
		t.Fatal(err)
	}
	row := len(w) / len(lengths)
	for _, i := range want.List() {
		if i.Name != "logits" {
			continue
		}
		for r, n := range lengths {
			from, to := r*row, r*row+int(n)*i.Shape[2]
			if d := farthest(w[from:to], h[from:to]); !(d <= tolerance) {
				t.Errorf("logits of row %d are off by %g, allowed %g", r, d, tolerance)
			}
		}
	}
}

func floats(t *testing.T, src *safetensors.File, name string) []float32 {
	t.Helper()
	data, err := src.Bytes(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range src.List() {
		if i.Name == name && i.DType != dtype.F32 {
			t.Fatalf("%s is %s, want F32", name, i.DType)
		}
	}
	out := make([]float32, len(data)/4)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
	return out
}

// farthest is the largest difference, infinite for NaN and for unequal lengths.
func farthest(a, b []float32) float64 {
	if len(a) != len(b) {
		return math.Inf(1)
	}
	d := 0.0
	for i := range a {
		x := math.Abs(float64(a[i]) - float64(b[i]))
		if math.IsNaN(x) {
			return math.Inf(1)
		}
		d = max(d, x)
	}
	return d
}

func TestGoldenTokenizeCommand(t *testing.T) {
	t.Parallel()
	// Tokenizers without tokenizer.json: SentencePiece models and tiktoken ranks.
	pending := func(dir string) bool {
		_, err := os.Stat(filepath.Join(dir, "tokenizer.json"))
		return goldens.Pending() && err != nil
	}
	eachCase(t, "tokenizers_real", "cases.jsonl", func(t *testing.T, dir string) {
		if pending(dir) {
			t.Skip("pending: the folder has no tokenizer.json")
		}
		text, err := os.ReadFile(filepath.Join(dir, "cases.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		var texts, ids, plain, special, decoded strings.Builder
		line := func(b *strings.Builder, key string, v any) {
			enc := json.NewEncoder(b)
			enc.SetEscapeHTML(false)
			if err := enc.Encode(map[string]any{key: v}); err != nil {
				t.Fatal(err)
			}
		}
		for raw := range strings.Lines(string(text)) {
			var c struct {
				Text    string  `json:"text"`
				IDs     []int32 `json:"ids"`
				Special []int32 `json:"ids_special"`
				Decoded string  `json:"decoded"`
			}
			if err := json.Unmarshal([]byte(raw), &c); err != nil {
				t.Fatal(err)
			}
			line(&texts, "text", c.Text)
			line(&ids, "ids", c.IDs)
			line(&plain, "ids", c.IDs)
			line(&special, "ids", c.Special)
			line(&decoded, "text", c.Decoded)
		}
		for _, run := range []struct {
			name, in, want string
			args           []string
		}{
			{"encode", texts.String(), special.String(), nil},
			{"encode without special tokens", texts.String(), plain.String(), []string{"--special=false"}},
			{"decode", ids.String(), decoded.String(), []string{"--decode", "--skip-special"}},
		} {
			out, msg, code := command(run.in, append([]string{"tokenize", "--tokenizer", dir}, run.args...)...)
			if code != 0 {
				t.Fatalf("%s exits %d: %s", run.name, code, msg)
			}
			want, have := strings.Split(run.want, "\n"), strings.Split(out, "\n")
			for i := range max(len(want), len(have)) {
				if i >= len(want) || i >= len(have) || want[i] != have[i] {
					t.Errorf("%s: line %d differs:\n%s", run.name, i+1, cmp.Diff(want, have))
					break
				}
			}
		}
	})
}

// conversion is a case.json of the conversion goldens.
type conversion struct {
	Family string `json:"family"`
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

// with are the stage's parameters for a case.
func (c conversion) with(dir string) []string {
	var args []string
	add := func(name string, v any) {
		text := fmt.Sprint(v)
		if text != "" && text != "0" {
			args = append(args, "--with", name+"="+text)
		}
	}
	add("from", filepath.Join(dir, c.Input))
	add("to", c.Target)
	add("compat", "rc3")
	add("tp", c.Layout.TP)
	add("pp", c.Layout.PP)
	add("ep", c.Layout.EP)
	add("num_layers_per_virtual_pipeline_stage", c.Layout.Layers)
	add("num_layer_list", c.Layout.List)
	if c.Grouped && c.Target != "hf" {
		add("moe_grouped_gemm", true)
	}
	add("make_vocab_size_divisible_by", c.Divisible)
	if d, _, _ := strings.Cut(c.DType, " "); !strings.Contains(c.DType, "default") {
		add("dtype", d)
	}
	if c.LoRA != nil {
		if c.LoRA.Dir != "" {
			add("lora", filepath.Join(dir, c.LoRA.Dir))
		}
		add("lora_r", c.LoRA.R)
		add("lora_alpha", c.LoRA.Alpha)
		add("lora_target_modules", "["+strings.Join(c.LoRA.Targets, ", ")+"]")
	}
	if t := filepath.Join(dir, "template"); exists(t) {
		add("template", t)
	}
	return args
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func TestGoldenConvertCommand(t *testing.T) {
	t.Parallel()
	eachCase(t, "convert", "case.json", func(t *testing.T, dir string) {
		var c conversion
		load(t, filepath.Join(dir, "case.json"), &c)
		out := filepath.Join(t.TempDir(), "out")
		_, msg, code := command("", append([]string{"stage", "convert", "-q", "--out", out}, c.with(dir)...)...)
		if c.Expect == "error" {
			if code == 0 || code == 1 || code == 2 {
				t.Errorf("exits %d, want an error about the case: %s", code, msg)
			}
			return
		}
		if code != 0 {
			t.Fatalf("stage convert exits %d: %s", code, msg)
		}
		want := filepath.Join(dir, "output")
		if c.Output != "" {
			want = filepath.Join(dir, c.Output)
		}
		sameCheckpoint(t, want, port(t, out, "convert", c.Target))
	})
}

// port is the folder of the one output that a conversion makes.
func port(t *testing.T, out, stage, target string) string {
	t.Helper()
	name := "checkpoint"
	if target == string(convert.HF) {
		name = "model"
	}
	dir := filepath.Join(out, name)
	if !exists(dir) {
		t.Fatalf("stage %s left no %s", stage, dir)
	}
	return dir
}

// sameCheckpoint compares the tensors of every weight file, byte for byte.
func sameCheckpoint(t *testing.T, want, have string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(want, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		switch filepath.Ext(path) {
		case ".pt", ".safetensors":
		default:
			return nil
		}
		files++
		rel, err := filepath.Rel(want, path)
		if err != nil {
			return err
		}
		sameTensors(t, path, filepath.Join(have, rel))
		return nil
	})
	if err != nil || files == 0 {
		t.Fatalf("%s holds %d weight files: %v", want, files, err)
	}
}

func sameTensors(t *testing.T, want, have string) {
	t.Helper()
	a, _, err := convert.OpenFile(want)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	b, _, err := convert.OpenFile(have)
	if err != nil {
		t.Error(err)
		return
	}
	defer b.Close()
	infos := map[string]ckpt.Info{}
	for _, i := range b.List() {
		infos[i.Name] = i
	}
	if len(infos) != len(a.List()) {
		t.Errorf("%s holds %d tensors, want %d", have, len(infos), len(a.List()))
	}
	for _, i := range a.List() {
		if d := cmp.Diff(i, infos[i.Name]); d != "" {
			t.Errorf("tensor %s (-want +have):\n%s", i.Name, d)
			continue
		}
		x, errX := a.Bytes(i.Name)
		y, errY := b.Bytes(i.Name)
		if err := errors.Join(errX, errY); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(x, y) {
			t.Errorf("tensor %s differs", i.Name)
		}
	}
}
