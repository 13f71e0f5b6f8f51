package trainer

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/belay-ml/belay/ascend/op"
	"github.com/belay-ml/belay/ascend/optim"
	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/models/decoder"
)

// Job is one training run.
type Job struct {
	Model   *decoder.Model
	Data    Batches
	Hyper   Hyper
	SeqLen  int // most tokens of one sequence
	Work    string
	Events  event.Stage
	Version int // of the stage: a resume point of another version is not used
}

// Batches gives the training samples in the order of training, as Megatron's samplers would.
type Batches interface {
	// Micro is the n samples that follow the first from. The same arguments give the same batch in every
	// run. The slices are good until the next call.
	Micro(from int64, n int) (decoder.Input, error)
	// Describe is one line for the log: what the samples are and how many.
	Describe() string
}

// Result is what a finished run leaves besides the weights.
type Result struct {
	Curve   []Point
	Resumed int // iterations that an earlier, interrupted run had done
}

// Run trains until Hyper.TrainIters. When ctx ends it leaves a resume point and returns ctx's error.
func Run(ctx context.Context, j Job) (Result, error) {
	l, err := newLoop(j)
	if err != nil {
		return Result{}, err
	}
	resumed, err := l.resume()
	if err != nil {
		return Result{}, err
	}
	all, training := j.Model.NumParams()
	j.Events.Info(fmt.Sprintf("%s; %s; %d of %d parameters train", j.Hyper, j.Data.Describe(), training, all), nil)
	if resumed > 0 {
		j.Events.Info(fmt.Sprintf("resumed after iteration %d", resumed), map[string]any{"step": resumed})
	}
	l.began = time.Now()
	for l.done < j.Hyper.TrainIters {
		switch p, err := l.step(ctx); {
		case err != nil && ctx.Err() != nil:
			if saveErr := l.save(); saveErr != nil {
				return Result{}, fmt.Errorf("save resume point after iteration %d: %w", l.done, saveErr)
			}
			return Result{}, ctx.Err()
		case err != nil:
			return Result{}, err
		default:
			l.report(p)
		}
		if l.done%j.Hyper.SaveInterval == 0 && l.done < j.Hyper.TrainIters {
			if err := l.save(); err != nil {
				return Result{}, fmt.Errorf("save resume point after iteration %d: %w", l.done, err)
			}
		}
	}
	return Result{Curve: l.curve, Resumed: resumed}, nil
}

// loop is the state of a running job.
type loop struct {
	Job
	batch    *decoder.Batch
	opt      *decoder.Optimizer
	schedule optim.Schedule
	micros   int // micro batches a step

	done    int // finished iterations
	updates int // optimizer updates among them: skipped steps do not count
	curve   []Point
	tokens  int64 // trained in this process
	began   time.Time
	beganAt int
}

func newLoop(j Job) (*loop, error) {
	l := &loop{Job: j}
	var err error
	if l.micros, err = j.Hyper.microBatches(); err != nil {
		return nil, err
	}
	if l.schedule, err = j.Hyper.schedule(); err != nil {
		return nil, err
	}
	l.batch, err = j.Model.NewBatch(decoder.Options{MaxTokens: j.Hyper.MicroBatchSize * j.SeqLen, Grad: true})
	if err != nil {
		return nil, fault.Wrap(fault.Compute, err)
	}
	l.opt = j.Model.NewOptimizer()
	return l, nil
}

// step is one iteration. A cancelled step leaves parameters and counters as they were.
func (l *loop) step(ctx context.Context) (Point, error) {
	h := l.Hyper
	from := int64(l.done) * h.sequences()
	l.Model.ZeroGrad()
	var loss float64
	for i := range l.micros {
		if err := ctx.Err(); err != nil {
			return Point{}, err
		}
		in, err := l.Data.Micro(from+int64(i*h.MicroBatchSize), h.MicroBatchSize)
		if err != nil {
			return Point{}, fault.Wrap(fault.Data, fmt.Errorf("iteration %d: %w", l.done+1, err))
		}
		out, err := l.batch.Step(in, 1/float64(l.micros))
		if err != nil {
			return Point{}, fault.Wrap(fault.Data, fmt.Errorf("iteration %d, samples from %d: %w", l.done+1, from, err))
		}
		if out.Count > 0 {
			loss += out.Mean() / float64(l.micros)
		}
		l.tokens += int64(len(in.IDs))
	}
	p := Point{Step: l.done + 1, Loss: loss, LR: l.schedule.LR(int64(l.updates)*h.sequences(), optim.NewGroup(true)), GradNorm: l.Model.GradNorm()}
	if math.IsNaN(p.Loss+p.GradNorm) || math.IsInf(p.Loss+p.GradNorm, 0) {
		if h.OnNaN == "stop" {
			return Point{}, fault.New(fault.Compute, "iteration %d: loss %g, gradient norm %g, in samples %d to %d",
				p.Step, p.Loss, p.GradNorm, from, from+h.sequences()-1).
				WithHint("lower lr, add warm-up, look at the data, or set on_nan: skip")
		}
		p.Loss, p.GradNorm, p.Skipped = 0, 0, true
		l.Events.Warn(fmt.Sprintf("iteration %d skipped: loss or gradient is not a number", p.Step), map[string]any{"step": p.Step})
	} else {
		l.updates++
		l.opt.Step(op.AdamW{
			LR: float32(p.LR), Beta1: float32(h.AdamBeta1), Beta2: float32(h.AdamBeta2), Eps: float32(h.AdamEps),
			WeightDecay: float32(h.WeightDecay), Step: l.updates, GradScale: float32(decoder.ClipScale(p.GradNorm, h.ClipGrad)),
		})
	}
	l.done++
	l.curve = append(l.curve, p)
	return p, nil
}

// report tells the world about a finished iteration.
func (l *loop) report(p Point) {
	seconds := time.Since(l.began).Seconds()
	rate := 0.0
	if seconds > 0 {
		rate = float64(l.tokens) / seconds
	}
	l.Events.Progress(int64(l.done), int64(l.Hyper.TrainIters), "iterations", fmt.Sprintf("lm loss %.4f, %.0f tokens/s", p.Loss, rate))
	if p.Skipped || (p.Step%l.Hyper.LogInterval != 0 && p.Step != 1 && p.Step != l.Hyper.TrainIters) {
		return
	}
	l.Events.Point(int64(p.Step), map[string]float64{"loss": p.Loss, "lr": p.LR, "gnorm": p.GradNorm, "tps": rate})
}
