package compile

import (
	"fmt"
	"io/fs"
	"math"
	"strings"

	"github.com/belay-ml/belay/dsl/ast"
	"github.com/belay-ml/belay/dsl/diag"
	"github.com/belay-ml/belay/dsl/expr"
	"github.com/belay-ml/belay/dsl/pos"
	"github.com/belay-ml/belay/engine/secret"
)

// scoped is a scope and the expressions compiled in it so far, by wanted type and source; nil for those with
// problems.
type scoped struct {
	*expr.Scope
	programs map[string]*expr.Program
	secrets  bool // ${secret.NAME} may stand here
}

func newScoped(sc *expr.Scope) *scoped {
	return &scoped{Scope: sc, programs: map[string]*expr.Program{}}
}

// frame is where an expression is evaluated: the types and the values of its names.
type frame struct {
	*scoped
	values expr.Values
	cell   cell
}

// evaluate gives a node its value. ok is false when a mistake was reported.
func (b *builder) evaluate(f frame, n *ast.Node) (v any, ok bool) {
	b.volume++
	switch n.Kind {
	case ast.List:
		out := make([]any, len(n.Items))
		all := true
		for i, item := range n.Items {
			out[i], ok = b.evaluate(f, item)
			all = all && ok
		}
		return out, all
	case ast.Map:
		out := make(map[string]any, len(n.Pairs))
		all := true
		for _, p := range n.Pairs {
			out[p.Key.Text], ok = b.evaluate(f, p.Value)
			all = all && ok
		}
		return out, all
	case ast.Text:
		if b.literal || !expr.Holds(n.Text) {
			return n.Text, true
		}
		return b.text(f, n)
	case ast.Float:
		if math.IsNaN(n.Float) || math.IsInf(n.Float, 0) {
			b.diags.Errorf(n.Span, "", "%s is not a finite number", n.Text)
			return nil, false
		}
	}
	return n.Value(), true
}

// split is a text cut at its expressions.
type split struct {
	parts   []expr.Part
	nth     int
	problem *expr.Problem
}

// split is expr.Split, remembered: a matrix reads the same text in every cell.
func (b *builder) split(n *ast.Node) (parts []expr.Part, nth int, p *expr.Problem) {
	s, known := b.splits[n]
	if !known {
		s.parts, s.nth, s.problem = expr.Split(n.Text)
		b.splits[n] = s
	}
	return s.parts, s.nth, s.problem
}

func (b *builder) text(f frame, n *ast.Node) (any, bool) {
	parts, nth, p := b.split(n)
	if p != nil {
		b.diags.Errorf(n.Within(nth, p.From, p.To), p.Hint, "%s", p.Summary)
		return nil, false
	}
	if whole, ok := expr.Whole(parts); ok {
		return b.expression(f, n, whole, "")
	}
	if parts[0].IsExpr && len(parts) > 1 && strings.HasPrefix(parts[1].Text, "/") {
		if v, ok := b.expression(f, n, parts[0], ""); ok {
			if ref, isRef := v.(expr.Ref); isRef {
				return b.inside(f, n, ref, parts[1:])
			}
		} else {
			return nil, false
		}
	}
	return b.joined(f, n, parts)
}

// inside is a path below an artifact: "${data.files}/train".
func (b *builder) inside(f frame, n *ast.Node, ref expr.Ref, parts []expr.Part) (any, bool) {
	v, ok := b.joined(f, n, parts)
	if !ok {
		return nil, false
	}
	text, isText := v.(string)
	if !isText {
		b.diags.Errorf(n.Span, "", "a secret cannot be part of a path inside an artifact")
		return nil, false
	}
	sub := strings.TrimPrefix(text, "/")
	if !fs.ValidPath(sub) || sub == "." {
		b.diags.Errorf(n.Span, "write ${stage.port}/folder/file, without . and ..", "%q is no path inside an artifact", sub)
		return nil, false
	}
	return expr.Inside(ref, sub), true
}

// joined is text with the values of its expressions: a string, or a secret.Text when a secret is among them.
func (b *builder) joined(f frame, n *ast.Node, parts []expr.Part) (any, bool) {
	var out strings.Builder
	var hidden secret.Text
	flush := func() {
		if out.Len() > 0 {
			hidden.Parts = append(hidden.Parts, secret.Part{Plain: out.String()})
			out.Reset()
		}
	}
	all := true
	for _, part := range parts {
		if !part.IsExpr {
			out.WriteString(part.Text)
			continue
		}
		v, ok := b.expression(f, n, part, "")
		if !ok {
			all = false
			continue
		}
		if t, isSecret := v.(secret.Text); isSecret {
			flush()
			hidden.Parts = append(hidden.Parts, t.Parts...)
			continue
		}
		text, ok := expr.Format(v)
		if !ok {
			hint := "join([...], \",\") makes text of a list"
			if _, isRef := v.(expr.Ref); isRef {
				hint = "an input field takes it by itself or with a path behind it (${data.files}/train); `inputs:` of a command stage hands it on as a variable"
			}
			at := n.Within(part.Nth, 0, expr.Lead+len([]rune(part.Source))+1)
			b.diags.Errorf(at, hint, "%s cannot stand inside text", words(v))
			all = false
		}
		out.WriteString(text)
	}
	b.volume += out.Len() / 16
	if len(hidden.Parts) > 0 {
		flush()
		return hidden, all
	}
	return out.String(), all
}

// expression compiles a part once a scope and runs it. want is as in expr.Compile.
func (b *builder) expression(f frame, n *ast.Node, part expr.Part, want string) (any, bool) {
	report := func(p expr.Problem) bool { return b.problem(n, part, p) }
	if f.secrets {
		name, at, p := b.exprs.Parse(part.Source).Secret()
		if p != nil {
			return nil, report(*p)
		}
		if name != "" {
			b.secret(n.Within(part.Nth, expr.Lead+at.From, expr.Lead+at.To), name)
			return secret.Named(name), true
		}
	}
	prog, ok := b.program(f, n, part, want)
	if !ok {
		return nil, false
	}
	v, p := prog.Run(f.values)
	if p != nil {
		return nil, report(*p)
	}
	if x, isFloat := v.(float64); isFloat && (math.IsNaN(x) || math.IsInf(x, 0)) {
		return nil, report(expr.Problem{To: len([]rune(part.Source)), Summary: "the result is not a finite number"})
	}
	b.volume += weight(v) + prog.Steps()/4
	return v, true
}

// problem reports what is wrong with an expression, and says false.
func (b *builder) problem(n *ast.Node, part expr.Part, p expr.Problem) bool {
	lead := expr.Lead
	if part.Nth < 0 {
		lead = 0
	}
	b.diags.Errorf(n.Within(part.Nth, lead+p.From, lead+p.To), p.Hint, "%s", p.Summary)
	return false
}

// program compiles a part once a scope, and checks that its names have values. ok is false when a mistake was reported.
func (b *builder) program(f frame, n *ast.Node, part expr.Part, want string) (prog *expr.Program, ok bool) {
	parsed := b.exprs.Parse(part.Source)
	report := func(p expr.Problem) bool { return b.problem(n, part, p) }
	key := want + "\x00" + part.Source
	prog = f.programs[key]
	if prog == nil {
		common := key + "\x00" + f.Signature(parsed)
		if prog = b.programs[common]; prog == nil {
			var problems []expr.Problem
			f.Terse = len(b.diags) > maxHints
			if prog, problems = expr.Compile(parsed, f.Scope, want); prog != nil {
				b.programs[common] = prog
			}
			for _, p := range problems {
				report(p)
			}
		}
		f.programs[key] = prog
	}
	if prog == nil {
		return nil, false
	}
	ok = true
	for _, u := range parsed.Uses {
		at := expr.Problem{From: u.From, To: u.To}
		switch name := u.Chain[0]; {
		case name == "env" && len(u.Chain) > 1 && b.unsetEnv[u.Chain[1]]:
			at.Summary = "environment variable " + u.Chain[1] + " is not set"
			at.Hint = "set it, or give it a default: env: {" + u.Chain[1] + ": ...}"
			ok = report(at)
		case name == "matrix" && f.values[name] == nil, b.unknown(name, u.Chain):
			ok = false // reported where it was written
		case b.byName[name] != nil && f.values[name] == nil:
			at.Summary = "there is no instance " + name + f.cell.project(b.byName[name].axes)
			at.Hint = "give both stages the same values, or write matrix: \"${" + name + ".matrix}\""
			ok = report(at)
		}
	}
	if !ok {
		return nil, false
	}
	return prog, true
}

// weight is how many values a list or map holds.
func weight(v any) int {
	n := 0
	switch x := v.(type) {
	case []any:
		for _, item := range x {
			n += 1 + weight(item)
		}
	case map[string]any:
		for _, item := range x {
			n += 1 + weight(item)
		}
	}
	return n
}

// secret notes that a secret is not there, for an instance that is on.
func (b *builder) secret(at pos.Span, name string) {
	ok, why := false, "nothing says where secrets come from"
	if b.opt.Secret != nil {
		ok, why = b.opt.Secret(name)
	}
	if !ok {
		b.absentSecrets.Errorf(at, fmt.Sprintf("set the environment variable %s, or say in belay.yaml where it comes from: secrets: {%s: {file: PATH}}", name, name), "secret %s is not there: %s", name, why)
	}
}

// unknown says whether a name has no value because of a mistake that was reported already.
func (b *builder) unknown(name string, chain []string) bool {
	switch name {
	case "params":
		if len(chain) > 1 {
			params, _ := b.values["params"].(map[string]any)
			_, given := params[chain[1]]
			return !given
		}
		return false
	case "model", "parallel":
		return b.values[name] == nil
	case "matrix", "env", "recipe":
		return false
	}
	t := b.byName[name]
	return t != nil && (!t.ready || t.broken || t.anyFails)
}

// source is the node that a value really came from: an expression that is nothing but a path to a parameter or a
// matrix value is followed there. moved says that it was.
func (b *builder) source(c cell, n *ast.Node) (from *ast.Node, moved bool) {
	return b.sourceOf(c, n, 0)
}

// sourceOf is source after some steps; values that stand for each other end it.
func (b *builder) sourceOf(c cell, n *ast.Node, steps int) (from *ast.Node, moved bool) {
	if steps > 10 || b.literal || b.foreign(n) || n.Kind != ast.Text || !expr.Holds(n.Text) {
		return n, false
	}
	parts, _, _ := b.split(n)
	whole, ok := expr.Whole(parts)
	if !ok {
		return n, false
	}
	chain := b.exprs.Parse(whole.Source).Chain()
	if len(chain) < 2 && !(len(chain) == 1 && chain[0] == "model") {
		return n, false
	}
	var root *ast.Node
	foreign := false // the node is not of this recipe's language: a caller's, or from the command line
	switch chain[0] {
	case "params":
		root, foreign = b.paramFrom[chain[1]], true
		chain = chain[2:]
	case "model":
		root = b.recipe.Model
		chain = chain[1:]
	case "parallel":
		root = b.parallel[chain[1]].at
		chain = chain[2:]
	case "matrix":
		for _, v := range c {
			if v.axis == chain[1] {
				root = v.from
			}
		}
		chain = chain[2:]
	}
	if root == nil {
		return n, false
	}
	at, _, rest := root.Follow(chain)
	if len(rest) > 0 {
		return n, false
	}
	if at == n {
		return n, false
	}
	if from = at; !foreign {
		from, _ = b.sourceOf(c, at, steps+1)
	}
	return from, true
}

// noteFrom adds where a value was written when that is elsewhere than the subject.
func noteFrom(d diag.Diagnostic, from *ast.Node, subject pos.Span) diag.Diagnostic {
	if from != nil && from.Span.Start != subject.Start {
		d.Notes = append(d.Notes, diag.Note{Text: "the value was given here", Span: from.Span})
	}
	return d
}
