package jinja

import (
	"context"
	"time"
)

// Limits bound a rendering. A limit that is 0 takes the default's.
type Limits struct {
	Steps int // expressions, statements and loop rounds
	Bytes int // of all values made on the way, lists counted with 16 bytes an item
	Depth int // of macros and recursive loops within one another
}

// DefaultLimits are far above what any chat template needs.
func DefaultLimits() Limits { return Limits{Steps: 5_000_000, Bytes: 256 << 20, Depth: 150} }

// Template is a template that was parsed. It is safe for concurrent use.
type Template struct {
	src   source
	body  []stmt
	ids   map[string]int // of the names that it uses
	base  []any          // what they stand for when the caller gives nothing; by id
	masks bool           // it has {% generation %}
	env   *environment
}

// Parse reads a template. name is what errors call it.
func Parse(name, text string) (*Template, error) {
	src := source{name, normalize(text)}
	t, err := parse(src)
	if err != nil {
		return nil, err
	}
	return t, nil
}

// Generation says whether the template marks what an assistant says by {% generation %}.
func (t *Template) Generation() bool { return t.masks }

// Uses says whether a name or attribute stands in the template.
func (t *Template) Uses(name string) bool {
	_, ok := t.ids[name]
	return ok
}

// Var is a variable of a rendering.
type Var struct {
	Name  string
	Value any // as FromJSON gives it
}

// Span is a stretch of the rendered text, in bytes.
type Span struct{ Start, End int }

// Options are the circumstances of a rendering.
type Options struct {
	// Now is strftime_now's clock. Without one that function does not exist, and the output depends on the
	// variables alone.
	Now    func() time.Time
	Limits Limits
}

// Render writes the template with variables. The spans are those of {% generation %}.
func (t *Template) Render(ctx context.Context, vars []Var, o Options) (text string, spans []Span, err error) {
	r := newRun(ctx, t, vars, o)
	root := &scope{}
	if err := r.execAll(t.body, root); err != nil {
		return "", nil, r.outcome(err)
	}
	return string(r.out), r.spans, nil
}
