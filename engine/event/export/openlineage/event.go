package openlineage

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/belay-ml/belay/engine/event/export"
	"github.com/belay-ml/belay/engine/event/record"
)

const (
	spec   = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/"
	facets = "https://openlineage.io/spec/facets/"
)

// Event is a run event, or a job event when Run is nil.
type Event struct {
	EventTime string    `json:"eventTime"`
	Producer  string    `json:"producer"`
	SchemaURL string    `json:"schemaURL"`
	EventType string    `json:"eventType,omitempty"`
	Run       *Run      `json:"run,omitempty"`
	Job       Job       `json:"job"`
	Inputs    []Dataset `json:"inputs"`
	Outputs   []Dataset `json:"outputs"`

	at time.Time
}

// Run is a run of a job.
type Run struct {
	RunID  string           `json:"runId"`
	Facets map[string]facet `json:"facets,omitempty"`
}

// Job is the recipe, or a stage instance.
type Job struct {
	Namespace string           `json:"namespace"`
	Name      string           `json:"name"`
	Facets    map[string]facet `json:"facets,omitempty"`
}

// Dataset is an artifact that is read or made.
type Dataset struct {
	Namespace    string           `json:"namespace"`
	Name         string           `json:"name"`
	Facets       map[string]facet `json:"facets,omitempty"`
	OutputFacets map[string]facet `json:"outputFacets,omitempty"`
}

type facet map[string]any

// newFacet is a facet by its name and the version of its schema.
func newFacet(name, version string, fields map[string]any) facet {
	f := facet{"_producer": export.Home, "_schemaURL": facets + version + "/" + name + ".json#/$defs/" + name}
	for k, v := range fields {
		f[k] = v
	}
	return f
}

// Write writes the events of a run as JSON lines. namespace is that of the jobs.
func Write(w io.Writer, src *export.Source, namespace string) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, e := range Events(src, namespace) {
		if err := enc.Encode(e); err != nil {
			return fmt.Errorf("write lineage event: %w", err)
		}
	}
	return nil
}

// builder makes the events of one run.
type builder struct {
	src       *export.Source
	namespace string
	runID     string
}

// Events are the events of a run in the order of their times.
func Events(src *export.Source, namespace string) []Event {
	run := src.Run
	b := &builder{src: src, namespace: namespace, runID: runID(run.Started, run.ID)}
	events := []Event{b.recipe("START", run.Started)}
	for i := range run.Nodes {
		events = append(events, b.stage(&run.Nodes[i])...)
	}
	slices.SortStableFunc(events[1:], func(x, y Event) int { return cmp.Or(x.at.Compare(y.at)) })
	if !run.Finished.IsZero() {
		events = append(events, b.recipe(ending(run.State()), run.Finished))
	}
	return events
}

// ending is the type of a run's last event.
func ending(state string) string {
	switch state {
	case "done":
		return "COMPLETE"
	case "failed":
		return "FAIL"
	}
	return "ABORT"
}

func (b *builder) event(kind string, at time.Time, job Job) Event {
	e := Event{
		EventTime: stamp(at), Producer: export.Home, SchemaURL: spec + "RunEvent", EventType: kind,
		Job: job, Inputs: []Dataset{}, Outputs: []Dataset{}, at: at,
	}
	if kind == "" {
		e.SchemaURL = spec + "JobEvent"
	}
	return e
}

// recipe is the first or the last event of the recipe's job.
func (b *builder) recipe(kind string, at time.Time) Event {
	run := b.src.Run
	e := b.event(kind, at, Job{Namespace: b.namespace, Name: run.Recipe, Facets: map[string]facet{
		"jobType":       jobType("RECIPE"),
		"documentation": newFacet("DocumentationJobFacet", "1-1-0", map[string]any{"description": "belay recipe " + run.Recipe + " (" + run.Origin + ")"}),
	}})
	if len(b.src.Texts) > 0 {
		e.Job.Facets["sourceCode"] = newFacet("SourceCodeJobFacet", "1-0-1", map[string]any{"language": "yaml", "sourceCode": string(b.src.Texts[0].Data)})
	}
	e.Run = &Run{RunID: b.runID, Facets: b.runFacets(run.Started, run.Finished)}
	if len(run.Params) > 0 {
		var ps []record.Param
		for k, v := range run.Params {
			ps = append(ps, record.Param{Name: k, Value: fmt.Sprint(v)})
		}
		slices.SortFunc(ps, func(x, y record.Param) int { return cmp.Compare(x.Name, y.Name) })
		e.Run.Facets["executionParameters"] = parameters(ps)
	}
	if kind == "FAIL" {
		e.Run.Facets["errorMessage"] = failure(run.Error)
	}
	return e
}

// stage are the events of a node.
func (b *builder) stage(n *record.Node) []Event {
	run := b.src.Run
	job := Job{Namespace: b.namespace, Name: run.Recipe + "." + n.ID, Facets: map[string]facet{
		"jobType":       jobType("STAGE"),
		"documentation": newFacet("DocumentationJobFacet", "1-1-0", map[string]any{"description": description(n)}),
	}}
	var inputs, outputs []Dataset
	for _, in := range n.Inputs {
		if d := b.input(in); !slices.ContainsFunc(inputs, func(x Dataset) bool { return x.Namespace == d.Namespace && x.Name == d.Name }) {
			inputs = append(inputs, d)
		}
	}
	for _, o := range n.Outputs {
		outputs = append(outputs, b.output(n, o))
	}
	if n.State == "fresh" {
		e := b.event("", run.Started, job)
		e.Inputs, e.Outputs = append(e.Inputs, inputs...), append(e.Outputs, outputs...)
		return []Event{e}
	}
	if n.Started.IsZero() {
		return nil
	}
	end := n.Started.Add(n.Took)
	if n.State != "done" && n.State != "failed" && n.State != "cancelled" {
		end = time.Time{}
	}
	nodeRun := func() *Run {
		r := &Run{RunID: runID(n.Started, run.ID+"\x00"+n.ID), Facets: b.runFacets(n.Started, end)}
		r.Facets["parent"] = newFacet("ParentRunFacet", "1-2-0", map[string]any{
			"run": map[string]any{"runId": b.runID}, "job": map[string]any{"namespace": b.namespace, "name": run.Recipe},
			"root": map[string]any{"run": map[string]any{"runId": b.runID}, "job": map[string]any{"namespace": b.namespace, "name": run.Recipe}},
		})
		if len(n.Params) > 0 {
			r.Facets["executionParameters"] = parameters(n.Params)
		}
		return r
	}
	first := b.event("START", n.Started, job)
	first.Run, first.Inputs = nodeRun(), append(first.Inputs, inputs...)
	if end.IsZero() {
		return []Event{first}
	}
	last := b.event(ending(n.State), end, job)
	last.Run, last.Inputs = nodeRun(), append(last.Inputs, inputs...)
	switch n.State {
	case "done":
		last.Outputs = append(last.Outputs, outputs...)
	case "failed":
		last.Run.Facets["errorMessage"] = failure(n.Error)
	}
	return []Event{first, last}
}

func (b *builder) runFacets(start, end time.Time) map[string]facet {
	nominal := map[string]any{"nominalStartTime": stamp(start)}
	if !end.IsZero() {
		nominal["nominalEndTime"] = stamp(end)
	}
	version := b.src.Run.Belay
	if version == "" {
		version = "unknown"
	}
	return map[string]facet{
		"nominalTime":       newFacet("NominalTimeRunFacet", "1-0-1", nominal),
		"processing_engine": newFacet("ProcessingEngineRunFacet", "1-1-1", map[string]any{"name": "belay", "version": version}),
	}
}

func jobType(kind string) facet {
	return newFacet("JobTypeJobFacet", "2-0-4", map[string]any{"processingType": "BATCH", "integration": "BELAY", "jobType": kind})
}

func failure(text string) facet {
	return newFacet("ErrorMessageRunFacet", "1-0-1", map[string]any{"message": text, "programmingLanguage": "Go"})
}

func parameters(params []record.Param) facet {
	list := make([]map[string]any, 0, len(params))
	for _, p := range params {
		list = append(list, map[string]any{"key": p.Name, "name": p.Name, "value": p.Value})
	}
	return newFacet("ExecutionParametersRunFacet", "1-0-0", map[string]any{"parameters": list})
}

func description(n *record.Node) string {
	kind, version := export.Tool(n)
	text := "belay stage " + kind
	if version != "" {
		text += " version " + version
	}
	return text
}

// input is the dataset of an input: an output of another stage, a path of the workspace, or an address.
func (b *builder) input(in record.Input) Dataset {
	d := Dataset{Namespace: "file", Name: in.Label}
	if in.Node != "" {
		d.Namespace, d.Name = b.namespace, b.src.Run.Recipe+"/"+in.Node+"."+in.Port
	} else if u, err := url.Parse(in.Label); err == nil && u.Scheme != "" && u.Host != "" {
		d.Namespace, d.Name = u.Scheme+"://"+u.Host, strings.TrimPrefix(u.Path, "/")
		if d.Name == "" {
			d.Name = "/"
		}
	}
	// A part of an output has a digest of its own, which is no version of the whole.
	if in.Digest != "" && in.Sub == "" {
		d.Facets = map[string]facet{"version": newFacet("DatasetVersionDatasetFacet", "1-0-1", map[string]any{"datasetVersion": in.Digest})}
	}
	return d
}

func (b *builder) output(n *record.Node, o record.Output) Dataset {
	d := Dataset{Namespace: b.namespace, Name: b.src.Run.Recipe + "/" + n.ID + "." + o.Port, Facets: map[string]facet{}}
	if o.Digest != "" {
		d.Facets["version"] = newFacet("DatasetVersionDatasetFacet", "1-0-1", map[string]any{"datasetVersion": o.Digest})
	}
	kind := map[string]any{"datasetType": "FILE"}
	if o.Kind != "" {
		kind["subType"] = o.Kind
	}
	d.Facets["datasetType"] = newFacet("DatasetTypeDatasetFacet", "1-0-1", kind)
	d.OutputFacets = map[string]facet{
		"outputStatistics": newFacet("OutputStatisticsOutputDatasetFacet", "1-0-2", map[string]any{"size": o.Size, "fileCount": o.Files}),
	}
	return d
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z07:00") }
