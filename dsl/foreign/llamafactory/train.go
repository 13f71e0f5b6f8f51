package llamafactory

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/belay-ml/belay/dsl/ast"
	"github.com/belay-ml/belay/dsl/foreign"
	"github.com/belay-ml/belay/dsl/pos"
)

// train is a file with stage: pt or sft.
func (c *config) train() {
	running := false
	stage := c.take("stage")
	if stage != nil && stage.Value.Text != "sft" {
		if running = stage.Value.Text == "pt"; !running {
			c.refuse("stage", "no stage trains so: sft and pt are there")
			return
		}
	}
	method := c.take("finetuning_type")
	lora := method == nil || method.Value.Text == "lora" // lora is the default
	if method != nil && !slices.Contains([]string{"lora", "full"}, method.Value.Text) {
		c.refuse("finetuning_type", "no stage trains so: full and lora are there")
		return
	}
	m := c.model()
	data := c.preprocess(m, running)
	at := c.root.Span
	if stage != nil {
		at = stage.Key.Span
	}
	j := c.job("finetune", "tuned", "stage: sft", at)
	if running {
		j.Kind, j.Name, j.Title = "pretrain", "pretrained", "stage: pt"
	}
	j.Keep = true
	j.Lift = []string{"seq_length", "train_iters", "lr", "micro_batch_size", "global_batch_size"}
	if m != nil {
		m.weights(j, "checkpoint")
		if m.adapter != nil {
			c.drop(m.adapter, "adapters begin anew: a stage that merged them is what to go on from")
		}
	}
	j.Settings = append(j.Settings, foreign.Setting{Field: "data", As: "dataset", At: at, From: []foreign.Source{{Job: data, Port: "index"}}})
	if p := c.take("output_dir"); p != nil {
		j.Writes = append(j.Writes, foreign.Write{Path: p.Value.Text, Port: "checkpoint"})
	}
	switch {
	case running && method != nil && lora:
		c.drop(method, "pretraining trains all weights: finetune has mode lora")
	case lora && !running:
		c.fixed(j, "mode", "lora", "")
		c.adapters(j)
	}
	c.length(j)
	c.schedule(j, at)
	c.rest(j)
}

// length is the longest sample; the default is LLaMA-Factory's.
func (c *config) length(j *foreign.Job) {
	if p := c.take("cutoff_len"); p != nil {
		set(j, "seq_length", p)
		return
	}
	c.fixed(j, "seq_length", cutoff, "")
}

// adapters are those of low rank.
func (c *config) adapters(j *foreign.Job) {
	rank := "8"
	if p := c.take("lora_rank"); p != nil {
		rank = p.Value.Text
		set(j, "lora_r", p)
	} else {
		c.fixed(j, "lora_r", rank, "LLaMA-Factory's default")
	}
	if c.peek("lora_alpha") == nil {
		if r, err := strconv.Atoi(rank); err == nil && r < 1<<20 {
			c.fixed(j, "lora_alpha", strconv.Itoa(2*r), "LLaMA-Factory's default")
		}
	}
	p := c.take("lora_target")
	if p == nil || slices.Equal(names(p.Value), []string{"all"}) {
		return // all of them is belay's default too
	}
	s := foreign.Setting{Field: "lora_target_modules", As: p.Key.Text, At: p.Key.Span, Texts: []string{}}
	joined := map[string]int{}
	for _, name := range names(p.Value) {
		to, ok := modules()[name]
		if !ok {
			c.leave(p, name, "adapters sit on the joined projections of Megatron, and this is none of them")
			continue
		}
		if joined[to]++; joined[to] == 1 {
			s.Texts = append(s.Texts, to)
		}
	}
	if joined["linear_qkv"] > 0 && joined["linear_qkv"] < 3 {
		s.Note = "on all of q, k and v, which are one"
	}
	if len(s.Texts) > 0 {
		j.Settings = append(j.Settings, s)
	}
}

// schedule is how many steps there are and how large they are.
func (c *config) schedule(j *foreign.Job, at pos.Span) {
	batch, steps := c.count("per_device_train_batch_size", 8), c.count("gradient_accumulation_steps", 1)
	if c.peek("per_device_train_batch_size") == nil {
		c.fixed(j, "micro_batch_size", "8", "LLaMA-Factory's default")
	}
	if p := c.take("gradient_accumulation_steps"); p != nil {
		if batch > 0 && steps > 0 {
			j.Settings = append(j.Settings, foreign.Setting{
				Field: "global_batch_size", Texts: []string{strconv.Itoa(batch * steps)}, As: p.Key.Text, At: p.Key.Span, Note: "on one device",
			})
		} else {
			c.drop(p, "want a whole number")
		}
	} else if batch > 0 {
		c.fixed(j, "global_batch_size", strconv.Itoa(batch), "on one device")
	}
	epochs := c.take("num_train_epochs")
	if n := c.peek("max_steps"); n == nil || n.Kind == ast.Int && n.Int <= 0 {
		if p := c.take("max_steps"); p != nil {
			c.drop(p, "below 1 means that epochs count")
		}
		s := foreign.Setting{
			Field: "train_iters", As: "num_train_epochs", At: at, Open: "3.0",
			Why: "steps count here, which are epochs times records by the batch",
		}
		if epochs != nil {
			s.At, s.Open = epochs.Key.Span, epochs.Value.Text
		}
		j.Settings = append(j.Settings, s)
	} else if epochs != nil {
		c.drop(epochs, "max_steps counts")
	}
	if c.peek("learning_rate") == nil {
		c.fixed(j, "lr", "5e-5", "LLaMA-Factory's default")
	}
	if c.peek("weight_decay") == nil {
		c.fixed(j, "weight_decay", "0", "LLaMA-Factory's default")
	}
	if p := c.take("lr_scheduler_type"); p != nil {
		set(j, "lr_decay_style", p)
		if to, ok := schedules()[p.Value.Text]; ok {
			j.Settings[len(j.Settings)-1].Texts = []string{to}
		}
	}
	for _, name := range []string{"bf16", "fp16"} {
		if c.on(name) {
			p := c.take(name)
			j.Settings = append(j.Settings, foreign.Setting{Field: "dtype", Texts: []string{name}, As: name, At: p.Key.Span, Note: "of the saved weights"})
		} else if p := c.take(name); p != nil {
			c.drop(p, "training computes in fp32")
		}
	}
	if p := c.take("val_size"); p != nil {
		if v, err := strconv.ParseFloat(p.Value.Text, 64); err == nil && v >= 0 && v < 1 {
			j.Settings = append(j.Settings, foreign.Setting{
				Field: "split", Texts: []string{fmt.Sprintf("%g,%g,0", 100-100*v, 100*v)}, As: p.Key.Text, At: p.Key.Span,
			})
		} else {
			c.drop(p, "want a share below 1")
		}
	}
}

// count is a key's whole number, 0 when it is something else.
func (c *config) count(key string, otherwise int) int {
	n := c.peek(key)
	if n == nil {
		return otherwise
	}
	if n.Kind != ast.Int || n.Int < 1 || n.Int > 1<<30 {
		return 0
	}
	return int(n.Int)
}
