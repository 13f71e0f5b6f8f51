package diag

import "github.com/belay-ml/belay/dsl/pos"

// Severity says how bad it is.
type Severity uint8

// Errors stop a recipe from running; warnings and remarks do not.
const (
	Error Severity = iota
	Warning
	Info
)

func (s Severity) String() string {
	switch s {
	case Warning:
		return "warning"
	case Info:
		return "info"
	}
	return "error"
}

// Diagnostic is one finding.
type Diagnostic struct {
	Severity Severity
	Summary  string // one line: what is wrong
	Detail   string // more of it, where one line is not enough
	Hint     string // what to do
	Subject  pos.Span
	Context  pos.Span // more of the source than the subject, shown around it
	Notes    []Note   // related places
}

// Note is a related place and what it has to do with the finding.
type Note struct {
	Text string
	Span pos.Span
}
