package main

import (
	"context"
	"os"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/term"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/event/terminal"
	"github.com/belay-ml/belay/engine/store"
)

// progress is the sink for a person or a machine on stderr, and what ends it. expect is how long stages took the last
// time, by ID; nil is not known.
func (a *app) progress(expect map[string]time.Duration) (event.Sink, func()) {
	if a.logFormat == "json" {
		level := zerolog.InfoLevel
		switch {
		case a.quiet:
			level = zerolog.WarnLevel
		case a.verbose:
			level = zerolog.DebugLevel
		}
		return event.Logger(zerolog.New(a.stderr).Level(level)), func() {}
	}
	live := a.redraws()
	p := terminal.New(a.stderr, terminal.Options{
		Live: live, Color: a.color(), Quiet: a.quiet, Verbose: a.verbose, Expect: expect,
		Size: func() (columns, rows int) {
			if f, ok := a.stderr.(*os.File); ok {
				if w, h, err := term.GetSize(int(f.Fd())); err == nil {
					return w, h
				}
			}
			return 100, 24
		},
	})
	if live {
		a.live.Store(p)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.Watch(ctx)
	}()
	return p, func() {
		stop()
		<-done
		p.Close()
		a.live.Store(nil)
	}
}

// redraws says whether messages go to a terminal that can draw lines anew.
func (a *app) redraws() bool { return isTerminal(a.stderr) && !dumb() && os.Getenv("CI") == "" }

// dumb says whether the terminal knows no control sequences.
func dumb() bool { return os.Getenv("TERM") == "dumb" }

// durations are how long the stages of a recipe took the last time, by ID.
func durations(g *engine.Graph, st *store.Store) map[string]time.Duration {
	out := map[string]time.Duration{}
	for i := range g.Nodes {
		if last, ok := st.Last(g.Recipe, g.Nodes[i].ID); ok {
			out[g.Nodes[i].ID] = last.Took
		}
	}
	return out
}
