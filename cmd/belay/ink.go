package main

import (
	"os"

	"github.com/belay-ml/belay/engine/sched"
)

// ink colours texts on standard output, where that is a terminal.
type ink bool

// ink says whether results may be coloured.
func (a *app) ink() ink { return ink(os.Getenv("NO_COLOR") == "" && !dumb() && isTerminal(a.stdout)) }

func (on ink) paint(code, s string) string {
	if !on || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (on ink) bold(s string) string { return on.paint("1", s) }
func (on ink) dim(s string) string  { return on.paint("2", s) }
func (on ink) warm(s string) string { return on.paint("33", s) }

// status is a plan's word in its colour.
func (on ink) status(s sched.Status) string {
	code := map[sched.Status]string{sched.Fresh: "32", sched.Stale: "33", sched.Maybe: "36", sched.Gated: "36", sched.Busy: "35", sched.Shared: "34", sched.Off: "2"}[s]
	return on.paint(code, string(s))
}
