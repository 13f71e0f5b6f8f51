package jinja

import (
	"context"
	"errors"
	"time"
)

// run is one rendering.
type run struct {
	ctx     context.Context
	t       *Template
	env     *environment
	globals []any // by the id of a name
	now     func() time.Time

	out     []byte
	spans   []Span
	capture int // how many times output goes into a value instead

	limits       Limits
	steps, bytes int // used
	depth        int
}

func newRun(ctx context.Context, t *Template, vars []Var, o Options) *run {
	r := &run{ctx: ctx, t: t, env: t.env, now: o.Now, limits: o.Limits}
	d := DefaultLimits()
	if r.limits.Steps == 0 {
		r.limits.Steps = d.Steps
	}
	if r.limits.Bytes == 0 {
		r.limits.Bytes = d.Bytes
	}
	if r.limits.Depth == 0 {
		r.limits.Depth = d.Depth
	}
	r.globals = make([]any, len(t.base))
	copy(r.globals, t.base)
	if id, ok := t.ids["strftime_now"]; ok && r.now == nil {
		r.globals[id] = absent
	}
	for _, v := range vars {
		if id, ok := t.ids[v.Name]; ok {
			r.globals[id] = v.Value
		}
	}
	return r
}

// outcome is an error as the caller gets it.
func (r *run) outcome(err *Error) error {
	if err.Kind == cancelled {
		return context.Cause(r.ctx)
	}
	if err.Kind == breaking || err.Kind == continuing {
		return errors.New("render template: a loop control without a loop")
	}
	return err
}

// Kinds that are no mistakes.
const (
	cancelled  = "cancelled"
	breaking   = "break"
	continuing = "continue"
)

var (
	errBreak    = &Error{Kind: breaking, Line: -1}
	errContinue = &Error{Kind: continuing, Line: -1}
)

// step counts work.
func (r *run) step(n int) *Error {
	const often = 1 << 12
	before := r.steps
	if r.steps += n; before/often == r.steps/often && r.steps <= r.limits.Steps {
		return nil
	}
	if r.steps > r.limits.Steps {
		return errorf(LimitError, "rendering takes more than %d steps", r.limits.Steps)
	}
	if r.ctx.Err() != nil {
		return &Error{Kind: cancelled}
	}
	return nil
}

// spend counts memory.
func (r *run) spend(bytes int) *Error {
	if bytes > r.limits.Bytes-r.bytes {
		return errorf(LimitError, "rendering makes more than %d bytes of values", r.limits.Bytes)
	}
	r.bytes += bytes
	return r.step(bytes >> 8)
}

// itemBytes is what an item of a list counts.
const itemBytes = 16

func (r *run) spendItems(n int) *Error {
	if n > r.limits.Bytes/itemBytes {
		return r.spend(r.limits.Bytes + 1)
	}
	return r.spend(n * itemBytes)
}

// at gives an error the place of a byte of the template.
func (r *run) at(at int, err *Error) *Error {
	if err == nil || err.Line != 0 || err.Kind == cancelled {
		return err
	}
	return r.t.src.place(err, at)
}

// enter begins a macro or a round of a recursive loop.
func (r *run) enter() *Error {
	if r.depth++; r.depth > r.limits.Depth {
		return errorf(LimitError, "macros and loops call one another more than %d levels deep", r.limits.Depth)
	}
	return nil
}

func (r *run) leave() { r.depth-- }

// captured runs statements and returns what they wrote.
func (r *run) captured(body []stmt, s *scope) (string, *Error) {
	out := r.out
	r.out = nil
	r.capture++
	err := r.execAll(body, s)
	text := string(r.out)
	r.out = out
	r.capture--
	return text, err
}

// write appends output.
func (r *run) write(s string) *Error {
	r.out = append(r.out, s...)
	return r.spend(len(s))
}

// scope holds the variables that a stretch of a template sets. They are few, so that a scan is fastest.
type scope struct {
	up   *scope
	vars []variable
}

type variable struct {
	id  int
	val any
}

func (s *scope) set(id int, v any) {
	for i := range s.vars {
		if s.vars[i].id == id {
			s.vars[i].val = v
			return
		}
	}
	s.vars = append(s.vars, variable{id, v})
}

// lookup is what a name stands for; absent for nothing.
func (r *run) lookup(id int, s *scope) any {
	for ; s != nil; s = s.up {
		for i := range s.vars {
			if s.vars[i].id == id {
				return s.vars[i].val
			}
		}
	}
	return r.globals[id]
}
