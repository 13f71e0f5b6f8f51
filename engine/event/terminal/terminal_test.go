package terminal

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/engine/event"
)

// script plays events at seconds after a start.
type script struct{ p *Printer }

func (s script) at(seconds float64, stage string, e event.Event) {
	e.Time = time.Unix(1_700_000_000, 0).Add(time.Duration(seconds * float64(time.Second)))
	e.Stage = stage
	s.p.Emit(e)
}

func state(to, why string) event.Event { return event.Event{State: &event.State{To: to, Why: why}} }

func far(done, total int64, unit, text string) event.Event {
	return event.Event{Progress: &event.Progress{Done: done, Total: total, Unit: unit, Text: text}}
}

func play(p *Printer) {
	s := script{p}
	s.at(0, "base", state("fresh", ""))
	s.at(0, "sft[seed=1]", state("ready", ""))
	s.at(0, "sft[seed=1]", state("running", "params.lr changed"))
	for i := range 41 {
		s.at(float64(i), "sft[seed=1]", far(int64(i*5), 250, "iterations", "lm loss 2.31"))
	}
	s.at(41, "sft[seed=1]", event.Event{Log: &event.Log{Level: "info", Text: "saved", Data: map[string]any{"step": 200, "stream": "stdout"}}})
	s.at(42, "sft[seed=1]", event.Event{Log: &event.Log{Level: "warn", Text: "slow disk\x1b[2J"}})
	s.at(42, "sft[seed=1]", event.Event{Log: &event.Log{Level: "debug", Text: "hidden"}})
	s.at(43, "sft[seed=1]", event.Event{Table: &event.Table{Title: "MMLU", Columns: []string{"subject", "acc"}, Rows: [][]string{{"largest", "0.9"}, {"比较", "0.85"}}, Headline: map[string]float64{"acc": 0.875}}})
	s.at(50, "sft[seed=1]", event.Event{State: &event.State{To: "done", Took: 50 * time.Second}})
	s.at(50, "talk", state("running", ""))
	s.at(53, "talk", state("failed", "model.safetensors: truncated"))
	s.at(53, "bench", state("skipped", "talk failed"))
	p.Close()
}

func TestPlainLinesAreOneAChange(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	play(New(&b, Options{}))
	want := `· base      fresh
» sft[seed=1]  started  params.lr changed
… sft[seed=1]   20%  50/250 iterations  5.00/s  40.0s left  lm loss 2.31
… sft[seed=1]   40%  100/250 iterations  5.00/s  30.0s left  lm loss 2.31
… sft[seed=1]   60%  150/250 iterations  5.00/s  20.0s left  lm loss 2.31
… sft[seed=1]   80%  200/250 iterations  5.00/s  10.0s left  lm loss 2.31
  sft[seed=1]  saved  step=200
! sft[seed=1]  slow disk[2J
▪ sft[seed=1]  MMLU
    subject   acc
    largest   0.9
    比较     0.85
✓ sft[seed=1]  50.0s  acc 0.875
» talk         started
✗ talk         failed  model.safetensors: truncated
· bench        skipped  talk failed
`
	if d := cmp.Diff(want, b.String()); d != "" {
		t.Error(d)
	}
}

func TestQuietSaysOnlyWhatNeedsALook(t *testing.T) {
	t.Parallel()
	for _, live := range []bool{false, true} {
		var b bytes.Buffer
		play(New(&b, Options{Quiet: true, Live: live}))
		if d := cmp.Diff("! sft[seed=1]  slow disk[2J\n✗ talk         failed  model.safetensors: truncated\n", b.String()); d != "" {
			t.Errorf("live %v: %s", live, d)
		}
	}
}

func TestLiveLinesAreRedrawnBelowTheLastingOnes(t *testing.T) {
	t.Parallel()
	v := newVT(t, 90, 24)
	p := New(v, Options{Live: true, Size: v.size})
	s := script{p}
	s.at(0, "a", state("wanted", ""))
	s.at(0, "b", state("wanted", ""))
	s.at(0, "a", state("running", ""))
	s.at(0, "b", state("running", ""))
	for i := range 21 {
		s.at(float64(i), "a", far(int64(i)*1_000_000, 40_000_000, "bytes", "model.safetensors"))
	}
	s.at(20.5, "b", event.Event{Log: &event.Log{Level: "info", Text: "hello"}})
	want := []string{
		"  b         hello",
		"» a         ━━━━━━━━━━━━────────────  50%  20.0/40.0 MB  1.0 MB/s  20.0s left  model.safe",
		"» b         20.5s",
		"▪ 0/2 done, 2 running  20s, about 20s left and 1 unknown",
	}
	if d := cmp.Diff(want, v.screen()); d != "" {
		t.Errorf("while running: %s", d)
	}
	s.at(40, "a", event.Event{State: &event.State{To: "done", Took: 40 * time.Second}})
	s.at(41, "b", state("cancelled", ""))
	p.Close()
	want = []string{"  b         hello", "✓ a         40.0s", "■ b         cancelled"}
	if d := cmp.Diff(want, v.screen()); d != "" {
		t.Errorf("at the end: %s", d)
	}
}

func TestColoursAreOnlyThereWhenAsked(t *testing.T) {
	t.Parallel()
	var with, without bytes.Buffer
	play(New(&with, Options{Color: true}))
	play(New(&without, Options{}))
	if !strings.Contains(with.String(), "\x1b[32m✓") || strings.Contains(without.String(), "\x1b") {
		t.Error("colours do not follow the option")
	}
}

func TestLiveLinesNeverWrap(t *testing.T) {
	t.Parallel()
	for _, columns := range []int{0, 20, 39, 59, 79, 80, 200} {
		v := newVT(t, max(columns, 20), 24)
		p := New(v, Options{Live: true, Size: func() (int, int) { return columns, 24 }})
		s := script{p}
		name := strings.Repeat("长", 30)
		s.at(0, name+"/x", state("wanted", ""))
		s.at(0, name+"/y", state("wanted", ""))
		s.at(0, name+"/x", state("running", ""))
		s.at(1, name+"/x", far(-5, 1<<62, "tokens", strings.Repeat("界", 200)))
		s.at(2, name+"/x", far(1<<62, 1<<62, "tokens", ""))
		if lines := v.screen(); len(lines) != 4 {
			t.Errorf("%d columns: want a header, two stages and the run, have %q", columns, lines)
		}
		for _, l := range v.screen() {
			if cells(l) >= max(columns, 20) {
				t.Errorf("%d columns: a line of %d", columns, cells(l))
			}
		}
	}
}

func TestRatesForgetWhatIsLongAgo(t *testing.T) {
	t.Parallel()
	var p pace
	at := time.Unix(0, 0)
	for i := range 100 { // fast, then slow
		at = at.Add(time.Second)
		p.add(at, int64(i*100))
	}
	for i := range 60 {
		at = at.Add(time.Second)
		p.add(at, 10_000+int64(i))
	}
	if r := p.rate(); r < 0.9 || r > 1.1 {
		t.Errorf("rate %v, want about 1", r)
	}
	p.add(at.Add(time.Second), 0) // began again
	if p.rate() != 0 {
		t.Errorf("rate %v after a new beginning", p.rate())
	}
}

func TestAmountsReadWell(t *testing.T) {
	t.Parallel()
	for want, have := range map[string]string{
		"3.1/12.0 MB": amount(3_100_000, 12_000_000, "bytes"), "120/250 iterations": amount(120, 250, "iterations"), "1.5/2.0 M tokens": amount(1_500_000, 2_000_000, "tokens"),
		"7 lines": amount(7, 0, "lines"), "5.1 MB/s": speed(5_100_000, "bytes"), "33.3 s each": speed(0.03, "x"), "12/s": speed(12.3, "x"), "41.2k/s": speed(41_234, "tokens"),
		"3m05s": clock(185 * time.Second), "2h04m": clock(124 * time.Minute), "3d04h": clock(76 * time.Hour),
	} {
		if have != want {
			t.Errorf("have %q, want %q", have, want)
		}
	}
}
