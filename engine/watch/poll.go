package watch

import (
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/fault"
)

// Pauses between two looks: at least the first, and many times as long as a look takes.
const (
	pollEvery  = time.Second
	pollFactor = 20
)

// state is what a polled path looked like: a hash over the states of its files.
type state struct {
	gen int
	sum uint64
}

// poll goes over to polling; what was added so far is added again. It is called with the lock held, or before there is
// another goroutine.
func (w *Watcher) poll(why error) {
	w.opt.Warn(fmt.Sprintf("the system gives no more file watches (%v); changes are looked for every second or so instead", why))
	for f := range w.files {
		w.addPolled(f)
	}
	for t := range w.trees {
		w.addPolled(t)
	}
	clear(w.files)
	clear(w.trees)
	clear(w.dirs)
}

// addPolled notes how a path looks at its first Add in a generation, which is before it is read.
func (w *Watcher) addPolled(path string) {
	if s, known := w.polled[path]; !known || s.gen < w.gen {
		w.polled[path] = state{w.gen, w.sum(path)}
	}
}

// sum hashes the states of a file, or of all below a folder; 0 when it is not there.
func (w *Watcher) sum(path string) uint64 {
	entries, _, err := artifact.Walk(path, artifact.FollowOutside)
	if err != nil {
		return 0
	}
	slices.SortFunc(entries, func(a, b artifact.Entry) int { return strings.Compare(a.Path, b.Path) })
	h := fnv.New64a()
	for _, e := range entries {
		if w.ignored(e.Abs) {
			continue
		}
		fmt.Fprintf(h, "%q %v %v\n", e.Path, e.Stat, e.Mode)
	}
	return h.Sum64()
}

// look pauses, and then looks at every path once.
func (w *Watcher) look(ctx context.Context) error {
	w.mu.Lock()
	began := time.Now()
	for path, s := range w.polled {
		if sum := w.sum(path); sum != s.sum {
			s.sum = sum
			w.polled[path] = s
			w.tell(path)
		}
	}
	pause := max(pollEvery, pollFactor*time.Since(began))
	some := len(w.changed) > 0
	w.mu.Unlock()
	if some {
		return nil
	}
	return fault.Pause(ctx, pause)
}
