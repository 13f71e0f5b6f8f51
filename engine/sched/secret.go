package sched

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/fault"
)

// minSecret is the length in bytes below which a value is too common a text to be cut out.
const minSecret = 4

// redactor cuts secret values out of texts. Nil leaves everything as it is.
type redactor struct {
	replace *strings.Replacer
}

func newRedactor(secrets []string) *redactor {
	var pairs []string
	for _, s := range secrets {
		if len(s) < minSecret {
			continue
		}
		for _, form := range []string{s, url.QueryEscape(s), url.PathEscape(s), strings.Trim(fmt.Sprintf("%q", s), `"`)} {
			pairs = append(pairs, form, "[secret]")
		}
	}
	if len(pairs) == 0 {
		return nil
	}
	return &redactor{replace: strings.NewReplacer(pairs...)}
}

func (r *redactor) text(s string) string {
	if r == nil {
		return s
	}
	return r.replace.Replace(s)
}

// value redacts the texts in a JSON-like value.
func (r *redactor) value(v any) any {
	if r == nil {
		return v
	}
	switch x := v.(type) {
	case nil, bool, int, int64, float64:
		return v
	case string:
		return r.text(x)
	case error:
		return r.text(x.Error())
	case map[string]any:
		return r.data(x)
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
		return r.text(fmt.Sprint(v))
	}
	if clean := r.text(string(text)); clean != string(text) {
		var out any
		if json.Unmarshal([]byte(clean), &out) == nil {
			return out
		}
		return clean
	}
	return v
}

func (r *redactor) data(m map[string]any) map[string]any {
	if r == nil || m == nil {
		return m
	}
	out := make(map[string]any, len(m))
	for k, v := range m {
		out[r.text(k)] = r.value(v)
	}
	return out
}

// error redacts an error's text and hint. The chain is cut where there was something to cut out, for the
// causes hold the same text; the exit code and whether to try again are kept.
func (r *redactor) error(err error) error {
	if r == nil || err == nil {
		return err
	}
	hint := fault.HintOf(err)
	if r.text(err.Error()) == err.Error() && r.text(hint) == hint {
		return err
	}
	out := &fault.Error{Code: fault.CodeOf(err), Err: errors.New(r.text(err.Error())), Hint: r.text(hint)}
	var f *fault.Error
	if errors.As(err, &f) {
		out.Temporary, out.RetryAfter = f.Temporary, f.RetryAfter
	}
	return out
}

// redacting is a sink in front of another.
type redacting struct {
	*redactor
	to event.Sink
}

// sink puts the redactor in front of a sink.
func (r *redactor) sink(to event.Sink) event.Sink {
	if r == nil {
		return to
	}
	return redacting{r, to}
}

// Emit passes on a copy without secrets.
func (s redacting) Emit(e event.Event) {
	if e.State != nil {
		c := *e.State
		c.Why = s.text(c.Why)
		e.State = &c
	}
	if e.Progress != nil {
		c := *e.Progress
		c.Text = s.text(c.Text)
		e.Progress = &c
	}
	if e.Log != nil {
		c := *e.Log
		c.Text, c.Data = s.text(c.Text), s.data(c.Data)
		e.Log = &c
	}
	if e.Table != nil {
		c := *e.Table
		c.Title = s.text(c.Title)
		c.Columns = s.texts(c.Columns)
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
		out[i] = s.text(in[i])
	}
	return out
}
