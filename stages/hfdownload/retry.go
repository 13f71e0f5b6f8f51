package hfdownload

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/belay-ml/belay/engine/fault"
)

// Waits between attempts. A hub that asks for more than maxWait gets its stage back to the engine,
// which may do something else meanwhile.
const (
	firstWait = time.Second
	lastWait  = time.Minute
	maxWait   = 10 * time.Minute
)

// retry calls do until it succeeds, fails for good, or has failed max times in a row without
// progress. do reports whether it got any further.
func (c *client) retry(ctx context.Context, what string, do func() (progress bool, err error)) error {
	for failed := 0; ; {
		further, err := do()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var f *fault.Error
		if !errors.As(err, &f) || !f.Temporary {
			return err
		}
		if further {
			failed = 0
		}
		failed++
		wait := min(firstWait<<min(failed-1, 10), lastWait)
		if f.RetryAfter > 0 {
			wait = f.RetryAfter
		}
		if failed > c.retries || wait > maxWait {
			return err
		}
		c.events.Warn("trying again", map[string]any{
			"what": what, "after": wait.String(), "attempt": failed, "error": err.Error(),
		})
		if err := fault.Pause(ctx, wait); err != nil {
			return err
		}
	}
}

// retryAfter reads a Retry-After header: seconds, or a date; 0 when there is none to be understood.
func retryAfter(h string, now time.Time) time.Duration {
	h = strings.TrimSpace(h)
	if n, err := strconv.ParseInt(h, 10, 64); err == nil {
		return time.Duration(min(max(n, 0), 1<<31)) * time.Second
	}
	if t, err := http.ParseTime(h); err == nil {
		return max(t.Sub(now), 0)
	}
	return 0
}
