package benchmark

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/belay-ml/belay/testdata/goldens"
)

// expected is what lm-evaluation-harness says of a model.
type expected struct {
	Model   string                     `json:"model"`
	Results map[string]map[string]any  `json:"results"`
	Samples map[string]json.RawMessage `json:"samples"`
}

// judged is one multiple-choice question.
type judged struct {
	ID        int      `json:"doc_id"`
	Gold      int      `json:"target"`
	Responses [][2]any `json:"filtered_resps"` // log-likelihood and whether it is the greedy answer
	Context   string   `json:"context_sha256"`
	Margin    float64  `json:"margin"`
	Choice    int      `json:"choice"`
}

// mmluShots gives the number of examples in a group of tasks, "synth_mmlu_5shot", and whether it is one.
func mmluShots(group string) (int, bool) {
	switch group {
	case "synth_mmlu_0shot":
		return 0, true
	case "synth_mmlu_5shot":
		return 5, true
	}
	return 0, false
}

// pending says which results wait for benchmarks that are not built: ceval, boolq, arc, lambada and
// perplexity. Subjects of a group belong to the group.
func pending(name string) bool {
	_, ok := mmluShots(name)
	return !ok && !strings.HasPrefix(name, "synth_mmlu_")
}

func TestGoldenLMEval(t *testing.T) {
	t.Parallel()
	root := goldens.Dir(t, "eval/lm_eval")
	files, err := filepath.Glob(filepath.Join(root, "expected_*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, error %v", len(files), err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var e expected
		if err := json.Unmarshal(data, &e); err != nil {
			t.Fatal(err)
		}
		for name := range e.Results {
			shots, group := mmluShots(name)
			if !group {
				if pending(name) && !goldens.Pending() {
					t.Run(e.Model+"/"+name, func(t *testing.T) { t.Error("this benchmark is not built") })
				}
				continue
			}
			t.Run(e.Model+"/"+name, func(t *testing.T) {
				t.Parallel()
				p := params(filepath.Join(root, "models", e.Model), filepath.Join(root, "data", "mmlu"))
				p.Shots = shots
				res, answers := must(t, p)
				if len(res.Subjects) < 2 {
					t.Errorf("%d subjects", len(res.Subjects))
				}
				exact := true
				for _, s := range res.Subjects {
					var want []judged
					if err := json.Unmarshal(e.Samples[name+"_"+s.Name], &want); err != nil {
						t.Fatalf("subject %s: %v", s.Name, err)
					}
					exact = checkSubject(t, s, want, answers, e.Results[name+"_"+s.Name]) && exact
				}
				if exact {
					checkScore(t, name, res.Total, e.Results[name])
				}
			})
		}
	}
}

// checkSubject compares every question; it is true when no answer hangs on a margin too small to
// demand the same choice.
func checkSubject(t *testing.T, s Subject, want []judged, all []answer, result map[string]any) bool {
	t.Helper()
	var answers []answer
	for _, a := range all {
		if a.Subject == s.Name {
			answers = append(answers, a)
		}
	}
	if len(answers) != len(want) || s.Count != len(want) {
		t.Fatalf("%s: %d answers, want %d", s.Name, len(answers), len(want))
	}
	exact := true
	for i, w := range want {
		a := answers[i]
		if a.ID != w.ID || a.Gold != w.Gold || a.Prompt != w.Context || len(a.LogProb) != len(w.Responses) {
			t.Errorf("%s question %d: %+v, want %+v", s.Name, i, a, w)
			continue
		}
		for k, r := range w.Responses {
			if d := math.Abs(a.LogProb[k] - r[0].(float64)); !(d <= 2e-3) || a.Greedy[k] != r[1].(bool) {
				t.Errorf("%s question %d choice %d: %.5f %v, want %v", s.Name, i, k, a.LogProb[k], a.Greedy[k], r)
			}
		}
		if w.Margin <= 1e-2 {
			exact = exact && a.Choice == w.Choice
		} else if a.Choice != w.Choice || a.Right != (w.Choice == w.Gold) {
			t.Errorf("%s question %d: choice %d, want %d", s.Name, i, a.Choice, w.Choice)
		}
	}
	if exact {
		checkScore(t, s.Name, s, result)
	}
	return exact
}

func checkScore(t *testing.T, name string, s Subject, want map[string]any) {
	t.Helper()
	acc, stderr := want["acc,none"].(float64), want["acc_stderr,none"].(float64)
	if math.Abs(s.Accuracy-acc) > 1e-9 || math.Abs(s.StdErr-stderr) > 1e-9 || float64(s.Count) != want["sample_len"] {
		t.Errorf("%s: %+v, want acc %v, stderr %v of %v", name, s, acc, stderr, want["sample_len"])
	}
}
