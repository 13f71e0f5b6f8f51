package inference

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/belay-ml/belay/ascend/cpu"
	"github.com/belay-ml/belay/testdata/goldens"
)

// expected is one of lm-evaluation-harness' results. A response is [log-likelihood, greedy].
type expected struct {
	Model   string `json:"model"`
	Samples map[string][]struct {
		Context       *string    `json:"context"`
		Continuations []string   `json:"continuations"`
		IDs           [][]int32  `json:"continuation_ids"`
		ContextTokens int        `json:"context_tokens"`
		Responses     []response `json:"filtered_resps"`
	} `json:"samples"`
}

type response struct {
	ll     float64
	greedy bool
	scored bool // false for perplexity over whole texts, which has one number alone
}

func (r *response) UnmarshalJSON(data []byte) error {
	if data[0] != '[' {
		return json.Unmarshal(data, &r.ll)
	}
	r.scored = true
	return json.Unmarshal(data, &[]any{&r.ll, &r.greedy})
}

func TestGoldenLogLikelihoods(t *testing.T) {
	t.Parallel()
	root := goldens.Dir(t, "eval/lm_eval")
	files, err := filepath.Glob(filepath.Join(root, "expected_*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, error %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var e expected
			if err := json.Unmarshal(data, &e); err != nil {
				t.Fatal(err)
			}
			be := cpu.New(2)
			defer be.Close()
			r, err := Open(be, filepath.Join(root, "models", e.Model), "")
			if err != nil {
				t.Fatal(err)
			}
			for task, samples := range e.Samples {
				var requests []Request
				var want []response
				var ids [][]int32
				var contexts []int
				for _, s := range samples {
					if s.Context == nil {
						continue // perplexity over whole texts
					}
					for i, c := range s.Continuations {
						requests = append(requests, Request{Context: *s.Context, Continuation: c})
						want, ids, contexts = append(want, s.Responses[i]), append(ids, s.IDs[i]), append(contexts, s.ContextTokens)
					}
				}
				if len(requests) == 0 {
					continue
				}
				scores, err := r.LogLikelihood(t.Context(), requests, 2048, nil)
				if err != nil {
					t.Fatalf("%s: %v", task, err)
				}
				enc := encoder{runner: r}
				for i, s := range scores {
					p, err := enc.encode(requests[i])
					if err != nil || !slices.Equal(p.continuation, ids[i]) || s.Tokens != len(ids[i]) || s.Context != contexts[i] {
						t.Errorf("%s request %d: ids %v after %d tokens, want %v after %d (error %v)", task, i, p.continuation, s.Context, ids[i], contexts[i], err)
					}
					if !(math.Abs(s.LogProb-want[i].ll) <= 2e-3) || s.Greedy != want[i].greedy {
						t.Errorf("%s request %d: %.5f %v, want %.5f %v", task, i, s.LogProb, s.Greedy, want[i].ll, want[i].greedy)
					}
				}
			}
		})
	}
}
