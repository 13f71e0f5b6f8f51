package foreign

import (
	"github.com/belay-ml/belay/dsl/pos"
)

// Job is one stage to be, as a file of another system describes it.
type Job struct {
	Kind     string // of the stage
	Name     string // how the stage would like to be called
	Title    string // what runs there: "posttrain_gpt.py"
	At       pos.Span
	Settings []Setting
	Needs    []string // fields that the caller is asked for when nothing gives them, besides those that the stage requires; "a|b" is a unless b is given
	Lift     []string // fields whose values become parameters of the recipe
	Writes   []Write
	Left     []Left
	Optional bool // left out when nobody reads it
	Keep     bool // what it makes is an output of the recipe, read further or not
}

// Setting is one value that a job was given.
type Setting struct {
	Field string   // a parameter of the stage or an alias; "model.num_layers" is inside an object
	Texts []string // as on a command line, typed by the field; none is a switch
	Value any      // typed already, instead of Texts
	Items []Item   // of a list of maps, instead of Texts
	Open  string   // what stands there when that is not known: the recipe gets a parameter, for the caller to give
	Why   string   // why that is not known
	As    string   // its name in the source
	At    pos.Span
	Else  string // why it is left when the stage has no such parameter
	Note  string // said in the recipe beside it
	Usual bool   // what the program does when nothing is said

	// Of inputs:
	Param     string   // how a parameter for it would like to be called
	Index     bool     // the path is that of a token index without its ending: the folder is what is read
	From      []Source // what is read, instead of Texts
	Unwritten bool     // it counts only when no job writes the path
}

// Item is one map of a list, as settings of its fields.
type Item []Setting

// Source is something that an input reads. Of what is given, the first that is there counts.
type Source struct {
	Over string // a path, when some job writes it
	Path string // the same; without a Job also a path that nobody writes
	Job  *Job
	Port string
}

// Write is a path that a job leaves behind, for others to read.
type Write struct {
	Path  string
	Port  string
	Index bool // files whose names begin so
}

// Left is what the recipe does not have of a source.
type Left struct {
	At    pos.Span
	Name  string // the flag or key
	Value string
	Why   string
	Stage string // "" when it is no stage's
}

// left says that a setting did not make it.
func (j *Job) left(s *Setting, why string) {
	value := s.Open
	for i, t := range s.Texts {
		if i > 0 || value != "" {
			value += " "
		}
		value += t
	}
	if s.Value != nil && value == "" {
		value = plainText(s.Value)
	}
	j.Left = append(j.Left, Left{At: s.At, Name: s.As, Value: value, Why: why})
}
