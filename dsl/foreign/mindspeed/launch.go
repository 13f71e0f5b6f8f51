package mindspeed

import (
	"path"
	"strings"

	"github.com/belay-ml/belay/dsl/foreign"
	"github.com/belay-ml/belay/dsl/foreign/shell"
	"github.com/belay-ml/belay/dsl/pos"
	"github.com/belay-ml/belay/engine"
)

// launch is one program with its flags.
type launch struct {
	program string
	at      pos.Span
	flags   []*flag
	left    []foreign.Left
	why     string // why it gives no job
	stages  []engine.Stage
}

// flag is one option.
type flag struct {
	name   string // as a parameter: seq_length
	as     string // as it is written: --seq-length
	values []shell.Field
	at     pos.Span
	taken  bool
	exact  bool // its words are what they are: none lost its quotes
}

// newLaunch reads the flags behind the program, as argparse does.
func newLaunch(c shell.Command, program int, stages []engine.Stage) *launch {
	l := &launch{program: c.Fields[program].Base(), at: c.Fields[program].Span, stages: stages}
	var last *flag
	for _, f := range c.Fields[program+1:] {
		switch {
		case strings.HasPrefix(f.Text, "--") && len(f.Text) > 2:
			as, value, joined := strings.Cut(f.Text, "=")
			last = &flag{name: strings.ReplaceAll(strings.TrimPrefix(as, "--"), "-", "_"), as: as, at: f.Span}
			if joined {
				last.values = []shell.Field{{Text: value, Span: f.Span, Hole: f.Hole}}
			}
			l.flags = append(l.flags, last)
		case last == nil || f.Hole != nil && stray(f) && (len(last.values) > 0 || isSwitch(last.name)):
			why := "an argument without a flag before it"
			if f.Hole != nil {
				why = "arguments that only a run of the script would tell"
			}
			l.left = append(l.left, foreign.Left{At: f.Span, Name: f.Text, Why: why})
		default:
			last.values = append(last.values, f)
		}
	}
	return l
}

// stray says whether a hole may stand for flags of its own: $@, $1, $EXTRA_ARGS.
func stray(f shell.Field) bool { return f.Text == f.Hole.Text }

// take is the last flag of a name, which is then done with; nil when there is none. Earlier ones are left.
func (l *launch) take(name string) *flag {
	var found *flag
	for _, f := range l.flags {
		if f.name != name || f.taken {
			continue
		}
		if found != nil {
			l.drop(found, "given again at "+f.at.String())
		}
		f.taken, found = true, f
	}
	return found
}

// has says whether a flag is given, and leaves it.
func (l *launch) has(name string) bool {
	for _, f := range l.flags {
		if f.name == name {
			return true
		}
	}
	return false
}

// drop leaves a flag.
func (l *launch) drop(f *flag, why string) {
	f.taken = true
	l.left = append(l.left, foreign.Left{At: f.at, Name: f.as, Value: strings.Join(f.texts(), " "), Why: why})
}

func (f *flag) texts() []string {
	var texts []string
	for _, v := range f.values {
		texts = append(texts, v.Text)
	}
	return texts
}

// known says whether all values are.
func (f *flag) known() bool {
	for _, v := range f.values {
		if v.Hole != nil {
			return false
		}
	}
	return true
}

// text is the flag's only value, "" when that is not known.
func (f *flag) text() string {
	if f == nil || len(f.values) != 1 || f.values[0].Hole != nil {
		return ""
	}
	return f.values[0].Text
}

// path is the flag's value as one path. Several words are a text to be replaced, "your data path", that lost its quotes.
func (f *flag) path() string {
	if f == nil || !f.known() {
		return ""
	}
	return strings.Join(f.texts(), " ")
}

// reads is a setting of an input that is one path; param is what a parameter for it is called.
func (f *flag) reads(field, param string) foreign.Setting {
	s := f.setting(field)
	if s.Param = param; len(s.Texts) > 1 && !f.exact {
		s.Texts = []string{f.path()}
	}
	return s
}

// setting is the flag as it is, for a field.
func (f *flag) setting(field string) foreign.Setting {
	s := foreign.Setting{Field: field, Texts: f.texts(), As: f.as, At: f.at}
	for _, v := range f.values {
		if v.Hole != nil {
			s.Texts, s.Open, s.Why = nil, strings.Join(f.texts(), " "), v.Hole.Why
			break
		}
	}
	return s
}

// fixed is a setting that the program's nature gives, and not a flag.
func (l *launch) fixed(field, value, note string) foreign.Setting {
	return foreign.Setting{Field: field, Texts: []string{value}, As: l.program, At: l.at, Note: note}
}

// job begins a job of a kind.
func (l *launch) job(kind, name string) *foreign.Job {
	return &foreign.Job{Kind: kind, Name: name, Title: l.program, At: l.at}
}

// rest gives the job the flags that no rule took: by name, or left with a reason.
func (l *launch) rest(j *foreign.Job, more ...group) {
	for _, f := range l.flags {
		if f.taken {
			continue
		}
		f.taken = true
		s := f.setting(f.name)
		s.Else = reason(f.name, more)
		j.Settings = append(j.Settings, s)
	}
}

// leaves says that a flag's path is where the job's result lies.
func leaves(j *foreign.Job, f *flag, port, below string) {
	if t := f.path(); t != "" {
		j.Writes = append(j.Writes, foreign.Write{Path: path.Join(t, below), Port: port})
	}
}
