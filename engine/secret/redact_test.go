package secret

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/fault"
)

// nasty has what encodings escape.
const nasty = "p<w>&\"/ü😀 +x\\1%"

func TestAValueIsCutOutInEveryUsualForm(t *testing.T) {
	t.Parallel()
	inJSON, err := json.Marshal(nasty)
	if err != nil {
		t.Fatal(err)
	}
	r := NewRedactor([]string{nasty})
	for name, text := range map[string]string{
		"plain":              nasty,
		"JSON":               strings.Trim(string(inJSON), `"`),
		"JSON in ASCII":      `p<w>&\"/\u00fc\ud83d\ude00 +x\\1%`,
		"JSON, slashes":      `p<w>&\"\/ü😀 +x\\1%`,
		"query":              url.QueryEscape(nasty),
		"path":               url.PathEscape(nasty),
		"query, lower case":  strings.ReplaceAll(strings.ToLower(url.QueryEscape(nasty)), "P", "p"),
		"base64":             base64.StdEncoding.EncodeToString([]byte(nasty)),
		"base64 for URLs":    base64.URLEncoding.EncodeToString([]byte(nasty)),
		"base64, no padding": base64.RawURLEncoding.EncodeToString([]byte(nasty)),
		"hex":                hex.EncodeToString([]byte(nasty)),
		"hex, upper case":    strings.ToUpper(hex.EncodeToString([]byte(nasty))),
		"quoted by Go":       strings.Trim(fmt.Sprintf("%q", nasty), `"`),
	} {
		if got := strings.TrimRight(r.Text("a "+text+" z"), "="); got != "a [secret] z" && got != "a [secret]== z" && got != "a [secret]= z" {
			t.Errorf("%s: %s leaves %s", name, text, got)
		}
	}
}

func TestLinesOfAValueAreCutOutOneByOne(t *testing.T) {
	t.Parallel()
	r := NewRedactor([]string{"-----BEGIN\r\n  line one\nab\nline two"})
	want := "x [secret]\n [secret] y\nab\n[secret]"
	if d := cmp.Diff(want, r.Text("x -----BEGIN\n line one y\nab\nline two")); d != "" {
		t.Error(d)
	}
}

func TestAValueWithControlCharactersIsFoundInALogLine(t *testing.T) {
	t.Parallel()
	if got := NewRedactor([]string{"one\x01two"}).Text("onetwo"); got != mark {
		t.Error(got)
	}
}

func TestNoEndOfAnOverlappingValueIsLeft(t *testing.T) {
	t.Parallel()
	r := NewRedactor([]string{"abcdef", "abcd", "defghi"})
	if got := r.Text("-abcdefghi-abcde-"); got != "-[secret]-[secret]e-" {
		t.Error(got)
	}
}

func TestShortValuesStayInAndAddedOnesGo(t *testing.T) {
	t.Parallel()
	r := NewRedactor([]string{"abc", ""})
	if got := r.Text("abc defg"); got != "abc defg" {
		t.Error(got)
	}
	r.Add("defg")
	if got := r.Text("abc defg"); got != "abc [secret]" {
		t.Error(got)
	}
	var none *Redactor
	if got := none.Text("defg"); got != "defg" || none.Longest() != 0 || none.Break("defg", 2) != 2 {
		t.Error(got)
	}
}

func TestEveryPartOfAnEventIsCleaned(t *testing.T) {
	t.Parallel()
	const s = "12345678"
	var got []event.Event
	sink := NewRedactor([]string{s}).Sink(sinkFunc(func(e event.Event) { got = append(got, e) }))
	for _, e := range []event.Event{
		{State: &event.State{To: "failed", Why: s}},
		{Progress: &event.Progress{Unit: s, Text: s}},
		{Point: &event.Point{Values: map[string]float64{s: 1}}},
		{Table: &event.Table{Title: s, Columns: []string{s}, Rows: [][]string{{s}}, Headline: map[string]float64{s: 1}}},
		{Log: &event.Log{Text: s, Data: map[string]any{s: s, "n": 12345678, "deep": []any{map[string]any{"x": errors.New(s)}}, "typed": []string{s}}}},
	} {
		sink.Emit(e)
	}
	for _, e := range got {
		line, err := event.Marshal(e)
		if err != nil || strings.Contains(string(line), s) {
			t.Errorf("%s %v", line, err)
		}
	}
	if len(got) != 5 {
		t.Errorf("%d events", len(got))
	}
}

func TestAnErrorKeepsWhatItIs(t *testing.T) {
	t.Parallel()
	in := &fault.Error{Code: fault.Network, Err: errors.New("GET tok-en"), Hint: "look at tok-en", Temporary: true, RetryAfter: 5, Timeout: true}
	err := NewRedactor([]string{"tok-en"}).Error(fmt.Errorf("pull: %w", in))
	var f *fault.Error
	if !errors.As(err, &f) || err.Error() != "pull: GET [secret]" || f.Hint != "look at [secret]" ||
		f.Code != fault.Network || !f.Temporary || f.RetryAfter != 5 || !f.Timeout {
		t.Errorf("%+v", err)
	}
}

func TestNoPieceOfABrokenTextHoldsAPartOfAValue(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		const value = "Xsecret-valueX"
		r := NewRedactor([]string{value})
		var text strings.Builder
		for range rapid.IntRange(0, 8).Draw(rt, "values") {
			text.WriteString(strings.Repeat("-", rapid.IntRange(0, 30).Draw(rt, "between")))
			text.WriteString(value)
		}
		limit := rapid.IntRange(1, 40).Draw(rt, "limit")
		for s := text.String(); s != ""; {
			at := r.Break(s, limit)
			if at <= 0 {
				rt.Fatal("no progress")
			}
			if left := strings.NewReplacer(mark, "", "-", "").Replace(r.Text(s[:at])); left != "" {
				rt.Fatalf("%q is left of %q", left, s[:at])
			}
			s = s[at:]
		}
	})
}

type sinkFunc func(event.Event)

func (f sinkFunc) Emit(e event.Event) { f(e) }
