package trainer

import (
	"context"
	"fmt"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/fault"
)

// Finish writes what a training stage puts out: the ports checkpoint and metrics, and the table that
// people see.
func Finish(ctx context.Context, l Loaded, lay Layout, res Result, in engine.In, out engine.Out) error {
	s := Summarise(res.Curve)
	s.Parameters, s.Trained = l.Model.NumParams()
	if err := l.Save(ctx, out.Path("checkpoint"), lay, s.Iterations, in.CPU); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fault.Wrap(fault.Recipe, err)
	}
	if err := WriteMetrics(out.Path("metrics"), s, res.Curve); err != nil {
		return err
	}
	in.Events.Table(event.Table{
		Title:   "training",
		Columns: []string{"iterations", "first loss", "final loss", "trained parameters"},
		Rows: [][]string{{
			fmt.Sprint(s.Iterations), fmt.Sprintf("%.4f", s.FirstLoss), fmt.Sprintf("%.4f", s.FinalLoss), fmt.Sprint(s.Trained),
		}},
		Headline: map[string]float64{"final_loss": s.FinalLoss},
	})
	return nil
}
