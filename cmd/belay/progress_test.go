package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/event/terminal"
)

func TestWarningsStandAboveTheLiveLines(t *testing.T) {
	t.Parallel()
	var drawn, plain bytes.Buffer
	a := &app{stderr: &plain}
	p := terminal.New(&drawn, terminal.Options{Live: true})
	a.live.Store(p)
	p.Emit(event.Event{Time: time.Unix(0, 0), Stage: "a", State: &event.State{To: "running"}})
	a.warn("artifact 12 is damaged")
	p.Close()
	a.live.Store(nil)
	a.warn("later")
	if plain.String() != "warning: later\n" {
		t.Errorf("beside the live lines: %q", plain.String())
	}
	if !strings.Contains(drawn.String(), "warning: artifact 12 is damaged\n") {
		t.Errorf("above the live lines: %q", drawn.String())
	}
}

func TestATerminalThatCannotRedrawGetsPlainLines(t *testing.T) {
	a := &app{stderr: &bytes.Buffer{}}
	for _, c := range []struct {
		term string
		dumb bool
	}{{"xterm", false}, {"dumb", true}} {
		t.Setenv("TERM", c.term)
		if dumb() != c.dumb || a.redraws() || a.color() {
			t.Errorf("TERM=%s: dumb %v, redraws %v, colours %v", c.term, dumb(), a.redraws(), a.color())
		}
	}
}
