package sched

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/store"
)

// Pauses between attempts double from the first to the longest. A recipe may begin with another, and also with a longer
// one: then all are as long.
const (
	firstPause   = time.Second
	longestPause = time.Minute
)

// attempts runs a stage until it succeeds, fails for good, or has used up its retries. Each attempt begins with an empty
// output; a stage that can resume finds its work again. The pauses hold the node's tokens: it is not done.
func (r *runner) attempts(i int, sc *store.Scratch, cpu int, m *made) (engine.Out, error) {
	policy, ev := r.insts[i].node.Retry, r.events(i)
	pause := policy.Backoff
	if pause <= 0 {
		pause = firstPause
	}
	for n := 1; ; n++ {
		began := r.opts.Now()
		out, err := r.attempt(i, sc, cpu, ev)
		if err == nil || r.ctx.Err() != nil || n > policy.Max || !worthAnother(policy, err) {
			return out, err
		}
		wait := pause
		var f *fault.Error
		if errors.As(err, &f) {
			wait = max(wait, f.RetryAfter)
		}
		class := fault.ClassOf(err)
		m.attempts = append(m.attempts, Attempt{Err: r.secrets.cut.Error(err), Class: class, Took: r.opts.Now().Sub(began), Wait: wait})
		ev.Warn(fmt.Sprintf("attempt %d of %d failed, trying again in %s: %v", n, policy.Max+1, wait, err),
			map[string]any{"attempt": n, "of": policy.Max + 1, "class": string(class), "wait": wait})
		if err := r.opts.Sleep(r.ctx, wait); err != nil {
			return out, err
		}
		pause = min(2*pause, max(longestPause, policy.Backoff))
		if err := sc.Empty(); err != nil {
			return out, err
		}
	}
}

// worthAnother says whether a policy asks for another attempt after an error.
func worthAnother(p engine.Retry, err error) bool {
	if len(p.On) == 0 {
		return fault.ClassTemporary.Covers(err)
	}
	return slices.ContainsFunc(p.On, func(c fault.Class) bool { return c.Covers(err) })
}
