package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"

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

// last is the value of the last point, for the legend.
func (s series) last() string {
	if len(s.Points) == 0 {
		return ""
	}
	return value(float64(s.Points[len(s.Points)-1].Value))
}

// chartSVG draws the series of one metric over the steps; "" when there is no point.
func chartSVG(metric string, all []series) string {
	x0, x1, y0, y1 := math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
	points := 0
	for _, s := range all {
		for _, p := range s.Points {
			points++
			x0, x1 = min(x0, float64(p.Step)), max(x1, float64(p.Step))
			if v := float64(p.Value); finite(v) {
				y0, y1 = min(y0, v), max(y1, v)
			}
		}
	}
	if points == 0 {
		return ""
	}
	if y0 > y1 { // nothing finite
		y0, y1 = 0, 1
	}
	if y0 > 0 && y0 < 0.4*y1 {
		y0 = 0
	}
	if y0 == y1 {
		pad := max(math.Abs(y0)*0.1, 1e-12)
		y0, y1 = y0-pad, y1+pad
	}
	if x0 == x1 {
		x0, x1 = x0-1, x1+1
	}
	yTicks := ticks(y0, y1, 5)
	y0, y1 = min(y0, yTicks[0]), max(y1, yTicks[len(yTicks)-1])
	px := func(x float64) float64 { return chartLeft + (x-x0)/(x1-x0)*(chartWide-chartLeft-chartRight) }
	py := func(y float64) float64 {
		return chartHigh - chartFoot - (y-y0)/(y1-y0)*(chartHigh-chartFoot-chartTop)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="chart" viewBox="0 0 %s %s" role="img"><title>%s</title>`+"\n", num(chartWide), num(chartHigh), escape(metric+" by step"))
	for _, t := range yTicks {
		fmt.Fprintf(&b, `<path class="grid" d="M%s %sH%s"/><text class="y" x="%s" y="%s">%s</text>`+"\n",
			num(chartLeft), num(py(t)), num(chartWide-chartRight), num(chartLeft-7), num(py(t)+4), value(t))
	}
	for _, t := range ticks(x0, x1, 6) {
		if t < x0 || t > x1 || t != math.Trunc(t) {
			continue
		}
		fmt.Fprintf(&b, `<text class="x" x="%s" y="%s">%s</text>`+"\n", num(px(t)), num(chartHigh-chartFoot+18), value(t))
	}
	fmt.Fprintf(&b, `<path class="axis" d="M%s %sH%s"/>`+"\n", num(chartLeft), num(chartHigh-chartFoot), num(chartWide-chartRight))
	for i, s := range all {
		drawSeries(&b, i%tones, s, px, py)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// drawSeries draws a line, broken where values are not finite, marks for those, and tool tips.
func drawSeries(b *strings.Builder, tone int, s series, px, py func(float64) float64) {
	pts := sample(s.Points, maxDrawn)
	var path, dots strings.Builder
	pen := false
	for _, p := range pts {
		v := float64(p.Value)
		if !finite(v) {
			pen = false
			fmt.Fprintf(&dots, `<text class="bad" x="%s" y="%s">×<title>%s</title></text>`, num(px(float64(p.Step))), num(chartHigh-chartFoot-2), escape(fmt.Sprintf("%s, step %d: %v", s.Name, p.Step, v)))
			continue
		}
		cmd := "L"
		if !pen {
			cmd = "M"
		}
		pen = true
		fmt.Fprintf(&path, "%s%s %s", cmd, num(px(float64(p.Step))), num(py(v)))
	}
	fmt.Fprintf(b, `<path class="line s%d" d="%s"><title>%s</title></path>`+"\n", tone, path.String(), escape(s.Name))
	for _, p := range sample(pts, maxHover) {
		if v := float64(p.Value); finite(v) {
			fmt.Fprintf(&dots, `<circle class="dot s%d" cx="%s" cy="%s" r="7"><title>%s</title></circle>`, tone, num(px(float64(p.Step))), num(py(v)), escape(fmt.Sprintf("%s, step %d: %s", s.Name, p.Step, value(v))))
		}
	}
	if len(pts) == 1 && finite(float64(pts[0].Value)) {
		fmt.Fprintf(b, `<circle class="one s%d" cx="%s" cy="%s" r="3.5"/>`, tone, num(px(float64(pts[0].Step))), num(py(float64(pts[0].Value))))
	}
	b.WriteString(dots.String() + "\n")
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

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// ticks are about n round values that cover lo to hi: the first is at or below lo, the last at or above hi.
func ticks(lo, hi float64, n int) []float64 {
	step := (hi - lo) / float64(n)
	mag := math.Pow(10, math.Floor(math.Log10(step)))
	if mag == 0 || !finite(mag) {
		return []float64{lo, hi}
	}
	switch r := step / mag; {
	case r <= 1:
		step = mag
	case r <= 2:
		step = 2 * mag
	case r <= 5:
		step = 5 * mag
	default:
		step = 10 * mag
	}
	var out []float64
	first := math.Floor(lo/step + 1e-9)
	for i := range 4 * n {
		v := (first + float64(i)) * step
		out = append(out, v)
		if v >= hi-step*1e-9 {
			break
		}
	}
	if len(out) < 2 || !finite(out[len(out)-1]) {
		return []float64{lo, hi}
	}
	return out
}

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
