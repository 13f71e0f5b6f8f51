package rowexpr

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/models/chat/ordjson"
	"github.com/belay-ml/belay/stages/preprocess/record"
)

func recordOf(t testing.TB, text string) record.Record {
	t.Helper()
	r, err := record.Decode(record.Raw{Place: record.Place{File: "data.jsonl", Line: 7}, JSON: []byte(text)}, record.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const sample = `{"text": "héllo", "n": 3, "x": 0.5, "big": 12345678901234567890, "lang": "en", "none": null, "a b": "spaced", "row": "shadowed",
	"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}], "flag": true}`

func TestFilterReadsColumns(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]bool{
		"len(text) == 5":                                    true,
		"n > 2 and x < 1":                                   true,
		"n == 3 and n / 2 == 1.5":                           true,
		"big > 1e19":                                        true,
		"lang in ['de', 'fr']":                              false,
		"none == nil and missing == nil":                    true,
		"(missing ?? 'en') == lang":                         true,
		"row['a b'] == 'spaced'":                            true,
		"row.row == 'shadowed'":                             true,
		"'text' in row and !('missing' in row)":             true,
		"len(messages) == 2 and flag":                       true,
		"messages[0].role == 'user'":                        true,
		"all(messages, len(.content) > 0)":                  true,
		"any(messages, .role == 'tool')":                    false,
		"let m = messages[1]; m.content == 'ho'":            true,
		"text matches '^h.*o$'":                             true,
		"hasPrefix(text, 'h') and not hasSuffix(text, 'x')": true,
	} {
		r, err := Compile(source, nil)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		if keep, err := r.Apply(recordOf(t, sample)); keep != want || err != nil {
			t.Errorf("%s: %v, %v", source, keep, err)
		}
	}
}

func TestMapMakesColumnsFromThoseThatWereRead(t *testing.T) {
	t.Parallel()
	r, err := Compile("", map[string]string{
		"text": "upper(text)", "was": "text", "sum": "n + 1", "half": "n / 2", "copy": "messages", "first": "messages[0]",
		"list": "map(messages, .content)", "nothing": "none", "yes": "n > 2",
	})
	if err != nil {
		t.Fatal(err)
	}
	rec := recordOf(t, sample)
	if keep, err := r.Apply(rec); !keep || err != nil {
		t.Fatal(keep, err)
	}
	want := map[string]string{
		"text": `"HÉLLO"`, "was": `"héllo"`, "sum": "4", "half": "1.5", "first": `{"content": "hi", "role": "user"}`, "list": `["hi", "ho"]`,
		"copy": `[{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]`, "nothing": "null", "yes": "true",
	}
	for name, w := range want {
		v, ok := rec.Fields.Get(name)
		if got := ordjson.Dump(v); !ok || got != w {
			t.Errorf("%s is %s, want %s", name, got, w)
		}
	}
	if diff := cmp.Diff([]string{"messages", "n", "none", "text"}, r.Columns()); diff != "" {
		t.Errorf("columns: %s", diff)
	}
}

func TestMistakesInExpressionsShowTheirPlace(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		"len(text) >":       "filter, column 11: the expression ends too early\n    len(text) >\n              ^",
		"n > 'a' + 1":       "filter, column 9: invalid operation: + (mismatched types string and int)\n    n > 'a' + 1\n            ^",
		"lenn(text) > 1":    "filter, column 1: unknown function lenn\n    lenn(text) > 1\n    ^^^^",
		"now() == text":     "filter, column 1: function now is not part of the language",
		"$env.text == text": "filter, column 1: unknown name $env",
		"len(text)":         "filter, column 1: want true or false, have int",
		"'text'":            "filter, column 1: want true or false, have string",
		"text = 'a'":        "filter, column 6: unexpected token Operator(\"=\")",
	} {
		_, err := Compile(source, nil)
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", source, err, want)
		}
	}
}

func TestExpressionsThatFailOnARecordNameIt(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		"len(missing) > 1": "data.jsonl:7: filter, column 1: invalid argument for len (type <nil>)\n    len(missing) > 1\n    ^^^",
		"text":             "data.jsonl:7: filter, column 1: want true or false, have text\n    text\n    ^^^^",
		"messages[7] == 1": "data.jsonl:7: filter, column 9: index out of range: 7 (array length is 2)",
		"n + 4":            "data.jsonl:7: filter, column 1: want true or false, have a number",
		"sum(map(1..2000, sum(map(1..2000, # + n)))) > 0":   "data.jsonl:7: filter, column 27: memory budget exceeded",
		"let r = 1..9000; count(r, any(r, # < n - 9)) == 0": "data.jsonl:7: filter, column 1: the predicates of the expression run more than 2000000 times",
	} {
		r, err := Compile(source, nil)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		for range 2 { // a machine is used again after a mistake
			_, err = r.Apply(recordOf(t, sample))
			if err == nil || !strings.HasPrefix(err.Error(), want) || record.Reason(err) != record.WrongType || !record.Skippable(err) {
				t.Errorf("%s: %v, want %s", source, err, want)
			}
		}
	}
}

func TestRowsServeManyGoroutines(t *testing.T) {
	t.Parallel()
	r, err := Compile("count(messages, len(.content) == n - 1) == 2", map[string]string{"out": "string(n) + text"})
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Add(1)
		go func() {
			defer all.Done()
			for range 200 {
				rec := recordOf(t, sample)
				keep, err := r.Apply(rec)
				if s, _, _ := rec.Text("out"); !keep || err != nil || s != "3héllo" {
					t.Errorf("%v, %v, %q", keep, err, s)
					return
				}
			}
		}()
	}
	all.Wait()
}

func FuzzRows(f *testing.F) {
	for _, s := range []string{"len(text) > 2", "row['a b']", "messages[0].role", "map(messages, {#.content})", "n / 0", "let x = n; x", "text[1:", "1..n", "row", "{a: n}", "x ** n ** n ** n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, source string) {
		for _, made := range []map[string]string{nil, {"out": source}} {
			filter := source
			if made != nil {
				filter = ""
			}
			r, err := Compile(filter, made)
			if err != nil {
				_ = err.Error()
				continue
			}
			rec := recordOf(t, sample)
			if _, err := r.Apply(rec); err != nil && !record.Skippable(err) {
				t.Fatalf("%q: %v", source, err)
			}
			_ = ordjson.Dump(rec.Fields)
		}
	})
}

func BenchmarkFilter(b *testing.B) {
	r, err := Compile("len(text) > 2 and lang == 'en'", nil)
	if err != nil {
		b.Fatal(err)
	}
	rec := recordOf(b, sample)
	b.ReportAllocs()
	for b.Loop() {
		r.Apply(rec)
	}
}
