package terminal

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/engine/event"
)

// project plays the middle of a run with a sub-recipe and a matrix.
func project(p *Printer) script {
	s := script{p}
	for _, id := range []string{"base", "prep/raw", "prep/data", "sft[seed=1]", "sft[seed=2]", "sft[seed=3]", "talk", "score"} {
		s.at(0, id, state("wanted", ""))
	}
	s.at(0, "base", state("fresh", ""))
	s.at(0, "prep/raw", state("running", ""))
	s.at(5, "prep/raw", event.Event{State: &event.State{To: "done", Took: 5 * time.Second}})
	s.at(5, "prep/data", state("running", ""))
	s.at(5, "sft[seed=1]", state("queued", ""))
	s.at(5, "sft[seed=1]", state("running", ""))
	s.at(5, "sft[seed=2]", state("queued", ""))
	for i := range 11 {
		s.at(5+float64(i), "sft[seed=1]", far(int64(i), 40, "iterations", ""))
	}
	return s
}

func TestTheTreeGroupsSubRecipesAndMatrices(t *testing.T) {
	t.Parallel()
	expect := map[string]time.Duration{"sft[seed=2]": 40 * time.Second, "prep/data": 90 * time.Second, "score": 2 * time.Second}
	for _, c := range []struct {
		columns, rows int
		want          []string
	}{
		{100, 24, []string{
			"✓ prep/raw  5.0s",
			"  prep      1/2 done",
			"»   data    10.0s  about 1m20s left",
			"  sft       0/3 done",
			"»   seed=1  ━━━━━━──────────────────  25%  10/40 iterations  1.00/s  30.0s left",
			"·   seed=2  queued, took 40.0s the last time",
			"·   seed=3  waiting",
			"· talk      waiting",
			"· score     waiting, took 2.0s the last time",
			"▪ 2/8 done (1 fresh), 2 running, 4 waiting  15s, about 1m20s left and 2 unknown",
		}},
		{40, 10, []string{
			"✓ prep/raw  5.0s",
			"  prep      1/2 done",
			"»   data    10.0s  about 1m20s left",
			"  sft       0/3 done",
			"»   seed=1   25%  30.0s left",
			"·   seed=2  queued",
			"  and 3 more waiting",
			"▪ 2/8 done, 2 running, 4 waiting  15s",
		}},
		{40, 4, []string{
			"✓ prep/raw  5.0s",
			"» prep/data    10.0s  about 1m20s left",
			"and 1 more running, 4 waiting",
			"▪ 2/8 done, 2 running, 4 waiting  15s",
		}},
	} {
		v := newVT(t, c.columns, c.rows)
		p := New(v, Options{Live: true, Size: v.size, Expect: expect})
		project(p)
		if d := cmp.Diff(c.want, v.all()); d != "" {
			t.Errorf("%dx%d: %s", c.columns, c.rows, d)
		}
		p.Close()
		if d := cmp.Diff([]string{"✓ prep/raw  5.0s"}, v.all()); d != "" {
			t.Errorf("%dx%d, at the end: %s", c.columns, c.rows, d)
		}
	}
}

func TestNoLiveLineIsLeftBehind(t *testing.T) {
	t.Parallel()
	for seed := range uint64(16) {
		random := rand.New(rand.NewPCG(seed, 0))
		v := newVT(t, 20+random.IntN(100), 3+random.IntN(40))
		resized := seed%2 == 1
		if resized {
			v.rows = 300 // what was drawn never leaves the screen, where no program reaches it
		}
		p := New(v, Options{Live: true, Size: v.size, Color: seed%4 < 2})
		s := script{p}
		var want []string
		running := map[string]bool{}
		for i := range 60 {
			s.at(0, fmt.Sprintf("stage%d[n=%d]", i/7, i), state("wanted", ""))
		}
		for i := range 60 {
			id := fmt.Sprintf("stage%d[n=%d]", i/7, i)
			at := float64(i)
			s.at(at, id, state("running", ""))
			running[id] = true
			s.at(at+0.2, id, far(int64(i), 60, "lines", "界界"))
			if random.IntN(3) == 0 {
				s.at(at+0.4, id, event.Event{Log: &event.Log{Level: "info", Text: fmt.Sprintf("log %d %s", i, strings.Repeat("界", random.IntN(80)))}})
				want = append(want, fmt.Sprintf("log %d ", i))
			}
			if resized && random.IntN(4) == 0 {
				v.cols = 20 + random.IntN(100)
			}
			for other := range running {
				if len(running) > random.IntN(12) {
					s.at(at+0.6, other, event.Event{State: &event.State{To: "done", Took: time.Second}})
					want = append(want, "✓ "+other)
					delete(running, other)
				}
			}
		}
		if v.deepest >= v.rows {
			t.Fatalf("seed %d: %d live rows on a terminal of %d", seed, v.deepest, v.rows)
		}
		p.Close()
		all := v.all()
		if len(all) != len(want) {
			t.Fatalf("seed %d: want %d lines, have %d:\n%s", seed, len(want), len(all), strings.Join(all, "\n"))
		}
		for _, l := range all {
			if strings.HasPrefix(l, "»") || strings.HasPrefix(l, "▪") || strings.HasPrefix(l, "·") {
				t.Errorf("seed %d: %q is left behind", seed, l)
			}
		}
	}
}

func TestFramesAreTenASecondAtMostEachInOneWrite(t *testing.T) {
	t.Parallel()
	v := newVT(t, 80, 24)
	p := New(v, Options{Live: true, Size: v.size})
	s := script{p}
	s.at(0, "a", state("wanted", ""))
	s.at(0, "a", state("running", ""))
	v.writes = 0
	const events = 10_000 // in ten seconds
	for i := range events {
		at := float64(i) / events * 10
		s.at(at, "a", far(int64(i), events, "lines", ""))
		s.at(at, "a", event.Event{Log: &event.Log{Level: "info", Text: fmt.Sprintf("line %d", i)}})
	}
	if v.writes > 101 {
		t.Errorf("%d writes in ten seconds", v.writes)
	}
	p.Close()
	if n := len(v.all()); n != events {
		t.Errorf("%d of %d lines arrived", n, events)
	}
}

func TestClocksGoOnWhileAStageIsSilent(t *testing.T) {
	t.Parallel()
	v := newVT(t, 80, 24)
	p := New(v, Options{Live: true, Size: v.size})
	s := script{p}
	s.at(0, "a", state("running", ""))
	began := p.seen
	for i := range 30 {
		p.tick(began.Add(time.Duration(i) * 100 * time.Millisecond))
	}
	if l := v.screen()[0]; !strings.Contains(l, "2.5s") && !strings.Contains(l, "2.9s") {
		t.Errorf("after 2.9 s the line is %q", l)
	}
	if v.writes > 10 {
		t.Errorf("%d writes in three seconds in which nothing happened", v.writes)
	}
}

func TestGroupsComeFromIDs(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		"sft": "", "sft[seed=1]": "sft", "prep/data": "prep", "a/b/c": "a a/b", "prep/sft[path=x/y,z=[1]]": "prep prep/sft", "": "", "[x]": "",
		"prep[n=1]/data": "prep prep[n=1]", `a[x="]/b"]/c`: `a a[x="]/b"]`,
	} {
		if have := strings.Join(groupsOf(id), " "); have != want {
			t.Errorf("groups of %q: have %q, want %q", id, have, want)
		}
	}
	for _, c := range [][3]string{{"", "sft[seed=1]", "sft[seed=1]"}, {"sft", "sft[seed=1]", "seed=1"}, {"prep", "prep/sft[a=1]", "sft[a=1]"}, {"prep/sft", "prep/sft[a=1]", "a=1"}, {"prep", "prep/sft", "sft"}} {
		if have := below(c[0], c[1]); have != c[2] {
			t.Errorf("%q below %q: have %q, want %q", c[1], c[0], have, c[2])
		}
	}
}
