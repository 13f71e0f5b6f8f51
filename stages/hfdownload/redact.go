package hfdownload

import (
	"errors"
	"net/url"
	"strings"

	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/fault"
)

// redactor blanks a secret wherever text leaves the stage. The empty redactor changes nothing.
type redactor string

const blank = "[HF_TOKEN]"

func (r redactor) text(s string) string {
	if r == "" {
		return s
	}
	s = strings.ReplaceAll(s, string(r), blank)
	if q := url.QueryEscape(string(r)); q != string(r) {
		s = strings.ReplaceAll(s, q, blank)
	}
	return s
}

// err keeps an error as it is unless its text or hint holds the secret; then only code, blanked text
// and retry advice remain, and nothing that could be unwrapped to the secret.
func (r redactor) err(err error) error {
	if err == nil || r == "" {
		return err
	}
	text, hint := err.Error(), fault.HintOf(err)
	if r.text(text) == text && r.text(hint) == hint {
		return err
	}
	clean := &fault.Error{Code: fault.CodeOf(err), Err: errors.New(r.text(text)), Hint: r.text(hint)}
	var f *fault.Error
	if errors.As(err, &f) {
		clean.Temporary, clean.RetryAfter = f.Temporary, f.RetryAfter
	}
	return clean
}

// sink passes events on with the secret blanked.
func (r redactor) sink(next event.Sink) event.Sink {
	if r == "" || next == nil {
		return next
	}
	return redactingSink{r, next}
}

type redactingSink struct {
	secret redactor
	next   event.Sink
}

func (s redactingSink) Emit(e event.Event) {
	if e.Log != nil {
		l := *e.Log
		l.Text = s.secret.text(l.Text)
		if len(l.Data) > 0 {
			data := make(map[string]any, len(l.Data))
			for k, v := range l.Data {
				if t, ok := v.(string); ok {
					v = s.secret.text(t)
				}
				data[k] = v
			}
			l.Data = data
		}
		e.Log = &l
	}
	if e.Progress != nil {
		p := *e.Progress
		p.Text = s.secret.text(p.Text)
		e.Progress = &p
	}
	s.next.Emit(e)
}

// place is a URL for messages: without query, whose signatures grant access, and without user.
func place(u *url.URL) string {
	c := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}
	return c.String()
}

// cause is an error of net/http without the URL that it repeats.
func cause(err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		return ue.Err
	}
	return err
}

// foreign makes text of the other side fit for a message: printable, one line, short.
func foreign(s string) string {
	s = strings.ToValidUTF8(s, "?")
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
	if r := []rune(strings.TrimSpace(s)); len(r) > 200 {
		return string(r[:200]) + "..."
	}
	return strings.TrimSpace(s)
}
