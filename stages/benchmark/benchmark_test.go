package benchmark

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/enginetest"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/metric"
	"github.com/belay-ml/belay/engine/param"
	"github.com/belay-ml/belay/stages/benchmark/task"
	"github.com/belay-ml/belay/stages/internal/tiny"
)

func params(model, data string) Params {
	return Params{
		Model: artifact.Ref{Path: model}, Data: artifact.Ref{Path: data}, Task: "mmlu", Split: "test", Protocol: "loglikelihood",
		NewTokens: 1, Batch: 4096,
	}
}

func run(t *testing.T, p Params) (string, error) {
	t.Helper()
	root := t.TempDir()
	out := engine.Out{Root: root, Ports: map[string]string{"metrics": filepath.Join(root, "metrics")}, Notes: map[string]any{}}
	err := Stage{}.Run(context.Background(), engine.In{Params: &p, Work: t.TempDir(), CPU: 2}, out)
	return out.Ports["metrics"], err
}

// must runs and reads the results back.
func must(t *testing.T, p Params) (Results, []answer) {
	t.Helper()
	dir, err := run(t, p)
	if err != nil {
		t.Fatal(err)
	}
	var res Results
	data, err := os.ReadFile(filepath.Join(dir, "results.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &res); err != nil {
		t.Fatal(err)
	}
	data, err = os.ReadFile(filepath.Join(dir, "samples.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var answers []answer
	for _, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		var a answer
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatal(err)
		}
		answers = append(answers, a)
	}
	return res, answers
}

// questions writes two subjects, with three examples for one and two for the other.
func questions(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range map[string]string{
		"test/colours_test.csv": "Is it red?,yes,no,maybe,never,A\nIs it blue?,yes,no,maybe,never,B\nIs it green?,yes,no,maybe,never,D\n",
		"test/numbers_test.csv": "Is it one?,1,2,3,4,A\nIs it two?,1,2,3,4,B\n",
		"dev/colours_dev.csv":   "Was it red?,yes,no,maybe,never,A\nWas it blue?,yes,no,maybe,never,C\nWas it?,yes,no,maybe,never,C\n",
		"dev/numbers_dev.csv":   "Was it one?,1,2,3,4,A\nWas it two?,1,2,3,4,B\n",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestStage(t *testing.T) {
	t.Parallel()
	model := tiny.Model(t, tiny.Config(), dtype.F32)
	data := questions(t)
	values := func(more ...any) map[string]any {
		v := map[string]any{"model": engine.Source{Path: model, As: "model"}, "data": engine.Source{Path: data, As: "data"}, "task": "mmlu"}
		for i := 0; i < len(more); i += 2 {
			v[more[i].(string)] = more[i+1]
		}
		return v
	}
	enginetest.Stage(t, Stage{},
		enginetest.Case{Name: "log-likelihood", Values: values("num_fewshot", 1)},
		enginetest.Case{Name: "log-likelihood by template", Values: values("template", "chatml")},
		enginetest.Case{Name: "generate", Values: values("protocol", "generate", "max_new_tokens", 3)})
}

func TestTasksOfTheParameterAreThoseThatExist(t *testing.T) {
	t.Parallel()
	s, err := param.Of(Params{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, k := range task.All() {
		names = append(names, k.Name())
	}
	for _, f := range s.Fields {
		if f.Name == "task" && !slices.Equal(f.Enum, names) {
			t.Errorf("parameter takes %v, there are %v", f.Enum, names)
		}
	}
}

func TestEveryParameterActs(t *testing.T) {
	t.Parallel()
	model, data := tiny.Model(t, tiny.Config(), dtype.F32), questions(t)
	base := params(model, data)
	_, want := must(t, base)
	if len(want) != 5 {
		t.Fatalf("%d answers", len(want))
	}
	for name, change := range map[string]func(p *Params){
		"split":            func(p *Params) { p.Split = "dev" },
		"num_fewshot":      func(p *Params) { p.Shots = 1 },
		"protocol":         func(p *Params) { p.Protocol = "generate" },
		"template":         func(p *Params) { p.Template = "chatml" },
		"max_eval_samples": func(p *Params) { p.Limit = 2 },
	} {
		p := base
		change(&p)
		if _, have := must(t, p); cmp.Equal(want, have, cmp.AllowUnexported(answer{})) {
			t.Errorf("%s changes nothing", name)
		}
	}
	p := base
	p.Protocol, p.NewTokens = "generate", 1
	_, short := must(t, p)
	p.NewTokens = 6
	_, long := must(t, p)
	if len(*short[0].Text) >= len(*long[0].Text) {
		t.Errorf("max_new_tokens changes nothing: %q, %q", *short[0].Text, *long[0].Text)
	}
	p = base
	p.Batch = 1
	if _, have := must(t, p); !closeTo(want, have) {
		t.Errorf("batch_tokens changes the result: %+v, %+v", want, have)
	}
}

// closeTo compares answers but for the last bits of their log-probabilities.
func closeTo(a, b []answer) bool {
	near := cmp.Comparer(func(x, y float64) bool { return x-y < 1e-5 && y-x < 1e-5 })
	return cmp.Equal(a, b, near, cmp.AllowUnexported(answer{}))
}

func TestLimitTakesTheFirstOfEachSubject(t *testing.T) {
	t.Parallel()
	p := params(tiny.Model(t, tiny.Config(), dtype.F32), questions(t))
	p.Limit = 2
	res, answers := must(t, p)
	var have []string
	for _, a := range answers {
		have = append(have, fmt.Sprint(a.Subject, a.ID))
	}
	if d := cmp.Diff([]string{"colours0", "colours1", "numbers0", "numbers1"}, have); d != "" {
		t.Error(d)
	}
	if res.Total.Count != 4 {
		t.Errorf("total %+v", res.Total)
	}
}

// graded are the results of made-up answers: one right of four, and two of two.
func graded() Results {
	subjects := []task.Subject{{Name: "a", Items: make([]task.Item, 4)}, {Name: "b", Items: make([]task.Item, 2)}}
	answers := make([]answer, 6)
	for _, i := range []int{1, 4, 5} {
		answers[i].Right = true
	}
	return grade(&Params{Task: "mmlu", Split: "test", Protocol: "loglikelihood", Shots: 2}, subjects, answers)
}

func TestGradesAreCountedBySubject(t *testing.T) {
	t.Parallel()
	res := graded()
	rows := [][]string{{"a", "4", "0.2500", "0.2500"}, {"b", "2", "1.0000", "0.0000"}, {"total", "6", "0.5000", "0.1768"}}
	if d := cmp.Diff(rows, res.rows()); d != "" {
		t.Error(d)
	}
	if table := res.table(); table.Headline["acc"] != 0.5 || len(table.Rows) != 3 {
		t.Errorf("table %+v", table)
	}
	dir := t.TempDir()
	if err := res.write(dir, []answer{{Subject: "a", Choice: -1}}); err != nil {
		t.Fatal(err)
	}
	numbers, err := metric.Read(dir)
	if d := cmp.Diff(metric.Set{"question_n": 6, "acc": 0.5, "acc_stderr": res.Total.StdErr}, numbers); d != "" || err != nil {
		t.Error(err, d)
	}
	names := metricNames()
	if slices.Sort(names); !slices.Equal(names, numbers.Names()) {
		t.Errorf("declared %v, written %v", names, numbers.Names())
	}
	for name, want := range map[string]string{
		"results.csv":   "subject,question_n,acc,acc_stderr\na,4,0.2500,0.2500\nb,2,1.0000,0.0000\ntotal,6,0.5000,0.1768\n",
		"samples.jsonl": `{"subject":"a","id":0,"prompt_sha256":"","gold":0,"choice":-1,"right":false}` + "\n",
	} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, string(data)); d != "" {
			t.Errorf("%s:\n%s", name, d)
		}
	}
}

func TestMistakesNameTheirCause(t *testing.T) {
	t.Parallel()
	model, data := tiny.Model(t, tiny.Config(), dtype.F32), questions(t)
	broken := t.TempDir()
	if err := os.WriteFile(filepath.Join(broken, "x_test.csv"), []byte("Q,a,b,c,d,A\nQ,a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		change func(p *Params)
		code   int
		want   string
	}{
		{"more examples than there are", func(p *Params) { p.Shots = 3 }, fault.Data, "num_fewshot 3: subject numbers has 2 examples"},
		{"examples beside the folder", func(p *Params) { p.Shots, p.Data.Path = 1, filepath.Join(data, "test") }, fault.Data, "has 0 examples"},
		{"examples that are the questions", func(p *Params) { p.Shots, p.Split = 1, "dev" }, fault.Recipe, "would show the answers"},
		{"no such split", func(p *Params) { p.Split = "val" }, fault.Data, "no files *_val.csv"},
		{"a broken file", func(p *Params) { p.Data.Path = broken }, fault.Data, "x_test.csv: line 2"},
		{"an unknown task", func(p *Params) { p.Task = "x" }, fault.Recipe, "unknown benchmark"},
		{"an unknown template", func(p *Params) { p.Template = "x" }, fault.Recipe, `no template "x"`},
		{"no model", func(p *Params) { p.Model.Path = broken }, fault.Data, "tokenizer"},
	} {
		p := params(model, data)
		c.change(&p)
		_, err := run(t, p)
		if fault.CodeOf(err) != c.code || !strings.Contains(fmt.Sprint(err), c.want) {
			t.Errorf("%s: code %d, error %v", c.name, fault.CodeOf(err), err)
		}
	}
}
