package secret

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/fault"
)

// mark stands where a value was.
const mark = "[secret]"

// Redactor cuts secret values out of texts. Values may be added while it is used, from several goroutines. Nil leaves
// everything as it is.
type Redactor struct {
	mu    sync.Mutex // of Add
	forms atomic.Pointer[[]string]
}

// NewRedactor cuts out values and their usual encodings.
func NewRedactor(values []string) *Redactor {
	r := &Redactor{}
	r.Add(values...)
	return r
}

// Add cuts out further values from now on. Values shorter than MinLength are left in.
func (r *Redactor) Add(values ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	have := r.list()
	all := slices.Clone(have)
	for _, v := range values {
		if len(v) >= MinLength {
			all = append(all, forms(v)...)
		}
	}
	slices.Sort(all)
	if all = slices.Compact(all); len(all) > len(have) {
		r.forms.Store(&all)
	}
}

func (r *Redactor) list() []string {
	if r == nil {
		return nil
	}
	if p := r.forms.Load(); p != nil {
		return *p
	}
	return nil
}

// Text is s without secrets.
func (r *Redactor) Text(s string) string {
	found := spans(s, r.list())
	if len(found) == 0 {
		return s
	}
	var b strings.Builder
	at := 0
	for _, f := range found {
		b.WriteString(s[at:f.from])
		b.WriteString(mark)
		at = f.to
	}
	b.WriteString(s[at:])
	return b.String()
}

// Break finds where to cut a text that is passed on in pieces: at limit, or at the end of a value that lies across it,
// for nobody recognises the halves of a value. s must hold Longest bytes more than limit unless it ends before.
func (r *Redactor) Break(s string, limit int) int {
	for _, f := range spans(s, r.list()) {
		if f.from < limit && limit < f.to {
			return f.to
		}
	}
	return min(limit, len(s))
}

// Longest is the length of the longest text that is cut out.
func (r *Redactor) Longest() int {
	n := 0
	for _, f := range r.list() {
		n = max(n, len(f))
	}
	return n
}

type span struct{ from, to int }

// spans finds the parts of s that hold one of forms. Values that overlap make one part, so that no end of one is left.
func spans(s string, forms []string) []span {
	var found []span
	for _, f := range forms {
		for from := 0; ; {
			i := strings.Index(s[from:], f)
			if i < 0 {
				break
			}
			found = append(found, span{from + i, from + i + len(f)})
			from += i + 1
		}
	}
	if len(found) < 2 {
		return found
	}
	slices.SortFunc(found, func(a, b span) int { return a.from - b.from })
	joined := found[:1]
	for _, f := range found[1:] {
		last := &joined[len(joined)-1]
		if f.from < last.to {
			last.to = max(last.to, f.to)
			continue
		}
		joined = append(joined, f)
	}
	return joined
}

// value redacts the texts in a JSON-like value.
func (r *Redactor) value(v any) any {
	if len(r.list()) == 0 {
		return v
	}
	switch x := v.(type) {
	case nil, bool:
		return v
	case int, int64, uint64, float64:
		if text := fmt.Sprint(x); r.Text(text) != text {
			return mark
		}
		return v
	case string:
		return r.Text(x)
	case error:
		return r.Text(x.Error())
	case map[string]any:
		return r.Data(x)
	case []any:
		out := make([]any, len(x))
		for i := range x {
			out[i] = r.value(x[i])
		}
		return out
	}
	// Any other type: through its JSON form, which is what sinks write.
	text, err := json.Marshal(v)
	if err != nil {
		return r.Text(fmt.Sprint(v))
	}
	if clean := r.Text(string(text)); clean != string(text) {
		var out any
		if json.Unmarshal([]byte(clean), &out) == nil {
			return out
		}
		return clean
	}
	return v
}

// Data is m without secrets in names or values.
func (r *Redactor) Data(m map[string]any) map[string]any {
	if m == nil || len(r.list()) == 0 {
		return m
	}
	out := make(map[string]any, len(m))
	for k, v := range m {
		out[r.Text(k)] = r.value(v)
	}
	return out
}

// Error redacts an error's text and hint. The chain is cut where there was something to cut out, for the
// causes hold the same text; the exit code and whether to try again are kept.
func (r *Redactor) Error(err error) error {
	if err == nil || len(r.list()) == 0 {
		return err
	}
	hint := fault.HintOf(err)
	if r.Text(err.Error()) == err.Error() && r.Text(hint) == hint {
		return err
	}
	out := &fault.Error{Code: fault.CodeOf(err), Err: errors.New(r.Text(err.Error())), Hint: r.Text(hint)}
	var f *fault.Error
	if errors.As(err, &f) {
		out.Temporary, out.RetryAfter, out.Timeout = f.Temporary, f.RetryAfter, f.Timeout
	}
	return out
}

// redacting is a sink in front of another.
type redacting struct {
	*Redactor
	to event.Sink
}

// Sink puts the redactor in front of a sink.
func (r *Redactor) Sink(to event.Sink) event.Sink {
	if r == nil {
		return to
	}
	return redacting{r, to}
}

// Emit passes on a copy without secrets.
func (s redacting) Emit(e event.Event) {
	if len(s.list()) == 0 {
		s.to.Emit(e)
		return
	}
	if e.State != nil {
		c := *e.State
		c.Why = s.Text(c.Why)
		e.State = &c
	}
	if e.Progress != nil {
		c := *e.Progress
		c.Text, c.Unit = s.Text(c.Text), s.Text(c.Unit)
		e.Progress = &c
	}
	if e.Point != nil {
		c := *e.Point
		c.Values = s.names(c.Values)
		e.Point = &c
	}
	if e.Log != nil {
		c := *e.Log
		c.Text, c.Data = s.Text(c.Text), s.Data(c.Data)
		e.Log = &c
	}
	if e.Table != nil {
		c := *e.Table
		c.Title = s.Text(c.Title)
		c.Columns, c.Headline = s.texts(c.Columns), s.names(c.Headline)
		c.Rows = make([][]string, len(e.Table.Rows))
		for i, row := range e.Table.Rows {
			c.Rows[i] = s.texts(row)
		}
		e.Table = &c
	}
	s.to.Emit(e)
}

func (s redacting) texts(in []string) []string {
	out := make([]string, len(in))
	for i := range in {
		out[i] = s.Text(in[i])
	}
	return out
}

func (s redacting) names(in map[string]float64) map[string]float64 {
	if in == nil {
		return nil
	}
	out := make(map[string]float64, len(in))
	for k, v := range in {
		out[s.Text(k)] = v
	}
	return out
}
