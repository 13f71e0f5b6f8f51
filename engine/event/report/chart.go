package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/event/record"
)

// Chart sizes in SVG units. The width suits half a desktop page and a whole phone.
const (
	chartWide  = 560.0
	chartHigh  = 250.0
	chartLeft  = 58.0
	chartRight = 14.0
	chartTop   = 12.0
	chartFoot  = 34.0
	maxDrawn   = 400 // points of a series
	maxHover   = 40  // of them with a tool tip
	tones      = 8   // colours of series, reused after that
)

// series is one line of a chart.
type series struct {
	Name   string
	Points []record.Point
}

// last is where the drawn line ends, for the legend.
func (s series) last(metric string) string {
	pts := sample(s.Points, maxDrawn)
	if len(pts) == 0 {
		return ""
	}
	if smooth := smoothed(metric, pts); smooth != nil {
		pts = smooth
	}
	return value(significant(float64(pts[len(pts)-1].Value), 3))
}

// significant rounds to some digits.
func significant(v float64, digits int) float64 {
	out, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', digits, 64), 64)
	if err != nil {
		return v
	}
	return out
}

// steep says of a metric that it falls over orders of magnitude and jumps from step to step.
func steep(metric string) bool {
	return strings.Contains(metric, "loss") || strings.Contains(metric, "norm") || strings.Contains(metric, "ppl")
}

// chartSVG draws the series of one metric over the steps; "" when there is no point.
func chartSVG(metric string, all []series) string {
	a, ok := newAxes(metric, all)
	if !ok {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="chart" viewBox="0 0 %s %s" role="img"><title>%s</title>`+"\n", num(chartWide), num(chartHigh), escape(metric+" by step"))
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
	for i, s := range all {
		drawSeries(&b, metric, i%tones, s, a)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// drawSeries draws a line, broken where values are not finite, marks for those, and tool tips. A metric that
// jumps is drawn pale, with its mean over neighbouring points on top.
func drawSeries(b *strings.Builder, metric string, tone int, s series, a axes) {
	pts := sample(s.Points, maxDrawn)
	var dots strings.Builder
	for _, p := range pts {
		if v := float64(p.Value); !finite(v) {
			fmt.Fprintf(&dots, `<text class="bad" x="%s" y="%s">×<title>%s</title></text>`, num(a.px(float64(p.Step))), num(chartHigh-chartFoot-2), escape(fmt.Sprintf("%s, step %d: %v", s.Name, p.Step, v)))
		}
	}
	if smooth := smoothed(metric, pts); smooth != nil {
		fmt.Fprintf(b, `<path class="line raw s%d" d="%s"/>`, tone, a.path(pts))
		fmt.Fprintf(b, `<path class="line s%d" d="%s"><title>%s</title></path>`+"\n", tone, a.path(smooth), escape(s.Name+", smoothed"))
	} else {
		fmt.Fprintf(b, `<path class="line s%d" d="%s"><title>%s</title></path>`+"\n", tone, a.path(pts), escape(s.Name))
	}
	for _, p := range sample(pts, maxHover) {
		if v := float64(p.Value); finite(v) {
			fmt.Fprintf(&dots, `<circle class="dot s%d" cx="%s" cy="%s" r="7"><title>%s</title></circle>`, tone, num(a.px(float64(p.Step))), num(a.py(v)), escape(fmt.Sprintf("%s, step %d: %s", s.Name, p.Step, value(v))))
		}
	}
	if len(pts) == 1 && finite(float64(pts[0].Value)) {
		fmt.Fprintf(b, `<circle class="one s%d" cx="%s" cy="%s" r="3.5"/>`, tone, num(a.px(float64(pts[0].Step))), num(a.py(float64(pts[0].Value))))
	}
	b.WriteString(dots.String() + "\n")
}

// path is a line through the finite points.
func (a axes) path(pts []record.Point) string {
	var b strings.Builder
	pen := false
	for _, p := range pts {
		v := float64(p.Value)
		if !finite(v) {
			pen = false
			continue
		}
		cmd := "L"
		if !pen {
			cmd = "M"
		}
		pen = true
		fmt.Fprintf(&b, "%s%s %s", cmd, num(a.px(float64(p.Step))), num(a.py(v)))
	}
	return b.String()
}

// smoothed is the mean over a window of about a twelfth of the points: around each one, smaller where the
// curve begins, behind it where the curve ends. It is nil for metrics that do not jump, for short curves
// and for values that are not finite.
func smoothed(metric string, pts []record.Point) []record.Point {
	if !steep(metric) || len(pts) < 24 {
		return nil
	}
	half := len(pts) / 24
	out := make([]record.Point, len(pts))
	for i, p := range pts {
		lo, hi := i-min(half, i), i+min(half, i, len(pts)-1-i)+1
		sum := 0.0
		for _, q := range pts[lo:hi] {
			sum += float64(q.Value) / float64(hi-lo)
		}
		if !finite(sum) {
			return nil
		}
		out[i] = record.Point{Step: p.Step, Value: event.Number(sum)}
	}
	return out
}

// sample takes at most n points, evenly, the first and the last among them; values that are not finite
// always stay, up to n of them.
func sample(pts []record.Point, n int) []record.Point {
	if len(pts) <= n {
		return pts
	}
	out := make([]record.Point, 0, n)
	next := 0
	for i, p := range pts {
		if i == next*(len(pts)-1)/(n-1) {
			out = append(out, p)
			next++
		} else if !finite(float64(p.Value)) && len(out) < 2*n {
			out = append(out, p)
		}
	}
	return out
}

// finite says whether a value can be drawn; the largest floats are left out, since their sums overflow.
func finite(v float64) bool { return math.Abs(v) <= 1e300 }

// value is a number for people: 2.31, 1250, 12.5k, 3e-06.
func value(v float64) string {
	a := math.Abs(v)
	switch {
	case !finite(v):
		return strconv.FormatFloat(v, 'g', -1, 64)
	case a == 0 || a < 1e-12:
		return "0"
	case a >= 1e6 && a < 1e12:
		for _, u := range []struct {
			div  float64
			name string
		}{{1e9, "G"}, {1e6, "M"}} {
			if a >= u.div {
				return trimmed(v/u.div, 2) + u.name
			}
		}
	case a >= 1e4 && a < 1e6:
		return trimmed(v/1e3, 1) + "k"
	case a >= 1e12 || a < 1e-3:
		return strconv.FormatFloat(v, 'g', 3, 64)
	case a >= 100:
		return trimmed(v, 1)
	case a >= 1:
		return trimmed(v, 3)
	}
	return trimmed(v, 4)
}

// trimmed has at most digits decimals and no zeros at the end.
func trimmed(v float64, digits int) string {
	s := strconv.FormatFloat(v, 'f', digits, 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}
