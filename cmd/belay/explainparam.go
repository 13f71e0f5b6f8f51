package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/belay-ml/belay/dsl/compile"
	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/key"
	"github.com/belay-ml/belay/engine/param"
	"github.com/belay-ml/belay/engine/sched"
)

// paramJSON is `belay explain RECIPE STAGE.PARAMETER --json`: one parameter of one stage instance.
type paramJSON struct {
	Stage    string   `json:"stage"`
	Path     string   `json:"path"`
	Type     string   `json:"type"`
	Doc      string   `json:"doc,omitempty"`
	Kinds    []string `json:"kinds,omitempty"` // of artifacts that an input takes
	Aliases  []string `json:"aliases,omitempty"`
	Required bool     `json:"required,omitempty"`
	Default  string   `json:"default,omitempty"`
	Value    string   `json:"value"`
	Pos      string   `json:"pos,omitempty"` // empty when it has its default
	Key      string   `json:"key"`           // yes, content, no, or secret: how it enters the cache key
	Was      string   `json:"was,omitempty"` // at the last success, when that was another
}

// cut takes "sft.lora.r" apart at the longest name of a stage; the stage is empty when none is meant.
func (e explainer) cut(text string) (stage, path string) {
	for i := len(text) - 1; i > 0; i-- {
		if text[i] == '.' && slices.ContainsFunc(e.graph.Nodes, func(n engine.Node) bool { return n.Called(text[:i]) }) {
			return text[:i], text[i+1:]
		}
	}
	return "", ""
}

// params explains parameters, each in all instances of its stage.
func (e explainer) params(names []string) error {
	out := []paramJSON{}
	for _, name := range names {
		stage, path := e.cut(name)
		for i := range e.graph.Nodes {
			n := &e.graph.Nodes[i]
			if !n.Called(stage) {
				continue
			}
			j, err := e.paramOf(n, &e.plan.Nodes[i], path)
			if err != nil {
				return err
			}
			out = append(out, j)
		}
	}
	return e.print(out, func(w io.Writer) error {
		for _, j := range out {
			e.writeParam(w, j)
		}
		return nil
	})
}

func (e explainer) paramOf(n *engine.Node, planned *sched.NodePlan, name string) (paramJSON, error) {
	kind := n.Stage.Describe().Name
	schema, err := param.Of(n.Stage.Describe().Params)
	if err != nil {
		return paramJSON{}, err
	}
	f, ok := schema.Lookup(name)
	if !ok {
		err := fault.New(fault.Usage, "stage %s (%s) has no parameter %q", n.ID, kind, name).WithHint("belay stage %s --help lists them", kind)
		if near := param.Near(name, paths(schema.Fields, "")); near != "" {
			err = err.WithHint("did you mean %s?", near)
		}
		return paramJSON{}, err
	}
	// The path by the fields' own names, whatever alias was asked for; and the value there.
	path, fields, class := "", schema.Fields, param.Keyed
	var value any = n.Params
	for _, part := range strings.Split(name, ".") {
		at, _ := (param.Schema{Fields: fields}).Lookup(part)
		path, fields = key.Path(path, at.Name), at.Fields
		if at.Class != param.Keyed {
			class = at.Class
		}
		m, _ := value.(map[string]any)
		value = m[at.Name]
	}
	j := paramJSON{
		Stage: n.ID, Path: path, Type: f.Want(), Doc: f.Doc, Aliases: f.Aliases, Required: f.Required, Default: valueText(e.graph, f.Default),
		Value: valueText(e.graph, value), Pos: sched.Origin(n, planned.Pins, path), Key: "yes",
	}
	for _, k := range f.Kinds {
		j.Kinds = append(j.Kinds, string(k))
	}
	switch {
	case class == param.Keyed && f.Type.IsInput():
		j.Key = "content"
	case class == param.Unkeyed:
		j.Key = "no"
	case class == param.Secret:
		j.Key = "secret"
		if j.Value != "" {
			j.Value = hidden
		}
	}
	for _, c := range planned.Reason.Changes {
		if c.Part == key.PartParam && c.Path == path {
			j.Was = c.Old
		}
	}
	return j, nil
}

// paths are the names of all parameters.
func paths(fields []param.Field, prefix string) []string {
	var out []string
	for i := range fields {
		path := key.Path(prefix, fields[i].Name)
		out = append(append(out, path), paths(fields[i].Fields, path)...)
	}
	return out
}

func (e explainer) writeParam(w io.Writer, j paramJSON) {
	ink := e.ink()
	kind := j.Type
	if len(j.Kinds) > 0 {
		kind += " (" + strings.Join(j.Kinds, ", ") + ")"
	}
	fmt.Fprintf(w, "%s %s: %s\n", ink.bold(j.Stage), ink.bold(j.Path), kind)
	line := func(head, text string) {
		if text != "" {
			fmt.Fprintf(w, "  %-9s %s\n", head+":", text)
		}
	}
	line("doc", j.Doc)
	from := j.Pos
	if from == "" {
		from = "the default"
	}
	value := j.Value
	if value == "" {
		value = "nothing"
	}
	line("value", value+ink.dim("  ("+from+")"))
	line("was", j.Was)
	switch {
	case j.Required:
		line("default", "none, it must be given")
	default:
		line("default", j.Default)
	}
	line("also", strings.Join(j.Aliases, ", "))
	switch j.Key {
	case "no":
		line("key", "not part of it: another value reruns nothing")
	case "content":
		line("key", "its content is part of it, its place is not")
	case "secret":
		line("key", "not part of it: a secret is never written anywhere")
	default:
		line("key", "part of it: another value reruns the stage")
	}
}

// completeExplained completes stages, and behind the dot of one its parameters.
func completeExplained(c *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	name, _, dotted := strings.Cut(typed, ".")
	if len(args) == 0 || !dotted {
		return completeRecipe(true)(c, args, typed)
	}
	d, _ := compile.Describe(args[0])
	if d == nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var out []cobra.Completion
	for _, s := range d.Stages {
		if s.Name != name {
			continue
		}
		for _, k := range stageList() {
			spec := k.Describe()
			if schema, err := param.Of(spec.Params); spec.Name == s.Uses && err == nil {
				for _, path := range paths(schema.Fields, "") {
					out = append(out, name+"."+path)
				}
			}
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}
