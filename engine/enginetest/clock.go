package enginetest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/belay-ml/belay/engine/event"
)

// Clock is a clock that moves only when somebody sleeps on it, and then at once.
type Clock struct {
	mu     sync.Mutex
	now    time.Time
	sleeps []time.Duration
}

// NewClock starts at noon of the first day of 2026, UTC.
func NewClock() *Clock {
	return &Clock{now: time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)}
}

// Now is the clock's time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Sleep moves the clock.
func (c *Clock) Sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	c.sleeps = append(c.sleeps, d)
	return ctx.Err()
}

// Sleeps are all durations slept.
func (c *Clock) Sleeps() []time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]time.Duration(nil), c.sleeps...)
}

// Events is a sink that remembers.
type Events struct {
	mu  sync.Mutex
	all []event.Event
}

// Emit remembers e.
func (s *Events) Emit(e event.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, e)
}

// All are the events so far.
func (s *Events) All() []event.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]event.Event(nil), s.all...)
}

// States are the states that a stage went through.
func (s *Events) States(stage string) []string {
	var out []string
	for _, e := range s.All() {
		if e.Stage == stage && e.State != nil {
			out = append(out, e.State.To)
		}
	}
	return out
}

// Wait polls until a condition holds; a minute later it gives up.
func Wait(t testing.TB, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("what the test waits for does not happen")
		}
	}
}
