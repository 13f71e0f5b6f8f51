package diag_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/dsl/diag"
	"github.com/belay-ml/belay/dsl/pos"
)

func span(f *pos.File, line, from, to int) pos.Span {
	return pos.Span{Start: pos.Pos{File: f, Line: line, Col: from}, End: pos.Pos{File: f, Line: line, Col: to}}
}

func TestTextUnderlinesTheSubject(t *testing.T) {
	t.Parallel()
	f := pos.NewFile("r.yaml", "/r.yaml", "/", "name: 文字 here\n\tx: \x1b[31m y\nlong: "+strings.Repeat("a", 300)+"END\n")
	cases := []struct {
		name string
		d    diag.Diagnostic
		want string
	}{
		{"wide characters take two columns", diag.Diagnostic{Summary: "s", Subject: span(f, 1, 10, 14)},
			"r.yaml:1:10: s\n    name: 文字 here\n               ^^^^\n"},
		{"tabs and control characters are tamed", diag.Diagnostic{Summary: "s", Hint: "h", Subject: span(f, 2, 2, 3)},
			"r.yaml:2:2: s\n     x: .[31m y\n     ^\n  hint: h\n"},
		{"long lines are cut around the subject", diag.Diagnostic{Summary: "s", Subject: span(f, 3, 307, 310)},
			"r.yaml:3:307: s\n    ..." + strings.Repeat("a", 157) + "END\n    " + strings.Repeat(" ", 160) + "^^^\n"},
		{"inline texts have no line", diag.Diagnostic{Severity: diag.Warning, Summary: "s", Subject: pos.Of(pos.NewInline("-p x=1", "/", "1"), 0, 1)},
			"-p x=1: warning: s\n"},
		{"nothing points at a line that is not shown", diag.Diagnostic{Summary: "s", Subject: span(pos.NewFile("r.yaml", "/r.yaml", "/", ""), 1, 5, 9)},
			"r.yaml:1:5: s\n"},
		{"notes and details follow", diag.Diagnostic{Summary: "s", Detail: "a\nb", Notes: []diag.Note{{Text: "n", Span: span(f, 1, 1, 2)}, {Text: "m"}}},
			"s\n  a\n  b\n  r.yaml:1:1: n\n  m\n"},
		{"the context stands above", diag.Diagnostic{Summary: "s", Subject: span(f, 2, 2, 3), Context: span(f, 1, 1, 2)},
			"r.yaml:2:2: s\n    name: 文字 here\n     x: .[31m y\n     ^\n"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var b bytes.Buffer
			if err := diag.Text(&b, diag.List{c.d}, false); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, b.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestListIsSortedUniqueAndStopsAtTwenty(t *testing.T) {
	t.Parallel()
	f := pos.NewFile("r.yaml", "/r.yaml", "/", strings.Repeat("x\n", 50))
	var l diag.List
	for i := 30; i > 0; i-- {
		l.Errorf(span(f, i, 1, 2), "", "mistake %d", i)
		l.Errorf(span(f, i, 1, 2), "", "mistake %d", i)
	}
	l.Warnf(span(f, 1, 1, 2), "", "a warning")
	lines := strings.Split(l.Error(), "\n")
	if len(lines) != diag.Limit+1 || lines[0] != "r.yaml:1:1: mistake 1" || lines[diag.Limit] != "and 11 more" {
		t.Errorf("have %q", lines)
	}
	if l.Err() == nil || (diag.List{{Severity: diag.Warning}}).Err() != nil {
		t.Error("only errors make an error")
	}
}

func TestMachineFormats(t *testing.T) {
	t.Parallel()
	f := pos.NewFile("a,b.yaml", "/r.yaml", "/", "name: x\n")
	l := diag.List{{Summary: "100% wrong", Hint: "fix it", Subject: span(f, 1, 7, 8), Notes: []diag.Note{{Text: "n", Span: span(f, 1, 1, 5)}}}}
	var ci, js bytes.Buffer
	if err := diag.CI(&ci, l); err != nil {
		t.Fatal(err)
	}
	if want := "::error file=a%2Cb.yaml,line=1,col=7,endLine=1,endColumn=8::100%25 wrong%0Ahint: fix it\n"; ci.String() != want {
		t.Errorf("have %s", ci.String())
	}
	if err := diag.JSON(&js, l); err != nil {
		t.Fatal(err)
	}
	var back map[string]any
	if err := json.Unmarshal(js.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	if subject := back["subject"].(map[string]any); fmt.Sprintf("%v %v %v", subject["line"], subject["column"], back["hint"]) != "1 7 fix it" {
		t.Errorf("have %s", js.String())
	}
}
