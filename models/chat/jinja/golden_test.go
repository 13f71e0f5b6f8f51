package jinja

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/models/chat/ordjson"
	"github.com/belay-ml/belay/testdata/goldens"
)

// clock is that of all goldens.
func clock() time.Time { return time.Date(2024, 7, 26, 9, 5, 3, 0, time.UTC) }

// rendering is a case of the goldens.
type rendering struct {
	Template string
	Vars     []Var
	Want     string
	Error    string // a class; "" for none
	Message  string // of the error, where it must match
}

func (c rendering) check(t *testing.T) {
	t.Helper()
	tmpl, err := Parse("template", c.Template)
	var got string
	if err == nil {
		got, _, err = tmpl.Render(context.Background(), c.Vars, Options{Now: clock})
	}
	if c.Error == "" {
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.Want, got); diff != "" {
			t.Errorf("text (-want +got):\n%s", diff)
		}
		return
	}
	if err == nil {
		t.Fatalf("no error, want %s; the text is %q", c.Error, got)
	}
	var e *Error
	if c.Message != "" && (!errors.As(err, &e) || e.Message != c.Message) {
		t.Errorf("error %v, want the message %q", err, c.Message)
	}
}

func readJSON(t *testing.T, path string) *ordjson.Object {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	v, err := ordjson.Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	o, ok := v.(*ordjson.Object)
	if !ok {
		t.Fatalf("%s: want an object", path)
	}
	return o
}

func member(o *ordjson.Object, key string) any {
	v, _ := o.Get(key)
	return v
}

func word(o *ordjson.Object, key string) string {
	s, _ := member(o, key).(string)
	return s
}

func TestGoldenSnippets(t *testing.T) {
	t.Parallel()
	file := readJSON(t, filepath.Join(goldens.Dir(t, "eval"), "jinja_snippets.json"))
	var vars []Var
	given, _ := member(file, "context").(*ordjson.Object)
	for i, k := range given.Keys {
		vars = append(vars, Var{k, FromJSON(given.Values[i])})
	}
	cases, _ := member(file, "cases").([]any)
	for _, e := range cases {
		o := e.(*ordjson.Object)
		c := rendering{word(o, "template"), vars, word(o, "rendered"), word(o, "error"), word(o, "message")}
		name, _ := json.Marshal(c.Template)
		t.Run(string(name), func(t *testing.T) { c.check(t) })
	}
}

func TestGoldenChatTemplates(t *testing.T) {
	t.Parallel()
	dirs, err := filepath.Glob(filepath.Join(goldens.Dir(t, "eval/chat_templates"), "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(filepath.Join(dir, "template.jinja"))
			if err != nil {
				t.Fatal(err)
			}
			file := readJSON(t, filepath.Join(dir, "cases.json"))
			cases, _ := member(file, "cases").([]any)
			for _, e := range cases {
				o := e.(*ordjson.Object)
				vars := []Var{{"documents", nil}}
				for _, key := range []string{"messages", "tools", "add_generation_prompt"} {
					vars = append(vars, Var{key, FromJSON(member(o, key))})
				}
				for i, key := range file.Keys {
					if s, ok := file.Values[i].(string); ok && strings.HasSuffix(key, "_token") {
						vars = append(vars, Var{key, s})
					}
				}
				c := rendering{string(text), vars, word(o, "rendered"), word(o, "error"), word(o, "error_message")}
				t.Run(word(o, "name"), c.check)
			}
		})
	}
}
