package preprocess

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/stages/preprocess/handler"
	"github.com/belay-ml/belay/stages/preprocess/record"
)

// at is an event sink that acts when progress is reported for the n-th time.
type at struct {
	n      int
	do     func()
	resume int // how often the stage said that it goes on
}

func (a *at) Emit(e event.Event) {
	if e.Log != nil && strings.HasPrefix(e.Log.Text, "going on after") {
		a.resume++
	}
	if e.Progress == nil {
		return
	}
	if a.n--; a.n == 0 {
		a.do()
	}
}

// attempt runs the stage once in a working directory, with a checkpoint every few ids.
func attempt(ctx context.Context, p Params, root, work string, every int64, a *at) error {
	p.OutputPrefix = "data"
	dir := filepath.Join(root, "index")
	for _, old := range []string{dir, filepath.Join(root, "kept")} {
		if err := os.RemoveAll(old); err != nil {
			return err
		}
	}
	out := engine.Out{Root: root, Ports: map[string]string{"index": dir}, Notes: map[string]any{}}
	err := Stage{every: every}.Run(ctx, engine.In{Params: &p, Work: work, CPU: 2, Events: event.Stage{Sink: a}}, out)
	if err != nil {
		return err
	}
	return os.CopyFS(filepath.Join(root, "kept"), os.DirFS(dir))
}

// contents are the files of a folder.
func contents(dir string) map[string]string {
	got := map[string]string{}
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		text, _ := os.ReadFile(filepath.Join(dir, e.Name()))
		got[e.Name()] = string(text)
	}
	return got
}

// manyRecords are records of which some are dropped, some are cut and some have no text; only the first has a column rare.
func manyRecords(n int) string {
	var b strings.Builder
	for i := range n {
		answer := strings.Repeat("y", i%41)
		if i == 0 {
			b.WriteString("{\"instruction\": \"q\", \"input\": \"x\", \"output\": \"y\", \"text\": \"t\", \"rare\": \"r\"}\n")
			continue
		}
		fmt.Fprintf(&b, "{\"instruction\": \"q%d\", \"input\": \"%s\", \"output\": \"%s\", \"text\": \"t%s\"}\n", i, strings.Repeat("x", i*7%300), answer, answer)
	}
	return b.String()
}

// resumed are the ways of writing that a run can be resumed in.
func resumed(t *testing.T) map[string]Params {
	tk, in := newTokenizer(t), []artifact.Ref{file(t, "data.jsonl", manyRecords(1400))}
	return map[string]Params{
		"running text":     {Style: "pretrain", JSONKeys: []string{"text", "instruction", "rare"}, AppendEOD: true, Tokenizer: tk, Input: in, SeqLength: 30},
		"instructions":     {Style: "alpaca", Template: "qwen", SeqLength: 250, OnLong: "truncate", Tokenizer: tk, Input: in},
		"packs":            {Style: "alpaca", Template: "qwen", SeqLength: 300, Pack: true, Tokenizer: tk, Input: in},
		"packs in groups":  {Style: "alpaca", Template: "qwen", SeqLength: 300, Pack: true, Subsets: 7, Tokenizer: tk, Input: in},
		"as the reference": {Style: "alpaca", Template: "qwen", SeqLength: 250, Compat: "rc3", Tokenizer: tk, Input: in},
		"sentences":        {Style: "pretrain", Sentences: Sentences{SplitSentences: true}, AppendEOD: true, Tokenizer: tk, Input: in},
		"mixed sources": {
			Style: "alpaca", Template: "qwen", SeqLength: 400, Mix: "interleave_over", Seed: 3, Tokenizer: tk, OnError: "skip", MaxErrors: 2000,
			Sources: []Source{
				{Input: in, Weight: weight(0.4), Filter: "len(output) > 3", MaxSamples: 900},
				{Input: []artifact.Ref{file(t, "more.jsonl", strings.Replace(manyRecords(600), "\"output\": \"yyy\"", "\"output\": 3", -1))}, Weight: weight(0.6), Filter: "len(output) % 2 == 0"},
			},
		},
		"half of the records": {
			Style: "alpaca", Template: "qwen", SeqLength: 400, Seed: 3, Tokenizer: tk, Sources: []Source{{Input: in, Weight: weight(1.5), MaxSamples: 900, Filter: "len(output) > 3"}},
		},
		"packs as in there": {Style: "alpaca", Template: "qwen", SeqLength: 600, Pack: true, Compat: "rc3", Tokenizer: tk, Input: in},
	}
}

// seeded is a source of chance whose seed is in the log.
func seeded(t *testing.T) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

func TestACancelledRunGoesOnToTheSameBytes(t *testing.T) {
	t.Parallel()
	for name, p := range resumed(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := whole(t, p)
			random := seeded(t)
			for range 3 {
				root := t.TempDir()
				work := filepath.Join(root, "work")
				every := 1 + random.Int64N(20_000)
				had := false // something was done that need not be done again
				for i := range 1 + random.IntN(4) {
					p.Workers = 1 + i%3
					ctx, cancel := context.WithCancel(context.Background())
					a := &at{n: 1 + random.IntN(5), do: cancel}
					err := attempt(ctx, p, root, work, every, a)
					cancel()
					if err != nil && !errors.Is(err, context.Canceled) {
						t.Fatal(err)
					}
					if had != (a.resume == 1) {
						t.Fatalf("attempt %d goes on %v, want %v", i, a.resume == 1, had)
					}
					if err == nil {
						break // fewer batches than that were left
					}
					had = true
				}
				if err := attempt(context.Background(), p, root, work, every, &at{}); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, contents(filepath.Join(root, "kept"))); diff != "" {
					t.Fatalf("resumed (-want +got):\n%.2000s", diff)
				}
			}
		})
	}
}

func TestAKilledRunGoesOnFromItsLastCheckpointToTheSameBytes(t *testing.T) {
	t.Parallel()
	for name, p := range resumed(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := whole(t, p)
			random := seeded(t)
			for round := range 3 {
				root := t.TempDir()
				// What the disk holds in the middle of a run is what a killed one leaves.
				left := filepath.Join(root, "left")
				a := &at{n: 1 + random.IntN(5)}
				a.do = func() {
					if err := os.CopyFS(left, os.DirFS(filepath.Join(root, "work"))); err != nil {
						t.Error(err)
					}
				}
				every := 1 + random.Int64N(20_000)
				if round == 0 {
					a.n, every = 6, 1 // everything was read, and nothing closed
				}
				if err := attempt(context.Background(), p, root, filepath.Join(root, "work"), every, a); err != nil {
					t.Fatal(err)
				}
				checkpoint, err := os.Stat(filepath.Join(left, "output", checkpointFile))
				a = &at{}
				if err := attempt(context.Background(), p, root, left, every, a); err != nil {
					t.Fatal(err)
				}
				if (a.resume == 1) != (err == nil && checkpoint.Size() > 0) {
					t.Fatalf("goes on %v, checkpoint %v", a.resume == 1, err)
				}
				if diff := cmp.Diff(want, contents(filepath.Join(root, "kept"))); diff != "" {
					t.Fatalf("resumed (-want +got):\n%.2000s", diff)
				}
			}
		})
	}
}

// whole are the files of an uninterrupted run.
func whole(t *testing.T, p Params) map[string]string {
	t.Helper()
	p.OutputPrefix = "data"
	dir, err := runStage(t, &p)
	if err != nil {
		t.Fatal(err)
	}
	return contents(dir)
}

func TestWhatIsLeftOfADamagedRunIsNotUsed(t *testing.T) {
	t.Parallel()
	p := resumed(t)["packs"]
	want := whole(t, p)
	for name, damage := range map[string]func(work string) error{
		"a checkpoint that is cut short": func(work string) error { return os.Truncate(filepath.Join(work, checkpointFile), 100) },
		"ids that are cut short":         func(work string) error { return os.Truncate(filepath.Join(work, "spool.ids"), 100) },
		"lengths that are gone":          func(work string) error { return os.Remove(filepath.Join(work, "spool.lengths")) },
		"a list of other files": func(work string) error {
			text, err := os.ReadFile(filepath.Join(work, checkpointFile))
			return errors.Join(err, os.WriteFile(filepath.Join(work, checkpointFile), []byte(strings.Replace(string(text), "data.jsonl", "data2.jsonl", 1)), 0o644))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			work := filepath.Join(root, "work")
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if err := attempt(ctx, p, root, work, 1000, &at{n: 5, do: cancel}); !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			if err := damage(filepath.Join(work, "output")); err != nil {
				t.Fatal(err)
			}
			a := &at{}
			if err := attempt(t.Context(), p, root, work, 1000, a); err != nil || a.resume > 0 {
				t.Fatalf("goes on %d times, error %v", a.resume, err)
			}
			if diff := cmp.Diff(want, contents(filepath.Join(root, "kept"))); diff != "" {
				t.Errorf("started again (-want +got):\n%.2000s", diff)
			}
		})
	}
}

func TestAMistakeInTheDataLeavesNothingToGoOnFrom(t *testing.T) {
	t.Parallel()
	p := resumed(t)["packs"]
	p.Input = []artifact.Ref{file(t, "data.jsonl", manyRecords(1000)+"x\n")}
	root := t.TempDir()
	work := filepath.Join(root, "work")
	if err := attempt(t.Context(), p, root, work, 1000, &at{}); err == nil {
		t.Fatal("no error")
	}
	if left, _ := os.ReadDir(filepath.Join(work, "output")); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
}

func TestTheRecordsBeforeACheckpointAreNotEncodedAgain(t *testing.T) {
	t.Parallel()
	p := resumed(t)["instructions"]
	root := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if err := attempt(ctx, p, root, filepath.Join(root, "work"), 1, &at{n: 4, do: cancel}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	last, err := loadCheckpoint(filepath.Join(root, "work", "output"), []string{"data.jsonl"})
	if err != nil || last == nil || last.Input.Records < 1000 {
		t.Fatalf("checkpoint %+v, %v", last, err)
	}
	seen := int64(0)
	sources := []*source{{files: []string{p.Input[0].Path}, weight: 1, handler: counting{}}}
	pipe := &pipeline{
		sources: sources, mix: newMixer(&p, sources), workers: 2, from: last.Input, examples: map[string]string{}, keeps: func() bool { return false },
		collect: func(docs []handler.Document, so collected) error {
			seen += int64(len(docs))
			if so.Records != last.Input.Records+seen || so.Counts[0] != int(so.Records) {
				return fmt.Errorf("position %d, %v records by source, after %d records behind %d", so.Records, so.Counts, seen, last.Input.Records)
			}
			return nil
		},
	}
	if err := pipe.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if seen+last.Input.Records != 1400 {
		t.Errorf("%d records are encoded after %d", seen, last.Input.Records)
	}
}

// counting encodes nothing.
type counting struct{}

func (counting) Fields() []string   { return nil }
func (counting) Columns() []string  { return nil }
func (counting) Optional() []string { return nil }
func (counting) Encode(record.Record, *handler.Memory) (handler.Document, error) {
	return handler.Document{}, nil
}
