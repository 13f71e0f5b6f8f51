package trainer

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/belay-ml/belay/ascend/op"
	"github.com/belay-ml/belay/ascend/optim"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/models/decoder"
)

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
	l.began, l.before = l.now(), l.tokens
	for l.done < j.Hyper.TrainIters {
		p, err := l.step(ctx)
		switch {
		case err != nil && ctx.Err() != nil:
			return Result{}, errors.Join(ctx.Err(), l.save())
		case err != nil:
			return Result{}, err
		}
		l.report(p)
		if l.done%j.Hyper.SaveInterval == 0 && l.done < j.Hyper.TrainIters {
			if err := l.save(); err != nil {
				return Result{}, err
			}
		}
	}
	if l.updates == 0 {
		return Result{}, fault.New(fault.Compute, "all %d iterations were skipped: loss or gradient was never a number", l.done)
	}
	return Result{Curve: l.curve, Tokens: l.tokens, Resumed: resumed, keep: l.save}, nil
}

// loop is the state of a running job.
type loop struct {
	Job
	batch    *decoder.Batch
	opt      *decoder.Optimizer
	schedule optim.Schedule

	done    int // finished iterations
	updates int // optimizer updates among them: skipped steps do not count
	tokens  int64
	curve   []Point

	saved  int // done of the newest resume point
	warned bool
	began  time.Time
	before int64 // tokens of earlier runs
}

func newLoop(j Job) (*loop, error) {
	if err := j.Hyper.Check(); err != nil {
		return nil, err
	}
	l := &loop{Job: j}
	var err error
	if l.schedule, err = j.Hyper.schedule(); err != nil {
		return nil, err
	}
	if err := j.rehearse(); err != nil {
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
	g, err := l.gradient(ctx)
	if err != nil {
		return Point{}, err
	}
	p := Point{Step: l.done + 1, Loss: g.loss, LR: l.schedule.LR(int64(l.updates)*h.sequences(), optim.NewGroup(true)), GradNorm: l.Model.GradNorm()}
	if bad := p.Loss + p.GradNorm; g.counted == 0 || math.IsNaN(bad) || math.IsInf(bad, 0) {
		from := int64(l.done) * h.sequences()
		err := fault.New(fault.Compute, "iteration %d: loss %g, gradient norm %g, in samples %d to %d",
			p.Step, p.Loss, p.GradNorm, from, from+h.sequences()-1).
			WithHint("lower lr, add warm-up, look at the data, or set on_nan: skip")
		if g.counted == 0 {
			err = fault.New(fault.Data, "iteration %d: samples %d to %d have no token to train on", p.Step, from, from+h.sequences()-1).
				WithHint("raise seq_length, take such samples out of the data, or set on_nan: skip")
		}
		if h.OnNaN == "stop" {
			return Point{}, err
		}
		l.Events.Warn(fmt.Sprintf("skipped: %v", err), map[string]any{"step": p.Step})
		p.Loss, p.GradNorm, p.Skipped = 0, 0, true
	} else {
		l.updates++
		l.opt.Step(op.AdamW{
			LR: float32(p.LR), Beta1: float32(h.AdamBeta1), Beta2: float32(h.AdamBeta2), Eps: float32(h.AdamEps),
			WeightDecay: float32(h.WeightDecay), Step: l.updates, GradScale: float32(optim.ClipFactor(p.GradNorm, h.ClipGrad)),
		})
	}
	l.done++
	l.tokens += g.tokens
	l.curve = append(l.curve, p)
	return p, nil
}

// gathered is what the micro batches of an iteration gave, besides the gradient in the model.
type gathered struct {
	loss    float64 // mean over micro batches
	counted int     // tokens with a target
	tokens  int64
}

// gradient runs the micro batches of the next iteration.
func (l *loop) gradient(ctx context.Context) (gathered, error) {
	var g gathered
	h := l.Hyper
	from := int64(l.done) * h.sequences()
	micros := int(h.sequences()) / h.MicroBatchSize
	l.Model.ZeroGrad()
	for i := range micros {
		if err := ctx.Err(); err != nil {
			return g, err
		}
		first := from + int64(i*h.MicroBatchSize)
		in, err := l.Data.Micro(first, h.MicroBatchSize)
		if err != nil {
			return g, fault.Wrap(fault.Data, fmt.Errorf("iteration %d, samples from %d: %w", l.done+1, first, err))
		}
		out, err := l.batch.Step(in, 1/float64(micros))
		if err != nil {
			return g, fault.Wrap(fault.Data, fmt.Errorf("iteration %d, samples from %d: %w", l.done+1, first, err))
		}
		g.tokens += int64(len(in.IDs))
		g.counted += out.Count
		switch {
		case out.Count > 0:
			g.loss += out.Mean() / float64(micros)
		case !l.warned && micros > 1:
			l.warned = true
			l.Events.Warn(fmt.Sprintf("iteration %d: the micro batch from sample %d has no token to train on; it and others like it weigh nothing", l.done+1, first), nil)
		}
	}
	return g, nil
}

// report tells the world about a finished iteration.
func (l *loop) report(p Point) {
	rate := 0.0
	if seconds := l.now().Sub(l.began).Seconds(); seconds > 0 {
		rate = float64(l.tokens-l.before) / seconds
	}
	l.Events.Progress(int64(l.done), int64(l.Hyper.TrainIters), "iterations", fmt.Sprintf("lm loss %.4f, %.0f tokens/s", p.Loss, rate))
	if p.Skipped || (p.Step%l.Hyper.LogInterval != 0 && p.Step != 1 && p.Step != l.Hyper.TrainIters) {
		return
	}
	l.Events.Point(int64(p.Step), map[string]float64{"loss": p.Loss, "lr": p.LR, "gnorm": p.GradNorm, "tps": rate})
}

// now is the time of the run's events; speed goes nowhere else.
func (l *loop) now() time.Time {
	if l.Events.Now != nil {
		return l.Events.Now()
	}
	return time.Now()
}
