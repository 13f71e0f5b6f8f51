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
	Graph    template.HTML
	Scores   []score
	Versus   []versus
	Charts   []group
	Timeline template.HTML
	Stages   []stage
}

type fact struct{ Name, Value string }

type failure struct{ ID, Link, Text, Hint string }

// group is the charts of one stage, its instances overlaid.
type group struct {
	Name   string
	Charts []chart
}

type chart struct {
	Metric string
	SVG    template.HTML
	Legend []legend
}

type legend struct {
	Tone       int
	Name, Last string
}

// stage is a node with everything that is known of it.
type stage struct {
	record.Node
	Anchor, Sign, Tone, Took string
	Notes                    []fact
	Sizes                    []string // of Outputs
	Lines                    []line
	Open                     bool
}

type line struct{ Time, Level, Text string }

// HTML writes the report of a run as one self-contained page.
func HTML(w io.Writer, run *record.Run) error {
	t, err := template.New("report").Parse(pageText)
	if err != nil {
		return fmt.Errorf("parse report template: %w", err)
	}
	var b strings.Builder
	if err := t.Execute(&b, newPage(run)); err != nil {
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
	for i, n := range run.Nodes {
		counts[n.State]++
		st := newStage(i, n)
		p.Stages = append(p.Stages, st)
		if n.State == "failed" {
			text := n.Error
			if text == "" {
				text = n.Why
			}
			p.Failures = append(p.Failures, failure{n.ID, "#" + st.Anchor, text, n.Hint})
		}
	}
	if run.Error != "" && len(p.Failures) == 0 {
		p.Failures = append(p.Failures, failure{Text: run.Error, Hint: run.Hint})
	}
	switch {
	case run.Finished.IsZero():
		p.State = "running"
	case run.Exit == 130:
		p.State = "cancelled"
	case run.Exit != 0:
		p.State = "failed"
	default:
		p.State = "done"
	}
	p.Sign = sign(p.State)
	var parts []string
	for _, s := range []string{"done", "fresh", "running", "failed", "cancelled", "skipped", "queued", "ready", "wanted"} {
		if counts[s] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[s], s))
		}
	}
	p.Summary = strings.Join(parts, ", ")
	p.Facts = runFacts(run)

	g := Of(run).clean()
	for i := range g.Nodes {
		g.Nodes[i].Link = "#" + p.Stages[i].Anchor
	}
	p.Graph = template.HTML(graphSVG(g, false)) // escaped where it is made
	p.Scores, p.Versus = scores(run)
	p.Charts = charts(run)
	p.Timeline = template.HTML(timelineSVG(run))
	return p
}

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
	if t := run.Took(); t > 0 {
		add("took", clock(t))
	}
	if !run.Finished.IsZero() {
		add("exit code", fmt.Sprint(run.Exit))
	}
	add("host", run.Host)
	add("belay", run.Belay)
	if len(run.Digest) > 12 {
		add("recipe digest", run.Digest[:12])
	}
	for _, k := range slices.Sorted(maps.Keys(run.Params)) {
		add("params."+k, plain(run.Params[k]))
	}
	return f
}

func newStage(i int, n record.Node) stage {
	s := stage{Node: n, Anchor: fmt.Sprintf("stage-%d", i+1), Sign: sign(n.State), Tone: tone(n.State), Open: n.State == "failed"}
	if n.Took > 0 {
		s.Took = clock(n.Took)
	}
	for _, k := range slices.Sorted(maps.Keys(n.Notes)) {
		s.Notes = append(s.Notes, fact{k, plain(n.Notes[k])})
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

// charts groups curves by stage name and metric, in the order of the nodes; loss comes first.
func charts(run *record.Run) []group {
	var groups []group
	at := map[string]int{}
	drawn := map[string]map[string][]series{} // group -> metric
	for _, n := range run.Nodes {
		name := n.Name
		if name == "" {
			name = n.ID
		}
		for _, c := range n.Curves {
			if len(c.Points) == 0 {
				continue
			}
			if _, ok := at[name]; !ok {
				at[name] = len(groups)
				groups = append(groups, group{Name: name})
				drawn[name] = map[string][]series{}
			}
			drawn[name][c.Metric] = append(drawn[name][c.Metric], series{n.ID, c.Points})
		}
	}
	for i := range groups {
		g := &groups[i]
		metrics := slices.Collect(maps.Keys(drawn[g.Name]))
		slices.SortFunc(metrics, func(a, b string) int {
			if d := place(a) - place(b); d != 0 {
				return d
			}
			return strings.Compare(a, b)
		})
		for _, m := range metrics {
			all := drawn[g.Name][m]
			c := chart{Metric: title(m), SVG: template.HTML(chartSVG(title(m), all))}
			for j, s := range all {
				c.Legend = append(c.Legend, legend{j % tones, s.Name, s.last()})
			}
			g.Charts = append(g.Charts, c)
		}
	}
	return groups
}

// place orders metrics: those that people look at first.
func place(metric string) int {
	if i := slices.Index([]string{"loss", "lm loss", "val_loss", "lr", "tps", "gnorm"}, metric); i >= 0 {
		return i
	}
	return 100
}

// title spells out the field's short names.
func title(metric string) string {
	switch metric {
	case "lr":
		return "learning rate"
	case "tps":
		return "tokens/s"
	case "gnorm":
		return "gradient norm"
	case "val_loss":
		return "validation loss"
	}
	return metric
}

// timelineSVG draws when each stage ran; "" when fewer than two did.
func timelineSVG(run *record.Run) string {
	type bar struct {
		id, state string
		from, to  time.Duration
	}
	var bars []bar
	end := run.Took()
	for _, n := range run.Nodes {
		if n.Started.IsZero() || n.Took <= 0 || n.Started.Before(run.Started) {
			continue
		}
		from := n.Started.Sub(run.Started)
		bars = append(bars, bar{n.ID, n.State, from, from + n.Took})
		end = max(end, from+n.Took)
	}
	if len(bars) < 2 {
		return ""
	}
	const wide, left, row = 900.0, 190.0, 22.0
	high := row*float64(len(bars)) + 26
	px := func(d time.Duration) float64 { return left + float64(d)/float64(end)*(wide-left-70) }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="timeline" viewBox="0 0 %s %s" role="img"><title>when each stage ran</title>`+"\n", num(wide), num(high))
	for _, t := range ticks(0, end.Seconds(), 6) {
		d := time.Duration(t * float64(time.Second))
		if d > end {
			continue
		}
		fmt.Fprintf(&b, `<path class="grid" d="M%s 0V%s"/><text class="x" x="%s" y="%s">%s</text>`+"\n", num(px(d)), num(high-22), num(px(d)), num(high-6), clock(d))
	}
	for i, s := range bars {
		y := row * float64(i)
		fmt.Fprintf(&b, `<text class="name" x="%s" y="%s">%s</text>`, num(left-10), num(y+15), escape(short(s.id, 26)))
		fmt.Fprintf(&b, `<rect class="span %s" x="%s" y="%s" width="%s" height="14" rx="3"><title>%s</title></rect>`, tone(s.state), num(px(s.from)), num(y+4), num(max(px(s.to)-px(s.from), 2)), escape(s.id+" "+clock(s.to-s.from)))
		fmt.Fprintf(&b, `<text class="took" x="%s" y="%s">%s</text>`+"\n", num(px(s.to)+6), num(y+15), clock(s.to-s.from))
	}
	b.WriteString("</svg>\n")
	return b.String()
}
