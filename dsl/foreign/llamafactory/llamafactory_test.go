package llamafactory_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/dsl/foreign"
	"github.com/belay-ml/belay/dsl/foreign/llamafactory"
	"github.com/belay-ml/belay/dsl/pos"
)

func TestConfigurationsAreRecognisedByTheirKeys(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		want bool
	}{
		{"### model\nmodel_name_or_path: a\n", true},
		{"stage: sft\nfinetuning_type: lora\n", true},
		{`{"a": 1, "export_dir": "x"}`, true},
		{`{'model_name_or_path': x}`, true},
		{"python train.py --model_name_or_path a\n", false},
		{"belay: 1\nname: x\n", false},
		{"# model_name_or_path: a\n", false},
	} {
		if got := llamafactory.Recognise(c.text); got != c.want {
			t.Errorf("%q: %v", c.text, got)
		}
	}
}

// read makes the jobs of a configuration beside a dataset_info.json.
func read(text, info string) ([]*foreign.Job, []foreign.Left, error) {
	r := llamafactory.NewReader("/w", func(path string) (string, bool) {
		return info, info != "" && filepath.Base(path) == "dataset_info.json"
	})
	jobs, left, l := r.Jobs(pos.NewFile("a.yaml", "/w/a.yaml", "/w", text))
	return jobs, left, l.Err()
}

func TestWhatAFileAsksForBecomesStages(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"tuning", "model_name_or_path: a/b\nstage: sft\n", []string{"hf-download", "preprocess", "finetune"}},
		{"tuning of a folder", "model_name_or_path: ./b\nstage: sft\n", []string{"preprocess", "finetune"}},
		{"pretraining", "model_name_or_path: a/b\nstage: pt\nfinetuning_type: full\n", []string{"hf-download", "preprocess", "pretrain"}},
		{"export", "model_name_or_path: a/b\nexport_dir: x\n", []string{"hf-download", "convert"}},
		{"a chat", "model_name_or_path: a/b\n", []string{"hf-download", "generate"}},
		{"a chat with adapters", "model_name_or_path: a/b\nadapter_name_or_path: c\n", []string{"hf-download", "convert", "generate"}},
		{"evaluation", "model_name_or_path: a/b\ntask: mmlu_test\n", []string{"hf-download", "benchmark"}},
		{"a training that is not there", "model_name_or_path: a/b\nstage: dpo\n", nil},
		{"no model", "adapter_name_or_path: a\n", nil},
		{"no model to export", "export_dir: a\n", nil},
		{"no model to evaluate", "task: mmlu_test\n", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			jobs, left, err := read(c.text, "")
			if err != nil {
				t.Fatal(err)
			}
			var kinds []string
			for _, j := range jobs {
				kinds = append(kinds, j.Kind)
			}
			if d := cmp.Diff(c.want, kinds); d != "" || kinds == nil && len(left) == 0 {
				t.Errorf("%s, left %v", d, left)
			}
		})
	}
}

func TestDescriptionsOfSetsThatAreWrongAreTold(t *testing.T) {
	t.Parallel()
	for _, info := range []string{"{", "[]", "\xff"} {
		_, left, err := read("model_name_or_path: a/b\nstage: sft\ndataset: x\n", info)
		if err != nil || len(left) != 1 || !strings.HasSuffix(left[0].Name, "dataset_info.json") {
			t.Errorf("%q: left %v, %v", info, left, err)
		}
	}
}

func FuzzJobs(f *testing.F) {
	f.Add("model_name_or_path: a/b\nstage: sft\ndataset: [x, y]\nlora_target: q_proj\ncutoff_len: 3\n", `{"x": {"file_name": "x", "columns": {"prompt": "p"}}, "y": {"hf_hub_url": "a/b"}}`)
	f.Add(`{"model_name_or_path": {"a": 1}, "stage": ["pt"], "dataset": {}, "val_size": 2, "max_steps": "x"}`, `{"x": [], "": {}}`)
	f.Add("adapter_name_or_path: [a, b]\nexport_dir: {}\nmodel_name_or_path: 3\n", "")
	f.Add("task: 1\nmodel_name_or_path: ../x\nadapter_name_or_path: true\n", "{")
	f.Fuzz(func(t *testing.T, text, info string) {
		jobs, left, err := read(text, info)
		if err == nil && len(jobs) == 0 && len(left) == 0 {
			t.Fatal("neither a stage nor a reason")
		}
	})
}
