package trainer

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/engine/metric"
)

func TestMetricsHoldTheCurveAndItsEnds(t *testing.T) {
	t.Parallel()
	var curve []Point
	for i := range 20 {
		curve = append(curve, Point{Step: i + 1, Loss: float64(20 - i), LR: 0.1, GradNorm: 1})
	}
	curve[0] = Point{Step: 1, LR: 0.1, Skipped: true}
	s := Summarise(curve)
	want := Summary{Iterations: 20, Skipped: 1, FirstLoss: 19, FinalLoss: 1}
	if d := cmp.Diff(want, s); d != "" {
		t.Error(d)
	}
	dir := filepath.Join(t.TempDir(), "metrics")
	if err := WriteMetrics(dir, s, curve); err != nil {
		t.Fatal(err)
	}
	numbers, err := metric.Read(dir)
	names := MetricNames()
	if slices.Sort(names); err != nil || !slices.Equal(names, numbers.Names()) || numbers["first_loss"] != 19 {
		t.Errorf("declared %v, written %v, %v", names, numbers, err)
	}
	data, err := os.ReadFile(filepath.Join(dir, CurveFile))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	if len(lines) != 20 || lines[0] != `{"step":1,"loss":0,"lr":0.1,"grad_norm":0,"skipped":true}` {
		t.Errorf("%d lines, the first %s", len(lines), lines[0])
	}
	data, err = os.ReadFile(filepath.Join(dir, "metrics.json"))
	if err != nil {
		t.Fatal(err)
	}
	var back Summary
	if err := json.Unmarshal(data, &back); err != nil || back != s {
		t.Errorf("%+v, error %v", back, err)
	}
}

func TestSummaryOfNothing(t *testing.T) {
	t.Parallel()
	if s := Summarise(nil); s != (Summary{}) {
		t.Errorf("%+v", s)
	}
}
