package diag

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/belay-ml/belay/dsl/pos"
)

type jsonPlace struct {
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"`
	Col     int    `json:"column,omitempty"`
	EndLine int    `json:"end_line,omitempty"`
	EndCol  int    `json:"end_column,omitempty"`
	Text    string `json:"text,omitempty"`
}

func place(s pos.Span) *jsonPlace {
	switch {
	case !s.Known():
		return nil
	case s.Start.File.Inline:
		return &jsonPlace{File: s.Start.File.Name}
	}
	return &jsonPlace{File: s.Start.File.Name, Line: s.Start.Line, Col: s.Start.Col, EndLine: s.End.Line, EndCol: s.End.Col}
}

// JSON prints every finding as one JSON document a line.
func JSON(w io.Writer, l List) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, d := range l.Sorted() {
		line := struct {
			Severity string      `json:"severity"`
			Summary  string      `json:"summary"`
			Detail   string      `json:"detail,omitempty"`
			Hint     string      `json:"hint,omitempty"`
			Subject  *jsonPlace  `json:"subject,omitempty"`
			Notes    []jsonPlace `json:"notes,omitempty"`
		}{d.Severity.String(), d.Summary, d.Detail, d.Hint, place(d.Subject), nil}
		for _, n := range d.Notes {
			p := place(n.Span)
			if p == nil {
				p = &jsonPlace{}
			}
			p.Text = n.Text
			line.Notes = append(line.Notes, *p)
		}
		if err := enc.Encode(line); err != nil {
			return err
		}
	}
	return nil
}

// CI prints every finding as a workflow command ("::error file=...,line=...::text"), which code hosts show
// beside the line.
func CI(w io.Writer, l List) error {
	data := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	prop := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	level := map[Severity]string{Error: "error", Warning: "warning", Info: "notice"}
	for _, d := range l.Sorted() {
		at := ""
		text := d.Summary
		if p := place(d.Subject); p != nil && p.Line > 0 {
			at = fmt.Sprintf(" file=%s,line=%d,col=%d,endLine=%d,endColumn=%d", prop.Replace(p.File), p.Line, p.Col, p.EndLine, p.EndCol)
		} else if p != nil {
			text = p.File + ": " + text
		}
		if d.Hint != "" {
			text += "\nhint: " + d.Hint
		}
		if _, err := fmt.Fprintf(w, "::%s%s::%s\n", level[d.Severity], at, data.Replace(text)); err != nil {
			return err
		}
	}
	return nil
}
