package trainer

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"

	"github.com/belay-ml/belay/engine/metric"
)

// Point is one iteration of the curve: everything in it is the same in every run of the same key.
type Point struct {
	Step     int     `json:"step"`
	Loss     float64 `json:"loss"` // mean over micro batches of the mean over counted tokens, in nats
	LR       float64 `json:"lr"`   // the rate this iteration used
	GradNorm float64 `json:"grad_norm"`
	Skipped  bool    `json:"skipped,omitempty"`
}

// CurveFile is the name of the curve in a metrics directory.
const CurveFile = "train.jsonl"

// Summary is metrics.json of a training stage.
type Summary struct {
	Iterations int     `json:"iterations"`
	FirstLoss  float64 `json:"first_loss"`
	FinalLoss  float64 `json:"final_loss"` // mean of the last tenth of the curve, at least one point
	Skipped    int     `json:"skipped_iterations"`
	Tokens     int64   `json:"tokens"`
	Parameters int     `json:"parameters"`
	Trained    int     `json:"trained_parameters"`
}

// MetricNames are the numbers of a Summary, which conditions may read.
func MetricNames() []string {
	return []string{"iterations", "first_loss", "final_loss", "skipped_iterations", "tokens", "parameters", "trained_parameters"}
}

// Summarise reduces a curve to its ends.
func Summarise(curve []Point) Summary {
	s := Summary{Iterations: len(curve)}
	var kept []Point
	for _, p := range curve {
		if !p.Skipped {
			kept = append(kept, p)
		}
	}
	if len(kept) == 0 {
		return s
	}
	s.Skipped = len(curve) - len(kept)
	s.FirstLoss = kept[0].Loss
	tail := kept[len(kept)-max(1, len(kept)/10):]
	for _, p := range tail {
		s.FinalLoss += p.Loss / float64(len(tail))
	}
	return s
}

// WriteMetrics writes metrics.json and the curve into dir.
func WriteMetrics(dir string, s Summary, curve []Point) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("write metrics: %w", err)
	}
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("write metrics: %w", err)
	}
	if err := renameio.WriteFile(filepath.Join(dir, metric.File), append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("write metrics: %w", err)
	}
	f, err := renameio.NewPendingFile(filepath.Join(dir, CurveFile), renameio.WithPermissions(0o644))
	if err != nil {
		return fmt.Errorf("write curve: %w", err)
	}
	defer f.Cleanup()
	w := bufio.NewWriter(f)
	if err := writeCurve(w, curve); err != nil {
		return fmt.Errorf("write curve: %w", err)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write curve: %w", err)
	}
	if err := f.CloseAtomicallyReplace(); err != nil {
		return fmt.Errorf("write curve: %w", err)
	}
	return nil
}

func writeCurve(w io.Writer, curve []Point) error {
	enc := json.NewEncoder(w)
	for _, p := range curve {
		if err := enc.Encode(p); err != nil {
			return err
		}
	}
	return nil
}
