package report

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/belay-ml/belay/engine/event/record"
)

//go:embed report.tmpl.html
var pageText string

//go:embed parts.tmpl.html
var partsText string

//go:embed report.css
var pageCSS string

// page is what the template shows.
type page struct {
	CSS      template.CSS
	Run      *record.Run
	State    string // "done", "failed", "cancelled", "running"
	Sign     string
	Summary  string
	Facts    []fact
	Failures []failure
	Scores   []scoreCard
	Graph    template.HTML
	Matrix   []table
	Charts   []group
	Training []table
	Findings []table
	Timeline template.HTML
	Groups   []stageGroup
	More     []string // what is left out of a large run, and where it is
}

// stageGroup is the stages of the list; those of a large run are folded by name.
type stageGroup struct {
	Name, Summary string // empty for one list of all
	Open          bool
	Stages        []stage
}

type fact struct{ Name, Value string }

// failure is an error of a stage, or of several: a matrix often fails in all its cells for one reason.
type failure struct {
	Stages     []stageLink
	Text, Hint string
}

type stageLink struct{ ID, Link string }

// stage is a node with everything that is known of it.
type stage struct {
	record.Node
	Anchor, Sign, Tone, Took string
	Set, Defaults            []record.Param // Params that somebody wrote, and the others
	Notes                    []fact
	Shown                    []table  // Tables
	Sizes                    []string // of Outputs
	Lines                    []line
	Open                     bool
	Brief                    bool // of a large run: the rest is in run.json
}

type line struct{ Time, Level, Text string }

// HTML writes the report of a run as one self-contained page.
func HTML(w io.Writer, run *record.Run) error { return fill(w, pageText, newPage(run)) }

// fill writes a page from its template and the parts that pages share.
func fill(w io.Writer, text string, data any) error {
	t, err := template.New("page").Parse(text)
	if err == nil {
		_, err = t.Parse(partsText)
	}
	if err != nil {
		return fmt.Errorf("parse report template: %w", err)
	}
	var b strings.Builder
	if err := t.Execute(&b, data); err != nil {
		return fmt.Errorf("fill report template: %w", err)
	}
	if _, err := io.WriteString(w, lines(b.String())); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

func newPage(run *record.Run) *page {
	p := &page{CSS: template.CSS(graphCSS + pageCSS), Run: run}
	counts := map[string]int{}
	var stages []stage
	whole := map[string]bool{}
	for i, n := range run.Nodes {
		counts[n.State]++
		if len(run.Nodes) > maxWhole && whole[n.Stage()] && (n.State != "failed" || counts["failed"] > maxFailures) {
			stages = append(stages, briefStage(i, n))
		} else {
			whole[n.Stage()] = true
			stages = append(stages, newStage(i, n))
		}
		if n.State == "failed" && counts["failed"] <= maxFailures {
			text := n.Error
			if text == "" {
				text = n.Why
			}
			p.fail(failure{[]stageLink{{n.ID, anchor(i)}}, text, n.Hint})
		}
	}
	if n := counts["failed"] - maxFailures; n > 0 {
		p.More = append(p.More, fmt.Sprintf("%d more stages failed; belay show %s lists them", n, run.ID))
	}
	p.Groups = groupStages(stages)
	if run.Error != "" && len(p.Failures) == 0 {
		p.Failures = append(p.Failures, failure{Text: run.Error, Hint: run.Hint})
	}
	p.State = run.State()
	p.Sign = sign(p.State)
	p.Summary = summary(counts, len(run.Nodes), run.Took())
	p.Facts = runFacts(run)
	p.Scores = scoreCards(run)

	g := Of(run).clean()
	for i := range g.Nodes {
		g.Nodes[i].Link = anchor(i)
	}
	for _, c := range p.Scores {
		for _, b := range c.Bars {
			i := slices.IndexFunc(g.Nodes, func(n Node) bool { return n.Link == b.Link })
			g.Nodes[i].Detail = strings.Join(filled(g.Nodes[i].Detail, c.Metric+" "+b.Value), " · ")
		}
	}
	g = g.Collapsed(false)
	p.Graph = template.HTML(graphSVG(g, false)) // escaped where it is made
	p.Matrix = matrixTables(matrixOf(run), 1)
	p.Charts, p.Training, p.Findings = charts(run), training(run), findings(run)
	p.Timeline = template.HTML(timelineSVG(run))
	return p
}

// fail adds a failure, to the one with the same text where there is one.
func (p *page) fail(f failure) {
	for i, have := range p.Failures {
		if have.Text == f.Text && have.Hint == f.Hint {
			p.Failures[i].Stages = append(have.Stages, f.Stages...)
			return
		}
	}
	p.Failures = append(p.Failures, f)
}

// What a page of a large run shows: stages with all their details, and failures.
const (
	maxWhole    = 100
	maxFailures = 20
)

// briefStage is a stage with little more than its state.
func briefStage(i int, n record.Node) stage {
	n.Params, n.Parts, n.Tables, n.Outputs, n.Notes, n.Logs, n.Reads, n.Dropped = nil, nil, nil, nil, nil, nil, nil, 0
	s := newStage(i, n)
	s.Brief, s.Open = true, false
	return s
}

// groupStages folds the instances of stages of a large run.
func groupStages(stages []stage) []stageGroup {
	if len(stages) <= maxWhole {
		return []stageGroup{{Stages: stages}}
	}
	var out []stageGroup
	at := map[string]int{}
	for _, s := range stages {
		name := s.Stage()
		i, ok := at[name]
		if !ok {
			i = len(out)
			at[name] = i
			out = append(out, stageGroup{Name: name})
		}
		out[i].Stages = append(out[i].Stages, s)
		out[i].Open = out[i].Open || s.Open
	}
	for i := range out {
		counts := map[string]int{}
		for _, s := range out[i].Stages {
			counts[s.State]++
		}
		out[i].Summary = summary(counts, len(out[i].Stages), 0)
	}
	return out
}

// summary counts the stages by state, in words.
func summary(counts map[string]int, all int, took time.Duration) string {
	var parts []string
	for _, s := range []struct{ state, word string }{
		{"done", "ran"}, {"fresh", "fresh"}, {"running", "running"}, {"failed", "failed"}, {"cancelled", "cancelled"},
		{"skipped", "skipped"}, {"queued", "queued"}, {"ready", "ready"}, {"wanted", "wanted"},
	} {
		if n := counts[s.state]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, s.word))
		}
	}
	text := fmt.Sprintf("%d stages", all)
	if all == 1 {
		text = "1 stage"
	}
	if len(parts) > 0 {
		text += ": " + strings.Join(parts, ", ")
	}
	if took > 0 {
		text += ", in " + clock(took)
	}
	return text
}

// anchor is the fragment of a stage's details.
func anchor(node int) string { return fmt.Sprintf("#stage-%d", node+1) }

func runFacts(run *record.Run) []fact {
	var f []fact
	add := func(name, v string) {
		if v != "" {
			f = append(f, fact{name, v})
		}
	}
	add("run", run.ID)
	add("recipe", run.Origin)
	if !run.Started.IsZero() {
		add("started", run.Started.UTC().Format("2006-01-02 15:04:05 UTC"))
	}
	if !run.Finished.IsZero() && run.Exit != 0 {
		add("exit code", fmt.Sprint(run.Exit))
	}
	add("host", run.Host)
	add("belay", run.Belay)
	machine := filled(run.Machine["os"], run.Machine["arch"])
	if n := run.Machine["cores"]; n != "" {
		machine = append(machine, n+" cores")
	}
	add("machine", strings.Join(machine, ", "))
	if len(run.Digest) > 12 {
		add("recipe digest", run.Digest[:12])
	}
	for _, k := range slices.Sorted(maps.Keys(run.Params)) {
		add("params."+k, plain(run.Params[k]))
	}
	return f
}

func newStage(i int, n record.Node) stage {
	s := stage{Node: n, Anchor: anchor(i)[1:], Sign: sign(n.State), Tone: tone(n.State), Open: n.State == "failed"}
	if n.Took > 0 {
		s.Took = clock(n.Took)
	}
	for _, k := range slices.Sorted(maps.Keys(n.Notes)) {
		s.Notes = append(s.Notes, fact{k, plain(n.Notes[k])})
	}
	for _, v := range n.Params {
		if v.Origin != "" {
			s.Set = append(s.Set, v)
		} else {
			s.Defaults = append(s.Defaults, v)
		}
	}
	for _, t := range n.Tables {
		s.Shown = append(s.Shown, plainTable(t))
	}
	for _, o := range n.Outputs {
		s.Sizes = append(s.Sizes, size(o.Size))
	}
	for _, l := range n.Logs {
		text := l.Text
		for _, k := range slices.Sorted(maps.Keys(l.Data)) {
			if k != "stream" {
				text += "  " + k + "=" + plain(l.Data[k])
			}
		}
		s.Lines = append(s.Lines, line{l.Time.UTC().Format("15:04:05"), l.Level, visible(text)})
	}
	return s
}

// plain is a JSON value as text; texts stand without quotes.
func plain(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case float64:
		return value(v)
	case nil:
		return "null"
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

// size is a number of bytes for people.
func size(n int64) string {
	f, i := float64(n), 0
	units := []string{"B", "kB", "MB", "GB", "TB"}
	for f >= 1000 && i < len(units)-1 {
		f, i = f/1000, i+1
	}
	return trimmed(f, 1) + " " + units[i]
}
