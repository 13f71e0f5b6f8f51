package tiny

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/belay-ml/belay/ascend/cpu"
	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/models/convert"
	"github.com/belay-ml/belay/models/decoder"
	"github.com/belay-ml/belay/models/hfconfig"
	"github.com/belay-ml/belay/models/tok/bytebpe"
	"github.com/belay-ml/belay/models/tok/hfjson"
)

// Vocab is the number of tokens of Config's model: the 256 bytes, a few words and the special tokens.
const Vocab = 272

// The special tokens, the last ids of the vocabulary.
const (
	EOS    = "<|endoftext|>"
	IMEnd  = "<|im_end|>"
	IMOpen = "<|im_start|>"
)

// Config is a llama of two layers.
func Config() hfconfig.Config {
	return hfconfig.Config{
		Arch: "LlamaForCausalLM", ModelType: "llama", NumLayers: 2, Hidden: 32, FFN: 48, NumHeads: 4, NumKVHeads: 2,
		HeadDim: 8, Vocab: Vocab, MaxPositions: 128, NormEps: 1e-5, RopeBase: 10000, Activation: "silu",
		DType: "float32", EOS: []int32{Vocab - 3}, PAD: -1,
	}
}

// Model writes a random model of this config with its tokenizer, in Hugging Face form.
func Model(t testing.TB, cfg hfconfig.Config, dt dtype.DType) string {
	t.Helper()
	be := cpu.New(1)
	defer be.Close()
	m, err := decoder.New(be, cfg)
	if err != nil {
		t.Fatal(err)
	}
	m.Init(7)
	dir := filepath.Join(t.TempDir(), "model")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	_, err = convert.Write(context.Background(), m.ExportAs(dt), cfg, dir, convert.WriteOptions{To: convert.HF})
	if err != nil {
		t.Fatal(err)
	}
	Tokenizer(t, dir)
	return dir
}

// Megatron writes the model in src as a Megatron-Core checkpoint.
func Megatron(t testing.TB, src string, tp, pp, divisor int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "mcore")
	_, err := convert.Run(context.Background(), convert.Options{From: src, To: convert.Mcore, Out: dir, TP: tp, PP: pp, EP: 1, MakeVocabSizeDivisibleBy: divisor})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// Tokenizer adds a byte-level tokenizer of Vocab tokens to dir.
func Tokenizer(t testing.TB, dir string) {
	t.Helper()
	special := []string{EOS, IMOpen, IMEnd}
	words := map[string]int{" the": 9, " and": 8, " red": 7, " blue": 6, " green": 5, "Answer:": 4, " question": 3}
	vocab, merges := bytebpe.Train(words, Vocab-len(special))
	err := hfjson.Write(dir, hfjson.Spec{Vocab: vocab, Merges: merges, Special: special, EOS: EOS, PAD: EOS})
	if err != nil {
		t.Fatal(err)
	}
}

// Equal says what differs between two checkpoints of any format, as canonical tensors.
func Equal(t testing.TB, a, b string) {
	t.Helper()
	open := func(dir string) map[string][]byte {
		src, _, err := convert.OpenCanonical(dir, convert.OpenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer src.Close()
		out := map[string][]byte{}
		for _, i := range src.List() {
			data, err := src.Bytes(i.Name)
			if err != nil {
				t.Fatal(err)
			}
			out[i.Name+" "+i.DType.String()] = append([]byte(nil), data...)
		}
		return out
	}
	x, y := open(a), open(b)
	if len(x) != len(y) || len(x) == 0 {
		t.Fatalf("%d tensors in %s, %d in %s", len(x), a, len(y), b)
	}
	for name, data := range x {
		if string(data) != string(y[name]) {
			t.Errorf("tensor %s differs", name)
		}
	}
}
