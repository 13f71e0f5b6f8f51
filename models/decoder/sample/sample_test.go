package sample

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/belay-ml/belay/testdata/goldens"
)

// processors is logits_processors.json; null scores are -Inf.
type processors struct {
	Tolerance float64
	Cases     []struct {
		Logits []float32
		IDs    []int32               `json:"input_ids"`
		HF     map[string][]*float32 `json:"hf"`
	}
}

// parse sets parameters from "top_k=3,top_p=0.9".
func parse(t *testing.T, text string) Params {
	t.Helper()
	p := Defaults()
	p.TopK = 0
	for _, pair := range strings.Split(strings.TrimPrefix(text, "chain "), ",") {
		name, value, _ := strings.Cut(pair, "=")
		x, err := strconv.ParseFloat(value, 64)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		switch name {
		case "temperature":
			p.Temperature = x
		case "top_k":
			p.TopK = int(x)
		case "top_p":
			p.TopP = x
		case "min_p":
			p.MinP = x
		case "typical_p":
			p.TypicalP = x
		case "repetition_penalty":
			p.RepetitionPenalty = x
		case "no_repeat_ngram_size":
			p.NoRepeatNGram = int(x)
		default:
			t.Fatalf("%s: unknown parameter %s", text, name)
		}
	}
	return p
}

func TestGoldenProcessors(t *testing.T) {
	t.Parallel()
	path := filepath.Join(goldens.Dir(t, "eval"), "logits_processors.json")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var file processors
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	for i, c := range file.Cases {
		for text, want := range c.HF {
			t.Run(fmt.Sprintf("%d %s", i, text), func(t *testing.T) {
				t.Parallel()
				setting := text
				probabilities := text == "chain probabilities"
				if probabilities {
					for name := range c.HF {
						if strings.HasPrefix(name, "chain ") && name != text {
							setting = name
						}
					}
				}
				s, err := New(parse(t, setting))
				if err != nil {
					t.Fatal(err)
				}
				got := append([]float32(nil), c.Logits...)
				history := c.IDs
				if s.p.NoRepeatNGram > 0 {
					// The reference ran this filter on ids whose beginning comes again at the end.
					history = append(history[:len(history):len(history)], c.IDs[:2]...)
				}
				s.Penalise(got, history, 0)
				s.Warp(got)
				if probabilities {
					s.survivors(got)
					clear(got)
					for j, id := range s.ids {
						got[id] = s.prob[j]
					}
				}
				for j, x := range got {
					w := none
					if want[j] != nil {
						w = *want[j]
					}
					if x != w && !(math.Abs(float64(x-w)) <= file.Tolerance) {
						t.Errorf("token %d: %v, want %v", j, x, w)
					}
				}
			})
		}
	}
}

func TestDrawFollowsTheDistribution(t *testing.T) {
	t.Parallel()
	p := Defaults()
	p.DoSample, p.TopK, p.Seed = true, 0, 42
	s, err := New(p)
	if err != nil {
		t.Fatal(err)
	}
	want := []float64{0.5, 0.25, 0, 0.125, 0.125}
	logits := make([]float32, len(want))
	for i, w := range want {
		logits[i] = float32(math.Log(w))
	}
	const n = 20000
	counts := make([]float64, len(want))
	for i := range n {
		id, err := s.Next(logits, nil, i%7, uint64(i))
		if err != nil {
			t.Fatal(err)
		}
		counts[id]++
	}
	for i, w := range want {
		if math.Abs(counts[i]/n-w) > 0.015 {
			t.Errorf("token %d came in %.3f of draws, want %.3f", i, counts[i]/n, w)
		}
	}
	if counts[2] != 0 {
		t.Errorf("an impossible token came %v times", counts[2])
	}
}

func TestDrawDependsOnSeedRequestAndStepAlone(t *testing.T) {
	t.Parallel()
	p := Defaults()
	p.DoSample, p.Seed = true, 7
	s, err := New(p)
	if err != nil {
		t.Fatal(err)
	}
	logits := make([]float32, 40)
	first, err := s.Next(logits, nil, 3, 9)
	if err != nil {
		t.Fatal(err)
	}
	differ := 0
	for i := range uint64(20) {
		if _, err := s.Next(logits, nil, 1, i); err != nil {
			t.Fatal(err)
		}
		again, err := s.Next(logits, nil, 3, 9)
		if err != nil || again != first {
			t.Fatalf("token %d, first %d (%v)", again, first, err)
		}
		if other, _ := s.Next(logits, nil, 3, 10+i); other != first {
			differ++
		}
	}
	if differ < 10 {
		t.Errorf("%d of 20 requests differ", differ)
	}
}

func TestMinimumLengthAndSuppressedTokensBanIds(t *testing.T) {
	t.Parallel()
	p := Defaults()
	p.MinNewTokens, p.EOS, p.Suppress = 2, []int32{3}, []int32{2, 99}
	s, err := New(p)
	if err != nil {
		t.Fatal(err)
	}
	logits := []float32{0, 1, 2, 3}
	for made, want := range []int32{1, 1, 3} {
		if got, err := s.Next(logits, nil, made, 0); err != nil || got != want {
			t.Errorf("after %d tokens: %d, want %d (%v)", made, got, want, err)
		}
	}
	if _, err := s.Next([]float32{none, none, 1, none}, nil, 5, 0); err == nil {
		t.Error("no token left, and no error")
	}
}

func TestCheckNamesEveryBadParameter(t *testing.T) {
	t.Parallel()
	_, err := New(Params{TopK: -1, MinP: math.NaN(), NoRepeatNGram: -1, MinNewTokens: -1})
	for _, name := range []string{"temperature", "top_k", "top_p", "min_p", "typical_p", "repetition_penalty", "no_repeat_ngram_size", "min_new_tokens"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("no word of %s in: %v", name, err)
		}
	}
}
