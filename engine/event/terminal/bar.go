package terminal

import (
	"fmt"
	"strings"
	"time"
)

// window is how far back a rate looks: long enough to be calm, short enough to follow a change.
const window = 20 * time.Second

// pace is the recent speed of a stage.
type pace struct {
	at   []time.Time
	done []int64
}

// add takes one measurement; a step back starts anew.
func (p *pace) add(at time.Time, done int64) {
	if n := len(p.at); n > 0 {
		if done < p.done[n-1] {
			p.at, p.done = p.at[:0], p.done[:0]
		} else if n > 1 && at.Sub(p.at[n-1]) < 200*time.Millisecond {
			p.at, p.done = p.at[:n-1], p.done[:n-1] // keeps the window short of memory
		}
	}
	p.at, p.done = append(p.at, at), append(p.done, done)
	for len(p.at) > 2 && at.Sub(p.at[1]) > window {
		p.at, p.done = p.at[1:], p.done[1:]
	}
}

// rate is in units a second; 0 when not known.
func (p *pace) rate() float64 {
	n := len(p.at)
	if n < 2 {
		return 0
	}
	dt := p.at[n-1].Sub(p.at[0]).Seconds()
	if dt <= 0 {
		return 0
	}
	return float64(p.done[n-1]-p.done[0]) / dt
}

// far says in words how far a stage is.
func (s *stage) far(now time.Time) string {
	if s.last == nil {
		return clock(now.Sub(s.started))
	}
	var parts []string
	if s.last.Total > 0 {
		parts = append(parts, fmt.Sprintf("%3d%%", percent(s.last.Done, s.last.Total)))
	}
	parts = append(parts, amount(s.last.Done, s.last.Total, s.last.Unit))
	if r := s.pace.rate(); r > 0 {
		parts = append(parts, speed(r, s.last.Unit))
		if left := float64(s.last.Total - s.last.Done); left > 0 {
			parts = append(parts, clock(time.Duration(min(left/r, 1e8)*float64(time.Second)))+" left")
		}
	}
	return strings.Join(parts, "  ")
}

// bar is the live line of a running stage.
func (p *Printer) bar(s *stage, columns int) string {
	const wide = 24
	head := "» " + pad(clip(s.id, p.names), p.names) + "  "
	text := s.far(p.now)
	bar := ""
	if s.last != nil && s.last.Total > 0 && columns >= 80 {
		full := int(float64(min(max(s.last.Done, 0), s.last.Total)) / float64(s.last.Total) * 2 * wide)
		done := strings.Repeat("━", full/2)
		if full%2 == 1 {
			done += "╸"
		}
		bar = p.paint(green, done) + p.paint(dim, strings.Repeat("─", max(wide-full/2-full%2, 0))) + " "
	}
	if s.last != nil && s.last.Text != "" {
		text += "  " + s.last.Text
	}
	room := columns - 1 - cells(head)
	if bar != "" {
		room -= wide + 1
	}
	return p.paint(cyan, clip(head, columns-1)) + bar + clip(text, max(room, 0))
}

func percent(done, total int64) int {
	return int(float64(min(max(done, 0), total)) / float64(total) * 100)
}
