package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"

	"github.com/belay-ml/belay/dsl/workspace"
	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/event/hook"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/sched"
)

// hookJSON is what hooks are told: the result of `belay run --json` and what a reader who did not see the run needs. Texts
// in it went through the same redaction as the run's record.
type hookJSON struct {
	runJSON
	Status  string         `json:"status"` // done, failed or cancelled
	Error   string         `json:"error,omitempty"`
	Hint    string         `json:"hint,omitempty"`
	Host    string         `json:"host,omitempty"`
	Counts  map[string]int `json:"counts"`            // of stages: ran, fresh, failed, skipped, cancelled
	Metrics []metricJSON   `json:"metrics,omitempty"` // the headlines of results, also of fresh ones
}

// metricJSON is one number of a result.
type metricJSON struct {
	Stage string       `json:"stage"`
	Name  string       `json:"name"`
	Value event.Number `json:"value"`
}

// tell tells the workspace's hooks that a run has ended. What fails is warned of and changes nothing else.
func (a *app) tell(ctx context.Context, p *project, e ending) {
	if len(p.space.Hooks) == 0 {
		return
	}
	m, err := messageOf(e)
	if err != nil {
		a.warn(fmt.Sprintf("nobody was told of this run: %v", err))
		return
	}
	if ctx.Err() != nil {
		ctx = context.WithoutCancel(ctx) // a second interrupt ends the process
	}
	for _, err := range hook.Deliver(ctx, hooksOf(p.space), m, p.secrets.Lookup(ctx)) {
		a.warn(err.Error())
	}
}

func messageOf(e ending) (hook.Message, error) {
	j := hookJSON{runJSON: e.result(e.links()), Status: hook.Done, Hint: fault.HintOf(e.err), Counts: map[string]int{}}
	j.Host, _ = os.Hostname()
	if e.err != nil {
		j.Status, j.Error = hook.Failed, e.err.Error()
		if j.Exit == fault.Cancelled || errors.Is(e.err, context.Canceled) {
			j.Status = hook.Cancelled
		}
	}
	for i := range e.res.Nodes {
		switch n := &e.res.Nodes[i]; {
		case n.State == sched.Unknown:
		case n.Fresh:
			j.Counts["fresh"]++
		case n.State == sched.Done:
			j.Counts["ran"]++
		default:
			j.Counts[n.State.String()]++
		}
	}
	for _, s := range j.Stages {
		for _, name := range slices.Sorted(maps.Keys(s.Results)) {
			j.Metrics = append(j.Metrics, metricJSON{s.ID, name, s.Results[name]})
		}
	}
	body, err := json.Marshal(j)
	return hook.Message{Status: j.Status, Body: body, Env: []string{
		"BELAY_RUN_ID=" + j.Run, "BELAY_RECIPE=" + j.Recipe, "BELAY_STATUS=" + j.Status,
		"BELAY_EXIT=" + strconv.Itoa(j.Exit), "BELAY_REPORT=" + j.Report,
	}}, err
}

// hooksOf are the hooks of a workspace file, which has been checked.
func hooksOf(space *workspace.File) []hook.Hook {
	var out []hook.Hook
	for i, h := range space.Hooks {
		kind := "run"
		if h.Webhook != "" {
			kind = "webhook"
		}
		x := hook.Hook{
			Name: fmt.Sprintf("hook %d of %s (%s)", i+1, workspace.Name, kind),
			On:   h.On, Command: h.Run, Dir: space.Dir, Address: h.Address(), Timeout: h.Limit(),
		}
		x.Header, x.Value = h.HeaderLine()
		out = append(out, x)
	}
	return out
}
