package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/belay-ml/belay/engine/event/record"
)

// maxBars bounds the bars of a time line.
const maxBars = 60

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
	title := "when each stage ran"
	if all := len(bars); all > maxBars {
		slices.SortStableFunc(bars, func(a, b bar) int { return cmp.Compare(b.to-b.from, a.to-a.from) })
		bars = bars[:maxBars]
		title = fmt.Sprintf("when each stage ran: the %d longest of %d", maxBars, all)
	}
	slices.SortStableFunc(bars, func(a, b bar) int { return cmp.Compare(a.from, b.from) })
	const wide, left, row = 900.0, 190.0, 22.0
	high := row*float64(len(bars)) + 26
	px := func(d time.Duration) float64 { return left + float64(d)/float64(end)*(wide-left-70) }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="timeline" viewBox="0 0 %s %s" role="img"><title>%s</title>`+"\n", num(wide), num(high), title)
	for i := range time.Duration(7) {
		d := i * tickOf(end)
		if d < 0 || d > end {
			break
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

// tickOf is a round time that fits at most six times.
func tickOf(all time.Duration) time.Duration {
	for _, unit := range []time.Duration{time.Millisecond, time.Second, time.Minute, time.Hour, 24 * time.Hour} {
		for _, n := range []time.Duration{1, 2, 5, 10, 15, 20, 30, 100, 200, 500} {
			if n*unit*6 >= all && (n < 100 || unit == time.Millisecond) {
				return n * unit
			}
		}
	}
	return max(all/6, 1)
}
