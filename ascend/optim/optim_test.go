package optim

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func plain() Schedule {
	return Schedule{
		MaxLR: 1e-3, MinLR: 1e-4, WarmupSteps: 10, DecaySteps: 110, Style: Cosine,
		StartWD: 0.1, EndWD: 0.1, WDSteps: 110, WDStyle: Constant,
	}
}

func TestLearningRateAtTheMarksOfTheRun(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		style Style
		n     int64
		want  float64
	}{
		{Cosine, 0, 0}, {Cosine, 5, 5e-4}, {Cosine, 10, 1e-3}, {Cosine, 60, 5.5e-4}, {Cosine, 110, 1e-4}, {Cosine, 111, 1e-4},
		{Linear, 35, 7.75e-4}, {Constant, 5000, 1e-3}, {InverseSquareRoot, 40, 5e-4}, {InverseSquareRoot, 5000, 1e-4},
	} {
		s := plain()
		s.Style = c.style
		if got := s.LR(c.n, NewGroup(true)); math.Abs(got-c.want) > 1e-15 {
			t.Errorf("%s after %d: have %g, want %g", c.style, c.n, got, c.want)
		}
	}
}

func TestContradictionsAreErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*Schedule)
		says   string
	}{
		"warm-up as long as the decay": {func(s *Schedule) { s.WarmupSteps = 110 }, "warm-up"},
		"minimum above maximum":        {func(s *Schedule) { s.MinLR = 1 }, "minimum learning rate"},
		"start above maximum":          {func(s *Schedule) { s.InitLR = 1 }, "initial learning rate"},
		"weight decay falls":           {func(s *Schedule) { s.StartWD, s.WDStyle = 1, Linear }, "weight decay"},
		"constant but different":       {func(s *Schedule) { s.StartWD = 0 }, "constant weight decay"},
		"unknown style":                {func(s *Schedule) { s.Style = "cosin" }, `"cosin"`},
		"unknown decay style":          {func(s *Schedule) { s.WDStyle = InverseSquareRoot }, "weight decay style"},
		"no decay":                     {func(s *Schedule) { s.DecaySteps, s.WarmupSteps = 0, 0 }, "at least 1"},
		"not a number":                 {func(s *Schedule) { s.MaxLR = math.NaN() }, "learning rate NaN"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := plain()
			if err := s.Check(); err != nil {
				t.Fatalf("without the change: %v", err)
			}
			c.change(&s)
			if err := s.Check(); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("have %v, want an error that says %q", err, c.says)
			}
		})
	}
}

func TestPlansThatMixUnitsAreErrors(t *testing.T) {
	t.Parallel()
	tenth := 0.1
	for name, p := range map[string]Plan{
		"no length":                      {},
		"two lengths":                    {TrainIters: 10, TrainSamples: 10},
		"iterations and warm-up samples": {TrainIters: 10, WarmupSamples: 8},
		"samples and decay iterations":   {TrainSamples: 100, LRDecayIters: 8},
		"fraction and iterations":        {TrainIters: 10, WarmupFraction: &tenth, WarmupIters: 1},
		"ramp over iterations":           {TrainIters: 10, Ramp: &Ramp{2, 2, 10}},
		"ramp that misses the batch":     {TrainSamples: 100, Ramp: &Ramp{1, 2, 10}},
		"too long":                       {TrainIters: math.MaxInt64},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p.GlobalBatch, p.LR, p.Style, p.WDStyle = 8, 1e-3, Linear, Constant
			if s, err := p.Schedule(); err == nil {
				t.Errorf("accepted as %+v", s)
			}
		})
	}
}

func TestBatchRampIsCountedLikeItsIterations(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := Ramp{
			Start:     rapid.Int64Range(1, 6).Draw(t, "start"),
			Increment: rapid.Int64Range(1, 5).Draw(t, "increment"),
			Samples:   rapid.Int64Range(0, 700).Draw(t, "samples"),
		}
		global := r.Start + r.Increment*rapid.Int64Range(0, 6).Draw(t, "steps")
		var n, consumed int64
		for consumed <= r.Samples {
			consumed += r.Batch(consumed, global)
			n++
		}
		if gotN, got := r.iterations(global); gotN != n || got != consumed {
			t.Fatalf("have %d iterations of %d samples, single steps give %d of %d", gotN, got, n, consumed)
		}
	})
}

func TestStateComesBack(t *testing.T) {
	t.Parallel()
	s := plain()
	got, err := s.Resume(s.State(77), MustAgree)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s, got); diff != "" {
		t.Error(diff)
	}
	other := s
	other.MaxLR, other.Style = 2e-3, Linear
	if _, err := s.Resume(other.State(77), MustAgree); err == nil || !strings.Contains(err.Error(), "learning rate") || !strings.Contains(err.Error(), "decay style") {
		t.Errorf("a state that differs gives %v", err)
	}
	if got, err := s.Resume(other.State(77), UseCheckpoint); err != nil || got != other {
		t.Errorf("the checkpoint's: have %+v, %v", got, err)
	}
	if got, err := s.Resume(other.State(77), UseConfigured); err != nil || got != s {
		t.Errorf("the configured: have %+v, %v", got, err)
	}
}

func TestClippingScalesLargeNormsDown(t *testing.T) {
	t.Parallel()
	if f := ClipFactor(4, 1); math.Abs(f-1/(4+1e-6)) > 1e-18 {
		t.Errorf("norm 4: %g", f)
	}
	if ClipFactor(0.5, 1) != 1 || ClipFactor(1e9, 0) != 1 || ClipFactor(math.Inf(1), 1) != 0 || !math.IsNaN(ClipFactor(math.NaN(), 1)) {
		t.Error("clipping of small, unlimited, infinite and undefined norms")
	}
}
