package optim

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/belay-ml/belay/testdata/goldens"
)

// scheduleConfig is a case's configuration under Megatron-LM's argument names.
type scheduleConfig struct {
	Name              string          `json:"name"`
	TrainIters        int64           `json:"train_iters"`
	TrainSamples      int64           `json:"train_samples"`
	DecayIters        int64           `json:"lr_decay_iters"`
	DecaySamples      int64           `json:"lr_decay_samples"`
	WarmupFraction    *float64        `json:"lr_warmup_fraction"`
	WarmupIters       int64           `json:"lr_warmup_iters"`
	WarmupSamples     int64           `json:"lr_warmup_samples"`
	WarmupInit        float64         `json:"lr_warmup_init"`
	LR                float64         `json:"lr"`
	MinLR             float64         `json:"min_lr"`
	Style             Style           `json:"lr_decay_style"`
	StartWD           float64         `json:"start_weight_decay"`
	EndWD             float64         `json:"end_weight_decay"`
	WDStyle           Style           `json:"weight_decay_incr_style"`
	UseCheckpoint     bool            `json:"use_checkpoint_opt_param_scheduler"`
	Override          bool            `json:"override_opt_param_scheduler"`
	GlobalBatch       int64           `json:"global_batch_size"`
	MicroBatch        int64           `json:"micro_batch_size"`
	DataParallel      int64           `json:"data_parallel_size"`
	Ramp              []int64         `json:"rampup_batch_size"`
	Skipped           []int64         `json:"skipped_iterations"`
	RunIters          int64           `json:"run_iters"`
	ResumeSteps       *int64          `json:"resume_num_steps"`
	ResumeIteration   int64           `json:"resume_iteration"`
	CheckpointChanges json.RawMessage `json:"checkpoint_overrides"`
	Groups            []groupConfig   `json:"param_groups"`
}

type groupConfig struct {
	WDMult float64  `json:"wd_mult"`
	LRMult float64  `json:"lr_mult"`
	MaxLR  *float64 `json:"max_lr"`
	MinLR  *float64 `json:"min_lr"`
}

type scheduleRow struct {
	Iteration int64     `json:"iteration"`
	Batch     int64     `json:"batch_size"`
	Consumed  int64     `json:"consumed_samples"`
	Steps     int64     `json:"num_steps"`
	LRUsed    []float64 `json:"lr_used"`
	WDUsed    []float64 `json:"wd_used"`
	LRLogged  []float64 `json:"lr_logged"`
}

type scheduleCase struct {
	Config  json.RawMessage `json:"config"`
	Derived *struct {
		TrainIters  int64   `json:"train_iters"`
		WarmupSteps float64 `json:"lr_warmup_steps"`
		DecaySteps  int64   `json:"lr_decay_steps"`
		WDSteps     int64   `json:"wd_incr_steps"`
	} `json:"derived"`
	AfterLoad *State        `json:"after_load"`
	Error     string        `json:"error"`
	Rows      []scheduleRow `json:"rows"`
}

func strict(t *testing.T, raw []byte, into any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		t.Fatal(err)
	}
}

func (c *scheduleConfig) plan() Plan {
	p := Plan{
		TrainIters: c.TrainIters, TrainSamples: c.TrainSamples, LRDecayIters: c.DecayIters, LRDecaySamples: c.DecaySamples,
		WarmupFraction: c.WarmupFraction, WarmupIters: c.WarmupIters, WarmupSamples: c.WarmupSamples,
		LR: c.LR, MinLR: c.MinLR, WarmupInit: c.WarmupInit, Style: c.Style, StartWD: c.StartWD, EndWD: c.EndWD, WDStyle: c.WDStyle,
		GlobalBatch: c.GlobalBatch,
	}
	if len(c.Ramp) == 3 {
		p.Ramp = &Ramp{c.Ramp[0], c.Ramp[1], c.Ramp[2]}
	}
	return p
}

// resumed is the schedule and the samples done when the case's run begins.
func (c *scheduleConfig) resumed(t *testing.T, s Schedule) (Schedule, int64, error) {
	if c.ResumeSteps == nil {
		return s, 0, nil
	}
	state := s.State(*c.ResumeSteps)
	if c.CheckpointChanges != nil {
		strict(t, c.CheckpointChanges, &state)
	}
	p := MustAgree
	switch {
	case c.UseCheckpoint && c.Override:
		return s, 0, errors.New("both ways of resuming")
	case c.UseCheckpoint:
		p = UseCheckpoint
	case c.Override:
		p = UseConfigured
	}
	s, err := s.Resume(state, p)
	return s, state.NumSteps, err
}

func TestGoldenSchedules(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(filepath.Join(goldens.Dir(t, "eval"), "lr_schedules.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Defaults json.RawMessage `json:"defaults"`
		Groups   []groupConfig   `json:"default_param_groups"`
		Cases    []scheduleCase  `json:"cases"`
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	for _, c := range file.Cases {
		config := scheduleConfig{Groups: file.Groups}
		strict(t, file.Defaults, &config)
		strict(t, c.Config, &config)
		t.Run(config.Name, func(t *testing.T) { c.check(t, config) })
	}
}

func (c *scheduleCase) check(t *testing.T, config scheduleConfig) {
	plan := config.plan()
	s, err := plan.Schedule()
	var iterations, done int64
	if err == nil {
		iterations, err = plan.Iterations()
	}
	if err == nil {
		if d := c.Derived; d != nil && (d.TrainIters != iterations || d.DecaySteps != s.DecaySteps || d.WDSteps != s.WDSteps || !close15(d.WarmupSteps, s.WarmupSteps)) {
			t.Errorf("derived %d iterations and %+v, want %+v", iterations, s, *d)
		}
		s, done, err = config.resumed(t, s)
	}
	if (err != nil) != (c.Error != "") {
		t.Fatalf("have error %v, want %q", err, c.Error)
	}
	if err != nil {
		return
	}
	if c.AfterLoad != nil && s.State(done) != *c.AfterLoad {
		t.Errorf("loaded %+v, want %+v", s.State(done), *c.AfterLoad)
	}
	groups := make([]Group, len(config.Groups))
	for i, g := range config.Groups {
		groups[i] = Group{LRMult: g.LRMult, WDMult: g.WDMult, MaxLR: g.MaxLR, MinLR: g.MinLR}
	}
	consumed := done
	if len(c.Rows) > 0 {
		consumed = c.Rows[0].Consumed - c.Rows[0].Batch
	}
	for _, row := range c.Rows {
		if b := plan.Batch(consumed); b != row.Batch {
			t.Fatalf("iteration %d: batch %d, want %d", row.Iteration, b, row.Batch)
		}
		for i, g := range groups {
			same(t, row.Iteration, "learning rate used", s.LR(done, g), row.LRUsed[i])
			same(t, row.Iteration, "weight decay used", s.WeightDecay(done, g), row.WDUsed[i])
		}
		consumed += row.Batch
		if !slices.Contains(config.Skipped, row.Iteration) {
			done += row.Batch
		}
		if consumed != row.Consumed || done != row.Steps {
			t.Fatalf("iteration %d: %d consumed, %d steps, want %d and %d", row.Iteration, consumed, done, row.Consumed, row.Steps)
		}
		for i, g := range groups {
			same(t, row.Iteration, "learning rate logged", s.LR(done, g), row.LRLogged[i])
		}
	}
}

func close15(a, b float64) bool { return math.Abs(a-b) <= 1e-15*max(math.Abs(a), math.Abs(b)) }

func same(t *testing.T, iteration int64, what string, got, want float64) {
	t.Helper()
	if !close15(got, want) {
		t.Errorf("iteration %d: %s: have %.17g, want %.17g", iteration, what, got, want)
	}
}
