package sched_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/enginetest"
	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/sched"
)

func TestAPolicyNamesTheErrorsThatAreTriedAgain(t *testing.T) {
	t.Parallel()
	lost, nan := fault.New(fault.Network, "connection lost"), fault.New(fault.Compute, "loss is NaN")
	busy := &fault.Error{Code: fault.Network, Err: errors.New("busy"), Temporary: true}
	for _, c := range []struct {
		name   string
		policy engine.Retry
		errs   []error
		runs   int
		sleeps []time.Duration
	}{
		{"its class", engine.Retry{Max: 3, On: []fault.Class{fault.ClassNetwork}}, []error{lost, lost}, 3, []time.Duration{1e9, 2e9}},
		{"another class", engine.Retry{Max: 3, On: []fault.Class{fault.ClassNetwork}}, []error{nan}, 1, nil},
		{"first one, then another", engine.Retry{Max: 3, On: []fault.Class{fault.ClassNetwork}}, []error{lost, nan}, 2, []time.Duration{1e9}},
		{"two classes", engine.Retry{Max: 3, On: []fault.Class{fault.ClassNetwork, fault.ClassCompute}}, []error{lost, nan}, 3, []time.Duration{1e9, 2e9}},
		{"a temporary error by its band", engine.Retry{Max: 3, On: []fault.Class{fault.ClassNetwork}}, []error{busy}, 2, []time.Duration{1e9}},
		{"not a temporary error only", engine.Retry{Max: 3, On: []fault.Class{fault.ClassTemporary}}, []error{lost}, 1, nil},
		{"any", engine.Retry{Max: 3, On: []fault.Class{fault.ClassAny}}, []error{lost, nan, errors.New("x")}, 4, []time.Duration{1e9, 2e9, 4e9}},
		{"any, but not the recipe's mistakes", engine.Retry{Max: 3, On: []fault.Class{fault.ClassAny}}, []error{fault.New(fault.Recipe, "x")}, 1, nil},
		{"its pause", engine.Retry{Max: 9, Backoff: 25 * time.Second}, []error{busy, busy, busy, busy}, 5, []time.Duration{25e9, 50e9, 60e9, 60e9}},
		{"a long pause", engine.Retry{Max: 9, Backoff: 90 * time.Second}, []error{busy, busy}, 3, []time.Duration{90e9, 90e9}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b, s := newBench(t), enginetest.Fail(c.errs...)
			n := enginetest.Node("a", s, "")
			n.Retry = c.policy
			r, err := b.try(enginetest.Graph(n))
			want(t, "runs", s.Runs(), c.runs)
			want(t, "sleeps", b.clock.Sleeps(), c.sleeps)
			want(t, "attempts in the result", len(r.Nodes[0].Attempts), len(c.sleeps))
			if failed := c.runs <= len(c.errs); failed != (err != nil) {
				t.Error(err)
			}
		})
	}
}

func TestAttemptsAreToldAndRemembered(t *testing.T) {
	t.Parallel()
	b, s := newBench(t), enginetest.Fail(fault.New(fault.Network, "connection lost"))
	b.opts.Now = b.clock.Now
	n := enginetest.Node("a", s, "")
	n.Retry = engine.Retry{Max: 2, On: []fault.Class{fault.ClassNetwork}}
	r := b.run(enginetest.Graph(n))
	a := r.Nodes[0].Attempts
	if len(a) != 1 || a[0].Err.Error() != "connection lost" || a[0].Class != fault.ClassNetwork || a[0].Wait != time.Second {
		t.Errorf("%+v", a)
	}
	var logs []string
	for _, e := range b.events.All() {
		if e.Log != nil {
			line, err := event.Marshal(e)
			logs = append(logs, string(line))
			if err != nil {
				t.Error(err)
			}
		}
	}
	if len(logs) != 1 || !strings.Contains(logs[0], `"level":"warn","text":"attempt 1 of 3 failed, trying again in 1s: connection lost","data":{"attempt":1,"class":"network","of":3,"wait":"1s"}`) {
		t.Error(logs)
	}
}

func TestEachAttemptBeginsWithAnEmptyOutput(t *testing.T) {
	t.Parallel()
	for _, resumable := range []bool{true, false} {
		t.Run(fmt.Sprint("resumable ", resumable), func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			s := &enginetest.Fake{Spec: enginetest.Spec("messy")}
			s.Spec.Resumable = resumable
			s.Do = func(_ context.Context, in engine.In, out engine.Out) error {
				outputs, _ := os.ReadDir(out.Root)
				works, _ := os.ReadDir(in.Work)
				want(t, "files in the output", len(outputs), 0)
				want(t, "the work is kept", len(works) > 0, resumable && s.Runs() > 1)
				for _, path := range []string{filepath.Join(out.Root, "rubbish"), filepath.Join(in.Work, "state"), out.Path("out")} {
					if err := os.WriteFile(path, nil, 0o444); err != nil {
						t.Error(err)
					}
				}
				if s.Runs() < 3 {
					return errors.New("x")
				}
				return os.Remove(filepath.Join(out.Root, "rubbish"))
			}
			n := enginetest.Node("a", s, "")
			n.Retry = engine.Retry{Max: 5, On: []fault.Class{fault.ClassAny}}
			b.run(enginetest.Graph(n))
			want(t, "runs", s.Runs(), 3)
		})
	}
}

func TestATimeoutIsAClassOfItsOwn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		on   []fault.Class
		runs int
	}{
		{"tried again", []fault.Class{fault.ClassTimeout}, 3},
		{"not as a failure of numbers", []fault.Class{fault.ClassCompute}, 1},
		{"not by default", nil, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			s := &enginetest.Fake{Spec: enginetest.Spec("slow"), Do: func(ctx context.Context, _ engine.In, _ engine.Out) error {
				<-ctx.Done()
				return fault.Wrap(fault.Network, fmt.Errorf("get: %w", context.Canceled)) // as some libraries say it
			}}
			n := enginetest.Node("a", s, "")
			n.Timeout, n.Retry = time.Nanosecond, engine.Retry{Max: 2, On: c.on}
			r, err := b.try(enginetest.Graph(n))
			want(t, "runs", s.Runs(), c.runs)
			want(t, "exit code", fault.CodeOf(err), fault.Compute)
			want(t, "class", fault.ClassOf(r.Nodes[0].Err), fault.ClassTimeout)
			want(t, "state", r.Nodes[0].State, sched.Failed)
		})
	}
}

func TestACancellationEndsAPauseBetweenAttempts(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx, cancel := context.WithCancel(context.Background())
	b.opts.Sleep = func(ctx context.Context, _ time.Duration) error {
		cancel()
		<-ctx.Done()
		return ctx.Err()
	}
	n := enginetest.Node("a", enginetest.Fail(errors.New("x"), errors.New("x")), "")
	n.Retry = engine.Retry{Max: 5, On: []fault.Class{fault.ClassAny}}
	r, err := sched.Run(ctx, enginetest.Graph(n), b.st, b.opts, nil)
	want(t, "exit code", fault.CodeOf(err), fault.Cancelled)
	want(t, "state", r.Nodes[0].State, sched.Cancelled)
}

func TestRetries(t *testing.T) {
	t.Parallel()
	temporary := &fault.Error{Code: fault.Network, Err: errors.New("hub is down"), Temporary: true}
	patient := &fault.Error{Code: fault.Network, Err: errors.New("slow down"), Temporary: true, RetryAfter: 9 * time.Second}
	lasting := fault.New(fault.Network, "no such repository")
	for _, c := range []struct {
		name    string
		errs    []error
		retries int
		runs    int
		sleeps  []time.Duration
		err     string
	}{
		{"temporary errors are tried again, later each time", []error{temporary, temporary, temporary}, 5, 4, []time.Duration{1e9, 2e9, 4e9}, ""},
		{"as long as the other side asked", []error{patient}, 1, 2, []time.Duration{9e9}, ""},
		{"only so often", []error{temporary, temporary, temporary}, 1, 2, []time.Duration{1e9}, "stage a: hub is down"},
		{"lasting errors are not", []error{lasting}, 5, 1, nil, "stage a: no such repository"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b, s := newBench(t), enginetest.Fail(c.errs...)
			n := enginetest.Node("a", s, "")
			n.Retry.Max = c.retries
			_, err := b.try(enginetest.Graph(n))
			want(t, "runs", s.Runs(), c.runs)
			want(t, "sleeps", b.clock.Sleeps(), c.sleeps)
			if got := fmt.Sprint(err); c.err != "" && got != c.err || c.err == "" && err != nil {
				t.Errorf("error %v, want %q", err, c.err)
			}
		})
	}
}
