package report

import "math"

// axes map steps and values to SVG units.
type axes struct {
	x0, x1, y0, y1 float64
	log            bool
	yTicks         []float64
}

func (a axes) px(x float64) float64 {
	return chartLeft + (x-a.x0)/(a.x1-a.x0)*(chartWide-chartLeft-chartRight)
}

func (a axes) py(y float64) float64 {
	share := (y - a.y0) / (a.y1 - a.y0)
	if a.log {
		share = math.Log(y/a.y0) / math.Log(a.y1/a.y0)
	}
	return chartHigh - chartFoot - share*(chartHigh-chartFoot-chartTop)
}

// newAxes spans all points; false when there is none. Unless a scale is asked for, what falls steeply, as a loss does,
// gets a logarithmic axis: a linear one would show its first steps and nothing else.
func newAxes(metric, scale string, all []Line) (axes, bool) {
	a := axes{x0: math.Inf(1), x1: math.Inf(-1), y0: math.Inf(1), y1: math.Inf(-1)}
	points := 0
	for _, s := range all {
		for _, p := range s.Points {
			points++
			a.x0, a.x1 = min(a.x0, float64(p.Step)), max(a.x1, float64(p.Step))
			if v := float64(p.Value); finite(v) {
				a.y0, a.y1 = min(a.y0, v), max(a.y1, v)
			}
		}
	}
	if points == 0 {
		return a, false
	}
	if a.y0 > a.y1 { // nothing finite
		a.y0, a.y1 = 0, 1
	}
	if a.x0 == a.x1 {
		a.x0, a.x1 = a.x0-1, a.x1+1
	}
	drawable := a.y0 > 1e-100 && a.y1 < 1e100
	if drawable && (scale == ScaleLog || scale == ScaleAuto && steep(metric) && a.y1 > 20*a.y0) {
		a.log, a.y0, a.y1 = true, a.y0/1.2, a.y1*1.2
		a.yTicks = logTicks(a.y0, a.y1)
		return a, true
	}
	if a.y0 > 0 && a.y0 < 0.4*a.y1 {
		a.y0 = 0
	}
	if a.y0 == a.y1 {
		pad := max(math.Abs(a.y0)*0.1, 1e-12)
		a.y0, a.y1 = a.y0-pad, a.y1+pad
	}
	a.yTicks = ticks(a.y0, a.y1, 5)
	a.y0, a.y1 = min(a.y0, a.yTicks[0]), max(a.y1, a.yTicks[len(a.yTicks)-1])
	return a, true
}

// logTicks are round values from lo to hi, at least two where the range has room: 1, 2 and 5 of each power
// of ten while those are few, then fewer.
func logTicks(lo, hi float64) []float64 {
	const few = 8
	var out []float64
	for _, steps := range [][]float64{{1, 2, 5}, {1, 3}, {1}} {
		out = nil
		for e := math.Floor(math.Log10(lo)); e <= math.Ceil(math.Log10(hi)); e++ {
			for _, s := range steps {
				if v := s * math.Pow(10, e); v >= lo && v <= hi {
					out = append(out, v)
				}
			}
		}
		if len(out) <= few {
			return out
		}
	}
	stride := (len(out) + few - 1) / few
	var thin []float64
	for i := 0; i < len(out); i += stride {
		thin = append(thin, out[i])
	}
	return thin
}

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
