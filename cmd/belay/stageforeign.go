package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/belay-ml/belay/dsl/compile"
	"github.com/belay-ml/belay/dsl/foreign"
	"github.com/belay-ml/belay/dsl/foreign/mindspeed"
	"github.com/belay-ml/belay/dsl/foreign/shell"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/models/ckpt/megatron"
)

// foreign reads the line as one of the program that the stage stands for: what belay import would make of it. What --with
// gives is added as it is. The notes say which flags are not needed, and why, and what is taken without one.
func (l *stageLine) foreign() (out []compile.Given, notes []string, err error) {
	note := func(text string) { notes = append(notes, text) }
	job := mindspeed.Line(l.kind, l.fields(), stageList())
	if err := l.sourceAsSaid(); err != nil {
		return nil, nil, err
	}
	left := job.Left
	for _, x := range left {
		if strings.HasPrefix(x.Why, "given again") {
			return nil, nil, fault.New(fault.Usage, "%s is given twice", x.Name).WithHint("keep one of them")
		}
	}
	for _, s := range l.seen {
		if s.name == withFlag {
			out = append(out, compile.With(s.texts[0]))
		}
	}
	by := func(name string) bool {
		return slices.ContainsFunc(out, func(g compile.Given) bool {
			f, known := l.schema.Lookup(g.Name)
			return known && f.Name == name
		})
	}
	for _, s := range job.Settings {
		if s.Usual {
			continue // after what is said
		}
		f, known := l.schema.Lookup(s.Field)
		switch {
		case !known && s.Else == "":
			return nil, nil, l.unknown(&seenFlag{as: s.As})
		case !known:
			left = append(left, foreign.Left{Name: s.As, Value: strings.Join(s.Texts, " "), Why: s.Else})
		case f.Type.IsInput() && len(s.Texts) == 0:
			return nil, nil, fault.New(fault.Usage, "%s wants a path, and none is given", s.As)
		case slices.ContainsFunc(out, func(g compile.Given) bool { return g.Name == f.Name && slices.Equal(g.Texts, s.Texts) }):
		default:
			if s.Note != "" {
				note(fmt.Sprintf("%s: %s, %s", f.Name, strings.Join(s.Texts, " "), s.Note))
			}
			g := givenOf(s.As, f.Name, s.Texts)
			out = append(out, g)
		}
	}
	for _, s := range job.Settings {
		if f, _ := l.schema.Lookup(s.Field); s.Usual && !by(f.Name) {
			if !f.Required {
				note(fmt.Sprintf("%s stays as it is by default, where %s would take %s: --%s says so", f.Name, job.Title, strings.Join(s.Texts, " "), strings.ReplaceAll(f.Name, "_", "-")))
				continue
			}
			note(fmt.Sprintf("%s: %s, as %s does when no flag says otherwise", f.Name, strings.Join(s.Texts, " "), job.Title))
			out = append(out, givenOf("--"+f.Name, f.Name, s.Texts))
		}
	}
	if err := l.writes(job); err != nil {
		return nil, nil, err
	}
	for _, g := range foreign.Grouped(left, nil) {
		note("not needed: " + strings.Join(g.Items, ", ") + ": " + g.Why)
	}
	return out, notes, nil
}

// fields is the line as a shell would hand it to the program, without belay's own flags.
func (l *stageLine) fields() []shell.Field {
	var out []shell.Field
	for _, s := range l.seen {
		if s.own() {
			continue
		}
		out = append(out, shell.Field{Text: s.as})
		for _, t := range s.texts {
			out = append(out, shell.Field{Text: t})
		}
	}
	return out
}

// writes takes the place of the result from the program's flag, where --out does not say it.
func (l *stageLine) writes(job *foreign.Job) error {
	if len(job.Writes) == 0 {
		return nil
	}
	w := job.Writes[0]
	dir := filepath.FromSlash(w.Path)
	if w.Index {
		if dir = filepath.Dir(dir); dir == "." && l.out != "" {
			return nil // a name alone
		}
	}
	if l.out != "" && filepath.Clean(l.out) != filepath.Clean(dir) {
		return fault.New(fault.Usage, "--out %s: the flags of %s say that the result goes to %s", l.out, job.Title, dir).WithHint("give one of them")
	}
	l.out = dir
	return nil
}

// sourceAsSaid holds what flags say of the source's format against its files.
func (l *stageLine) sourceAsSaid() error {
	said := map[string]*seenFlag{}
	for _, s := range l.seen {
		said[s.name] = s
	}
	load, legacy, from := said["load_model_type"], said["load_from_legacy"], said["load_dir"]
	if from == nil {
		from = said["from"]
	}
	if load == nil && legacy == nil || from == nil || len(from.texts) != 1 {
		return nil
	}
	path := from.texts[0]
	if _, err := os.Stat(path); err != nil {
		return nil // said where the path is read
	}
	contradicts := func(f *seenFlag, what string) error {
		return fault.New(fault.Usage, "%s: %s %s", strings.Join(append([]string{f.as}, f.texts...), " "), path, what).
			WithHint("leave %s out: formats are recognised", f.as)
	}
	ranks := megatron.Is(path)
	if load != nil {
		switch hf := slices.Contains([]string{"hf", "huggingface"}, strings.Join(load.texts, " ")); {
		case hf && ranks:
			return contradicts(load, "is a Megatron checkpoint")
		case !hf && !ranks:
			return contradicts(load, "is no Megatron checkpoint")
		}
	}
	if legacy == nil {
		return nil
	}
	if !ranks {
		return contradicts(legacy, "is no Megatron checkpoint")
	}
	c, err := megatron.Open(path)
	if err != nil {
		return fault.Wrap(fault.Data, err)
	}
	defer c.Close()
	if !c.Legacy {
		return contradicts(legacy, "is a Megatron-Core checkpoint")
	}
	return nil
}
