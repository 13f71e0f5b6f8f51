package event

import (
	"encoding/json"
	"fmt"
	"math"
	"time"
)

// wire is Event as it stands in events.jsonl: numbers may be NaN there.
type wire struct {
	Time     time.Time  `json:"time"`
	Run      string     `json:"run,omitempty"`
	Stage    string     `json:"stage,omitempty"`
	State    *State     `json:"state,omitempty"`
	Progress *Progress  `json:"progress,omitempty"`
	Point    *wirePoint `json:"point,omitempty"`
	Table    *wireTable `json:"table,omitempty"`
	Log      *Log       `json:"log,omitempty"`
}

type wirePoint struct {
	Step   int64             `json:"step"`
	Values map[string]Number `json:"values"`
}

type wireTable struct {
	Title    string            `json:"title"`
	Columns  []string          `json:"columns"`
	Rows     [][]string        `json:"rows"`
	Headline map[string]Number `json:"headline,omitempty"`
}

// Marshal writes an event as one line of JSON, without the line's end. Log data that JSON cannot hold is
// written as text.
func Marshal(e Event) ([]byte, error) {
	w := wire{Time: e.Time, Run: e.Run, Stage: e.Stage, State: e.State, Progress: e.Progress, Log: e.Log}
	if e.Point != nil {
		w.Point = &wirePoint{e.Point.Step, Numbers(e.Point.Values)}
	}
	if t := e.Table; t != nil {
		w.Table = &wireTable{t.Title, t.Columns, t.Rows, Numbers(t.Headline)}
	}
	if e.Log != nil && len(e.Log.Data) > 0 {
		l := *e.Log
		l.Data = Plain(l.Data)
		w.Log = &l
	}
	return json.Marshal(w)
}

// Unmarshal reads what Marshal writes.
func Unmarshal(b []byte) (Event, error) {
	var w wire
	if err := json.Unmarshal(b, &w); err != nil {
		return Event{}, err
	}
	e := Event{Time: w.Time, Run: w.Run, Stage: w.Stage, State: w.State, Progress: w.Progress, Log: w.Log}
	if w.Point != nil {
		e.Point = &Point{w.Point.Step, Floats(w.Point.Values)}
	}
	if t := w.Table; t != nil {
		e.Table = &Table{t.Title, t.Columns, t.Rows, Floats(t.Headline)}
	}
	n := 0
	for _, set := range []bool{e.State != nil, e.Progress != nil, e.Point != nil, e.Table != nil, e.Log != nil} {
		if set {
			n++
		}
	}
	if n != 1 {
		return Event{}, fmt.Errorf("read event: %d of state, progress, point, table, log, want one", n)
	}
	return e, nil
}

// Plain makes values fit for JSON: NaN and infinities, errors, and what does not encode, become text.
func Plain(m map[string]any) map[string]any {
	out := make(map[string]any, len(m))
	for k, v := range m {
		out[k] = plain(v)
	}
	return out
}

func plain(v any) any {
	switch v := v.(type) {
	case nil, string, bool, int, int64:
		return v
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return Number(v)
		}
		return v
	case time.Duration:
		return v.String()
	case error:
		return v.Error()
	case map[string]any:
		return Plain(v)
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = plain(x)
		}
		return out
	}
	if _, err := json.Marshal(v); err != nil {
		return fmt.Sprint(v)
	}
	return v
}
