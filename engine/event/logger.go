package event

import (
	"maps"
	"slices"
	"time"

	"github.com/rs/zerolog"
)

// The keys of structured log lines. Values of curves keep their own names, of which these are the usual ones.
const (
	KeyRun      = "run"
	KeyStage    = "stage"
	KeyKey      = "key"
	KeyArtifact = "artifact"
	KeyRank     = "rank"
	KeyStep     = "step"
	KeyTokens   = "tokens"
	KeyLoss     = "loss"
	KeyLR       = "lr"
	KeyGradNorm = "gnorm"
	KeySpeed    = "tps"
)

// Logger writes events as structured log lines: what `--log-format json` prints. Progress is at level debug,
// states, curves and results at info.
func Logger(l zerolog.Logger) Sink { return logger{l} }

type logger struct{ l zerolog.Logger }

func (g logger) Emit(e Event) {
	level := zerolog.InfoLevel
	switch {
	case e.Progress != nil:
		level = zerolog.DebugLevel
	case e.State != nil && e.State.To == "failed":
		level = zerolog.ErrorLevel
	case e.Log != nil:
		if l, err := zerolog.ParseLevel(e.Log.Level); err == nil {
			level = l
		}
	}
	line := g.l.WithLevel(level)
	if line == nil || level < g.l.GetLevel() {
		return
	}
	line = line.Time("time", e.Time)
	if e.Run != "" {
		line = line.Str(KeyRun, e.Run)
	}
	if e.Stage != "" {
		line = line.Str(KeyStage, e.Stage)
	}
	switch {
	case e.State != nil:
		line = line.Str("state", e.State.To)
		if e.State.Why != "" {
			line = line.Str("why", e.State.Why)
		}
		if e.State.Key != "" {
			line = line.Str(KeyKey, e.State.Key)
		}
		if e.State.Took > 0 {
			line = line.Float64("took_s", e.State.Took.Round(time.Millisecond).Seconds())
		}
		line.Msg(e.State.To)
	case e.Progress != nil:
		line.Int64("done", e.Progress.Done).Int64("total", e.Progress.Total).Str("unit", e.Progress.Unit).Msg(e.Progress.Text)
	case e.Point != nil:
		line = line.Int64(KeyStep, e.Point.Step)
		for _, k := range slices.Sorted(maps.Keys(e.Point.Values)) {
			if k != KeyStep {
				line = line.Float64(k, e.Point.Values[k])
			}
		}
		line.Msg("step")
	case e.Table != nil:
		line = line.Str("table", e.Table.Title).Strs("columns", e.Table.Columns).Any("rows", e.Table.Rows)
		for _, k := range slices.Sorted(maps.Keys(e.Table.Headline)) {
			line = line.Float64(k, e.Table.Headline[k])
		}
		line.Msg("result")
	case e.Log != nil:
		for _, k := range slices.Sorted(maps.Keys(e.Log.Data)) {
			line = line.Any(k, plain(e.Log.Data[k]))
		}
		line.Msg(e.Log.Text)
	}
}
