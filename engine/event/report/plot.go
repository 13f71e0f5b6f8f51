package report

import (
	"cmp"
	_ "embed"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/belay-ml/belay/engine/event/record"
)

//go:embed plot.css
var plotCSS string

// The scales of a plot's axis of values.
const (
	ScaleAuto   = ""
	ScaleLinear = "linear"
	ScaleLog    = "log"
)

// SmoothAuto smooths what jumps from step to step, such as a loss.
const SmoothAuto = -1

// maxLines bounds the lines of a plot: more cannot be told apart.
const maxLines = 24

// Line is one instance's curve in a plot.
type Line struct {
	Name   string
	Points []record.Point
}

// Plot is the curves of one metric, one line an instance, over the steps. Lines differ in colour, marker and, after
// eight, in dashes, so that neither colour nor order alone tells them apart.
type Plot struct {
	Metric string
	Lines  []Line
	Scale  string // of the values
	Smooth int    // points that a mean is taken over; 0 and 1 draw what was measured, SmoothAuto chooses by the metric
}

// LinesOf are the curves of a metric in the order of the runs and their nodes. Where there are several runs, a line is
// called by its run too.
func LinesOf(runs []*record.Run, stage, metric string) []Line {
	var out []Line
	for _, r := range runs {
		for i := range r.Nodes {
			n := &r.Nodes[i]
			if stage != "" && !n.Called(stage) {
				continue
			}
			if c := n.Curve(metric); c != nil && len(c.Points) > 0 {
				name := n.ID
				if len(runs) > 1 {
					name = r.ID + ":" + n.ID
				}
				out = append(out, Line{name, c.Points})
			}
		}
	}
	return out
}

// CurveMetrics are the metrics that have curves, those first that people look at first.
func CurveMetrics(runs []*record.Run, stage string) []string {
	var out []string
	for _, r := range runs {
		for i := range r.Nodes {
			n := &r.Nodes[i]
			if stage != "" && !n.Called(stage) {
				continue
			}
			for _, c := range n.Curves {
				if len(c.Points) > 0 && !slices.Contains(out, c.Metric) {
					out = append(out, c.Metric)
				}
			}
		}
	}
	slices.SortFunc(out, func(a, b string) int { return cmp.Or(place(a)-place(b), strings.Compare(a, b)) })
	return out
}

// SVG writes the plot as a picture of its own, with title and legend.
func (p Plot) SVG(w io.Writer) error {
	if p.Scale == ScaleLog {
		for _, l := range p.Lines {
			for _, q := range l.Points {
				if v := float64(q.Value); finite(v) && v <= 0 {
					return fmt.Errorf("draw %s on a logarithmic scale: %s is %v at step %d", p.Metric, l.Name, v, q.Step)
				}
			}
		}
	}
	shown, left := p.shown()
	const row, columnWide, top = 18.0, 270.0, 26.0
	columns := 2
	rows := (len(shown) + columns - 1) / columns
	high := top + chartHigh + 8 + row*float64(rows)
	if left > 0 {
		high += row
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" class="plot" viewBox="0 0 %s %s" width="%s" height="%s" role="img"><title>%s</title>`+"\n",
		num(chartWide), num(high), num(chartWide*1.5), num(high*1.5), escape(title(p.Metric)+" by step"))
	b.WriteString("<style>" + escape(plotCSS) + "</style>\n")
	fmt.Fprintf(&b, `<rect class="page" width="%s" height="%s"/><text class="title" x="%s" y="18">%s</text>`+"\n", num(chartWide), num(high), num(chartLeft), escape(title(p.Metric)))
	fmt.Fprintf(&b, `<g transform="translate(0 %s)">`+"\n%s</g>\n", num(top), p.draw(shown))
	for i, l := range shown {
		x, y := 14+columnWide*float64(i%columns), top+chartHigh+14+row*float64(i/columns)
		fmt.Fprintf(&b, `<g transform="translate(%s %s)">%s<text class="legend" x="30" y="9">%s <tspan>%s</tspan></text></g>`+"\n",
			num(x), num(y), keySVG(i), escape(short(l.Name, 30)), escape(p.last(l)))
	}
	if left > 0 {
		fmt.Fprintf(&b, `<text class="legend" x="14" y="%s">%s</text>`+"\n", num(high-6), leftOut(left))
	}
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// leftOut says how many lines are not drawn.
func leftOut(n int) string { return fmt.Sprintf("and %d more between them, not drawn", n) }

// shown are the lines that are drawn, and how many are not. Of more than can be told apart it is the ones that ended
// lowest and highest, and some between them.
func (p Plot) shown() ([]Line, int) {
	if len(p.Lines) <= maxLines {
		return p.Lines, 0
	}
	order := make([]int, len(p.Lines))
	for i := range order {
		order[i] = i
	}
	end := func(i int) float64 {
		pts := p.Lines[i].Points
		if len(pts) == 0 || !finite(float64(pts[len(pts)-1].Value)) {
			return math.Inf(1)
		}
		return float64(pts[len(pts)-1].Value)
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(end(a), end(b)) })
	keep := make([]int, maxLines)
	for i := range keep {
		keep[i] = order[i*(len(order)-1)/(maxLines-1)]
	}
	slices.Sort(keep)
	out := make([]Line, maxLines)
	for i, k := range keep {
		out[i] = p.Lines[k]
	}
	return out, len(p.Lines) - maxLines
}

// smooth is a line's smoothed points, nil where it is drawn as measured.
func (p Plot) smooth(pts []record.Point) []record.Point {
	switch {
	case p.Smooth > 1:
		return smoothed(pts, p.Smooth/2)
	case p.Smooth == SmoothAuto && steep(p.Metric) && len(pts) >= 24:
		return smoothed(pts, len(pts)/24)
	}
	return nil
}

// last is where the drawn line ends, for the legend.
func (p Plot) last(l Line) string {
	pts := l.Points
	if len(pts) == 0 {
		return ""
	}
	if smooth := p.smooth(pts); smooth != nil {
		pts = smooth
	}
	return value(significant(float64(pts[len(pts)-1].Value), 3))
}

// draw is the chart inside its frame; "" when there is no point.
func (p Plot) draw(lines []Line) string {
	a, ok := newAxes(p.Metric, p.Scale, lines)
	if !ok {
		return ""
	}
	var b strings.Builder
	for _, t := range a.yTicks {
		fmt.Fprintf(&b, `<path class="grid" d="M%s %sH%s"/><text class="y" x="%s" y="%s">%s</text>`+"\n",
			num(chartLeft), num(a.py(t)), num(chartWide-chartRight), num(chartLeft-7), num(a.py(t)+4), value(t))
	}
	for _, t := range ticks(a.x0, a.x1, 6) {
		if t < a.x0 || t > a.x1 || t != math.Trunc(t) || a.px(t) > chartWide-chartRight-46 {
			continue
		}
		fmt.Fprintf(&b, `<text class="x" x="%s" y="%s">%s</text>`+"\n", num(a.px(t)), num(chartHigh-chartFoot+18), value(t))
	}
	fmt.Fprintf(&b, `<text class="end" x="%s" y="%s">step</text>`, num(chartWide-chartRight), num(chartHigh-chartFoot+18))
	fmt.Fprintf(&b, `<path class="axis" d="M%s %sH%s"/>`+"\n", num(chartLeft), num(chartHigh-chartFoot), num(chartWide-chartRight))
	for i, l := range lines {
		p.line(&b, i, len(lines), l, a)
	}
	return b.String()
}

// line draws a line, broken where values are not finite, marks for those, its markers and tool tips. A line that is
// smoothed has what was measured pale below it.
func (p Plot) line(b *strings.Builder, i, of int, l Line, a axes) {
	drawn, hover := max(maxDrawn*4/max(of, 4), 60), max(maxHover*4/max(of, 4), 6)
	pts := sample(l.Points, drawn)
	var dots strings.Builder
	for _, q := range pts {
		if v := float64(q.Value); !finite(v) {
			fmt.Fprintf(&dots, `<text class="bad" x="%s" y="%s">×<title>%s</title></text>`, num(a.px(float64(q.Step))), num(chartHigh-chartFoot-2), escape(fmt.Sprintf("%s, step %d: %v", l.Name, q.Step, v)))
		}
	}
	line := pts
	if smooth := p.smooth(l.Points); smooth != nil {
		if of <= tones {
			fmt.Fprintf(b, `<path class="line raw s%d" d="%s"/>`, i%tones, a.path(pts))
		}
		line = sample(smooth, drawn)
		fmt.Fprintf(b, `<path class="line %s" d="%s"><title>%s</title></path>`+"\n", style(i), a.path(line), escape(l.Name+", smoothed"))
	} else {
		fmt.Fprintf(b, `<path class="line %s" d="%s"><title>%s</title></path>`+"\n", style(i), a.path(line), escape(l.Name))
	}
	for _, q := range sample(pts, hover) {
		if v := float64(q.Value); finite(v) {
			fmt.Fprintf(&dots, `<circle class="dot s%d" cx="%s" cy="%s" r="7"><title>%s</title></circle>`, i%tones, num(a.px(float64(q.Step))), num(a.py(v)), escape(fmt.Sprintf("%s, step %d: %s", l.Name, q.Step, value(v))))
		}
	}
	if len(pts) == 1 || of > 1 {
		for _, q := range marked(line, i) {
			if v := float64(q.Value); finite(v) {
				fmt.Fprintf(b, `<path class="mark s%d" d="%s"/>`, i%tones, marker(i, a.px(float64(q.Step)), a.py(v)))
			}
		}
	}
	b.WriteString(dots.String() + "\n")
}

// style is a line's colour and, when the colours are used up, its dashes.
func style(i int) string {
	if d := i / tones % 3; d > 0 {
		return fmt.Sprintf("s%d d%d", i%tones, d)
	}
	return fmt.Sprintf("s%d", i%tones)
}

// marked are a few points of a line that get markers, shifted from line to line so that markers of equal lines do not
// cover one another. The last is always marked.
func marked(pts []record.Point, i int) []record.Point {
	const n = 6
	if len(pts) <= n {
		return pts
	}
	var out []record.Point
	step := len(pts) / n
	for k := i * step / tones % step; k < len(pts)-1; k += step {
		out = append(out, pts[k])
	}
	return append(out, pts[len(pts)-1])
}

// marker is the shape of a line's markers.
func marker(i int, x, y float64) string {
	at := fmt.Sprintf("M%s %s", num(x), num(y))
	switch i % tones {
	case 0: // a disc
		return at + "m-3 0a3 3 0 1 0 6 0a3 3 0 1 0 -6 0z"
	case 1: // a square
		return at + "m-3 -3h6v6h-6z"
	case 2: // a triangle
		return at + "m0 -4l4 7h-8z"
	case 3: // a diamond
		return at + "m0 -4.4l4 4.4l-4 4.4l-4 -4.4z"
	case 4: // a triangle upside down
		return at + "m0 4l4 -7h-8z"
	case 5: // a cross
		return at + "m-1.2 -4h2.4v2.8h2.8v2.4h-2.8v2.8h-2.4v-2.8h-2.8v-2.4h2.8z"
	case 6: // a flat bar
		return at + "m-5 -1.6h10v3.2h-10z"
	}
	return at + "m-1.6 -5h3.2v10h-3.2z" // an upright bar
}

// keySVG is a line's sign in a legend.
func keySVG(i int) string {
	return fmt.Sprintf(`<path class="line %s" d="M0 5H24"/><path class="mark s%d" d="%s"/>`, style(i), i%tones, marker(i, 12, 5))
}
