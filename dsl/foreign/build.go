package foreign

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/belay-ml/belay/dsl/ast"
	"github.com/belay-ml/belay/dsl/pos"
	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/param"
)

// MaxJobs bounds the stages of one recipe.
const MaxJobs = 500

// Options are what a recipe is built with.
type Options struct {
	Name   string         // of the recipe
	Files  []string       // what it is made of, as the recipe's head names them
	Stages []engine.Stage // the kinds there are
	Root   string         // absolute: what relative paths in the sources are relative to
	Dir    string         // absolute: where the recipe will lie
	Exists func(path string) bool
	// Templates are the prompt templates there are; a value of a field named template that is none of them is left.
	Templates []string
}

// Result is a recipe and what it lacks.
type Result struct {
	Text   []byte
	Stages []Stage
	Left   []Left // of no stage first, then in the order of the stages
}

// Stage is one stage of the result.
type Stage struct {
	Name, Uses, Title, At string
}

// stage is a job on its way into the recipe.
type stage struct {
	*Job
	name   string
	kind   engine.Stage
	schema param.Schema
	with   map[string]any // values, expressions and maps of those, by field
	notes  map[string]string
	given  map[string]*Setting // by field
	reads  []*stage
}

type builder struct {
	Options
	stages []*stage
	byJob  map[*Job]*stage
	params []*parameter
	paths  map[string]*parameter // by what path they stand for
	left   []Left
}

// Build makes the recipe of jobs. Left are things of the sources that belong to no job.
func Build(jobs []*Job, left []Left, opt Options) *Result {
	b := &builder{Options: opt, byJob: map[*Job]*stage{}, paths: map[string]*parameter{}, left: left}
	for _, j := range jobs {
		b.add(j)
	}
	for _, s := range b.stages {
		b.values(s)
	}
	for _, s := range b.stages {
		b.settle(s)
	}
	for _, s := range b.stages {
		b.inputs(s)
	}
	for _, s := range b.stages {
		b.missing(s)
	}
	b.stages = slices.DeleteFunc(b.stages, func(s *stage) bool { return s.Optional && !b.isRead(s) })
	b.lift()
	b.order()
	return b.result()
}

// add gives a job its kind and its name.
func (b *builder) add(j *Job) {
	i := slices.IndexFunc(b.Stages, func(s engine.Stage) bool { return s.Describe().Name == j.Kind })
	if i < 0 {
		panic("foreign: no stage kind " + j.Kind) // a programming error, found by every test of the package that made the job
	}
	schema, err := param.Of(b.Stages[i].Describe().Params)
	if err != nil {
		panic(fmt.Sprintf("foreign: parameters of stage %s: %v", j.Kind, err))
	}
	s := &stage{Job: j, kind: b.Stages[i], schema: schema, with: map[string]any{}, notes: map[string]string{}, given: map[string]*Setting{}}
	s.name = unused(identifier(j.Name), func(n string) bool {
		return slices.Contains(ast.Reserved(), n) || slices.ContainsFunc(b.stages, func(o *stage) bool { return o.name == n })
	})
	b.stages = append(b.stages, s)
	b.byJob[j] = s
}

// unused is a name that is not taken, with a number behind it where it was.
func unused(name string, taken func(string) bool) string {
	for n, base := 2, name; taken(name); n++ {
		name = fmt.Sprintf("%s_%d", base, n)
	}
	return name
}

// values types all settings that are no inputs. What the schema refuses is left.
func (b *builder) values(s *stage) {
	for i := range s.Settings {
		set := &s.Settings[i]
		f, ok := s.schema.Lookup(set.Field)
		if !ok {
			s.left(set, b.unknown(s, set))
			continue
		}
		path := fieldPath(s.schema, set.Field)
		if old := s.given[path]; old != nil {
			s.left(old, "given again at "+set.At.String())
			drop(s.with, path)
			delete(s.given, path)
			delete(s.notes, path)
		}
		if f.Type.IsInput() {
			s.given[path] = set
			continue
		}
		if len(set.Items) > 0 && f.Type == param.List && f.Elem.Type == param.Object {
			s.given[path] = set
			put(s.with, path, b.items(s, f, set))
			continue
		}
		v, why := set.Value, ""
		switch {
		case v != nil:
		case set.Open == "":
			v, why = typed(f, set.Texts)
		case f.Type == param.Bool: // the switch is there, and something behind it
			s.Job.Left = append(s.Job.Left, Left{At: set.At, Name: set.As, Value: set.Open, Why: "what follows the switch is not known"})
			v, set.Open = true, ""
		}
		if why == "" && path == "template" && v != nil && len(b.Templates) > 0 && !slices.Contains(b.Templates, fmt.Sprint(v)) {
			s.left(set, fmt.Sprintf("there is no such prompt template: have %s", strings.Join(b.Templates, ", ")))
			v, set.Open = nil, strconv.Quote(fmt.Sprint(v))
		}
		if why != "" {
			s.left(set, why)
			continue
		}
		s.given[path], s.notes[path] = set, set.Note
		if set.Open != "" {
			v = b.ask(s, f, set)
		}
		put(s.with, path, v)
	}
	b.refuse(s)
}

// items are the maps of a list, without the inputs among their fields.
func (b *builder) items(s *stage, list *param.Field, set *Setting) []any {
	schema := param.Schema{Fields: list.Elem.Fields}
	var out []any
	for _, item := range set.Items {
		m := map[string]any{}
		for i := range item {
			f, ok := schema.Lookup(item[i].Field)
			switch {
			case !ok:
				s.left(&item[i], b.unknown(s, &item[i]))
			case f.Type.IsInput():
			case item[i].Open != "":
				m[f.Name] = b.ask(s, f, &item[i])
			default:
				v, why := typed(f, item[i].Texts)
				if why != "" {
					s.left(&item[i], why)
					continue
				}
				m[f.Name] = v
			}
		}
		out = append(out, m)
	}
	return out
}

// unknown is why a setting that no parameter has is left.
func (b *builder) unknown(s *stage, set *Setting) string {
	if set.Else != "" {
		return set.Else
	}
	why := "unknown: stage " + s.Kind + " has no such parameter"
	if near := param.Near(set.Field, s.schema.Names()); near != "" {
		why += ", the nearest is " + near
	}
	return why
}

// refuse drops values out of bounds.
func (b *builder) refuse(s *stage) {
	plain, _ := literals(s.with).(map[string]any)
	_, problems := s.schema.Normalize(plain)
	for _, p := range problems {
		path := p.Path[0]
		if len(p.Path) > 1 && s.given[path] == nil {
			path += "." + p.Path[1]
		}
		if set := s.given[path]; set != nil && !isInput(s.schema, path) && !isItemInput(s.schema, p.Path) && set.Open == "" {
			s.left(set, p.Summary)
			drop(s.with, path)
			delete(s.given, path)
		}
	}
}

// literals are values without the expressions among them.
func literals(v any) any {
	switch x := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, item := range x {
			if _, open := item.(expression); !open {
				out[k] = literals(item)
			}
		}
		return out
	case []any:
		out := make([]any, len(x))
		for i, item := range x {
			out[i] = literals(item)
		}
		return out
	}
	return v
}

func isInput(schema param.Schema, path string) bool {
	f, ok := schema.Lookup(path)
	return ok && f.Type.IsInput()
}

// isItemInput says whether a path leads to an input of a list's item, which is filled in later.
func isItemInput(schema param.Schema, path []string) bool {
	f, ok := schema.Lookup(path[0])
	return ok && len(path) == 3 && f.Type == param.List && isInput(param.Schema{Fields: f.Elem.Fields}, path[2])
}

// fieldPath is a path of names by a path of names or aliases that the schema has.
func fieldPath(schema param.Schema, name string) string {
	head, rest, nested := strings.Cut(name, ".")
	f, _ := schema.Lookup(head)
	if !nested {
		return f.Name
	}
	return f.Name + "." + fieldPath(param.Schema{Fields: f.Fields}, rest)
}

// missing asks the caller for what the stage needs and nothing gives.
func (b *builder) missing(s *stage) {
	for i := range s.schema.Fields {
		f := &s.schema.Fields[i]
		if _, ok := s.with[f.Name]; !ok && (f.Required || s.needs(f.Name)) {
			s.with[f.Name] = b.ask(s, f, &Setting{As: f.Name, At: s.At})
		}
	}
}

// needs says whether the job cannot do without a field, and has none of what may stand in its place.
func (s *stage) needs(field string) bool {
	for _, need := range s.Needs {
		names := strings.Split(need, "|")
		if names[0] == field && !slices.ContainsFunc(names, func(n string) bool { return s.with[n] != nil }) {
			return true
		}
	}
	return false
}

func (b *builder) isRead(s *stage) bool {
	return slices.ContainsFunc(b.stages, func(o *stage) bool { return slices.Contains(o.reads, s) })
}

// order puts readers behind what they read, and otherwise keeps the order of the sources.
func (b *builder) order() {
	var out []*stage
	done := map[*stage]bool{}
	var visit func(s *stage)
	visit = func(s *stage) {
		if done[s] {
			return
		}
		done[s] = true // reads make no cycle
		for _, r := range s.reads {
			visit(r)
		}
		out = append(out, s)
	}
	for _, s := range b.stages {
		visit(s)
	}
	b.stages = out
}

func (b *builder) result() *Result {
	r := &Result{Left: inOrder(b.left)}
	b.left = r.Left
	for _, s := range b.stages {
		s.Left = inOrder(s.Left)
		r.Stages = append(r.Stages, Stage{Name: s.name, Uses: s.Kind, Title: s.Title, At: s.At.String()})
		for _, l := range s.Left {
			l.Stage = s.name
			r.Left = append(r.Left, l)
		}
	}
	r.Text = b.write()
	return r
}

// inOrder sorts by place; files keep the order in which they first appear.
func inOrder(left []Left) []Left {
	files := map[*pos.File]int{}
	for _, l := range left {
		if _, ok := files[l.At.Start.File]; !ok {
			files[l.At.Start.File] = len(files)
		}
	}
	out := slices.Clone(left)
	slices.SortStableFunc(out, func(a, b Left) int {
		p, q := a.At.Start, b.At.Start
		return cmp.Or(cmp.Compare(files[p.File], files[q.File]), cmp.Compare(p.Line, q.Line), cmp.Compare(p.Col, q.Col))
	})
	return out
}

// absolute is where a path of a source lies.
func (b *builder) absolute(path string) string {
	if !filepath.IsAbs(path) {
		path = filepath.Join(b.Root, path)
	}
	return filepath.Clean(path)
}
