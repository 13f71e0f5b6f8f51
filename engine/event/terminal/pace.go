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

// far says in words how far a stage is; in short where there is little room.
func (s *stage) far(now time.Time, short bool) string {
	if s.last == nil {
		text := clock(now.Sub(s.started))
		if left, ok := s.remaining(now); ok && left >= time.Second/2 {
			text += "  about " + whole(left) + " left"
		}
		return text
	}
	var parts []string
	if s.last.Total > 0 {
		parts = append(parts, fmt.Sprintf("%3d%%", percent(s.last.Done, s.last.Total)))
	}
	rate := s.pace.rate()
	if !short || s.last.Total <= 0 {
		parts = append(parts, amount(s.last.Done, s.last.Total, s.last.Unit))
		if rate > 0 {
			parts = append(parts, speed(rate, s.last.Unit))
		}
	}
	if left := float64(s.last.Total - s.last.Done); rate > 0 && left > 0 {
		parts = append(parts, clock(time.Duration(min(left/rate, 1e8)*float64(time.Second)))+" left")
	}
	return strings.Join(parts, "  ")
}

func percent(done, total int64) int {
	return int(float64(min(max(done, 0), total)) / float64(total) * 100)
}
