package main

import (
	"sync"

	"github.com/belay-ml/belay/engine/event"
)

// late is a sink that holds events back until one shows that there is work to do: only then is the real
// sink opened and told everything. A run in which all is fresh stays silent.
type late struct {
	open func() event.Sink

	mu   sync.Mutex
	held []event.Event
	to   event.Sink
}

// Emit holds an event back, or passes it on.
func (l *late) Emit(e event.Event) {
	l.mu.Lock()
	if l.to == nil {
		l.held = append(l.held, e)
		if idle(e) {
			l.mu.Unlock()
			return
		}
		l.to = l.open()
		for _, h := range l.held {
			l.to.Emit(h)
		}
		l.held = nil
		l.mu.Unlock()
		return
	}
	to := l.to
	l.mu.Unlock()
	to.Emit(e)
}

// idle says whether an event also happens when nothing is to do.
func idle(e event.Event) bool {
	if e.State == nil {
		return false
	}
	switch e.State.To {
	case "wanted", "ready", "fresh", "skipped", "cancelled":
		return true
	}
	return false
}
