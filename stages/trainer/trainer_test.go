package trainer

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/ascend/cpu"
	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/models/ckpt/safetensors"
	"github.com/belay-ml/belay/models/decoder"
	"github.com/belay-ml/belay/stages/inference"
	"github.com/belay-ml/belay/stages/internal/tiny"
)

const seqLen = 12

// phrases are samples of seqLen tokens: counting up from one of eight beginnings.
type phrases struct {
	before func(from int64) // a hook of the test
	blank  func(sample int64) bool
	input  decoder.Input
}

func (p *phrases) Describe() string { return "phrases" }

func (p *phrases) Micro(from int64, n int) (decoder.Input, error) {
	if p.before != nil {
		p.before(from)
	}
	in := &p.input
	in.IDs, in.Targets, in.CuSeqlens = in.IDs[:0], in.Targets[:0], append(in.CuSeqlens[:0], 0)
	for i := from; i < from+int64(n); i++ {
		for k := range int64(seqLen) {
			id := int32(10*(i%8) + k%7)
			in.IDs = append(in.IDs, id)
			next := int32(10*(i%8) + (k+1)%7)
			if p.blank != nil && p.blank(i) {
				next = -100
			}
			in.Targets = append(in.Targets, next)
		}
		in.CuSeqlens = append(in.CuSeqlens, int32(len(in.IDs)))
	}
	return *in, nil
}

func hyper() Hyper {
	return Hyper{
		TrainIters: 6, MicroBatchSize: 2, GlobalBatchSize: 4, LR: 5e-3, LRDecayStyle: "cosine", LRWarmupIters: 1, WeightDecay: 0.01,
		AdamBeta1: 0.9, AdamBeta2: 0.95, AdamEps: 1e-8, ClipGrad: 1, Seed: 3, OnNaN: "stop", LogInterval: 2, SaveInterval: 100,
	}
}

type run struct {
	source string // checkpoint
	work   string
	cpu    int
	lora   bool
	change func(j *Job)
	data   phrases
	events tiny.Events
}

// train runs a job and saves the result, as the stages do.
func (r *run) train(t testing.TB, ctx context.Context) (Result, string, error) {
	t.Helper()
	be := cpu.New(max(r.cpu, 1))
	defer be.Close()
	model, meta, err := inference.Load(be, r.source)
	if err != nil {
		t.Fatal(err)
	}
	if r.lora {
		if err := model.Attach(decoder.LoRA{Rank: 4, Alpha: 8, Targets: []string{"qkv", "o", "gate_up", "down"}}, 5); err != nil {
			t.Fatal(err)
		}
	}
	j := Job{Model: model, Meta: meta, Data: &r.data, Hyper: hyper(), SeqLen: seqLen, Work: r.work, Events: r.events.Stage(), Version: 1}
	if j.Work == "" {
		j.Work = t.TempDir()
	}
	if r.change != nil {
		r.change(&j)
	}
	res, err := Run(ctx, j)
	if err != nil {
		return res, "", err
	}
	out := filepath.Join(t.TempDir(), "out")
	if err := j.Save(ctx, out, len(res.Curve), 2); err != nil {
		t.Fatal(err)
	}
	return res, out, nil
}

func (r *run) must(t testing.TB) (Result, string) {
	t.Helper()
	res, out, err := r.train(t, context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return res, out
}

// files reads a directory tree.
func files(t testing.TB, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		out[rel] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) == 0 {
		t.Fatalf("no files in %s", dir)
	}
	return out
}

// sameFiles compares two trees byte by byte.
func sameFiles(t testing.TB, what, a, b string) {
	t.Helper()
	x, y := files(t, a), files(t, b)
	for name := range x {
		if x[name] != y[name] {
			t.Errorf("%s: %s differs", what, name)
		}
	}
	if len(x) != len(y) {
		t.Errorf("%s: %d files, %d files", what, len(x), len(y))
	}
}

func TestLossFalls(t *testing.T) {
	t.Parallel()
	r := run{source: tiny.Model(t, tiny.Config(), dtype.F32), change: func(j *Job) { j.Hyper.TrainIters, j.Hyper.LR = 60, 2e-2 }}
	res, _ := r.must(t)
	s := Summarise(res.Curve)
	if math.Abs(s.FirstLoss-math.Log(tiny.Vocab)) > 0.3 {
		t.Errorf("first loss %.3f: want about ln %d = %.3f", s.FirstLoss, tiny.Vocab, math.Log(tiny.Vocab))
	}
	if s.FinalLoss > s.FirstLoss/3 {
		t.Errorf("loss went from %.3f to %.3f only", s.FirstLoss, s.FinalLoss)
	}
	if want := int64(60 * 4 * seqLen); res.Tokens != want {
		t.Errorf("%d tokens, want %d", res.Tokens, want)
	}
	points := 0
	for _, e := range r.events.All() {
		if e.Point != nil {
			points++
		}
	}
	if points != 31 { // iteration 1 and every second one
		t.Errorf("%d points on screen, want 31", points)
	}
}

func TestInterruptedRunsEndWithTheSameBytes(t *testing.T) {
	t.Parallel()
	source := tiny.Model(t, tiny.Config(), dtype.F32)
	for _, lora := range []bool{false, true} {
		t.Run(fmt.Sprintf("lora=%v", lora), func(t *testing.T) {
			t.Parallel()
			straight := run{source: source, lora: lora}
			want, wantDir := straight.must(t)
			for every := int64(1); every <= 4; every++ {
				work := t.TempDir()
				stops := 0
				for {
					// The hook cancels before every n-th micro batch; there are two an iteration.
					ctx, cancel := context.WithCancel(context.Background())
					seen := int64(0)
					r := run{source: source, lora: lora, work: work}
					r.data.before = func(int64) {
						if seen++; seen == 2*every+1 {
							cancel()
						}
					}
					res, dir, err := r.train(t, ctx)
					cancel()
					if errors.Is(err, context.Canceled) {
						if stops++; stops > 10 {
							t.Fatal("no progress")
						}
						continue
					}
					if err != nil {
						t.Fatal(err)
					}
					if stops == 0 {
						t.Fatal("the run was never interrupted")
					}
					if res.Resumed == 0 || res.Tokens != want.Tokens {
						t.Errorf("every %d: resumed after %d, %d tokens, want %d", every, res.Resumed, res.Tokens, want.Tokens)
					}
					if d := cmp.Diff(want.Curve, res.Curve); d != "" {
						t.Errorf("every %d: curves differ:\n%s", every, d)
					}
					sameFiles(t, fmt.Sprintf("interrupted every %d", every), wantDir, dir)
					break
				}
			}
		})
	}
}

func TestThreadsDoNotChangeTheResult(t *testing.T) {
	t.Parallel()
	source := tiny.Model(t, tiny.Config(), dtype.F32)
	one := run{source: source, cpu: 1}
	three := run{source: source, cpu: 3}
	a, da := one.must(t)
	b, db := three.must(t)
	if d := cmp.Diff(a.Curve, b.Curve); d != "" {
		t.Errorf("curves differ:\n%s", d)
	}
	sameFiles(t, "1 and 3 threads", da, db)
}

func TestGradientAccumulationAgreesWithOneLargeBatch(t *testing.T) {
	t.Parallel()
	source := tiny.Model(t, tiny.Config(), dtype.F32)
	var curves [][]Point
	for _, micro := range []int{1, 2, 4} {
		r := run{source: source, change: func(j *Job) { j.Hyper.MicroBatchSize, j.Hyper.GlobalBatchSize = micro, 4 }}
		res, _ := r.must(t)
		curves = append(curves, res.Curve)
	}
	for i, c := range curves[1:] {
		for k := range c {
			if math.Abs(c[k].Loss-curves[0][k].Loss) > 1e-6*8 || math.Abs(c[k].GradNorm-curves[0][k].GradNorm) > 1e-5*curves[0][k].GradNorm {
				t.Errorf("curve %d, iteration %d: %+v, want %+v", i+1, k+1, c[k], curves[0][k])
			}
		}
	}
	if d := math.Abs(curves[2][0].Loss - curves[0][0].Loss); d > 1e-6 {
		t.Errorf("the first losses are %g apart", d)
	}
}

func TestGlobalBatchDefaultsToOneMicroBatch(t *testing.T) {
	t.Parallel()
	source := tiny.Model(t, tiny.Config(), dtype.F32)
	a := run{source: source, change: func(j *Job) { j.Hyper.MicroBatchSize, j.Hyper.GlobalBatchSize = 3, 0 }}
	b := run{source: source, change: func(j *Job) { j.Hyper.MicroBatchSize, j.Hyper.GlobalBatchSize = 3, 3 }}
	x, _ := a.must(t)
	y, _ := b.must(t)
	if d := cmp.Diff(x.Curve, y.Curve); d != "" {
		t.Error(d)
	}
}

// poisoned is a model one of whose weights is not a number.
func poisoned(t *testing.T) string {
	dir := tiny.Model(t, tiny.Config(), dtype.F32)
	path := filepath.Join(dir, safetensors.SingleName)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 8 {
		binary.LittleEndian.PutUint32(data[len(data)-4*(i+1):], math.Float32bits(float32(math.NaN())))
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestNaNStopsTheRunAndNamesTheSamples(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]*run{
		"weights that are not numbers": {source: poisoned(t)},
		"an absurd learning rate": {source: tiny.Model(t, tiny.Config(), dtype.F32), change: func(j *Job) {
			j.Hyper.LR, j.Hyper.ClipGrad, j.Hyper.LRWarmupIters, j.Hyper.TrainIters = 1e30, 0, 0, 10
		}},
	} {
		_, _, err := r.train(t, context.Background())
		if fault.CodeOf(err) != fault.Compute || !strings.Contains(err.Error(), "iteration ") || !strings.Contains(err.Error(), "in samples ") || fault.HintOf(err) == "" {
			t.Errorf("%s: code %d, error %v", name, fault.CodeOf(err), err)
		}
	}
}

func TestOnNaNSkipGoesOn(t *testing.T) {
	t.Parallel()
	// Samples 8 to 11 have nothing to train on: the mean over no token is not a number.
	gap := func(i int64) bool { return i >= 8 && i < 12 }
	r := run{source: tiny.Model(t, tiny.Config(), dtype.F32), data: phrases{blank: gap}, change: func(j *Job) { j.Hyper.OnNaN = "skip" }}
	res, _ := r.must(t)
	for i, p := range res.Curve {
		if p.Skipped != (i == 2) {
			t.Errorf("iteration %d: %+v", i+1, p)
		}
	}
	// A skipped iteration does not advance the schedule.
	if res.Curve[2].LR != res.Curve[3].LR {
		t.Errorf("learning rate %g, then %g", res.Curve[2].LR, res.Curve[3].LR)
	}
	if s := Summarise(res.Curve); s.Skipped != 1 || s.Iterations != 6 {
		t.Errorf("summary %+v", s)
	}
	if !r.events.Logged("warn", "iteration 3") {
		t.Error("no warning")
	}
	stop := run{source: r.source, data: phrases{blank: gap}}
	if _, _, err := stop.train(t, context.Background()); fault.CodeOf(err) != fault.Data || !strings.Contains(err.Error(), "samples 8 to 11") {
		t.Errorf("on_nan stop: code %d, error %v", fault.CodeOf(err), err)
	}
	never := run{source: poisoned(t), change: func(j *Job) { j.Hyper.OnNaN = "skip" }}
	if _, _, err := never.train(t, context.Background()); fault.CodeOf(err) != fault.Compute {
		t.Errorf("nothing but skipped iterations: %v", err)
	}
}

func TestMicroBatchWithoutTargetsWeighsNothing(t *testing.T) {
	t.Parallel()
	r := run{source: tiny.Model(t, tiny.Config(), dtype.F32), data: phrases{blank: func(i int64) bool { return i == 4 || i == 5 }}}
	res, _ := r.must(t)
	if res.Curve[1].Skipped || res.Curve[1].Loss > 0.6*res.Curve[0].Loss {
		t.Errorf("iteration 2 of which one of two micro batches counts: %+v after %+v", res.Curve[1], res.Curve[0])
	}
	if !r.events.Logged("warn", "no token to train on") {
		t.Error("no warning")
	}
}

func TestMistakesAreFoundBeforeTraining(t *testing.T) {
	t.Parallel()
	source := tiny.Model(t, tiny.Config(), dtype.F32)
	for _, c := range []struct {
		name, want string
		change     func(j *Job)
	}{
		{"batch sizes do not divide", "global_batch_size 4 is no multiple", func(j *Job) { j.Hyper.MicroBatchSize = 3 }},
		{"beta of 1", "adam_beta2 1", func(j *Job) { j.Hyper.AdamBeta2 = 1 }},
		{"epsilon of 0", "adam_eps 0", func(j *Job) { j.Hyper.AdamEps = 0 }},
		{"clip that is no number", "clip_grad", func(j *Job) { j.Hyper.ClipGrad = math.NaN() }},
		{"two warm-ups", "warm-up", func(j *Job) { j.Hyper.LRWarmupFrac = 0.1 }},
		{"minimum above the maximum", "minimum learning rate", func(j *Job) { j.Hyper.MinLR = 1 }},
		{"tp that the model does not fit", "tp 3", func(j *Job) { j.Layout.TP = 3 }},
		{"pp that the model does not fit", "pp 3", func(j *Job) { j.Layout.PP = 3 }},
		{"unknown element type", "int8", func(j *Job) { j.Layout.DType = "int8" }},
	} {
		r := run{source: source, change: c.change, data: phrases{before: func(int64) { t.Errorf("%s: training began", c.name) }}}
		_, _, err := r.train(t, context.Background())
		if fault.CodeOf(err) != fault.Recipe || !strings.Contains(fmt.Sprint(err), c.want) {
			t.Errorf("%s: code %d, error %v", c.name, fault.CodeOf(err), err)
		}
	}
}

func TestSavedCheckpointKeepsTheLayoutOfItsSource(t *testing.T) {
	t.Parallel()
	cfg := tiny.Config()
	cfg.Vocab = 269 // padded to a multiple of 16 times 2
	model := tiny.Model(t, cfg, dtype.BF16)
	source := tiny.Megatron(t, model, 2, 2, 16)
	for _, c := range []struct {
		name   string
		layout Layout
		want   string
	}{
		{"as the source", Layout{}, "tp 2 pp 2 rows 288 BF16"},
		{"another tp", Layout{TP: 1}, "tp 1 pp 2 rows 288 BF16"},
		{"another pp and type", Layout{PP: 1, DType: "fp32"}, "tp 2 pp 1 rows 288 F32"},
	} {
		r := run{source: source, change: func(j *Job) { j.Layout, j.Hyper.TrainIters = c.layout, 2 }}
		_, dir := r.must(t)
		be := cpu.New(1)
		_, meta, err := inference.Load(be, dir)
		be.Close()
		if err != nil {
			t.Fatal(err)
		}
		have := fmt.Sprintf("tp %d pp %d rows %d %s", meta.Layout.TP, meta.Layout.PP, meta.PaddedVocab, strings.ToUpper(meta.DType.String()))
		if have != c.want || meta.Iteration != 2 {
			t.Errorf("%s: %s, iteration %d, want %s, iteration 2", c.name, have, meta.Iteration, c.want)
		}
	}
}
