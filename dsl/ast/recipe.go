package ast

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/belay-ml/belay/dsl/diag"
	"github.com/belay-ml/belay/dsl/pos"
	"github.com/belay-ml/belay/engine/param"
)

// Version is the version of the language that this program reads.
const Version = 1

// Recipe is a decoded recipe. Values that may hold expressions are still nodes.
type Recipe struct {
	Root     *Node
	Name     string
	Doc      string
	Params   []*Param
	Model    *Node
	Parallel *Node
	Env      []EnvVar
	Stages   []*Stage
	Outputs  []*Pair
}

// EnvVar is an environment variable the recipe may read. Default is nil when it must be set.
type EnvVar struct {
	Name    string
	Default *Node
	At      pos.Span
}

// RecipeKeys are the top-level keys, in the order of the documentation.
func RecipeKeys() []string {
	return []string{"belay", "name", "doc", "extends", "model", "params", "parallel", "env", "stages", "outputs"}
}

// Reserved are the names that expressions already use.
func Reserved() []string {
	return []string{"params", "model", "parallel", "matrix", "recipe", "env", "secret"}
}

// operatorWords cannot be names: the expression language reads them as operators and literals.
func operatorWords() []string {
	return []string{"not", "in", "and", "or", "matches", "contains", "startsWith", "endsWith", "let", "if", "else", "true", "false", "nil"}
}

func nameForm(s string, dashes bool) bool {
	for i, r := range s {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		digit := r >= '0' && r <= '9'
		if !letter && (i == 0 && !(dashes && digit) || !digit && !(dashes && (r == '-' || r == '.'))) {
			return false
		}
	}
	return s != ""
}

// Decode reads a merged tree as a recipe. It returns what it understood along with everything it did not.
func Decode(root *Node) (*Recipe, diag.List) {
	d := &decoder{}
	r := &Recipe{Root: root}
	keys := d.keys(root, "a recipe", RecipeKeys())
	if p := keys["belay"]; p == nil {
		d.lacks(root, pos.Span{Start: root.Span.Start, End: root.Span.Start}, fmt.Sprintf("begin with `belay: %d`", Version), "the recipe does not say its language version")
	} else if p.Value.Kind != Int || p.Value.Int != Version {
		d.diags.Errorf(p.Value.Span, fmt.Sprintf("write `belay: %d`", Version), "unknown language version %s", shown(p.Value))
	}
	r.Name = d.name(keys["name"], root)
	r.Doc = d.text(keys["doc"])
	d.params(r, keys["params"])
	if p := keys["model"]; p != nil {
		if r.Model = p.Value; r.Model.Kind != Text && r.Model.Kind != Map {
			d.diags.Errorf(r.Model.Span, "give a registry name or a map such as {family: llama, num_layers: 4}", "model wants text or a map, have %s", r.Model.Kind)
			r.Model = nil
		}
	}
	if p := keys["parallel"]; p != nil && d.is(p, Map) {
		r.Parallel = p.Value
	}
	d.env(r, keys["env"])
	d.stages(r, keys["stages"])
	if p := keys["outputs"]; p != nil && d.is(p, Map) {
		for _, o := range p.Value.Pairs {
			if !nameForm(o.Key.Text, true) {
				d.diags.Errorf(o.Key.Span, "use letters, digits, -, . and _", "bad output name %q", o.Key.Text)
				continue
			}
			r.Outputs = append(r.Outputs, o)
		}
	}
	return r, d.diags
}

type decoder struct{ diags diag.List }

// lacks reports something missing, unless it may stand in a file that could not be read.
func (d *decoder) lacks(root *Node, at pos.Span, hint, what string) {
	if !root.holes {
		d.diags.Errorf(at, hint, "%s", what)
	}
}

// keys is a map's pairs by key, without those whose value is null. Unknown keys are reported.
func (d *decoder) keys(n *Node, what string, known []string) map[string]*Pair {
	out := make(map[string]*Pair, len(n.Pairs))
	for _, p := range n.Pairs {
		if !slices.Contains(known, p.Key.Text) {
			d.diags.Errorf(p.Key.Span, didYouMean(p.Key.Text, known), "unknown key %q of %s", p.Key.Text, what)
			continue
		}
		if p.Value.Kind != Null {
			out[p.Key.Text] = p
		}
	}
	return out
}

// didYouMean is a hint: the near name, or all of them when they are few.
func didYouMean(name string, known []string) string {
	if near := param.Near(name, known); near != "" {
		return fmt.Sprintf("did you mean %s?", near)
	}
	if len(known) > 0 && len(known) <= 12 {
		return "known: " + strings.Join(known, ", ")
	}
	return ""
}

func shown(n *Node) string {
	switch {
	case n.Kind == Text:
		return fmt.Sprintf("%q", n.Text)
	case n.Kind < List && n.Text != "":
		return n.Text
	}
	return n.Kind.String()
}

// is reports a value of another kind.
func (d *decoder) is(p *Pair, want Kind) bool {
	if p.Value.Kind == want {
		return true
	}
	d.diags.Errorf(p.Value.Span, "", "%s wants %s, have %s", p.Key.Text, want, shown(p.Value))
	return false
}

func (d *decoder) text(p *Pair) string {
	if p == nil || !d.is(p, Text) {
		return ""
	}
	return p.Value.Text
}

func (d *decoder) name(p *Pair, root *Node) string {
	if p == nil {
		base := filepath.Base(root.File().Name)
		stem := strings.TrimSuffix(base, filepath.Ext(base))
		return regexp.MustCompile(`[^A-Za-z0-9_.-]`).ReplaceAllString(strings.TrimLeft(stem, "."), "_")
	}
	if !d.is(p, Text) {
		return ""
	}
	if !nameForm(p.Value.Text, true) {
		d.diags.Errorf(p.Value.Span, "use letters, digits, -, . and _", "bad recipe name %q", p.Value.Text)
		return ""
	}
	return p.Value.Text
}

// identifier checks a name that expressions use.
func (d *decoder) identifier(key *Node, what string, reserved []string) bool {
	switch {
	case !nameForm(key.Text, false):
		d.diags.Errorf(key.Span, "use letters, digits and _, not beginning with a digit", "bad %s name %q", what, key.Text)
	case slices.Contains(reserved, key.Text):
		d.diags.Errorf(key.Span, "choose another", "the %s name %q has a meaning in expressions", what, key.Text)
	case slices.Contains(operatorWords(), key.Text):
		d.diags.Errorf(key.Span, "choose another", "the %s name %q is a word of the expression language", what, key.Text)
	default:
		return true
	}
	return false
}

func (d *decoder) env(r *Recipe, p *Pair) {
	if p == nil {
		return
	}
	switch p.Value.Kind {
	case List:
		seen := map[string]bool{}
		for _, item := range p.Value.Items {
			switch {
			case item.Kind != Text:
				d.diags.Errorf(item.Span, "", "env wants names of environment variables, have %s", shown(item))
			case seen[item.Text]:
				d.diags.Errorf(item.Span, "", "env names %s twice", item.Text)
			case d.identifier(item, "variable", nil):
				seen[item.Text] = true
				r.Env = append(r.Env, EnvVar{Name: item.Text, At: item.Span})
			}
		}
	case Map:
		for _, e := range p.Value.Pairs {
			v := EnvVar{Name: e.Key.Text, At: e.Key.Span}
			if !d.identifier(e.Key, "variable", nil) {
				continue
			}
			switch e.Value.Kind {
			case Null:
			case List, Map:
				d.diags.Errorf(e.Value.Span, "", "the default of %s wants text, have %s", v.Name, e.Value.Kind)
			default:
				v.Default = e.Value
			}
			r.Env = append(r.Env, v)
		}
	default:
		d.diags.Errorf(p.Value.Span, "write env: [HOME] or env: {REGION: eu}", "env wants a list of names or a map of defaults, have %s", shown(p.Value))
	}
}
