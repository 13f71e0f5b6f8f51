package optim

import (
	"errors"
	"fmt"
)

// State is a schedule as checkpoints hold it, under Megatron-LM's names.
type State struct {
	MaxLR         float64 `json:"max_lr"`
	LRWarmupSteps float64 `json:"lr_warmup_steps"`
	NumSteps      int64   `json:"num_steps"`
	LRDecayStyle  Style   `json:"lr_decay_style"`
	LRDecaySteps  int64   `json:"lr_decay_steps"`
	MinLR         float64 `json:"min_lr"`
	StartWD       float64 `json:"start_wd"`
	EndWD         float64 `json:"end_wd"`
	WDIncrStyle   Style   `json:"wd_incr_style"`
	WDIncrSteps   int64   `json:"wd_incr_steps"`
}

// State is the schedule after n samples for a checkpoint. The start of the warm-up is not part of it.
func (s Schedule) State(n int64) State {
	return State{
		MaxLR: s.MaxLR, LRWarmupSteps: s.WarmupSteps, NumSteps: n, LRDecayStyle: s.Style, LRDecaySteps: s.DecaySteps,
		MinLR: s.MinLR, StartWD: s.StartWD, EndWD: s.EndWD, WDIncrStyle: s.WDStyle, WDIncrSteps: s.WDSteps,
	}
}

// Precedence says which schedule counts on resuming when checkpoint and configuration differ.
type Precedence uint8

// The three ways to resume.
const (
	MustAgree Precedence = iota
	UseCheckpoint
	UseConfigured
)

// Resume is the schedule to go on with from a checkpoint's state. The number of samples done is always
// the state's NumSteps.
func (s Schedule) Resume(from State, p Precedence) (Schedule, error) {
	if from.NumSteps < 0 {
		return Schedule{}, fmt.Errorf("resume schedule: checkpoint counts %d samples", from.NumSteps)
	}
	stored := Schedule{
		MaxLR: from.MaxLR, MinLR: from.MinLR, InitLR: s.InitLR, WarmupSteps: from.LRWarmupSteps, DecaySteps: from.LRDecaySteps,
		Style: from.LRDecayStyle, StartWD: from.StartWD, EndWD: from.EndWD, WDSteps: from.WDIncrSteps, WDStyle: from.WDIncrStyle,
	}
	switch p {
	case UseConfigured:
		return s, s.Check()
	case UseCheckpoint:
		return stored, stored.Check()
	}
	var faults []error
	differs := func(what string, stored, configured any) {
		if stored != configured {
			faults = append(faults, fmt.Errorf("%s: checkpoint has %v, configuration %v", what, stored, configured))
		}
	}
	differs("learning rate", stored.MaxLR, s.MaxLR)
	differs("minimum learning rate", stored.MinLR, s.MinLR)
	differs("warm-up samples", stored.WarmupSteps, s.WarmupSteps)
	differs("decay samples", stored.DecaySteps, s.DecaySteps)
	differs("decay style", stored.Style, s.Style)
	differs("start of weight decay", stored.StartWD, s.StartWD)
	differs("end of weight decay", stored.EndWD, s.EndWD)
	differs("weight decay style", stored.WDStyle, s.WDStyle)
	differs("weight decay samples", stored.WDSteps, s.WDSteps)
	if len(faults) > 0 {
		return Schedule{}, fmt.Errorf("resume schedule: %w; say which one counts (use_checkpoint_opt_param_scheduler or override_opt_param_scheduler)", errors.Join(faults...))
	}
	return s, s.Check()
}
