package record

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/google/renameio/v2"

	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/fault"
)

// The names of a run's files.
const (
	RunFile    = "run.json"
	EventsFile = "events.jsonl"
	ReportFile = "report.html"
)

// saveEvery is how old run.json may become while events arrive, endsAfter how long the end of a stage may be missing in
// it: many short stages must not each write a record that grows with them. progressEvery thins progress of a stage in
// events.jsonl.
const (
	saveEvery     = 5 * time.Second
	endsAfter     = time.Second
	progressEvery = time.Second
)

// Recorder is a sink that writes a run's record.
type Recorder struct {
	dir string

	mu       sync.Mutex
	run      Run
	index    map[string]int
	thinning map[string]*thin // by node ID and metric
	told     map[string]time.Time
	saved    time.Time   // time of the event that run.json was last written after
	late     *time.Timer // writes run.json when a stage's end is missing in it; nil when none is
	file     *os.File
	buf      *bufio.Writer
	err      error
}

// New begins a record in dir, which is made; run says what is known from the start, its nodes in the
// graph's order.
func New(dir string, run Run) (*Recorder, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make run directory: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(dir, EventsFile), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open event file: %w", err)
	}
	run.Format = Format
	run.Nodes = slices.Clone(run.Nodes)
	r := &Recorder{
		dir: dir, run: run, index: map[string]int{}, thinning: map[string]*thin{}, told: map[string]time.Time{},
		saved: run.Started, file: file, buf: bufio.NewWriter(file),
	}
	for i, n := range run.Nodes {
		r.index[n.ID] = i
	}
	if err := r.save(); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return r, nil
}

// Emit folds an event into the run. Errors wait for Finish: a full disk ends no training.
func (r *Recorder) Emit(e event.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.file == nil {
		return
	}
	ends := r.fold(e)
	if e.Progress != nil {
		if last, ok := r.told[e.Stage]; ok && e.Time.Sub(last) < progressEvery && e.Progress.Done != e.Progress.Total {
			return
		}
		r.told[e.Stage] = e.Time
	}
	line, err := event.Marshal(e)
	if err == nil {
		_, err = r.buf.Write(append(line, '\n'))
	}
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("write event: %w", err)
	}
	switch age := e.Time.Sub(r.saved); {
	case age >= saveEvery, ends && age >= endsAfter:
		r.saved = e.Time
		r.saveNow()
	case ends && r.late == nil:
		r.late = time.AfterFunc(endsAfter, r.saveLate)
	}
}

// saveNow saves, and keeps the first error for Finish.
func (r *Recorder) saveNow() {
	if r.late != nil {
		r.late.Stop()
		r.late = nil
	}
	if err := r.save(); err != nil && r.err == nil {
		r.err = err
	}
}

// saveLate saves what no event has led to saving, unless the record is finished.
func (r *Recorder) saveLate() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.file != nil {
		r.saveNow()
	}
}

// fold puts an event into the run; it returns whether a stage ended by it.
func (r *Recorder) fold(e event.Event) (ends bool) {
	if e.Stage == "" {
		return false
	}
	n := r.node(e.Stage)
	switch {
	case e.State != nil:
		n.State = e.State.To
		switch {
		case e.State.Why == "":
		case e.State.To == "failed": // why it ran stays
			n.Error = e.State.Why
		default:
			n.Why = e.State.Why
		}
		if e.State.Key != "" {
			n.Key = e.State.Key
		}
		if e.State.Took > 0 {
			n.Took = e.State.Took
		}
		switch e.State.To {
		case "running":
			n.Started = e.Time
		case "done", "failed", "cancelled":
			return true
		}
	case e.Progress != nil:
		p := *e.Progress
		n.Progress = &p
	case e.Point != nil:
		for _, m := range slices.Sorted(maps.Keys(e.Point.Values)) {
			r.point(n, m, Point{e.Point.Step, event.Number(e.Point.Values[m])})
		}
	case e.Table != nil:
		n.Tables = append(n.Tables, Table{e.Table.Title, e.Table.Columns, e.Table.Rows, event.Numbers(e.Table.Headline)})
		for k, v := range e.Table.Headline {
			if n.Headline == nil {
				n.Headline = map[string]event.Number{}
			}
			n.Headline[k] = event.Number(v)
		}
	case e.Log != nil && e.Log.Level != "debug":
		n.Logs = append(n.Logs, Log{e.Time, e.Log.Level, e.Log.Text, event.Plain(e.Log.Data)})
		if len(n.Logs) > MaxLogs {
			n.Dropped += len(n.Logs) - MaxLogs
			n.Logs = slices.Delete(n.Logs, 0, len(n.Logs)-MaxLogs)
		}
	}
	return false
}

func (r *Recorder) point(n *Node, metric string, p Point) {
	c := n.Curve(metric)
	if c == nil {
		n.Curves = append(n.Curves, Curve{Metric: metric})
		c = &n.Curves[len(n.Curves)-1]
	}
	id := n.ID + "\x00" + metric
	t := r.thinning[id]
	if t == nil {
		t = &thin{}
		r.thinning[id] = t
	}
	t.add(c, p)
}

// node finds a node by its ID, made when it is not known.
func (r *Recorder) node(id string) *Node {
	i, ok := r.index[id]
	if !ok {
		i = len(r.run.Nodes)
		r.index[id] = i
		r.run.Nodes = append(r.run.Nodes, Node{ID: id})
	}
	return &r.run.Nodes[i]
}

// Update sets facts of a node that no event carries.
func (r *Recorder) Update(id string, set func(*Node)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	set(r.node(id))
}

// Run is a copy of the record as it stands.
func (r *Recorder) Run() Run {
	r.mu.Lock()
	defer r.mu.Unlock()
	run := r.run
	run.Nodes = slices.Clone(run.Nodes)
	for i := range run.Nodes { // what fold changes in place
		n := &run.Nodes[i]
		n.Logs, n.Headline, n.Curves = slices.Clone(n.Logs), maps.Clone(n.Headline), slices.Clone(n.Curves)
		for j := range n.Curves {
			n.Curves[j].Points = slices.Clone(n.Curves[j].Points)
		}
	}
	return run
}

// Finish writes the end of the run: its exit code follows from err. It returns the first
// error of writing the record, not err.
func (r *Recorder) Finish(at time.Time, err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.file == nil {
		return r.err
	}
	r.run.Finished = at
	r.run.Exit = fault.CodeOf(err)
	if err != nil {
		r.run.Error, r.run.Hint = err.Error(), fault.HintOf(err)
	}
	r.saveNow()
	r.err = errors.Join(r.err, r.file.Close())
	r.file = nil
	return r.err
}

// save flushes the events and replaces run.json.
func (r *Recorder) save() error {
	err := r.buf.Flush()
	r.run.Brief = r.run.brief()
	b, merr := json.MarshalIndent(r.run, "", " ")
	if merr == nil {
		merr = renameio.WriteFile(filepath.Join(r.dir, RunFile), append(b, '\n'), 0o644)
	}
	if err = errors.Join(err, merr); err != nil {
		return fmt.Errorf("write run record: %w", err)
	}
	return nil
}
