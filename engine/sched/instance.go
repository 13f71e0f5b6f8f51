package sched

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/key"
	"github.com/belay-ml/belay/engine/param"
	"github.com/belay-ml/belay/engine/secret"
)

// instance is a node made ready for computing keys.
type instance struct {
	node   *engine.Node
	spec   engine.Spec
	schema param.Schema
	values map[string]any // normalised
	ports  []artifact.Port
	inputs []input
	deps   []int // all nodes that come before, data ones and others
	data   []int // those whose output is read
	gated  []int // those whose numbers its gates read
	res    engine.Resources

	params map[string]string // canonical, for the key
	env    map[string]string // for In.Env
	keyEnv map[string]string
	pins   []Pin // what the lock file put in the place of floating values

	secrets []string // values of secret variables and parameters
	short   error    // about the first of them that is too short to be kept out of logs
	own     []string // names of the secrets in its parameters
	names   []string // the same, with those of all nodes before it
}

// input is one artifact that a node reads.
type input struct {
	path  string // of the parameter: "data[0]"
	keyed bool
	from  any // engine.Output or engine.Source
	label string
}

func newInstances(g *engine.Graph, o Options) ([]*instance, error) {
	insts := make([]*instance, len(g.Nodes))
	ids := map[string]bool{}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if ids[n.ID] {
			return nil, fmt.Errorf("graph: two nodes are called %s", n.ID)
		}
		ids[n.ID] = true
		inst, err := newInstance(n, i, insts, o)
		if err != nil {
			return nil, &fault.Error{Code: fault.Recipe, Err: fmt.Errorf("stage %s: %w", n.ID, err)}
		}
		insts[i] = inst
	}
	return insts, nil
}

func newInstance(n *engine.Node, index int, before []*instance, o Options) (*instance, error) {
	in := &instance{node: n, spec: n.Stage.Describe()}
	in.res = ask(in.spec.Resources, n.Resources)
	var err error
	if in.schema, err = param.Of(in.spec.Params); err != nil {
		return nil, err
	}
	if n.Off != "" {
		in.deps = slices.Clone(n.Needs)
		return in, nil // its values may refer to what does not exist
	}
	var problems []param.Problem
	if in.values, problems = in.schema.Normalize(n.Params); len(problems) > 0 {
		p := problems[0]
		return nil, fmt.Errorf("parameter %v: %s", p.Path, p.Summary)
	}
	in.pin(o.Lock)
	withValues := *n
	withValues.Params = in.values
	if in.ports, err = withValues.Ports(); err != nil {
		return nil, err
	}
	if in.params, err = key.Params(in.schema, in.values); err != nil {
		return nil, err
	}
	_, err = mapInputs(in.schema.Fields, in.values, "", param.Keyed, func(path string, class param.Class, v any) (any, error) {
		item := input{path: path, keyed: class == param.Keyed, from: v}
		switch from := v.(type) {
		case engine.Output:
			if from.Node < 0 || from.Node >= index {
				return nil, fmt.Errorf("input %s reads node %d, which does not come before", path, from.Node)
			}
			up := before[from.Node]
			if up.node.Off == "" && !slices.ContainsFunc(up.ports, func(p artifact.Port) bool { return p.Name == from.Port }) {
				return nil, fmt.Errorf("input %s reads %s.%s, which has no such port", path, up.node.ID, from.Port)
			}
			if item.label = up.node.ID + "." + from.Port; from.Sub != "" {
				item.label += "/" + from.Sub
			}
			in.data = append(in.data, from.Node)
		case engine.Source:
			item.label = from.As
			if item.label == "" {
				item.label = from.Path
			}
		case artifact.Ref:
			item.label, item.from = from.Label, engine.Source{Path: from.Path, As: from.Label}
		default:
			return nil, fmt.Errorf("input %s: cannot read %T", path, v)
		}
		in.inputs = append(in.inputs, item)
		return v, nil
	})
	if err != nil {
		return nil, err
	}
	for _, d := range n.Needs {
		if d < 0 || d >= index {
			return nil, fmt.Errorf("needs node %d, which does not come before", d)
		}
	}
	for _, t := range n.Gates {
		for _, from := range t.Reads {
			if from.Node < 0 || from.Node >= index {
				return nil, fmt.Errorf("gate reads node %d, which does not come before", from.Node)
			}
			in.gated = append(in.gated, from.Node)
		}
	}
	in.deps = slices.Concat(in.data, in.gated, n.Needs)
	slices.Sort(in.deps)
	in.deps = slices.Compact(in.deps)
	in.environment(o.Env)
	in.collectSecrets(in.schema.Fields, in.values)
	in.own = secret.NamesIn(in.values)
	in.names = slices.Clone(in.own)
	for _, d := range in.deps {
		in.names = append(in.names, before[d].names...)
	}
	slices.Sort(in.names)
	in.names = slices.Compact(in.names)
	return in, nil
}

// environment collects the variables that the stage declares and those that the recipe gives it.
func (in *instance) environment(lookup func(string) (string, bool)) {
	in.env, in.keyEnv = map[string]string{}, map[string]string{}
	declared := map[string]bool{}
	for _, v := range in.spec.Env {
		declared[v.Name] = true
		value, ok := in.node.Env[v.Name]
		if !ok {
			value, ok = lookup(v.Name)
		}
		if !ok {
			continue
		}
		in.env[v.Name] = value
		switch {
		case v.Secret:
			in.hide("environment variable "+v.Name, value)
		case v.Keyed:
			in.keyEnv[v.Name] = value
		}
	}
	for name, value := range in.node.Env {
		if !declared[name] {
			in.env[name], in.keyEnv[name] = value, value
		}
	}
}

// hide takes the value of a secret variable or parameter. An empty one hides nothing.
func (in *instance) hide(what, value string) {
	in.secrets = append(in.secrets, value)
	if err := longEnough(value); err != nil && value != "" && in.short == nil {
		in.short = fmt.Errorf("read %s: %w", what, err)
	}
}

func (in *instance) collectSecrets(fields []param.Field, values map[string]any) {
	for i := range fields {
		f := &fields[i]
		switch v := values[f.Name].(type) {
		case string:
			if f.Class == param.Secret {
				in.hide("parameter "+f.Name, v)
			}
		case []any:
			for _, item := range v {
				if s, ok := item.(string); ok && f.Class == param.Secret {
					in.hide("parameter "+f.Name, s)
				}
			}
		case map[string]any:
			in.collectSecrets(f.Fields, v)
		}
	}
}

// keyParts are the parts of the node's key, given the digests of its inputs by path.
func (in *instance) keyParts(digests map[string]artifact.Digest, backend string) key.Parts {
	p := key.Parts{Format: key.Format, Stage: in.spec.Name, Version: in.spec.Version, Params: in.params, Env: in.keyEnv}
	if in.spec.Backend {
		p.Backend = backend
	}
	p.Inputs = make(map[string]artifact.Digest, len(in.inputs))
	for _, i := range in.inputs {
		if d, ok := digests[i.path]; ok && i.keyed {
			p.Inputs[i.path] = d
		}
	}
	return p
}

// decode makes the parameter struct for Run, with inputs resolved by path and secrets revealed.
func (in *instance) decode(refs map[string]artifact.Ref, secrets *vault) (any, error) {
	if in.spec.Params == nil {
		return nil, nil
	}
	values, err := mapInputs(in.schema.Fields, in.values, "", param.Keyed, func(path string, _ param.Class, _ any) (any, error) {
		return refs[path], nil
	})
	if err != nil {
		return nil, err
	}
	if len(in.own) > 0 {
		revealed, err := secrets.reveal(values)
		if err != nil {
			return nil, err
		}
		values = revealed.(map[string]any)
	}
	t := reflect.TypeOf(in.spec.Params)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	p := reflect.New(t).Interface()
	return p, param.Decode(values, p)
}

// mapInputs copies values with every input replaced by what do makes of it. class is that of the parameter, or
// of a block around it that does not enter keys.
func mapInputs(fields []param.Field, values map[string]any, prefix string, class param.Class, do func(path string, class param.Class, v any) (any, error)) (map[string]any, error) {
	out := make(map[string]any, len(values))
	for i := range fields {
		f := &fields[i]
		v, ok := values[f.Name]
		if !ok {
			continue
		}
		c := class
		if f.Class != param.Keyed {
			c = f.Class
		}
		mapped, err := mapInput(f, v, key.Path(prefix, f.Name), c, do)
		if err != nil {
			return nil, err
		}
		out[f.Name] = mapped
	}
	return out, nil
}

func mapInput(f *param.Field, v any, path string, class param.Class, do func(string, param.Class, any) (any, error)) (any, error) {
	list, isList := v.([]any)
	m, isMap := v.(map[string]any)
	switch {
	case f.Type == param.Input:
		return do(path, class, v)
	case f.Type == param.Object && isMap:
		return mapInputs(f.Fields, m, path, class, do)
	case isList && (f.Type == param.Inputs || f.Type == param.List && f.Elem.Type == param.Object):
		out := make([]any, len(list))
		for i, item := range list {
			var err error
			at := key.Index(path, i)
			if f.Type == param.Inputs {
				out[i], err = do(at, class, item)
			} else {
				out[i], err = mapInput(f.Elem, item, at, class, do)
			}
			if err != nil {
				return nil, err
			}
		}
		return out, nil
	case isMap && (f.Type == param.InputMap || f.Type == param.Map && f.Elem.Type == param.Object):
		out := make(map[string]any, len(m))
		names := make([]string, 0, len(m))
		for name := range m {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			var err error
			at := key.Path(path, name)
			if f.Type == param.InputMap {
				out[name], err = do(at, class, m[name])
			} else {
				out[name], err = mapInput(f.Elem, m[name], at, class, do)
			}
			if err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return v, nil
}
