package compile

import (
	"maps"
	"slices"

	"github.com/belay-ml/belay/dsl/ast"
	"github.com/belay-ml/belay/dsl/check"
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

	values, from, diags := check.Params(b.recipe, b.opt.Params, b.opt.Dir)
	b.diags.Add(diags...)
	b.paramFrom = from
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
	}
	b.set("env", expr.Record("env", fields), values)
}

// environmentOf is what commands of the recipe get.
func (b *builder) environmentOf() map[string]string {
	if len(b.recipe.Env) == 0 {
		return nil
	}
	out := map[string]string{}
	env, _ := b.values["env"].(map[string]any)
	for k, v := range env {
		out[k], _ = v.(string)
	}
	return out
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
	sc := &expr.Scope{Vars: maps.Clone(b.vars), Absent: maps.Clone(b.absent)}
	for _, s := range b.stages {
		sc.Absent[s.Name] = noStages
	}
	return sc
}

// stageScope is what a stage's `with` may use.
func (b *builder) stageScope(s *stage) *expr.Scope {
	sc := &expr.Scope{Vars: maps.Clone(b.vars), Absent: maps.Clone(b.absent)}
	if v := matrixVar(s); v != nil {
		sc.Vars["matrix"] = v
	} else {
		sc.Absent["matrix"] = "the stage has no `matrix:`"
	}
	for _, t := range b.stages {
		if keyed, read := s.reads[t]; read {
			sc.Vars[t.Name] = stageVar(s, t, keyed)
		} else {
			sc.Vars[t.Name] = expr.Unknown() // a name to suggest
		}
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
	for _, a := range s.axes {
		var all []any
		for _, c := range s.cells {
			all = append(all, c.value(a))
		}
		fields[a] = expr.Common(all)
	}
	return expr.Record("matrix", fields)
}

// stageVar is the type of stage t in stage s.
func stageVar(s, t *stage, keyed bool) *expr.Var {
	if !t.ready || t.broken || len(t.insts) == 0 {
		return expr.Unknown()
	}
	list := false
	if t.matrixed {
		list = slices.ContainsFunc(t.axes, func(a string) bool { return !slices.Contains(s.axes, a) })
	}
	fields := map[string]*expr.Var{}
	for _, in := range t.insts {
		if in.failed {
			return expr.Unknown()
		}
	}
	for _, p := range t.insts[0].ports {
		everywhere := !slices.ContainsFunc(t.insts, func(in *instance) bool { return !in.has(p.Name) })
		switch {
		case !everywhere:
		case list:
			fields[p.Name] = expr.Artifacts()
		default:
			fields[p.Name] = expr.Artifact()
		}
	}
	if t.matrixed && keyed {
		for _, in := range t.insts {
			one := map[string]*expr.Var{}
			for _, p := range in.ports {
				one[p.Name] = expr.Artifact()
			}
			fields[in.cell.key()] = expr.Record(in.id, one)
		}
	}
	return expr.Record("stage "+t.Name, fields)
}

func (in *instance) has(port string) bool {
	return slices.ContainsFunc(in.ports, func(p artifact.Port) bool { return p.Name == port })
}

// cellValues are the values of a stage's names in one cell. Stages of which the cell has no instance are
// missing; expression reports who uses them.
func (b *builder) cellValues(s *stage, c cell) expr.Values {
	values := maps.Clone(b.values)
	if s.matrixed {
		values.Set("matrix", c.values())
	}
	for t, keyed := range s.reads {
		if !t.ready || t.broken {
			continue
		}
		in, list := carried(c, s.axes, t)
		switch {
		case list:
			values[t.Name] = t.everything()
		case in == nil:
		case keyed && t.matrixed:
			m := maps.Clone(t.everything())
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
// cell. Instances that are off are left out of the lists, unless all are.
func (s *stage) everything() map[string]any {
	if s.all != nil {
		return s.all
	}
	s.all = map[string]any{}
	live := slices.DeleteFunc(slices.Clone(s.insts), func(in *instance) bool { return in.off != "" })
	if len(live) == 0 {
		live = s.insts
	}
	for _, p := range s.insts[0].ports {
		var refs []any
		for _, in := range live {
			refs = append(refs, in.ref(p))
		}
		s.all[p.Name] = refs
	}
	for _, in := range s.insts {
		one := map[string]any{}
		in.refs(one)
		s.all[in.cell.key()] = one
	}
	return s.all
}

func (in *instance) ref(p artifact.Port) expr.Ref {
	return expr.RefTo(expr.Target{Node: in.node, ID: in.id, Port: p.Name, Kind: p.Kind})
}

func (in *instance) refs(into map[string]any) {
	for _, p := range in.ports {
		into[p.Name] = in.ref(p)
	}
}
