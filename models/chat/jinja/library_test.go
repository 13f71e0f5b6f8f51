package jinja

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/belay-ml/belay/models/chat/ordjson"
)

// libraryVariable points at a larger file of the form of testdata/library.json, made by testdata/ask.py.
const libraryVariable = "BELAY_JINJA_CASES"

func TestTemplatesRenderAsTransformersRendersThem(t *testing.T) {
	t.Parallel()
	path := os.Getenv(libraryVariable)
	if path == "" {
		path = filepath.Join("testdata", "library.json")
	}
	var vars []Var
	given := readJSON(t, filepath.Join("testdata", "context.json"))
	for i, k := range given.Keys {
		vars = append(vars, Var{k, FromJSON(given.Values[i])})
	}
	cases, _ := member(readJSON(t, path), "cases").([]any)
	if len(cases) == 0 {
		t.Fatal("no cases")
	}
	for _, e := range cases {
		o := e.(*ordjson.Object)
		c := rendering{Template: word(o, "template"), Vars: vars, Want: word(o, "rendered"), Error: word(o, "error")}
		if c.Error == "TemplateError" {
			c.Message = word(o, "text")
		}
		name, _ := json.Marshal(c.Template)
		t.Run(string(name), c.check)
	}
}
