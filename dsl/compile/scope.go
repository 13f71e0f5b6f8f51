package compile

import (
	"maps"
	"slices"

	"github.com/belay-ml/belay/dsl/ast"
	"github.com/belay-ml/belay/dsl/check"
	"github.com/belay-ml/belay/dsl/diag"
	"github.com/belay-ml/belay/dsl/expr"
	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/param"
)

// layoutField is a field of the recipe's parallel block and where it was written; at is nil for a default.
type layoutField struct {
	value any
	at    *ast.Node
}

// layoutSchema is the recipe's `parallel` block, in the field's short words and Megatron's long ones.
func layoutSchema() param.Schema {
	one := float64(1)
	size := func(name, doc string, aliases ...string) param.Field {
		return param.Field{Name: name, Aliases: aliases, Type: param.Int, Default: int64(1), Min: &one, Doc: doc}
	}
	return param.Schema{Fields: []param.Field{
		size("tp", "tensor parallel size", "tensor_model_parallel_size"),
		size("pp", "pipeline parallel size", "pipeline_model_parallel_size"),
		size("vpp", "virtual pipeline stages a rank", "virtual_pipeline_model_parallel_size"),
		size("ep", "expert parallel size", "expert_model_parallel_size"),
		size("cp", "context parallel size", "context_parallel_size"),
		{Name: "sp", Aliases: []string{"sequence_parallel"}, Type: param.Bool, Default: false, Doc: "sequence parallel"},
	}}
}

// LayoutSchema describes the recipe's `parallel` block, for help and schemas.
func LayoutSchema() param.Schema { return layoutSchema() }

// globals evaluates what is the same in every stage: params, env, recipe, model, parallel.
func (b *builder) globals() {
	b.vars, b.values, b.absent = map[string]*expr.Var{}, expr.Values{}, map[string]string{}
	b.absent[expr.SecretName] = "secrets stand in the `with` of stages and nowhere else"
	b.absent["stages"] = "stages go by their own names: ${base.model}"

	var values map[string]any
	if b.use != nil {
		values, b.paramFrom = b.use.values, b.use.from
	} else {
		var diags diag.List
		values, b.paramFrom, diags = check.Params(b.recipe, b.opt.Params, b.opt.Dir, b.opt.Open)
		b.diags.Add(diags...)
	}
	fields := map[string]*expr.Var{}
	for _, q := range b.recipe.Params {
		if v, ok := values[q.Name]; ok {
			fields[q.Name] = expr.TypeOf("params."+q.Name, v)
		} else {
			fields[q.Name] = expr.Unknown()
		}
	}
	b.set("params", expr.Record("params", fields), values)

	b.set("recipe", expr.TypeOf("recipe", map[string]any{"name": b.recipe.Name}), map[string]any{"name": b.recipe.Name})
	b.environment()

	const noStages = "the recipe's model and parallel cannot read stages"
	f := frame{scoped: newScoped(b.plainScope(noStages)), values: b.values}
	b.absent["model"] = "the recipe has no `model:`"
	if m := b.recipe.Model; m != nil {
		if v, ok := b.evaluate(f, m); ok {
			b.set("model", expr.TypeOf("model", v), v)
		} else {
			b.set("model", expr.Unknown(), nil)
		}
	}
	b.layout(frame{scoped: newScoped(b.plainScope(noStages)), values: b.values})
	b.scopes()
}

func (b *builder) set(name string, v *expr.Var, value any) {
	b.vars[name] = v
	b.values.Set(name, value)
}

func (b *builder) environment() {
	fields, values := map[string]*expr.Var{}, map[string]any{}
	b.unsetEnv = map[string]bool{}
	for _, e := range b.recipe.Env {
		fields[e.Name] = expr.TypeOf("", "")
		var v string
		ok := false
		if b.opt.Env != nil {
			v, ok = b.opt.Env(e.Name)
		}
		if !ok && e.Default != nil {
			v, ok = e.Default.Text, true
		}
		if !ok {
			b.unsetEnv[e.Name] = true
			continue
		}
		values[e.Name] = v
		if b.env == nil {
			b.env = map[string]string{}
		}
		b.env[e.Name] = v
	}
	b.set("env", expr.Record("env", fields), values)
}

func (b *builder) layout(f frame) {
	schema := layoutSchema()
	given := map[string]any{}
	n := b.recipe.Parallel
	b.parallel = map[string]layoutField{}
	if n != nil {
		v, ok := b.evaluate(f, n)
		if !ok {
			b.set("parallel", expr.Unknown(), nil)
			return
		}
		given, _ = v.(map[string]any)
	}
	values, problems := schema.Normalize(given)
	for _, p := range problems {
		b.diags.Add(check.Place(p, n, n.Span, "parallel"))
	}
	if n != nil {
		for _, p := range n.Pairs {
			if f, ok := schema.Lookup(p.Key.Text); ok && values[f.Name] != nil {
				b.parallel[f.Name] = layoutField{value: values[f.Name], at: p.Value}
			}
		}
	}
	if len(problems) > 0 {
		b.set("parallel", expr.Unknown(), nil)
		return
	}
	b.set("parallel", expr.TypeOf("parallel", values), values)
}

// plainScope is params, env, recipe, model and parallel, with why stages are not in it.
func (b *builder) plainScope(noStages string) *expr.Scope {
	sc := &expr.Scope{Vars: map[string]*expr.Var{}, Absent: make(map[string]string, len(b.stages)+1)}
	sc.Outer = &expr.Scope{Vars: b.vars, Absent: b.absent}
	for _, s := range b.stages {
		sc.Absent[s.Name] = noStages
	}
	return sc
}

// scopes makes what the scopes of all stages have in common.
func (b *builder) scopes() {
	b.settled = b.plainScope("settings are known before any stage runs, so they cannot read one; `when` may read its numbers")
	b.axes = b.plainScope("a matrix cannot read stages; ${stage.matrix} takes over another's")
	b.axes.Absent["matrix"] = "a matrix cannot read itself"
	b.open = &expr.Scope{Vars: make(map[string]*expr.Var, len(b.stages)), Outer: &expr.Scope{Vars: b.vars, Absent: b.absent}}
	for _, s := range b.stages {
		b.open.Vars[s.Name] = expr.Unknown() // a name to suggest
	}
}

// stageScope is what a stage's `with` may use.
func (b *builder) stageScope(s *stage) *expr.Scope {
	sc := &expr.Scope{Vars: make(map[string]*expr.Var, len(s.reads)+2), Absent: map[string]string{}, Outer: b.open}
	if v := matrixVar(s); v != nil {
		sc.Vars["matrix"] = v
	} else {
		sc.Absent["matrix"] = "the stage has no `matrix:`"
	}
	for t, keyed := range s.reads {
		sc.Vars[t.Name] = stageVar(s, t, keyed, artifactVar)
	}
	return sc
}

func matrixVar(s *stage) *expr.Var {
	if s.Matrix == nil {
		return nil
	}
	if !s.matrixed {
		return expr.Unknown() // reported already
	}
	fields := map[string]*expr.Var{}
	all := make([]any, len(s.cells))
	for _, a := range s.axes {
		for i, c := range s.cells {
			all[i] = c.value(a)
		}
		fields[a] = expr.Common(all)
	}
	return expr.Record("matrix", fields)
}

// field is a port or output that every instance of a stage has.
type field struct {
	name        string
	many, mixed bool // a list in all instances; a list in some
}

// common are the ports that every instance of a stage has.
func (s *stage) common() []field {
	if s.shape != nil {
		return s.shape
	}
	s.shape = []field{}
	for _, name := range s.insts[0].names() {
		f, everywhere := field{name: name}, true
		for i, in := range s.insts {
			v := in.value(name)
			_, many := v.([]any)
			everywhere = everywhere && v != nil
			f.mixed = f.mixed || i > 0 && many != f.many
			f.many = many
		}
		if everywhere {
			s.shape = append(s.shape, f)
		}
	}
	return s.shape
}

// artifactVar is the type of a port: of v in one instance, or of a list of them.
func artifactVar(v any, list bool) *expr.Var {
	if _, many := v.([]any); list || many {
		return expr.Artifacts()
	}
	return expr.Artifact()
}

// stageVar is the type of stage t in stage s. of gives that of a port.
func stageVar(s, t *stage, keyed bool, of func(v any, list bool) *expr.Var) *expr.Var {
	if !t.ready || t.broken || len(t.insts) == 0 || t.anyFails {
		return expr.Unknown()
	}
	list := false
	if t.matrixed {
		list = slices.ContainsFunc(t.axes, func(a string) bool { return !slices.Contains(s.axes, a) })
	}
	fields := map[string]*expr.Var{}
	for _, f := range t.common() {
		switch {
		case list || f.many && !f.mixed:
			fields[f.name] = of(nil, true)
		case f.mixed:
			fields[f.name] = expr.Unknown()
		default:
			fields[f.name] = of(t.insts[0].value(f.name), false)
		}
	}
	if t.matrixed && keyed {
		for _, in := range t.insts {
			one := map[string]*expr.Var{}
			for _, name := range in.names() {
				one[name] = of(in.value(name), false)
			}
			fields[in.cell.key()] = expr.Record(in.id, one)
		}
	}
	return expr.Record("stage "+t.Name, fields)
}

// cellValues are the values of a stage's names in one cell. Stages of which the cell has no instance are
// missing; expression reports who uses them.
func (b *builder) cellValues(s *stage, c cell) expr.Values { return b.valuesOf(s, s.reads, c) }

// valuesOf is cellValues of those stages that reads has.
func (b *builder) valuesOf(s *stage, reads map[*stage]bool, c cell) expr.Values {
	values := maps.Clone(b.values)
	if s.matrixed {
		values.Set("matrix", c.values())
	}
	for t, keyed := range reads {
		if !t.ready || t.broken {
			continue
		}
		in, list := carried(c, s.axes, t)
		switch {
		case list:
			values[t.Name] = b.everything(t)
		case in == nil:
		case keyed && t.matrixed:
			b.reads += len(t.insts)
			m := maps.Clone(b.everything(t))
			in.refs(m)
			values[t.Name] = m
		default:
			m := map[string]any{}
			in.refs(m)
			values[t.Name] = m
		}
	}
	return values
}

// everything is a stage as seen by a reader that gets all its instances: lists by port, and each instance by its
// cell. Artifacts of instances that are off are left out of the lists, unless all are.
func (b *builder) everything(s *stage) map[string]any {
	if s.all != nil {
		return s.all
	}
	s.all = map[string]any{}
	for _, f := range s.common() {
		var all []any
		for _, in := range s.insts {
			switch v := in.value(f.name).(type) {
			case []any:
				all = append(all, v...)
			case expr.Ref:
				all = append(all, expr.Listed(v))
			default:
				all = append(all, v)
			}
		}
		off := func(v any) bool {
			r, isRef := v.(expr.Ref)
			return isRef && b.graph.Nodes[expr.TargetOf(r).Node].Off != ""
		}
		if live := slices.DeleteFunc(slices.Clone(all), off); len(live) > 0 {
			all = live
		}
		s.all[f.name] = all
	}
	for _, in := range s.insts {
		one := map[string]any{}
		in.refs(one)
		s.all[in.cell.key()] = one
	}
	return s.all
}

// names are the instance's ports, or the outputs of the recipe that it is.
func (in *instance) names() []string {
	names := make([]string, 0, len(in.ports)+len(in.outs))
	for _, p := range in.ports {
		names = append(names, p.Name)
	}
	for _, o := range in.outs {
		names = append(names, o.name)
	}
	return names
}

// value is what a port or output is to a reader; nil when there is none of the name.
func (in *instance) value(name string) any {
	for _, p := range in.ports {
		if p.Name == name {
			return in.ref(p)
		}
	}
	for _, o := range in.outs {
		if o.name == name {
			return o.value
		}
	}
	return nil
}

func (in *instance) ref(p artifact.Port) expr.Ref {
	return expr.RefTo(expr.Target{Node: in.node, ID: in.id, Port: p.Name, Kind: p.Kind, Cell: in.marks})
}

func (in *instance) refs(into map[string]any) {
	for _, p := range in.ports {
		into[p.Name] = in.ref(p)
	}
	for _, o := range in.outs {
		into[o.name] = o.value
	}
}
