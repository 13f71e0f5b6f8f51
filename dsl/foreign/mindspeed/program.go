package mindspeed

import (
	"slices"
	"strings"

	"github.com/belay-ml/belay/dsl/foreign"
	"github.com/belay-ml/belay/dsl/foreign/shell"
	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/param"
)

// program is a script of the reference and what it is here.
type program struct {
	file string
	jobs func(l *launch) []*foreign.Job // none when no stage does it; l.why says so
	kind string                         // of the stage that it always is; "" when that depends on its flags
}

func programs() []program {
	return []program{
		{"preprocess_data.py", preprocess, "preprocess"},
		{"convert_ckpt.py", convert, "convert"},
		{"convert_ckpt_v2.py", convert, ""},
		{"pretrain_gpt.py", train, ""},
		{"posttrain_gpt.py", train, ""},
		{"inference.py", generate, ""},
		{"evaluation.py", evaluate, ""},
	}
}

// Names are the programs that are known.
func Names() []string {
	var names []string
	for _, p := range programs() {
		names = append(names, p.file)
	}
	return names
}

// Jobs are the stages that a script's commands would be, and what belongs to none of them.
func Jobs(s *shell.Script, stages []engine.Stage) ([]*foreign.Job, []foreign.Left) {
	var jobs []*foreign.Job
	left := notes(s.Notes)
	for _, c := range s.Commands {
		at := slices.IndexFunc(c.Fields, func(f shell.Field) bool {
			return f.Known() && slices.Contains(Names(), f.Base())
		})
		if at < 0 {
			left = append(append(left, other(c)), notes(c.Notes)...)
			continue
		}
		p := programs()[slices.Index(Names(), c.Fields[at].Base())]
		l := newLaunch(c, at, stages)
		made := p.jobs(l)
		if len(made) == 0 {
			left = append(left, foreign.Left{At: c.Fields[at].Span, Name: p.file, Why: l.why})
			continue
		}
		around := append(launcher(c.Fields[:at]), notes(c.Notes)...)
		made[0].Left = slices.Concat(around, l.left, made[0].Left)
		jobs = append(jobs, made...)
	}
	return jobs, left
}

// ProgramOf is the program that a stage kind stands for, "" without one.
func ProgramOf(kind string) string {
	for _, p := range programs() {
		if p.kind == kind {
			return p.file
		}
	}
	return ""
}

// Line is the stage of a kind that its program's flags describe: what a command line of that program means.
func Line(kind string, flags []shell.Field, stages []engine.Stage) *foreign.Job {
	for _, p := range programs() {
		if p.kind != kind {
			continue
		}
		l := newLaunch(shell.Command{Fields: append([]shell.Field{{Text: p.file}}, flags...)}, 0, stages)
		for _, f := range l.flags {
			f.exact = true
		}
		j := p.jobs(l)[0] // such a program always is a stage
		j.Left = append(l.left, j.Left...)
		return j
	}
	return nil
}

// notes are what the script does besides running commands.
func notes(ns []shell.Note) []foreign.Left {
	var left []foreign.Left
	for _, n := range ns {
		left = append(left, foreign.Left{At: n.Span, Name: n.Text, Why: n.Why})
	}
	return left
}

// other is a command that runs no program of the reference.
func other(c shell.Command) foreign.Left {
	name := c.Fields[0].Base()
	why := "no stage does this: one that uses command could"
	switch {
	case name == "source" || name == "." || name == "bash" || name == "sh":
		why = "another script is not read: give it to belay import too"
	case name == factory:
		why = "the configuration it names is what to import: give that to belay import"
	case name == "cd":
		why = "it changes where relative paths begin: --root says so to belay import"
	case slices.Contains([]string{"mkdir", "echo", "set", "ulimit", "printf", "wait", "sleep", "exit", "rm", "unset", "shopt", "trap", "date", "ls", "chmod"}, name):
		why = "a run needs no such step"
	}
	var words []string
	for _, f := range c.Fields {
		words = append(words, f.Text)
	}
	return foreign.Left{At: c.Span, Name: strings.Join(words, " "), Why: why}
}

// launcher is what stands before the program: torchrun and its flags.
func launcher(fields []shell.Field) []foreign.Left {
	var left []foreign.Left
	for i := 0; i < len(fields); i++ {
		f := fields[i]
		if f.Hole != nil {
			left = append(left, foreign.Left{At: f.Span, Name: f.Text, Why: f.Hole.Why})
			continue
		}
		if !strings.HasPrefix(f.Text, "-") {
			continue
		}
		item := foreign.Left{At: f.Span, Name: f.Text, Why: "how ranks are started: this version runs a stage on one machine"}
		name, value, joined := strings.Cut(f.Text, "=")
		switch {
		case joined:
			item.Name, item.Value = name, value
		case name == "-m":
			continue // the launcher itself
		case i+1 < len(fields) && !strings.HasPrefix(fields[i+1].Text, "-"):
			i++
			item.Value = fields[i].Text
		}
		left = append(left, item)
	}
	return left
}

// kindOf is the schema of a stage kind.
func kindOf(stages []engine.Stage, name string) param.Schema {
	for _, s := range stages {
		if spec := s.Describe(); spec.Name == name {
			schema, err := param.Of(spec.Params)
			if err != nil {
				panic("mindspeed: " + err.Error()) // a programming error, found by every test of the stage
			}
			return schema
		}
	}
	return param.Schema{}
}

// factory is LLaMA-Factory's command, which scripts of its users run.
const factory = "llamafactory-cli"

// Recognise says whether a text that does not say so in its first line looks like a launch script.
func Recognise(text string) bool {
	return strings.Contains(text, factory) || slices.ContainsFunc(Names(), func(name string) bool { return strings.Contains(text, name) })
}
