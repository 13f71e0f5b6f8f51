package llamafactory

import (
	"strings"

	"github.com/belay-ml/belay/dsl/foreign"
)

// export is a file with export_dir: the model with its adapters in it, as Hugging Face writes it.
func (c *config) export() {
	m := c.model()
	if m == nil {
		c.refuse("export_dir", "it names no model_name_or_path")
		return
	}
	p := c.take("export_dir")
	j := c.merged(m, "exported", "export")
	j.Keep = true
	j.Writes = append(j.Writes, foreign.Write{Path: p.Value.Text, Port: "model"})
	if t := c.take("template"); t != nil {
		c.drop(t, "the tokenizer's files are copied as they are")
	}
	c.rest(j)
}

// asked gives a job the model that it asks, merged when it has adapters.
func (c *config) asked(j *foreign.Job, m *model) {
	if m.adapter == nil {
		m.weights(j, "model")
		return
	}
	merged := c.merged(m, "merged", "adapter_name_or_path")
	j.Settings = append(j.Settings, foreign.Setting{
		Field: "model", As: m.adapter.Key.Text, At: m.adapter.Key.Span, From: []foreign.Source{{Job: merged, Port: "model"}},
	})
}

// chat is a file that names a model to talk to.
func (c *config) chat() {
	m := c.model()
	j := &foreign.Job{Kind: "generate", Name: "answers", Title: "chat", At: m.key.Key.Span, Lift: []string{"template"}}
	c.asked(j, m)
	c.made = append(c.made, j)
	if t := c.take("template"); t != nil {
		set(j, "template", t)
	}
	j.Settings = append(j.Settings, foreign.Setting{Field: "prompts", Open: "nothing", Why: "a person types the prompts of a chat", As: "chat", At: j.At})
	c.rest(j)
}

// evaluate is a file with task: TASK_SPLIT.
func (c *config) evaluate() {
	task := c.take("task")
	name, split, _ := strings.Cut(task.Value.Text, "_")
	if name != "mmlu" {
		c.refuse("task", "no such benchmark: mmlu is there")
		return
	}
	m := c.model()
	if m == nil {
		c.refuse("task", "it names no model_name_or_path")
		return
	}
	j := &foreign.Job{Kind: "benchmark", Name: name, Title: "task", At: task.Key.Span, Lift: []string{"template"}}
	c.asked(j, m)
	c.made = append(c.made, j)
	j.Settings = append(j.Settings, foreign.Setting{Field: "task", Texts: []string{name}, As: "task", At: task.Key.Span})
	if split == "validation" {
		split = "val"
	}
	if split != "" {
		j.Settings = append(j.Settings, foreign.Setting{Field: "split", Texts: []string{split}, As: "task", At: task.Key.Span})
	}
	where := "nothing"
	if p := c.take("task_dir"); p != nil {
		where = p.Value.Text
	}
	j.Settings = append(j.Settings, foreign.Setting{Field: "data", Open: where, Why: "the benchmark's files in their published layout are wanted", As: "task_dir", At: task.Key.Span, Param: name})
	if t := c.take("template"); t != nil {
		if t.Value.Text == "fewshot" {
			c.drop(t, "plain text, which no template means")
		} else {
			set(j, "template", t)
		}
	}
	if c.peek("n_shot") == nil {
		c.fixed(j, "num_fewshot", "5", "LLaMA-Factory's default")
	}
	c.rest(j)
}
