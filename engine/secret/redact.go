package secret

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

// Redactor cuts secret values out of texts. Nil leaves everything as it is.
type Redactor struct {
	replace *strings.Replacer
}

// NewRedactor cuts out values and their usual encodings; nil when there is nothing to cut.
func NewRedactor(values []string) *Redactor {
	var pairs []string
	for _, s := range values {
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
	return &Redactor{replace: strings.NewReplacer(pairs...)}
}

// Text is s without secrets.
func (r *Redactor) Text(s string) string {
	if r == nil {
		return s
	}
	return r.replace.Replace(s)
}

// value redacts the texts in a JSON-like value.
func (r *Redactor) value(v any) any {
	if r == nil {
		return v
	}
	switch x := v.(type) {
	case nil, bool, int, int64, float64:
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
	if r == nil || m == nil {
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
	if r == nil || err == nil {
		return err
	}
	hint := fault.HintOf(err)
	if r.Text(err.Error()) == err.Error() && r.Text(hint) == hint {
		return err
	}
	out := &fault.Error{Code: fault.CodeOf(err), Err: errors.New(r.Text(err.Error())), Hint: r.Text(hint)}
	var f *fault.Error
	if errors.As(err, &f) {
		out.Temporary, out.RetryAfter = f.Temporary, f.RetryAfter
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
	if e.State != nil {
		c := *e.State
		c.Why = s.Text(c.Why)
		e.State = &c
	}
	if e.Progress != nil {
		c := *e.Progress
		c.Text = s.Text(c.Text)
		e.Progress = &c
	}
	if e.Log != nil {
		c := *e.Log
		c.Text, c.Data = s.Text(c.Text), s.Data(c.Data)
		e.Log = &c
	}
	if e.Table != nil {
		c := *e.Table
		c.Title = s.Text(c.Title)
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
		out[i] = s.Text(in[i])
	}
	return out
}
