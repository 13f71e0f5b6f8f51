package sched

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/key"
	"github.com/belay-ml/belay/engine/store"
)

// Result says what became of a run.
type Result struct {
	Nodes []NodeResult
	Links []Linked
}

// NodeResult is one node of a result.
type NodeResult struct {
	ID     string
	Stage  string // kind of stage
	State  State
	Fresh  bool   // done without running
	Pulled bool   // fresh by a result that came from the remote in this run
	Why    string // why it ran, or did not
	Key    key.Key
	Parts  key.Parts
	Took   time.Duration // in this run
	Record *store.Record // when done
	Err    error         // when failed

	Gates    []Gate       // as they were decided
	Node     *engine.Node // what ran: without what a list over a matrix left out
	Attempts []Attempt    // those before the last
}

// Attempt is one that failed and was followed by a pause and another.
type Attempt struct {
	Err   error
	Class fault.Class
	Took  time.Duration
	Wait  time.Duration // the pause after it
}

// Linked is an output of the recipe as people find it.
type Linked struct {
	Name string
	Path string // absolute
}

// Node finds a node by its ID.
func (r *Result) Node(id string) (*NodeResult, bool) {
	for i := range r.Nodes {
		if r.Nodes[i].ID == id {
			return &r.Nodes[i], true
		}
	}
	return nil, false
}

// Count counts the nodes that ended in a state; fresh ones count as done.
func (r *Result) Count(s State) int {
	n := 0
	for i := range r.Nodes {
		if r.Nodes[i].State == s {
			n++
		}
	}
	return n
}

// err is the run's error: all failures in the order of the graph, with the worst exit code (the highest band) and
// the first hint. A run that was cancelled has the code for that, whatever failed before.
func (r *Result) err(cause error) error {
	var texts []string
	var errs []error
	code, hint := 0, ""
	for i := range r.Nodes {
		n := &r.Nodes[i]
		if n.Err == nil {
			continue
		}
		errs = append(errs, n.Err)
		texts = append(texts, n.Err.Error())
		code = max(code, fault.CodeOf(n.Err))
		if hint == "" {
			hint = fault.HintOf(n.Err)
		}
	}
	if r.Count(Cancelled) > 0 {
		code = fault.Cancelled
	}
	switch {
	case len(errs) > 0:
		return &fault.Error{Code: code, Err: several{strings.Join(texts, "\n"), errors.Join(errs...)}, Hint: hint}
	case code == fault.Cancelled:
		return &fault.Error{Code: code, Err: fmt.Errorf("run: %w", cause)}
	}
	return nil
}

// several is a joined error with its own text.
type several struct {
	text string
	error
}

func (s several) Error() string { return s.text }
func (s several) Unwrap() error { return s.error }
