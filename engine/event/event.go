package event

import "time"

// Event is one thing that happened in a run. Exactly one of the pointer fields is set.
type Event struct {
	Time     time.Time `json:"time"`
	Run      string    `json:"run"`
	Stage    string    `json:"stage,omitempty"` // node ID
	State    *State    `json:"state,omitempty"`
	Progress *Progress `json:"progress,omitempty"`
	Point    *Point    `json:"point,omitempty"`
	Table    *Table    `json:"table,omitempty"`
	Log      *Log      `json:"log,omitempty"`
}

// State is a change of a stage's state.
type State struct {
	To   string        `json:"to"` // wanted, ready, queued, running, done, fresh, failed, skipped, cancelled
	Why  string        `json:"why,omitempty"`
	Key  string        `json:"key,omitempty"`
	Took time.Duration `json:"took,omitempty"`
}

// Progress is how far long work is. Done and Total are in Unit ("tokens", "bytes", "iterations"...).
type Progress struct {
	Done  int64  `json:"done"`
	Total int64  `json:"total"` // 0 when unknown
	Unit  string `json:"unit"`
	Text  string `json:"text,omitempty"` // what just happened: "lm loss 2.31"
}

// Point is one step of a curve: loss, learning rate, tokens per second.
type Point struct {
	Step   int64              `json:"step"`
	Values map[string]float64 `json:"values"`
}

// Table is a result for people: scores by subject, counts by reason.
type Table struct {
	Title   string     `json:"title"`
	Columns []string   `json:"columns"`
	Rows    [][]string `json:"rows"`
	// Headline names the one number that comparisons use, for example {"acc": 0.83}.
	Headline map[string]float64 `json:"headline,omitempty"`
}

// Log is a line for people.
type Log struct {
	Level string         `json:"level"` // debug, info, warn, error
	Text  string         `json:"text"`
	Data  map[string]any `json:"data,omitempty"`
}

// Sink takes events. Emit may be called from several goroutines.
type Sink interface {
	Emit(Event)
}

// Stage emits the events of one running stage. The zero value drops them.
type Stage struct {
	Name string
	Run  string
	Sink Sink
	Now  func() time.Time
}

func (s Stage) emit(e Event) {
	if s.Sink == nil {
		return
	}
	e.Stage, e.Run = s.Name, s.Run
	if s.Now != nil {
		e.Time = s.Now()
	}
	s.Sink.Emit(e)
}

// Progress tells how far the work is.
func (s Stage) Progress(done, total int64, unit, text string) {
	s.emit(Event{Progress: &Progress{Done: done, Total: total, Unit: unit, Text: text}})
}

// Point adds one step to the stage's curves.
func (s Stage) Point(step int64, values map[string]float64) {
	s.emit(Event{Point: &Point{Step: step, Values: values}})
}

// Table shows a result.
func (s Stage) Table(t Table) { s.emit(Event{Table: &t}) }

// Info logs a line that a person waits for.
func (s Stage) Info(text string, data map[string]any) {
	s.emit(Event{Log: &Log{Level: "info", Text: text, Data: data}})
}

// Warn logs what a person should look at.
func (s Stage) Warn(text string, data map[string]any) {
	s.emit(Event{Log: &Log{Level: "warn", Text: text, Data: data}})
}

// Debug logs a decision.
func (s Stage) Debug(text string, data map[string]any) {
	s.emit(Event{Log: &Log{Level: "debug", Text: text, Data: data}})
}
