package ordjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestDumpWritesAsPythonDoes(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`{"b":1,"a":[ ],"b":{"c":null}}`:      `{"b": {"c": null}, "a": []}`,
		`[1.0,1e5,1E16,0.0001,0.00001,-0.0]`:  `[1.0, 100000.0, 1e+16, 0.0001, 1e-05, -0.0]`,
		`[1e400,-1e400,12345678901234567890]`: `[Infinity, -Infinity, 12345678901234567890]`,
		`"\u00e9\ud83d\ude00\/\u0007\n\""`:    `"é😀/\u0007\n\""`,
		" true ":                              "true",
	} {
		v, err := Parse([]byte(in))
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if diff := cmp.Diff(want, Dump(v)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", in, diff)
		}
	}
}

func TestIndentWritesAsPythonDoes(t *testing.T) {
	t.Parallel()
	v, err := Parse([]byte(`{"a":[],"b":{},"c":[1,{"d":null}],"é":"x"}`))
	if err != nil {
		t.Fatal(err)
	}
	want := "{\n    \"a\": [],\n    \"b\": {},\n    \"c\": [\n        1,\n        {\n            \"d\": null\n        }\n    ],\n    \"é\": \"x\"\n}"
	if diff := cmp.Diff(want, Indent(v)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMistakesAreNamedWithTheirByte(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                       "byte 0: a value is missing, the text ends",
		`{"a": 1,}`:              `byte 8: want a key in quotes, have '}'`,
		`{"a" 1}`:                `byte 5: want a colon after key "a", have '1'`,
		`[1 2]`:                  `byte 3: want a comma or ']', have '2'`,
		`"abc`:                   "byte 4: the text that opens at byte 0 has no end",
		"\"a\nb\"":               "byte 2: control character 0x0a in a text, want it escaped",
		"\"a\xff\"":              "byte 2: byte 0xff is not UTF-8",
		`"\ud83d x"`:             "byte 1: escape \\ud83d is half of a surrogate pair",
		`"\q"`:                   `byte 1: unknown escape \q`,
		`01`:                     "byte 1: text after the value: '1'",
		`-`:                      "byte 1: want a digit, have the end",
		`nul`:                    "byte 0: want a value, have 'n'",
		strings.Repeat("[", 600): "byte 513: nested more than 512 levels deep",
	} {
		if _, err := Parse([]byte(in)); err == nil || err.Error() != want {
			t.Errorf("%.20q: error %v, want %q", in, err, want)
		}
		if _, err := ParseOwned([]byte(in), utf8.ValidString(in), false); err == nil || err.Error() != want {
			t.Errorf("%.20q, owned: error %v, want %q", in, err, want)
		}
	}
}

func TestTextsOfEveryLengthComeOut(t *testing.T) {
	t.Parallel()
	for _, piece := range []string{"a", "é", "好", "😀", "\\n", "x\\u00e9"} {
		for n := range 20 {
			for _, tail := range []string{"", "b", "é", "1234567"} {
				in := `{"k": "` + strings.Repeat(piece, n) + tail + `", "l":"` + tail + `"}`
				var want map[string]string
				if err := json.Unmarshal([]byte(in), &want); err != nil {
					t.Fatal(err)
				}
				for _, parse := range []func([]byte) (any, error){Parse, func(b []byte) (any, error) { return ParseOwned(b, true, false) }} {
					v, err := parse([]byte(in))
					if err != nil {
						t.Fatalf("%s: %v", in, err)
					}
					if diff := cmp.Diff([]any{want["k"], want["l"]}, v.(*Object).Values); diff != "" {
						t.Fatalf("%s: %s", in, diff)
					}
				}
			}
		}
	}
}

func TestKeysMayStandTwiceOnlyWhereTheLastCounts(t *testing.T) {
	t.Parallel()
	in := []byte(`{"a": 1, "b": {"c": 1, "c": 2}}`)
	if _, err := ParseOwned(bytes.Clone(in), true, true); err != nil {
		t.Error(err)
	}
	if _, err := ParseOwned(in, true, false); !errors.Is(err, ErrTwice) || err.Error() != `byte 23: key "c" stands twice in the object` {
		t.Errorf("error %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{`{"a": [1, -2.5e3, "x\u00e9\n", null, true]}`, `"\ud83d\ude00"`, `[[[[`, `{"a":{"a":`, "\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := Parse(data)
		owned, errOwned := ParseOwned(bytes.Clone(data), utf8.Valid(data), true)
		if fmt.Sprint(err) != fmt.Sprint(errOwned) {
			t.Fatalf("%q: %v, and %v when owned", data, err, errOwned)
		}
		if err != nil {
			return
		}
		if Dump(v) != Dump(owned) {
			t.Fatalf("%q became %q, and %q when owned", data, Dump(v), Dump(owned))
		}
		if !json.Valid(data) {
			t.Fatalf("accepted, and encoding/json does not: %q", data)
		}
		text := Dump(v)
		if strings.Contains(text, "Infinity") {
			return
		}
		again, err := Parse([]byte(text))
		if err != nil {
			t.Fatalf("Dump wrote %q: %v", text, err)
		}
		if Dump(again) != text {
			t.Fatalf("%q became %q", text, Dump(again))
		}
	})
}
