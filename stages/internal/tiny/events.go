package tiny

import (
	"strings"
	"sync"

	"github.com/belay-ml/belay/engine/event"
)

// Events is a sink that remembers.
type Events struct {
	mu  sync.Mutex
	all []event.Event
}

// Emit remembers an event.
func (e *Events) Emit(v event.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, v)
}

// Stage emits into the sink.
func (e *Events) Stage() event.Stage { return event.Stage{Name: "stage", Sink: e} }

// All is what was emitted.
func (e *Events) All() []event.Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.all
}

// Logged says whether a line of this level holds the text.
func (e *Events) Logged(level, text string) bool {
	for _, v := range e.All() {
		if v.Log != nil && v.Log.Level == level && strings.Contains(v.Log.Text, text) {
			return true
		}
	}
	return false
}
