package pretrain

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/ascend/dtype"
	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/enginetest"
	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/param"
	"github.com/belay-ml/belay/stages/corpus"
	"github.com/belay-ml/belay/stages/internal/tiny"
)

func weight(w float64) *float64 { return &w }

// blendOf makes the parameters of a blend.
func blendOf(model string, parts ...Part) Params {
	p := params(model, "")
	p.Data, p.Blend = artifact.Ref{}, &parts
	return p
}

// twoIndexes are two folders with indexes of different sizes.
func twoIndexes(t *testing.T) (a, b string) {
	t.Helper()
	return tiny.Index(t, 40), tiny.Index(t, 25)
}

func TestBlendStage(t *testing.T) {
	t.Parallel()
	model := tiny.Model(t, tiny.Config(), dtype.F32)
	a, b := twoIndexes(t)
	enginetest.Stage(t, Stage{}, enginetest.Case{
		Name: "two indexes",
		Values: map[string]any{
			"checkpoint": engine.Source{Path: model, As: "model"},
			"blend": []any{
				map[string]any{"data": engine.Source{Path: a, As: "a"}, "weight": 0.3},
				map[string]any{"data": engine.Source{Path: b, As: "b"}, "weight": 0.7, "name": "text"},
			},
			"seq_length": 16, "train_iters": 4, "lr": 0.01, "micro_batch_size": 2,
		},
	})
}

// deal makes the micro batches of a run, for all its samples one by one.
func deal(t *testing.T, p *Params, cache string) (ids [][]int32, about string) {
	t.Helper()
	parts, blended := p.parts()
	texts, err := openTexts(parts)
	if err != nil {
		t.Fatal(err)
	}
	defer closeTexts(texts)
	s, err := newSamples(p, texts, blended, nil, cache)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	for i := range p.Hyper.Samples() {
		in, err := s.Micro(i, 1)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, append([]int32{in.IDs[0]}, in.Targets...))
	}
	return ids, s.Describe()
}

func TestABlendIsDealtAsCorpusDealsIt(t *testing.T) {
	t.Parallel()
	a, b := twoIndexes(t)
	p := blendOf("", Part{Data: artifact.Ref{Path: a, Label: "a"}, Weight: weight(3)}, Part{Data: artifact.Ref{Path: b}, Name: "text", Weight: weight(7)})
	p.TrainIters, p.Split = 30, "90,10,0"
	weights := []float64{3, 7}
	wanted, err := corpus.Wanted(weights, 120)
	if err != nil {
		t.Fatal(err)
	}
	var sets []corpus.Dataset
	for i, dir := range []string{a, b} {
		x, err := corpus.Open(filepath.Join(dir, "text"))
		if err != nil {
			t.Fatal(err)
		}
		defer x.Close()
		parts, err := corpus.NewGPT(x, corpus.GPTConfig{Split: p.Split, Samples: [3]int64{wanted[i], 0, 0}, SeqLength: 16, Seed: 1234})
		if err != nil {
			t.Fatal(err)
		}
		sets = append(sets, parts[0])
	}
	whole := wanted[0] + wanted[1] // the reference deals the half percent too: the order begins alike
	blend, err := corpus.NewBlend(sets, weights, whole, "")
	if err != nil {
		t.Fatal(err)
	}
	var want [][]int32
	for i := range int64(120) {
		item, err := blend.Item(nil, i)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, item)
	}
	cache := t.TempDir()
	for _, name := range []string{"fresh maps", "maps of the cache"} {
		got, about := deal(t, &p, cache)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%.1000s", name, diff)
		}
		if !strings.HasPrefix(about, "120 samples, blended: 30 % of a (") {
			t.Error(about)
		}
	}
	if maps, _ := filepath.Glob(filepath.Join(cache, "*-BlendedDataset-*.npy")); len(maps) != 1 {
		t.Errorf("maps of the blend %v", maps)
	}
}

func TestWithoutWeightsEachIndexHasTheShareOfItsTokens(t *testing.T) {
	t.Parallel()
	a, b := twoIndexes(t)
	p := blendOf("", Part{Data: artifact.Ref{Path: a}}, Part{Data: artifact.Ref{Path: b}})
	bare, _ := deal(t, &p, "")
	for i, dir := range []string{a, b} {
		x, err := corpus.Open(filepath.Join(dir, "text"))
		if err != nil {
			t.Fatal(err)
		}
		defer x.Close()
		(*p.Blend)[i].Weight = weight(float64(x.Tokens()))
	}
	weighted, _ := deal(t, &p, "")
	if diff := cmp.Diff(weighted, bare); diff != "" {
		t.Errorf("samples (-weighted +bare):\n%.1000s", diff)
	}
}

func TestAPartOfWeightZeroIsNotRead(t *testing.T) {
	t.Parallel()
	model := tiny.Model(t, tiny.Config(), dtype.F32)
	a, b := twoIndexes(t)
	with := blendOf(model, Part{Data: artifact.Ref{Path: a}, Weight: weight(0)}, Part{Data: artifact.Ref{Path: b}, Weight: weight(1)})
	events := &tiny.Events{}
	out, err := run(t, with, events)
	if err != nil {
		t.Fatal(err)
	}
	if !events.Logged("warn", "weight 0") {
		t.Error("no warning")
	}
	_, curve := results(t, out)
	alone := blendOf(model, Part{Data: artifact.Ref{Path: b}, Weight: weight(5)})
	if out, err = run(t, alone, &tiny.Events{}); err != nil {
		t.Fatal(err)
	}
	if _, want := results(t, out); want != curve {
		t.Errorf("curves %s and %s", want, curve)
	}
}

// stopping ends a context when an iteration is done.
type stopping struct {
	tiny.Events
	stop context.CancelFunc
	at   int64
}

func (s *stopping) Emit(v event.Event) {
	s.Events.Emit(v)
	if v.Point != nil && v.Point.Step == s.at {
		s.stop()
	}
}

func TestARunCutShortInABlendGoesOnToTheSameWeights(t *testing.T) {
	t.Parallel()
	model := tiny.Model(t, tiny.Config(), dtype.F32)
	a, b := twoIndexes(t)
	p := blendOf(model, Part{Data: artifact.Ref{Path: a}, Weight: weight(0.3)}, Part{Data: artifact.Ref{Path: b}, Weight: weight(0.7)})
	p.TrainIters, p.LogInterval = 6, 1
	out, err := run(t, p, &tiny.Events{})
	if err != nil {
		t.Fatal(err)
	}
	want, curve := results(t, out)

	work := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	again := func(ctx context.Context, sink *stopping) (engine.Out, error) {
		root := t.TempDir()
		out := engine.Out{Root: root, Ports: map[string]string{"checkpoint": filepath.Join(root, "checkpoint"), "metrics": filepath.Join(root, "metrics")}, Notes: map[string]any{}}
		return out, Stage{}.Run(ctx, engine.In{Params: &p, Work: work, CPU: 2, Events: event.Stage{Name: "stage", Sink: sink}}, out)
	}
	if _, err := again(ctx, &stopping{stop: cancel, at: 3}); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v, want the run cut short", err)
	}
	second := &stopping{}
	if out, err = again(context.Background(), second); err != nil {
		t.Fatal(err)
	}
	if !second.Logged("info", "resumed after iteration 3") {
		t.Error("the run began anew")
	}
	have, c := results(t, out)
	if c != curve {
		t.Errorf("curve %s, want %s", c, curve)
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Error("other weights")
	}
}

func TestMistakesOfABlendNameTheirCause(t *testing.T) {
	t.Parallel()
	model := tiny.Model(t, tiny.Config(), dtype.F32)
	a, b := twoIndexes(t)
	describe := func(dir string, m corpus.Manifest) string {
		if err := m.Write(dir); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	small := describe(tiny.Index(t, 5), corpus.Manifest{VocabSize: 100, EOD: 99})
	large := describe(tiny.Index(t, 5), corpus.Manifest{VocabSize: 272, EOD: 269})
	other := describe(tiny.Index(t, 5), corpus.Manifest{VocabSize: 272, EOD: 1})
	broken := tiny.Index(t, 5)
	if err := os.WriteFile(filepath.Join(broken, corpus.ManifestName), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	several := tiny.Index(t, 3)
	tiny.AddIndex(t, filepath.Join(several, "other"), 3)
	tuning := tiny.Instructions(t, [][]tiny.Sample{tiny.Samples(3)}, 0, false)
	part := func(dir string, w ...float64) Part {
		p := Part{Data: artifact.Ref{Path: dir, Label: filepath.Base(dir)}}
		if len(w) > 0 {
			p.Weight = &w[0]
		}
		return p
	}
	for _, c := range []struct {
		name  string
		parts []Part
		also  func(p *Params)
		code  int
		want  string
	}{
		{"a part without a weight", []Part{part(a, 1), part(b)}, nil, fault.Recipe, "blend: part 2 has no weight, and 1 of 2 have one"},
		{"a negative weight", []Part{part(a, 1), part(b, -1)}, nil, fault.Recipe, "weight -1: want a number that is not negative"},
		{"no weight above 0", []Part{part(a, 0), part(b, 0)}, nil, fault.Recipe, "the weights sum to 0"},
		{"data beside a blend", []Part{part(a)}, func(p *Params) { p.Data.Path = b }, fault.Recipe, "blend: data is given too"},
		{"a name beside a blend", []Part{part(a)}, func(p *Params) { p.Name = "text" }, fault.Recipe, "data_name says nothing about a blend"},
		{"no data", nil, nil, fault.Recipe, "missing parameter data"},
		{"instruction data", []Part{part(a), part(tuning)}, nil, fault.Data, filepath.Base(tuning) + " holds instruction data"},
		{"several indexes", []Part{part(a), part(several)}, nil, fault.Recipe, "(other, text): choose one with data_name"},
		{"an index elsewhere", []Part{part(a), {Data: artifact.Ref{Path: several}, Name: "../x"}}, nil, fault.Recipe, "leads out"},
		{"vocabularies of other sizes", []Part{part(a), part(small), part(large)}, nil, fault.Data, "has ids of 100 tokens with end 99, " + filepath.Base(large) + " of 272 with end 269"},
		{"vocabularies with other ends", []Part{part(large), part(other)}, nil, fault.Data, "with end 1"},
		{"a manifest that is none", []Part{part(large), part(broken)}, nil, fault.Data, "manifest"},
		{"nothing to train on", []Part{part(a), part(b)}, func(p *Params) { p.Split = "0,1" }, fault.Data, "leaves nothing to train on"},
	} {
		p := blendOf(model, c.parts...)
		if c.also != nil {
			c.also(&p)
		}
		_, err := run(t, p, &tiny.Events{})
		if fault.CodeOf(err) != c.code || !strings.Contains(fmt.Sprint(err), c.want) {
			t.Errorf("%s: code %d, error %v", c.name, fault.CodeOf(err), err)
		}
	}
}

func TestCheckPlacesMistakesOfABlend(t *testing.T) {
	t.Parallel()
	ref, list := engine.Source{Path: "x"}, func(weights ...any) []any {
		var out []any
		for _, w := range weights {
			out = append(out, map[string]any{"data": engine.Source{Path: "x"}, "weight": w})
		}
		return out
	}
	for _, c := range []struct {
		name   string
		values map[string]any
		want   string // path of the problem
	}{
		{"data", map[string]any{"data": ref}, ""},
		{"a blend", map[string]any{"blend": list(0.3, 0.7)}, ""},
		{"a blend without weights", map[string]any{"blend": list(nil, nil)}, ""},
		{"nothing", map[string]any{}, "data"},
		{"an empty blend", map[string]any{"blend": []any{}}, "data"},
		{"both", map[string]any{"data": ref, "blend": list(1.0)}, "blend"},
		{"a name", map[string]any{"data_name": "x", "blend": list(1.0)}, "data_name"},
		{"a missing weight", map[string]any{"blend": list(1.0, nil, 2.0)}, "blend 1"},
		{"zeros", map[string]any{"blend": list(0.0, 0.0)}, "blend"},
	} {
		values := map[string]any{"data_name": ""}
		for k, v := range c.values {
			values[k] = v
		}
		got := ""
		for _, p := range (Stage{}).Check(values) {
			got += strings.Join(p.Path, " ")
		}
		if got != c.want {
			t.Errorf("%s: problem at %q, want %q", c.name, got, c.want)
		}
	}
}

func TestARunWithoutABlendHasTheKeyItHad(t *testing.T) {
	t.Parallel()
	schema, err := param.Of(Params{})
	if err != nil {
		t.Fatal(err)
	}
	values, problems := schema.Normalize(map[string]any{"data_path": engine.Source{Path: "x"}, "seq_length": 8, "train_iters": 1, "lr": 1})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if blend, ok := values["blend"]; ok {
		t.Errorf("the blend that is not given is %v", blend)
	}
	if _, ok := values["data"].(engine.Source); !ok {
		t.Errorf("data is %v", values["data"])
	}
}
