package diag

import (
	"fmt"
	"slices"
	"strings"

	"github.com/belay-ml/belay/dsl/pos"
)

// Limit is how many errors are shown at once: later ones are often consequences of the first.
const Limit = 20

// List is a collection of findings; as an error it is those findings as text without source lines.
type List []Diagnostic

// Errorf adds an error at a place.
func (l *List) Errorf(at pos.Span, hint, format string, args ...any) {
	*l = append(*l, Diagnostic{Summary: fmt.Sprintf(format, args...), Hint: hint, Subject: at})
}

// Warnf adds a warning at a place.
func (l *List) Warnf(at pos.Span, hint, format string, args ...any) {
	*l = append(*l, Diagnostic{Severity: Warning, Summary: fmt.Sprintf(format, args...), Hint: hint, Subject: at})
}

// Add appends findings.
func (l *List) Add(ds ...Diagnostic) { *l = append(*l, ds...) }

// HasErrors says whether any finding is an error.
func (l List) HasErrors() bool {
	return slices.ContainsFunc(l, func(d Diagnostic) bool { return d.Severity == Error })
}

// Err is the list as an error when it holds one, else nil.
func (l List) Err() error {
	if l.HasErrors() {
		return l
	}
	return nil
}

func (l List) Error() string {
	var lines []string
	shown, more := l.Shown()
	for _, d := range shown {
		lines = append(lines, headline(d))
	}
	if more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(lines, "\n")
}

// Sorted is the list by file and position, each finding once. Files keep the order in which they first appear;
// inline texts and findings without a place come first.
func (l List) Sorted() List {
	order := map[*pos.File]int{nil: -1}
	for _, d := range l {
		f := d.Subject.Start.File
		if _, ok := order[f]; !ok {
			order[f] = len(order)
		}
		if f != nil && f.Inline {
			order[f] = -1
		}
	}
	out := slices.Clone(l)
	slices.SortStableFunc(out, func(a, b Diagnostic) int {
		p, q := a.Subject.Start, b.Subject.Start
		switch {
		case order[p.File] != order[q.File]:
			return order[p.File] - order[q.File]
		case p.Before(q):
			return -1
		case q.Before(p):
			return 1
		}
		return 0
	})
	type twin struct {
		summary string
		start   pos.Pos
	}
	seen := map[twin]bool{}
	return slices.DeleteFunc(out, func(d Diagnostic) bool {
		k := twin{d.Summary, d.Subject.Start}
		if seen[k] {
			return true
		}
		seen[k] = true
		return false
	})
}

// Shown is what printers print: the sorted list up to Limit findings, and how many were left out.
func (l List) Shown() (shown List, more int) {
	shown = l.Sorted()
	if len(shown) > Limit {
		// Warnings make room for errors first.
		if errs := slices.DeleteFunc(slices.Clone(shown), func(d Diagnostic) bool { return d.Severity != Error }); len(errs) >= Limit {
			return errs[:Limit], len(shown) - Limit
		}
		return shown[:Limit], len(shown) - Limit
	}
	return shown, 0
}

func headline(d Diagnostic) string {
	s := d.Summary
	if d.Severity != Error {
		s = d.Severity.String() + ": " + s
	}
	if at := d.Subject.String(); at != "" {
		s = at + ": " + s
	}
	return s
}
