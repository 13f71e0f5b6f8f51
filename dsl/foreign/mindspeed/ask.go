package mindspeed

import (
	"path"
	"slices"
	"strings"

	"github.com/belay-ml/belay/dsl/foreign"
)

// answers are the flags of programs that ask a model, and why some are left.
func answers() []group {
	return []group{
		{"a model is asked with as many tokens as there are", "seq_length micro_batch_size evaluation_batch_size max_length"},
		{"the tokenizer is recognised by its files", "tokenizer_type tokenizer_not_use_fast tokenizer_model"},
		{"adapters are merged before a model is asked: a stage that uses convert does", "lora_*"},
		{"the model's own chat template is not taken: template names one", "hf_chat_template"},
		{"stop words stand in the template, or under stop", "add_eos_token"},
		{"a stage asks without a conversation", "history_turns chat_* instruction_template no_chat_template"},
		{"keys and values are always kept", "use_kv_cache"},
		{"there is one beam", "num_beams length_penalty"},
	}
}

// model gives a job the model it asks.
func (l *launch) model(j *foreign.Job) {
	for _, r := range [][3]string{{"load", "model", "checkpoint"}, {"tokenizer_name_or_path", "tokenizer", "tokenizer"}} {
		if f := l.take(r[0]); f != nil {
			j.Settings = append(j.Settings, f.reads(r[1], r[2]))
		}
	}
	for _, name := range []string{"bf16", "fp16"} {
		if f := l.take(name); f != nil {
			l.drop(f, "a model is asked in fp32, from weights of any type")
		}
	}
	l.dropout()
}

// generate is inference.py.
func generate(l *launch) []*foreign.Job {
	j := l.job("generate", "answers")
	j.Lift = []string{"template", "max_new_tokens"}
	l.model(j)
	j.Settings = append(j.Settings, foreign.Setting{Field: "prompts", Open: "nothing", Why: "its prompts are part of the program", As: l.program, At: l.at})
	draws := false
	if f := l.take("task"); f != nil {
		draws = len(f.values) > 0 && f.values[0].Text == "do_sample"
		why := "greedy decoding is what a stage does unless do_sample is set"
		if draws {
			why = "taken as do_sample: true"
		}
		if len(f.values) != 1 || f.values[0].Text != "greedy" && !draws {
			why = "of its tasks greedy and do_sample are there, the first one is taken"
		}
		l.drop(f, why)
	}
	if draws {
		j.Settings = append(j.Settings, l.fixed("do_sample", "true", ""))
		for _, d := range [][2]string{{"temperature", "0.7"}, {"top_p", "0.95"}} {
			if !l.has(d[0]) {
				j.Settings = append(j.Settings, l.fixed(d[0], d[1], "the default of "+l.program))
			}
		}
	} else {
		for _, name := range []string{"temperature", "top_k", "top_p"} {
			if f := l.take(name); f != nil {
				l.drop(f, "greedy decoding draws nothing")
			}
		}
	}
	l.rest(j, answers()...)
	return []*foreign.Job{j}
}

// evaluate is evaluation.py: one stage for each of its tasks that belay has.
func evaluate(l *launch) []*foreign.Job {
	var have []string
	if f, ok := kindOf(l.stages, "benchmark").Lookup("task"); ok {
		have = f.Enum
	}
	tasks, paths := l.take("task"), l.take("task_data_path")
	l.why = "no benchmark is named"
	if tasks == nil {
		return nil
	}
	l.why = "of its benchmarks belay has " + strings.Join(have, ", ")
	var jobs []*foreign.Job
	for _, t := range tasks.values {
		if !slices.Contains(have, t.Text) {
			l.left = append(l.left, foreign.Left{At: t.Span, Name: tasks.as, Value: t.Text, Why: l.why})
			continue
		}
		j := l.job("benchmark", t.Text)
		j.Lift = []string{"template"}
		j.Settings = append(j.Settings, foreign.Setting{Field: "task", Texts: []string{t.Text}, As: tasks.as, At: t.Span})
		l.examined(j, t.Text, paths)
		jobs = append(jobs, j)
	}
	if len(jobs) == 0 {
		l.why = strings.Join(tasks.texts(), ", ") + ": " + l.why
		return nil
	}
	l.model(jobs[0])
	for _, name := range []string{"greedy", "temperature", "top_k", "top_p"} {
		if f := l.take(name); f != nil {
			l.drop(f, "evaluation.py is greedy whatever this says")
		}
	}
	own := len(jobs[0].Settings)
	l.rest(jobs[0], append(answers(), group{"examples are the first ones of the dev split: nothing is drawn", "seed"})...)
	for _, j := range jobs[1:] { // all of them ask the same model in the same way
		for i, s := range jobs[0].Settings {
			if s.Field != "task" && s.Field != "task_data_path" && s.Field != "split" && (i < own || s.Else == "") {
				j.Settings = append(j.Settings, s)
			}
		}
	}
	return jobs
}

// examined gives a benchmark its files: the last path that names it, as the reference chooses.
func (l *launch) examined(j *foreign.Job, task string, paths *flag) {
	j.Settings = append(j.Settings,
		l.fixed("protocol", "generate", "as "+l.program+" does"),
		l.fixed("num_fewshot", "5", "as "+l.program+" does"))
	if paths == nil {
		return
	}
	for _, v := range slices.Backward(paths.values) {
		if len(paths.values) > 1 && !strings.Contains(v.Text, task) {
			continue
		}
		s := foreign.Setting{Field: "task_data_path", Texts: []string{v.Text}, As: paths.as, At: v.Span, Param: task}
		if v.Hole != nil {
			s.Texts, s.Open, s.Why = nil, v.Text, v.Hole.Why
		} else if folder, split := path.Split(strings.TrimRight(v.Text, "/")); folder != "" && slices.Contains([]string{"test", "val", "dev"}, split) {
			s.Texts = []string{folder}
			j.Settings = append(j.Settings, foreign.Setting{Field: "split", Texts: []string{split}, As: paths.as, At: v.Span})
		}
		j.Settings = append(j.Settings, s)
		return
	}
}
