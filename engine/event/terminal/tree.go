package terminal

import (
	"strings"
	"time"

	"github.com/belay-ml/belay/engine/event"
)

// phase is what the live lines tell of a stage's state.
type phase uint8

const (
	waiting phase = iota
	running
	done
	fresh
	failed
	skipped
	cancelled
	phases
)

var phaseNames = [phases]string{"waiting", "running", "done", "fresh", "failed", "skipped", "cancelled"}

// stage is one stage instance of the run.
type stage struct {
	id      string
	groups  []string // that it is in, from the outside in: "prep", "prep/sft" of "prep/sft[seed=1]"
	phase   phase
	queued  bool   // waits for tokens only
	why     string // it runs
	started time.Time
	last    *event.Progress
	pace    pace
	told    time.Time // of the last plain progress line
	best    map[string]float64
	expect  time.Duration // what it took the last time; 0 when not known
}

// stage finds a stage, adding it when it is new.
func (p *Printer) stage(id string) *stage {
	s := p.byID[id]
	if s == nil {
		s = &stage{id: id, groups: groupsOf(id), expect: p.opt.Expect[id]}
		p.byID[id] = s
		p.stages = append(p.stages, s)
		for _, g := range s.groups {
			p.members[g]++
		}
	}
	return s
}

// groupsOf takes an ID apart: a stage of a sub-recipe is in the group of that, an instance of a matrix in that of its stage.
func groupsOf(id string) (groups []string) {
	depth, quoted := 0, false
	for i := 0; i < len(id); i++ {
		if quoted {
			switch id[i] {
			case '\\':
				i++
			case '"':
				quoted = false
			}
			continue
		}
		if (id[i] == '/' || id[i] == '[') && depth == 0 && i > 0 {
			groups = append(groups, id[:i])
		}
		switch id[i] {
		case '[':
			depth++
		case ']':
			depth--
		case '"':
			quoted = depth > 0
		}
	}
	return groups
}

// below is what a stage or group is called below a group: "seed=1" for "sft[seed=1]" below "sft".
func below(group, id string) string {
	rest := strings.TrimPrefix(id[len(group):], "/")
	if cell, ok := strings.CutPrefix(rest, "["); ok && group != "" {
		rest = strings.Replace(cell, "]", "", 1)
	}
	return rest
}

// headed are the groups of a stage that get a header: those with several members, the innermost of those with the same.
func (p *Printer) headed(s *stage) []string {
	var out []string
	for i, g := range s.groups {
		if p.members[g] > 1 && (i+1 == len(s.groups) || p.members[s.groups[i+1]] < p.members[g]) {
			out = append(out, g)
		}
	}
	return out
}

// counts are how many stages there are in each phase.
func (p *Printer) counts() (n [phases]int) {
	for _, s := range p.stages {
		n[s.phase]++
	}
	return n
}

// left estimates how long the run goes on: by the pace of what runs, and by last durations. unknown stages have neither.
func (p *Printer) left() (d time.Duration, unknown int) {
	var sum, longest time.Duration
	n := 0
	for _, s := range p.stages {
		var own time.Duration
		switch {
		case s.phase == running:
			n++
			var ok bool
			if own, ok = s.remaining(p.now); !ok {
				unknown++
			}
		case s.phase == waiting && s.expect > 0:
			own = s.expect
		case s.phase == waiting:
			unknown++
		}
		sum += own
		longest = max(longest, own)
	}
	return max(longest, sum/time.Duration(max(n, 1))), unknown
}

// remaining is how long a running stage goes on: by its pace, else by what it took the last time.
func (s *stage) remaining(now time.Time) (time.Duration, bool) {
	if s.last != nil && s.last.Total > 0 {
		if r := s.pace.rate(); r > 0 {
			left := float64(max(s.last.Total-s.last.Done, 0))
			return time.Duration(min(left/r, 1e8) * float64(time.Second)), true
		}
	}
	if s.expect > 0 {
		return max(s.expect-now.Sub(s.started), 0), true
	}
	return 0, false
}
