package sched

import (
	"fmt"
	"slices"
)

// State is where a node is in a run.
type State uint8

// The states, drawn in the package documentation.
const (
	Unknown State = iota
	Wanted
	Ready
	Queued
	Running
	Done
	Failed
	Skipped
	Cancelled
)

var stateNames = [...]string{"unknown", "wanted", "ready", "queued", "running", "done", "failed", "skipped", "cancelled"}

func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return fmt.Sprintf("state(%d)", uint8(s))
}

// Final says whether nothing comes after the state.
func (s State) Final() bool { return s >= Done }

// mayBecome is the transition table.
func (s State) mayBecome(to State) bool {
	var next []State
	switch s {
	case Unknown:
		next = []State{Wanted}
	case Wanted:
		next = []State{Ready, Skipped, Cancelled}
	case Ready:
		next = []State{Queued, Done, Failed, Skipped, Cancelled}
	case Queued:
		next = []State{Running, Done, Failed, Skipped, Cancelled}
	case Running:
		next = []State{Done, Failed, Cancelled}
	}
	return slices.Contains(next, to)
}
