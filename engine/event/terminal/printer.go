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
	redrawEvery   = 100 * time.Millisecond // of live lines, when something changed
	clocksEvery   = 500 * time.Millisecond // of live lines, when nothing did
	progressEvery = 10 * time.Second       // of plain progress lines, a stage
	maxTableRows  = 16                     // longer tables are for the report
)

// Options say how to show a run.
type Options struct {
	Live    bool // the writer is a terminal: lines may be redrawn
	Color   bool // ANSI colours; off for NO_COLOR
	Quiet   bool // only warnings and failures
	Verbose bool // debug lines too
	// Size is the columns and rows of the terminal, asked at every redraw; nil means 100 and 24.
	Size func() (columns, rows int)
	// Expect is how long stages took the last time, by ID: for the time left.
	Expect map[string]time.Duration
}

// Printer is a sink that writes for people.
type Printer struct {
	mu      sync.Mutex
	w       io.Writer
	opt     Options
	stages  []*stage // in the order of the first event of each: that of the graph
	byID    map[string]*stage
	members map[string]int // of groups
	names   int            // width of the widest stage name so far, in lasting lines
	held    []string       // lasting lines that wait for the next frame
	drawn   []int          // cells of each live line on the screen
	columns int            // that they were drawn for
	dirty   bool           // something changed since they were drawn
	closed  bool
	redrawn time.Time
	began   time.Time // of the first event
	now     time.Time // of the last event
	seen    time.Time // when that event came, by the real clock: Watch goes on from there
}

// New writes to w.
func New(w io.Writer, opt Options) *Printer {
	if opt.Size == nil {
		opt.Size = func() (int, int) { return 100, 24 }
	}
	return &Printer{w: w, opt: opt, names: 8, byID: map[string]*stage{}, members: map[string]int{}}
}

// Emit shows one event.
func (p *Printer) Emit(e event.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.began.IsZero() {
		p.began = e.Time
	}
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
	p.show(lines)
}

// Watch redraws the live lines until ctx ends: ten times a second what changed, and twice a second the clocks. Without
// Live it does nothing.
func (p *Printer) Watch(ctx context.Context) {
	if !p.opt.Live || p.opt.Quiet {
		return
	}
	t := time.NewTicker(redrawEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			p.tick(time.Now())
		case <-ctx.Done():
			return
		}
	}
}

func (p *Printer) tick(real time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.seen.IsZero() {
		p.now, p.seen = p.now.Add(real.Sub(p.seen)), real
	}
	if p.dirty || p.now.Sub(p.redrawn) >= clocksEvery {
		p.draw()
	}
}

// Close takes the live lines away.
func (p *Printer) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.draw()
}

// Line writes a line of the program itself above the live lines.
func (p *Printer) Line(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.show([]string{visible(text)})
}

// show writes lasting lines. On a terminal they wait for the next frame, of which there are ten a second at most.
func (p *Printer) show(lines []string) {
	if !p.opt.Live || p.opt.Quiet {
		if len(lines) > 0 {
			_, _ = io.WriteString(p.w, strings.Join(lines, "\n")+"\n")
		}
		return
	}
	p.held = append(p.held, lines...)
	p.dirty = true
	if p.closed || p.now.Sub(p.redrawn) >= redrawEvery {
		p.draw()
	}
}

// draw is one frame, in one write: the lasting lines that were held, and the live ones below them.
func (p *Printer) draw() {
	if !p.opt.Live || p.opt.Quiet {
		return
	}
	p.redrawn, p.dirty = p.now, false
	columns, rows := p.opt.Size()
	columns, rows = max(columns, 20), max(rows, 2)
	var b strings.Builder
	if up := climb(p.drawn, columns); up > 0 {
		fmt.Fprintf(&b, "\r\x1b[%dA", up)
	}
	// Rows are erased one by one: some terminals keep in their history what an erased screen showed.
	if columns != p.columns {
		b.WriteString("\x1b[J") // a narrower terminal has wrapped the live lines
	}
	p.columns = columns
	for _, l := range p.held {
		erase := "\x1b[K"
		if cells(bare(l)) >= columns {
			erase = "\x1b[J" // it takes several rows
		}
		b.WriteString(erase + l + "\n")
	}
	p.held, p.drawn = nil, p.drawn[:0]
	if !p.closed {
		// Some rows are left for what stands above.
		for _, l := range p.frame(columns, max(min(rows-1, rows*3/4), 1)) {
			b.WriteString(l + "\x1b[K\n")
			p.drawn = append(p.drawn, cells(bare(l)))
		}
	}
	b.WriteString("\x1b[J")
	_, _ = io.WriteString(p.w, b.String())
}

// climb is how many rows up the live lines begin. A terminal that became narrower has wrapped them.
func climb(drawn []int, columns int) int {
	up := 0
	for _, n := range drawn {
		up += max((n+columns-1)/columns, 1)
	}
	return up
}

// state shows what a stage became.
func (p *Printer) state(e event.Event) []string {
	id := visible(e.Stage)
	why := visible(e.State.Why)
	s := p.stage(id)
	switch e.State.To {
	case "queued":
		s.queued = true
		s.why = why
	case "running":
		p.names = min(max(p.names, cells(id)), 40)
		s.phase, s.started, s.told = running, e.Time, e.Time
		if why == "" {
			why = s.why
		}
		return p.brief(dim, "»", id, "started", why)
	case "done":
		note := clock(e.State.Took)
		if s.phase == running && e.State.Took == 0 {
			note = clock(e.Time.Sub(s.started))
		}
		s.phase = done
		var extra []string
		for _, k := range slices.Sorted(maps.Keys(s.best)) {
			extra = append(extra, k+" "+number(s.best[k]))
		}
		return p.line(green, "✓", id, note, strings.Join(extra, "  "))
	case "failed":
		s.phase = failed
		return p.must(red, "✗", id, "failed", why)
	case "cancelled":
		s.phase = cancelled
		return p.line(yellow, "■", id, "cancelled", why)
	case "fresh":
		s.phase = fresh
		return p.brief(dim, "·", id, e.State.To, why)
	case "skipped":
		s.phase = skipped
		return p.line(dim, "·", id, e.State.To, why)
	}
	return nil
}

// brief is a line that live lines say already.
func (p *Printer) brief(color, mark, id, text, note string) []string {
	if p.opt.Live {
		return nil
	}
	return p.line(color, mark, id, text, note)
}

// find is a running stage, nil when it does not run.
func (p *Printer) find(id string) *stage {
	if s := p.byID[id]; s != nil && s.phase == running {
		return s
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
	return p.line(dim, "…", s.id, s.far(e.Time, false), c.Text)
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
