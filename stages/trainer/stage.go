package trainer

import (
	"context"
	"errors"
	"fmt"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/stages/inference"
)

// Spec is what the stages that train have in common; weights says what their checkpoint holds.
func Spec(name string, version int, doc, weights string, params any) engine.Spec {
	return engine.Spec{
		Name:    name,
		Version: version,
		Doc:     doc,
		Params:  params,
		Outputs: []artifact.Port{
			{Name: "checkpoint", Kind: artifact.Megatron, Doc: weights},
			{Name: "metrics", Kind: artifact.Metrics, Doc: "metrics.json and the curve train.jsonl", Metrics: MetricNames()},
		},
		Resumable: true,
		Backend:   true,
		Env:       inference.Env(),
		Resources: engine.Resources{CPU: -1},
	}
}

// Train runs the job of a stage and writes its ports.
func Train(ctx context.Context, j Job, in engine.In, out engine.Out) error {
	j.Work, j.Events = in.Work, in.Events
	res, err := Run(ctx, j)
	if err != nil {
		return err
	}
	return finish(ctx, j, res, in, out)
}

// finish writes what a training stage puts out: the ports checkpoint and metrics, and the table that
// people see. When it is cut short, the next run need not train again.
func finish(ctx context.Context, j Job, res Result, in engine.In, out engine.Out) error {
	s := Summarise(res.Curve)
	s.Tokens = res.Tokens
	s.Parameters, s.Trained = j.Model.NumParams()
	if err := j.Save(ctx, out.Path("checkpoint"), s.Iterations, in.CPU); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		if keepErr := res.keep(); keepErr != nil {
			return errors.Join(err, keepErr)
		}
		return err
	}
	if err := WriteMetrics(out.Path("metrics"), s, res.Curve); err != nil {
		return err
	}
	in.Events.Table(event.Table{
		Title:   "training",
		Columns: []string{"iterations", "tokens", "first loss", "final loss", "trained parameters"},
		Rows: [][]string{{
			fmt.Sprint(s.Iterations), fmt.Sprint(s.Tokens), fmt.Sprintf("%.4f", s.FirstLoss), fmt.Sprintf("%.4f", s.FinalLoss), fmt.Sprint(s.Trained),
		}},
		Headline: map[string]float64{"final_loss": s.FinalLoss},
	})
	return nil
}
