package terminal

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/belay-ml/belay/engine/event"
)

const (
	redrawEvery   = 100 * time.Millisecond // of live lines
	progressEvery = 10 * time.Second       // of plain progress lines, a stage
	maxTableRows  = 16                     // longer tables are for the report
)

// Options say how to show a run.
type Options struct {
	Live    bool       // the writer is a terminal: lines may be redrawn
	Color   bool       // ANSI colours; off for NO_COLOR
	Quiet   bool       // only warnings and failures
	Verbose bool       // debug lines too
	Width   func() int // columns of the terminal, asked at every redraw; nil means 100
}

// Printer is a sink that writes for people.
type Printer struct {
	mu      sync.Mutex
	w       io.Writer
	opt     Options
	running []*stage // in the order of their start
	names   int      // width of the widest stage name so far
	drawn   int      // live lines on the screen
	redrawn time.Time
	now     time.Time // of the last event
	seen    time.Time // when that event came, by the real clock: Refresh goes on from there
}

// stage is a running stage.
type stage struct {
	id      string
	started time.Time
	last    *event.Progress
	pace    pace
	told    time.Time // of the last plain progress line
	best    map[string]float64
}

// New writes to w.
func New(w io.Writer, opt Options) *Printer {
	if opt.Width == nil {
		opt.Width = func() int { return 100 }
	}
	return &Printer{w: w, opt: opt, names: 8}
}

// Emit shows one event.
func (p *Printer) Emit(e event.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e.Time.After(p.now) {
		p.now, p.seen = e.Time, time.Now()
	}
	var lines []string
	switch {
	case e.State != nil:
		lines = p.state(e)
	case e.Progress != nil:
		lines = p.progress(e)
	case e.Table != nil:
		lines = p.table(e)
	case e.Log != nil:
		lines = p.log(e)
	}
	p.show(lines, e.State != nil)
}

// Watch redraws the live lines twice a second until ctx ends, so that clocks go on while a stage is
// silent. Without Live it does nothing.
func (p *Printer) Watch(ctx context.Context) {
	if !p.opt.Live || p.opt.Quiet {
		return
	}
	t := time.NewTicker(500 * time.Millisecond)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			p.mu.Lock()
			if !p.seen.IsZero() {
				p.now, p.seen = p.now.Add(time.Since(p.seen)), time.Now()
			}
			p.show(nil, true)
			p.mu.Unlock()
		case <-ctx.Done():
			return
		}
	}
}

// Close takes the live lines away.
func (p *Printer) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running = nil
	p.show(nil, true)
}

// Line writes a line of the program itself above the live lines.
func (p *Printer) Line(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.show([]string{text}, true)
}

// show writes lasting lines above the live ones and redraws those, in one write.
func (p *Printer) show(lines []string, now bool) {
	if !p.opt.Live || p.opt.Quiet {
		if len(lines) > 0 {
			_, _ = io.WriteString(p.w, strings.Join(lines, "\n")+"\n")
		}
		return
	}
	if len(lines) == 0 && !now && p.now.Sub(p.redrawn) < redrawEvery {
		return
	}
	p.redrawn = p.now
	var b strings.Builder
	if p.drawn > 0 {
		fmt.Fprintf(&b, "\r\x1b[%dA", p.drawn)
	}
	for _, l := range lines {
		b.WriteString("\x1b[K" + l + "\n")
	}
	columns := max(p.opt.Width(), 20)
	for _, s := range p.running {
		b.WriteString("\x1b[K" + p.bar(s, columns) + "\n")
	}
	b.WriteString("\x1b[J")
	p.drawn = len(p.running)
	_, _ = io.WriteString(p.w, b.String())
}

// state shows what a stage became.
func (p *Printer) state(e event.Event) []string {
	id := visible(e.Stage)
	why := visible(e.State.Why)
	switch e.State.To {
	case "running":
		p.names = min(max(p.names, cells(id)), 40)
		p.running = append(p.running, &stage{id: id, started: e.Time, told: e.Time})
		if p.opt.Live {
			return nil
		}
		return p.line(dim, "»", id, "started", why)
	case "done":
		s := p.take(id)
		note := clock(e.State.Took)
		if s != nil && e.State.Took == 0 {
			note = clock(e.Time.Sub(s.started))
		}
		var extra []string
		if s != nil {
			for _, k := range slices.Sorted(maps.Keys(s.best)) {
				extra = append(extra, k+" "+number(s.best[k]))
			}
		}
		return p.line(green, "✓", id, note, strings.Join(extra, "  "))
	case "failed":
		p.take(id)
		return p.must(red, "✗", id, "failed", why)
	case "cancelled":
		p.take(id)
		return p.line(yellow, "■", id, "cancelled", why)
	case "fresh", "skipped":
		return p.line(dim, "·", id, e.State.To, why)
	}
	return nil
}

// take removes a stage from the running ones.
func (p *Printer) take(id string) *stage {
	s := p.find(id)
	p.running = slices.DeleteFunc(p.running, func(s *stage) bool { return s.id == id })
	return s
}

func (p *Printer) find(id string) *stage {
	for _, s := range p.running {
		if s.id == id {
			return s
		}
	}
	return nil
}

// progress remembers how far a stage is, and says so in plain lines.
func (p *Printer) progress(e event.Event) []string {
	s := p.find(visible(e.Stage))
	if s == nil {
		return nil
	}
	c := *e.Progress
	c.Text = visible(c.Text)
	s.last = &c
	s.pace.add(e.Time, c.Done)
	if p.opt.Live || p.opt.Quiet || e.Time.Sub(s.told) < progressEvery {
		return nil
	}
	s.told = e.Time
	return p.line(dim, "…", s.id, s.far(e.Time), c.Text)
}

// table shows a short result and keeps its headline for the stage's last line.
func (p *Printer) table(e event.Event) []string {
	t := e.Table
	if s := p.find(visible(e.Stage)); s != nil && len(t.Headline) > 0 {
		if s.best == nil {
			s.best = map[string]float64{}
		}
		maps.Copy(s.best, t.Headline)
	}
	if p.opt.Quiet || len(t.Rows) > maxTableRows {
		return nil
	}
	return append(p.line(bold, "▪", visible(e.Stage), visible(t.Title), ""), grid(t)...)
}

// log shows a line that a stage logged.
func (p *Printer) log(e event.Event) []string {
	text := visible(e.Log.Text)
	for _, k := range slices.Sorted(maps.Keys(e.Log.Data)) {
		if k != "stream" {
			text += "  " + visible(k) + "=" + visible(fmt.Sprint(e.Log.Data[k]))
		}
	}
	id := visible(e.Stage)
	switch e.Log.Level {
	case "debug", "trace":
		if !p.opt.Verbose {
			return nil
		}
		return p.line(dim, " ", id, text, "")
	case "warn":
		return p.must(yellow, "!", id, text, "")
	case "error":
		return p.must(red, "!", id, text, "")
	}
	return p.line("", " ", id, text, "")
}

// line is one lasting line; nothing when quiet.
func (p *Printer) line(color, mark, id, text, note string) []string {
	if p.opt.Quiet {
		return nil
	}
	return p.must(color, mark, id, text, note)
}

// must is line also when quiet.
func (p *Printer) must(color, mark, id, text, note string) []string {
	s := p.paint(color, mark) + " " + pad(id, p.names) + "  " + text
	if color == red || color == yellow || color == dim {
		s = p.paint(color, mark+" "+pad(id, p.names)+"  "+text)
	}
	if note != "" {
		s += "  " + p.paint(dim, note)
	}
	return []string{strings.TrimRight(s, " ")}
}
