package trainer

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/stages/internal/tiny"
)

// interrupted trains until iteration 4 begins, with resume points after every second one, and keeps a
// copy of the one after iteration 2.
func interrupted(t *testing.T, source string) (work string) {
	t.Helper()
	work = t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	r := run{source: source, work: work, change: func(j *Job) { j.Hyper.SaveInterval = 2 }}
	early := filepath.Join(work, resumeDir, "0000002")
	stash := filepath.Join(t.TempDir(), "early")
	r.data.before = func(from int64) {
		switch from {
		case 8:
			if err := os.CopyFS(stash, os.DirFS(early)); err != nil {
				t.Error(err)
			}
		case 12:
			cancel()
		}
	}
	if _, _, err := r.train(t, ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if err := os.CopyFS(early, os.DirFS(stash)); err != nil {
		t.Fatal(err)
	}
	return work
}

func TestOnlyTheNewestPointIsKept(t *testing.T) {
	t.Parallel()
	work := interrupted(t, tiny.Model(t, tiny.Config(), dtype.F32))
	root := filepath.Join(work, resumeDir)
	if err := os.Mkdir(filepath.Join(root, tempMark+"of-a-killed-run"), 0o755); err != nil {
		t.Fatal(err)
	}
	l := loop{Job: Job{Work: work}}
	if err := keepOnly(root, "0000003"); err != nil {
		t.Fatal(err)
	}
	if have := points(filepath.Join(l.Work, resumeDir)); len(have) != 1 || have[0] != "0000003" {
		t.Errorf("points %v", have)
	}
	entries, err := os.ReadDir(root)
	if err != nil || len(entries) != 1 {
		t.Errorf("%d entries, error %v", len(entries), err)
	}
}

func TestDamagedPointsArePassedOver(t *testing.T) {
	t.Parallel()
	source := tiny.Model(t, tiny.Config(), dtype.F32)
	straight := run{source: source}
	_, want := straight.must(t)
	truncate := func(name string) func(string) error {
		return func(dir string) error { return os.Truncate(filepath.Join(dir, name), 100) }
	}
	for _, c := range []struct {
		name   string
		damage func(dir string) error
	}{
		{"truncated parameters", truncate(paramFile)},
		{"truncated moments", truncate(optimFile)},
		{"truncated state", truncate(stateFile)},
		{"no state", func(dir string) error { return os.Remove(filepath.Join(dir, stateFile)) }},
		{"one bit of a weight", func(dir string) error {
			path := filepath.Join(dir, paramFile)
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			data[len(data)-1] ^= 1
			return os.WriteFile(path, data, 0o600)
		}},
		{"another version's", func(dir string) error {
			path := filepath.Join(dir, stateFile)
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return os.WriteFile(path, append([]byte(`{"version":9,`), data[len(`{"version":1,`):]...), 0o600)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			work := interrupted(t, source)
			if err := c.damage(filepath.Join(work, resumeDir, "0000003")); err != nil {
				t.Fatal(err)
			}
			// The run passes iteration 3 again and is interrupted there, so that its point must take the
			// place of the damaged one.
			again := run{source: source, work: work}
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			again.data.before = func(from int64) {
				if from == 12 {
					cancel()
				}
			}
			if _, _, err := again.train(t, ctx); !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			if !again.events.Logged("warn", "resume point 0000003 is not used") || !again.events.Logged("info", "resumed after iteration 2") {
				t.Error("no word of the damaged point, or of the one that was used")
			}
			last := run{source: source, work: work}
			res, dir := last.must(t)
			if res.Resumed != 3 {
				t.Errorf("resumed after %d, want 3", res.Resumed)
			}
			sameFiles(t, "with and without damage", want, dir)
		})
	}
}

func TestPointOfAnotherModelIsRefused(t *testing.T) {
	t.Parallel()
	work := interrupted(t, tiny.Model(t, tiny.Config(), dtype.F32))
	cfg := tiny.Config()
	cfg.FFN = 64
	other := run{source: tiny.Model(t, cfg, dtype.F32), work: work}
	if _, _, err := other.train(t, context.Background()); fault.CodeOf(err) != fault.Data || fault.HintOf(err) == "" {
		t.Errorf("code %d, error %v", fault.CodeOf(err), err)
	}
}

func TestRunCutShortWhileSavingNeedNotTrainAgain(t *testing.T) {
	t.Parallel()
	source := tiny.Model(t, tiny.Config(), dtype.F32)
	work := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var finished error
	r := run{source: source, work: work}
	r.change = func(j *Job) {
		res, err := Run(ctx, *j)
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		root := t.TempDir()
		finished = finish(ctx, *j, res, engine.In{CPU: 1, Events: r.events.Stage()}, engine.Out{
			Root: root, Ports: map[string]string{"checkpoint": filepath.Join(root, "c"), "metrics": filepath.Join(root, "m")},
		})
		if left, err := os.ReadDir(filepath.Join(root, "c")); err == nil && len(left) > 0 {
			t.Errorf("half a checkpoint: %v", left)
		}
	}
	res, _ := r.must(t)
	if !errors.Is(finished, context.Canceled) {
		t.Errorf("error %v", finished)
	}
	if res.Resumed != 6 {
		t.Errorf("resumed after iteration %d, want 6: nothing is left to train", res.Resumed)
	}
}
