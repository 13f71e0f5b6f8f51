package terminal

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	indent     = 2
	maxWaiting = 6  // waiting stages that are named
	barColumns = 80 // narrower terminals have no bars
	fewColumns = 60 // and narrower ones less text
)

// frame is the live lines: running stages below their groups, the next waiting ones, and a line for the whole run. It
// has at most rows lines of less than columns cells.
func (p *Printer) frame(columns, rows int) []string {
	if len(p.stages) == 0 {
		return nil
	}
	n := p.counts()
	if n[running]+n[waiting] == 0 {
		return nil // the end is told elsewhere
	}
	room := rows - 1 // for the last line
	var lines []string
	for named := min(n[waiting], maxWaiting); named >= 0; named-- {
		lines = p.tree(n, named, columns, true)
		if len(lines) <= room {
			break
		}
	}
	if len(lines) > room {
		lines = p.tree(n, 0, columns, false)
	}
	if len(lines) > room {
		// More run than there are lines.
		keep := max(room-1, 0)
		lines = lines[:keep]
		if keep < room {
			lines = append(lines, p.paint(dim, clip(fmt.Sprintf("and %d more running, %d waiting", n[running]-keep, n[waiting]), columns-1)))
		}
	}
	return append(lines, p.overall(n, columns))
}

// tree is the lines of what runs and of the next named waiting stages, below headers of their groups.
func (p *Printer) tree(n [phases]int, named, columns int, headers bool) []string {
	var shown []*stage
	rest := n[waiting]
	for _, s := range p.stages {
		switch {
		case s.phase == running:
			shown = append(shown, s)
		case s.phase == waiting && named > 0:
			shown = append(shown, s)
			named--
			rest--
		}
	}
	type line struct {
		s     *stage // nil for a header
		depth int
		label string
		text  string // of a header
	}
	var lines []line
	var above []string // groups whose headers stand above
	for _, s := range shown {
		var groups []string
		if headers {
			groups = p.headed(s)
		}
		around := ""
		for depth, g := range groups {
			if depth >= len(above) || above[depth] != g {
				above = append(above[:min(depth, len(above))], g)
				lines = append(lines, line{depth: depth, label: below(around, g), text: p.tally(g)})
			}
			around = g
		}
		above = above[:len(groups)]
		lines = append(lines, line{s: s, depth: len(groups), label: below(around, s.id)})
	}
	names := 8
	for _, l := range lines {
		names = max(names, l.depth*indent+cells(l.label))
	}
	names = min(names, max(columns/3, 8))
	var out []string
	for _, l := range lines {
		margin := strings.Repeat(" ", l.depth*indent)
		label := pad(clip(margin+l.label, names), names)
		switch {
		case l.s == nil:
			out = append(out, p.paint(bold, clip("  "+label, columns-1))+p.paint(dim, clip("  "+l.text, columns-1-2-names)))
		case l.s.phase == running:
			out = append(out, p.bar(l.s, label, columns))
		default:
			out = append(out, p.paint(dim, clip("· "+label+"  "+l.s.waits(columns < fewColumns), columns-1)))
		}
	}
	if rest > 0 {
		text := fmt.Sprintf("  and %d more waiting", rest)
		if n[waiting] == rest {
			text = fmt.Sprintf("  %d waiting", rest)
		}
		out = append(out, p.paint(dim, clip(text, columns-1)))
	}
	return out
}

// tally says how far a group is.
func (p *Printer) tally(group string) string {
	ended, bad := 0, 0
	for _, s := range p.stages {
		if !slices.Contains(s.groups, group) {
			continue
		}
		switch s.phase {
		case done, fresh:
			ended++
		case failed:
			bad++
		}
	}
	text := fmt.Sprintf("%d/%d done", ended, p.members[group])
	if bad > 0 {
		text += fmt.Sprintf(", %d failed", bad)
	}
	return text
}

// waits says what a stage that does not run yet waits for; in short where there is little room.
func (s *stage) waits(short bool) string {
	text := "waiting"
	if s.queued {
		text = "queued"
	}
	if s.expect > 0 && !short {
		text += ", took " + clock(s.expect) + " the last time"
	}
	return text
}

// overall is the line for the whole run.
func (p *Printer) overall(n [phases]int, columns int) string {
	mark := "▪ "
	texts := []string{fmt.Sprintf("%d/%d done", n[done]+n[fresh], len(p.stages))}
	if n[fresh] > 0 {
		texts[0] += fmt.Sprintf(" (%d fresh)", n[fresh])
	}
	for _, ph := range []phase{running, waiting, failed, skipped, cancelled} {
		if n[ph] > 0 {
			texts = append(texts, fmt.Sprintf("%d %s", n[ph], phaseNames[ph]))
		}
	}
	times := whole(p.now.Sub(p.began).Truncate(time.Second))
	if columns < fewColumns {
		texts[0] = fmt.Sprintf("%d/%d done", n[done]+n[fresh], len(p.stages))
	}
	text := strings.Join(texts, ", ") + "  " + times
	if d, unknown := p.left(); d >= time.Second/2 && columns >= fewColumns {
		text += ", about " + whole(d) + " left"
		if unknown > 0 {
			text += fmt.Sprintf(" and %d unknown", unknown)
		}
	}
	return p.paint(bold, clip(mark+text, columns-1))
}

// bar is the live line of a running stage.
func (p *Printer) bar(s *stage, label string, columns int) string {
	const wide = 24
	head := "» " + label + "  "
	bar := ""
	if s.last != nil && s.last.Total > 0 && columns >= barColumns {
		full := int(float64(min(max(s.last.Done, 0), s.last.Total)) / float64(s.last.Total) * 2 * wide)
		ended := strings.Repeat("━", full/2)
		if full%2 == 1 {
			ended += "╸"
		}
		bar = p.paint(green, ended) + p.paint(dim, strings.Repeat("─", max(wide-full/2-full%2, 0))) + " "
	}
	text := s.far(p.now, columns < fewColumns)
	if s.last != nil && s.last.Text != "" {
		text += "  " + s.last.Text
	}
	room := columns - 1 - cells(head)
	if bar != "" {
		room -= wide + 1
	}
	return p.paint(cyan, clip(head, columns-1)) + bar + clip(text, max(room, 0))
}
