package trainer

import (
	"fmt"

	"github.com/belay-ml/belay/ascend/optim"
	"github.com/belay-ml/belay/engine/fault"
)

// Hyper holds the parameters that pretraining and fine-tuning share, under Megatron's names.
type Hyper struct {
	TrainIters      int     `yaml:"train_iters" required:"true" min:"1" doc:"optimizer steps"`
	MicroBatchSize  int     `yaml:"micro_batch_size" default:"1" min:"1" doc:"sequences in one forward and backward pass"`
	GlobalBatchSize int     `yaml:"global_batch_size" default:"0" min:"0" doc:"sequences an optimizer step; 0 means one micro batch"`
	LR              float64 `yaml:"lr" required:"true" min:"0" doc:"peak learning rate"`
	MinLR           float64 `yaml:"min_lr" default:"0" min:"0" doc:"learning rate at the end of the decay"`
	LRDecayStyle    string  `yaml:"lr_decay_style" default:"linear" enum:"constant,linear,cosine,inverse-square-root" doc:"form of the decay after the warm-up"`
	LRDecayIters    int     `yaml:"lr_decay_iters" default:"0" min:"0" doc:"iterations over which the rate decays; 0 means train_iters"`
	LRWarmupIters   int     `yaml:"lr_warmup_iters" default:"0" min:"0" doc:"iterations over which the rate rises from 0"`
	LRWarmupFrac    float64 `yaml:"lr_warmup_fraction" default:"0" min:"0" max:"1" doc:"warm-up as a share of lr_decay_iters, instead of lr_warmup_iters"`
	WeightDecay     float64 `yaml:"weight_decay" default:"0.01" min:"0" doc:"decoupled weight decay of matrices; vectors have none"`
	AdamBeta1       float64 `yaml:"adam_beta1" default:"0.9" min:"0" max:"1" doc:"decay of the first moment"`
	AdamBeta2       float64 `yaml:"adam_beta2" default:"0.999" min:"0" max:"1" doc:"decay of the second moment"`
	AdamEps         float64 `yaml:"adam_eps" default:"1e-8" min:"0" doc:"added to the root of the second moment"`
	ClipGrad        float64 `yaml:"clip_grad" default:"1.0" min:"0" doc:"largest L2 norm of the gradient; 0 means no clipping"`
	Seed            int64   `yaml:"seed" default:"1234" min:"0" max:"4294967295" doc:"seed of the order of the data and of adapters' initial values"`
	OnNaN           string  `yaml:"on_nan" default:"stop" enum:"stop,skip" doc:"what to do when the loss or the gradient is not a number: stop the run, or skip the step"`
	LogInterval     int     `yaml:"log_interval" default:"10" min:"1" key:"no" doc:"iterations between two points of the curves on screen"`
	SaveInterval    int     `yaml:"save_interval" default:"100" min:"1" key:"no" doc:"iterations between two resume points of an interrupted run"`
}

// Check says what no run can be made of, before any weights are read.
func (h Hyper) Check() error {
	if h.GlobalBatchSize%h.MicroBatchSize != 0 {
		return fault.New(fault.Recipe, "global_batch_size %d is no multiple of micro_batch_size %d", h.GlobalBatchSize, h.MicroBatchSize)
	}
	for _, b := range []struct {
		name string
		x    float64
	}{{"adam_beta1", h.AdamBeta1}, {"adam_beta2", h.AdamBeta2}} {
		if !(b.x >= 0 && float32(b.x) < 1) {
			return fault.New(fault.Recipe, "%s %g: want a number from 0 to below 1", b.name, b.x)
		}
	}
	// Rows of the embedding that no sample holds have a second moment of 0.
	if !(float32(h.AdamEps) > 0) {
		return fault.New(fault.Recipe, "adam_eps %g: want a number above 0", h.AdamEps)
	}
	if !(h.ClipGrad >= 0) {
		return fault.New(fault.Recipe, "clip_grad %g: want a number that is not negative", h.ClipGrad)
	}
	_, err := h.schedule()
	return err
}

// Samples is the number of sequences of the whole run.
func (h Hyper) Samples() int64 { return int64(h.TrainIters) * h.sequences() }

// sequences is the number of sequences an optimizer step.
func (h Hyper) sequences() int64 {
	if h.GlobalBatchSize == 0 {
		return int64(h.MicroBatchSize)
	}
	return int64(h.GlobalBatchSize)
}

// schedule is the learning rate over consumed samples.
func (h Hyper) schedule() (optim.Schedule, error) {
	p := optim.Plan{
		TrainIters: int64(h.TrainIters), LRDecayIters: int64(h.LRDecayIters), WarmupIters: int64(h.LRWarmupIters),
		LR: h.LR, MinLR: h.MinLR, Style: optim.Style(h.LRDecayStyle),
		StartWD: h.WeightDecay, EndWD: h.WeightDecay, WDStyle: optim.Constant, GlobalBatch: h.sequences(),
	}
	if h.LRWarmupFrac > 0 {
		p.WarmupFraction = &h.LRWarmupFrac
	}
	s, err := p.Schedule()
	return s, fault.Wrap(fault.Recipe, err)
}

// String is for log lines.
func (h Hyper) String() string {
	return fmt.Sprintf("%d iterations of %d sequences, lr %g", h.TrainIters, h.sequences(), h.LR)
}
