package corpus

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/testdata/python"
)

// clientGPT is a pretraining set that megatron-core and belay build.
type clientGPT struct {
	Prefixes []string  `json:"prefixes"`
	Weights  []float64 `json:"weights"`
	Split    string    `json:"split"`
	Seq      int       `json:"seq"`
	Seed     uint32    `json:"seed"`
	Sizes    [3]int64  `json:"sizes"`
}

// ask runs testdata/client.py, or skips the test where that cannot run.
func ask(t *testing.T, indexes []string, sets []clientGPT, into any) {
	t.Helper()
	interpreter := python.With(t, "megatron", "numpy", "torch")
	program, err := os.ReadFile(filepath.Join("testdata", "client.py"))
	if err != nil {
		t.Fatal(err)
	}
	args, err := json.Marshal(map[string]any{"indexes": indexes, "gpt": sets, "cache": t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	out := strings.TrimSpace(python.Run(t, interpreter, string(program), string(args)))
	// Libraries print to standard output too; the answer is the last line.
	out = out[strings.LastIndexByte(out, '\n')+1:]
	var lacks struct{ Lacks string }
	if err := errors.Join(json.Unmarshal([]byte(out), &lacks), json.Unmarshal([]byte(out), into)); err != nil {
		t.Fatalf("%v\n%.2000s", err, out)
	}
	if lacks.Lacks != "" {
		t.Skip("this Python's megatron-core cannot be imported: " + lacks.Lacks)
	}
}

func TestMegatronCoreReadsTheSame(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(1, 2))
	documents := func(n, longest int) [][][]int32 {
		var out [][][]int32
		for range n {
			var doc [][]int32
			for range 1 + random.IntN(3) {
				var ids []int32
				for range 1 + random.IntN(longest) {
					ids = append(ids, random.Int32N(50_000))
				}
				doc = append(doc, ids)
			}
			out = append(out, doc)
		}
		return out
	}
	var indexes []string
	for name, dtype := range map[string]DType{"a": U16, "b": I32, "c": I64} {
		prefix := filepath.Join(dir, name)
		write(t, prefix, dtype, documents(60, 40))
		indexes = append(indexes, prefix)
	}
	if _, err := Merge(t.Context(), filepath.Join(dir, "twice"), []string{filepath.Join(dir, "b"), filepath.Join(dir, "b")}); err != nil {
		t.Fatal(err)
	}
	indexes = append(indexes, filepath.Join(dir, "twice"))
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	sets := []clientGPT{
		{Prefixes: []string{a}, Split: "100,0,0", Seq: 16, Seed: 1234, Sizes: [3]int64{30, 0, 0}},
		{Prefixes: []string{a}, Split: "80,15,5", Seq: 8, Seed: 7, Sizes: [3]int64{900, 40, 30}}, // several epochs
		{Prefixes: []string{b}, Split: "90,10,0", Seq: 32, Seed: 42, Sizes: [3]int64{200, 3, 0}},
		{Prefixes: []string{a, b}, Weights: []float64{0.3, 0.7}, Split: "90,10,0", Seq: 16, Seed: 11, Sizes: [3]int64{150, 10, 0}},
	}
	var got struct {
		Versions string
		Indexes  []struct {
			DType     string
			Lengths   []int
			Documents []int
			Sequences [][]int32
		}
		GPT [][3][][]int32
	}
	ask(t, indexes, sets, &got)
	t.Log(got.Versions)
	for i, prefix := range indexes {
		x := mustOpen(t, prefix)
		have := got.Indexes[i]
		lengths, documents, sequences := []int{}, []int{0}, [][]int32{}
		for s := range x.Sequences() {
			ids, err := x.Append(nil, s)
			if err != nil {
				t.Fatal(err)
			}
			lengths, sequences = append(lengths, x.Len(s)), append(sequences, ids)
		}
		for d := range x.Documents() {
			_, end := x.Document(d)
			documents = append(documents, end)
		}
		if have.DType != x.DType().String() {
			t.Errorf("%s: they read %s, we %s", prefix, have.DType, x.DType())
		}
		if diff := cmp.Diff(lengths, have.Lengths) + cmp.Diff(documents, have.Documents) + cmp.Diff(sequences, have.Sequences); diff != "" {
			t.Errorf("%s (-we +they):\n%.2000s", prefix, diff)
		}
	}
	for i, c := range sets {
		for p, set := range build(t, c) {
			want := [][]int32(nil)
			for k := int64(0); set != nil && k < set.Len(); k++ {
				ids, err := set.Item(nil, k)
				if err != nil {
					t.Fatal(err)
				}
				want = append(want, ids)
			}
			if diff := cmp.Diff(want, got.GPT[i][p]); diff != "" {
				t.Errorf("set %d, %s: %d samples, they have %d (-we +they):\n%.2000s", i, parts[p], len(want), len(got.GPT[i][p]), diff)
			}
		}
	}
}

// build makes the parts of a set as megatron-core's builder does; parts without a share are nil.
func build(t *testing.T, c clientGPT) [3]Dataset {
	t.Helper()
	var out [3]Dataset
	if len(c.Prefixes) == 1 {
		parts, err := NewGPT(mustOpen(t, c.Prefixes[0]), GPTConfig{Split: c.Split, Samples: c.Sizes, SeqLength: c.Seq, Seed: c.Seed})
		if err != nil {
			t.Fatal(err)
		}
		for p, g := range parts {
			if g != nil {
				out[p] = g
			}
		}
		return out
	}
	var sets [3][]Dataset
	for k, prefix := range c.Prefixes {
		cfg := GPTConfig{Split: c.Split, SeqLength: c.Seq, Seed: c.Seed}
		for p := range parts {
			wanted, err := Wanted(c.Weights, c.Sizes[p])
			if err != nil {
				t.Fatal(err)
			}
			cfg.Samples[p] = wanted[k]
		}
		built, err := NewGPT(mustOpen(t, prefix), cfg)
		if err != nil {
			t.Fatal(err)
		}
		for p, g := range built {
			if g != nil {
				sets[p] = append(sets[p], g)
			}
		}
	}
	for p := range parts {
		if len(sets[p]) == 0 {
			continue
		}
		b, err := NewBlend(sets[p], c.Weights, c.Sizes[p], "") // core 0.6.0 deals the half percent too; the goldens have that
		if err != nil {
			t.Fatal(err)
		}
		out[p] = b
	}
	return out
}
