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

// chartSVG draws a plot in the page, whose style it takes; "" when there is no point.
func (p Plot) chartSVG() string {
	lines, _ := p.shown()
	body := p.draw(lines)
	if body == "" {
		return ""
	}
	return fmt.Sprintf(`<svg class="chart" viewBox="0 0 %s %s" role="img"><title>%s</title>`+"\n%s</svg>\n",
		num(chartWide), num(chartHigh), escape(title(p.Metric)+" by step"), body)
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

// smoothed is the mean over half points on either side of each one, fewer where the curve begins and ends. It is nil
// where a value is not finite.
func smoothed(pts []record.Point, half int) []record.Point {
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
