package record

import (
	"crypto/rand"
	"fmt"
	"time"

	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/fault"
)

// Format is the version of run.json; a reader refuses later ones.
const Format = 1

// MaxPoints bounds the points of a curve in run.json, MaxLogs the lines kept of a stage, MaxResults the numbers of
// a run that a list shows.
const (
	MaxPoints  = 1000
	MaxLogs    = 200
	MaxResults = 100
)

// Run is one run of a recipe.
type Run struct {
	Format int    `json:"format"`
	ID     string `json:"id"`
	Recipe string `json:"recipe"`
	Origin string `json:"origin"`           // path of the recipe file
	Digest string `json:"digest,omitempty"` // of the recipe text
	Belay  string `json:"belay,omitempty"`  // version that ran it
	Host   string `json:"host,omitempty"`
	// Machine is what the run found itself in: os, arch, kernel, cores, and telling variables as "env NAME".
	Machine  map[string]string `json:"machine,omitempty"`
	Params   map[string]any    `json:"params,omitempty"`
	Started  time.Time         `json:"started"`
	Finished time.Time         `json:"finished,omitzero"` // zero while it runs, and for ever when it was killed
	Exit     int               `json:"exit"`
	Error    string            `json:"error,omitempty"`
	Hint     string            `json:"hint,omitempty"`
	Sources  []Source          `json:"sources,omitempty"`
	Brief    *Brief            `json:"brief,omitempty"` // made when the record is written
	Nodes    []Node            `json:"nodes"`           // last: Head stops before them
}

// Source is a recipe file that the run was made from; the first is the one that was named. File is its copy in the
// run's folder, from the moment the run began.
type Source struct {
	Path string `json:"path"` // as messages name it
	File string `json:"file"`
}

// Brief is what a list of runs shows of the nodes.
type Brief struct {
	States  map[string]int `json:"states,omitempty"`  // nodes by state
	Results []Result       `json:"results,omitempty"` // at most MaxResults
}

// Result is one headline number of a node.
type Result struct {
	Node   string       `json:"node"`
	Metric string       `json:"metric"`
	Value  event.Number `json:"value"`
}

// Node is one stage instance of a run.
type Node struct {
	ID       string                  `json:"id"`              // "sft[seed=1]"
	Name     string                  `json:"name,omitempty"`  // "sft"
	Kind     string                  `json:"kind,omitempty"`  // stage kind: "finetune"
	Reads    []string                `json:"reads,omitempty"` // IDs of the nodes before it
	Pos      string                  `json:"pos,omitempty"`
	State    string                  `json:"state,omitempty"`
	Why      string                  `json:"why,omitempty"`
	Key      string                  `json:"key,omitempty"`
	Started  time.Time               `json:"started,omitzero"`
	Took     time.Duration           `json:"took_ns,omitempty"`
	Params   []Param                 `json:"params,omitempty"`
	Parts    []Part                  `json:"key_parts,omitempty"`
	Inputs   []Input                 `json:"inputs,omitempty"`
	Gates    []Gate                  `json:"gates,omitempty"`
	Outputs  []Output                `json:"outputs,omitempty"`
	Made     *Making                 `json:"made,omitempty"` // when and where the outputs were made
	Headline map[string]event.Number `json:"headline,omitempty"`
	Tables   []Table                 `json:"tables,omitempty"`
	Curves   []Curve                 `json:"curves,omitempty"`
	Notes    map[string]any          `json:"notes,omitempty"`
	Logs     []Log                   `json:"logs,omitempty"`
	Dropped  int                     `json:"logs_dropped,omitempty"` // lines before Logs
	Progress *event.Progress         `json:"progress,omitempty"`     // the last one
	Attempts []Attempt               `json:"attempts,omitempty"`     // those before the last
	Error    string                  `json:"error,omitempty"`
	Hint     string                  `json:"hint,omitempty"`
}

// Gate is a condition on the numbers of other nodes.
type Gate struct {
	Text  string   `json:"text"` // as the recipe has it
	Pos   string   `json:"pos,omitempty"`
	Reads []string `json:"reads,omitempty"` // IDs of the nodes
	Door  string   `json:"door,omitempty"`  // open or shut; empty for one that was not decided
	Says  string   `json:"says,omitempty"`  // with the numbers in it: "gate: accuracy 0.31 > 0.4 is false"
}

// Attempt is one that failed and was made again.
type Attempt struct {
	Error string        `json:"error"`
	Class string        `json:"class"` // of the error: "temporary", "timeout", "network"
	Took  time.Duration `json:"took_ns"`
	Wait  time.Duration `json:"wait_ns"` // the pause after it
}

// Param is a parameter as a person compares it.
type Param struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Origin string `json:"origin,omitempty"` // "recipe.yaml:12:7"
}

// Part is one component of a key.
type Part struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Input is one artifact that a node reads.
type Input struct {
	Param  string `json:"param"` // "data", "inputs.IN"
	Label  string `json:"label"` // "text.index", or a path as the recipe wrote it
	Digest string `json:"digest,omitempty"`
	Node   string `json:"node,omitempty"` // ID of the node whose port it is; empty for a source
	Port   string `json:"port,omitempty"`
	Sub    string `json:"sub,omitempty"` // the part of the port that is read
	Dir    bool   `json:"dir,omitempty"` // a source that is a folder, so Digest is that of a listing
}

// Making says by what, where and when a node's outputs were made: of a fresh node, in an earlier run.
type Making struct {
	Belay  string        `json:"belay,omitempty"`
	Host   string        `json:"host,omitempty"`
	Recipe string        `json:"recipe,omitempty"`
	At     time.Time     `json:"at,omitzero"` // the beginning, in whole seconds
	Took   time.Duration `json:"took_ns,omitempty"`
}

// Output is a published port.
type Output struct {
	Port   string `json:"port"`
	Kind   string `json:"kind,omitempty"`
	Path   string `json:"path,omitempty"`
	Digest string `json:"digest,omitempty"`
	Size   int64  `json:"size"` // bytes
	Files  int    `json:"files"`
}

// Table is event.Table with numbers that JSON can hold.
type Table struct {
	Title    string                  `json:"title"`
	Columns  []string                `json:"columns"`
	Rows     [][]string              `json:"rows"`
	Headline map[string]event.Number `json:"headline,omitempty"`
}

// Curve is one metric over the steps.
type Curve struct {
	Metric string  `json:"metric"`
	Points []Point `json:"points"`
}

// Point is one step of a curve, [step, value] in JSON.
type Point struct {
	Step  int64
	Value event.Number
}

// Log is a line that a stage logged.
type Log struct {
	Time  time.Time      `json:"time"`
	Level string         `json:"level"`
	Text  string         `json:"text"`
	Data  map[string]any `json:"data,omitempty"`
}

// NewID names a run by its start, and six digits of which the first ten bits are the milliseconds and the others random:
// sorting by name is sorting by time.
func NewID(start time.Time) string {
	var b [2]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	start = start.UTC()
	end := start.Nanosecond()/int(time.Millisecond)<<14 | int(b[0])<<6 | int(b[1])>>2
	return fmt.Sprintf("%s-%06x", start.Format("20060102-150405"), end)
}

// Node finds a node, nil when the run has none of that ID.
func (r *Run) Node(id string) *Node {
	for i := range r.Nodes {
		if r.Nodes[i].ID == id {
			return &r.Nodes[i]
		}
	}
	return nil
}

// Curve finds a metric's curve, nil when the node has none.
func (n *Node) Curve(metric string) *Curve {
	for i := range n.Curves {
		if n.Curves[i].Metric == metric {
			return &n.Curves[i]
		}
	}
	return nil
}

// State is how the run stands: "done", "failed", "cancelled", or "running", which a run that was killed stays for
// ever.
func (r *Run) State() string {
	switch {
	case r.Finished.IsZero():
		return "running"
	case r.Exit == fault.Cancelled:
		return "cancelled"
	case r.Exit != 0:
		return "failed"
	}
	return "done"
}

// Took is how long the run lasted, 0 when its end is not known.
func (r *Run) Took() time.Duration {
	if r.Finished.IsZero() {
		return 0
	}
	return r.Finished.Sub(r.Started)
}

// Made finds the node that made a key, in the latest of runs (the oldest first, as List gives them); nil
// when none of them did.
func Made(runs []Run, key string) *Node {
	for i := len(runs) - 1; i >= 0 && key != ""; i-- {
		for j := range runs[i].Nodes {
			if n := &runs[i].Nodes[j]; n.Key == key && n.State == "done" {
				return n
			}
		}
	}
	return nil
}

// Adopt takes over the results of the node that made what n found fresh, so that a report shows scores
// and curves also when nothing had to run.
func (n *Node) Adopt(from *Node) {
	if from == nil {
		return
	}
	n.Tables, n.Headline, n.Curves, n.Notes = from.Tables, from.Headline, from.Curves, from.Notes
	if len(n.Outputs) == 0 {
		n.Outputs = from.Outputs
	}
}
