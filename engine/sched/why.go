package sched

import (
	"fmt"
	"strings"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/key"
	"github.com/belay-ml/belay/engine/store"
)

// Cause is what kind of reason a node has to run.
type Cause string

// The causes.
const (
	Forced   Cause = "forced"
	CacheOff Cause = "cache is off"
	NeverRan Cause = "never ran"
	Changed  Cause = "changed"
	Lost     Cause = "its result is missing or damaged"
	Upstream Cause = "upstream" // something above is stale; whether the node runs is not known yet
)

// Why says why a node runs, or might.
type Why struct {
	Cause   Cause
	Changes []key.Change // since the last success
	Above   string       // for Upstream: the nearest node whose result is not known
	Gated   bool         // that one waits for a gate, so that the node may not run at all
	// Because is the root cause with its node: "data: parameter style: ...". Of a node that runs for its own sake it is
	// its own.
	Because string
}

// String tells the reason in one line, the first change first.
func (w Why) String() string {
	switch w.Cause {
	case Changed:
		text := w.Changes[0].String()
		if more := len(w.Changes) - 1; more > 0 {
			text += fmt.Sprintf(", and %d more", more)
		}
		return text
	case Upstream:
		if w.Gated {
			return "upstream " + w.Above + " waits for a gate"
		}
		text := "upstream " + w.Above + " is stale"
		if own, ok := strings.CutPrefix(w.Because, w.Above+": "); ok {
			return text + ": " + own
		} else if w.Because != "" {
			return text + ", because of " + w.Because
		}
		return text
	}
	return string(w.Cause)
}

// whyer finds reasons. Plan and Run ask the same one, so they tell the same.
type whyer struct {
	store  *store.Store
	recipe string
}

// why says why a node whose result is not there runs. parts lack the inputs that are not known yet; known says that
// there are none of those. It reads a few small files, and listings of inputs that changed.
func (w whyer) why(in *instance, parts key.Parts, res *resolved, known, force bool) (Why, *store.Last) {
	last, ran := w.store.Last(w.recipe, in.node.ID)
	out := Why{Cause: Lost}
	if ran {
		out.Changes = w.changes(in, parts, res, last)
	}
	switch {
	case force:
		out.Cause = Forced
	case in.node.NoCache:
		out.Cause = CacheOff
	case !ran:
		out.Cause = NeverRan
	case len(out.Changes) > 0:
		out.Cause = Changed
	case !known:
		out.Cause = Upstream
	}
	return out, last
}

// changes are those since the last success. Inputs that are not known yet count as unchanged.
func (w whyer) changes(in *instance, parts key.Parts, res *resolved, last *store.Last) []key.Change {
	now := parts
	if len(res.digests) < len(in.inputs) {
		now.Inputs = map[string]artifact.Digest{}
		for _, item := range in.inputs {
			if d, ok := parts.Inputs[item.path]; ok {
				now.Inputs[item.path] = d
			} else if d, ok := last.Parts.Inputs[item.path]; ok && res.digests[item.path] == "" {
				now.Inputs[item.path] = d
			}
		}
	}
	changes := key.Diff(last.Parts, now)
	for i := range changes {
		c := &changes[i]
		if c.New != "" && (c.Part == key.PartParam || c.Part == key.PartInput) {
			c.Pos = Origin(in.node, in.pins, c.Path)
		}
		if c.Part != key.PartInput {
			continue
		}
		c.Was, c.From = last.Inputs[c.Path].Label, res.origin[c.Path].Label
		if c.Old == "" || c.New == "" {
			continue
		}
		if old, ok := w.store.Listing(last.Inputs[c.Path]); ok {
			if now, ok := w.store.Listing(res.origin[c.Path]); ok {
				c.Files = key.Files(old, now)
			}
		}
	}
	return changes
}

// rooted follows the chain upwards: it adds to changed inputs why the nodes that made them ran, and finds the root cause.
// because gives that of a node before, "" when it is not known.
func (w Why) rooted(in *instance, because func(node int) string) Why {
	id := in.node.ID
	for i := range w.Changes {
		c := &w.Changes[i]
		if c.Part != key.PartInput || c.New == "" {
			continue
		}
		for _, item := range in.inputs {
			if from, ok := item.from.(engine.Output); ok && item.path == c.Path {
				c.Because = because(from.Node)
			}
		}
	}
	switch {
	case w.Cause == Changed && w.Changes[0].Because != "":
		w.Because = w.Changes[0].Because
	case w.Cause != Upstream:
		w.Because = id + ": " + w.String()
	}
	return w
}

// moved says why a node has another result than at its last success although it does not run: it went back to what an
// earlier run made. "" when it has not.
func moved(in *instance, parts key.Parts, last *store.Last) string {
	changes := key.Diff(last.Parts, parts)
	for i := range changes {
		c := &changes[i]
		if c.Part == key.PartParam && c.New != "" {
			c.Pos = Origin(in.node, in.pins, c.Path)
		}
	}
	if len(changes) == 0 {
		return ""
	}
	return in.node.ID + ": " + Why{Cause: Changed, Changes: changes}.String()
}

// Origin says where the value at a path of a node's parameters was written: what pins it in the lock file, its own place in the
// recipe, or that of the nearest value around it. "" is a default.
func Origin(n *engine.Node, pins []Pin, path string) string {
	for _, p := range pins {
		if p.Param == path {
			return p.At
		}
	}
	for path != "" {
		if at := n.Origins[path]; at != "" {
			return at
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return ""
}
