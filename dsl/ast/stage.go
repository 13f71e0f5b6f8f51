package ast

import (
	"github.com/belay-ml/belay/dsl/pos"
)

// Stage is one entry under `stages`.
type Stage struct {
	Name      string
	NameAt    pos.Span
	Uses      string
	UsesAt    pos.Span
	With      *Node // a map, never nil
	When      *Node
	Matrix    *Node
	Needs     *Node
	On        *Node
	Resources *Node
	Retries   *Node
	Timeout   *Node
	Cache     *Node
	Doc       string
	Broken    bool // reported already: nothing is known about it
}

// StageKeys are the keys of a stage, in the order of the documentation.
func StageKeys() []string {
	return []string{"uses", "with", "when", "matrix", "needs", "on", "resources", "retries", "timeout", "cache", "doc"}
}

// MatrixKeys are the keys of a matrix that are no axes.
func MatrixKeys() []string { return []string{"zip", "include", "exclude"} }

func (d *decoder) stages(r *Recipe, p *Pair) {
	if p == nil {
		d.lacks(r.Root, pos.Span{Start: r.Root.Span.Start, End: r.Root.Span.Start}, "add `stages:` with at least one stage", "the recipe has no stages")
		return
	}
	if !d.is(p, Map) {
		return
	}
	if len(p.Value.Pairs) == 0 {
		d.diags.Errorf(p.Value.Span, "add at least one stage", "the recipe has no stages")
	}
	for _, sp := range p.Value.Pairs {
		d.identifier(sp.Key, "stage", Reserved())
		if sp.Value.Kind != Map {
			d.diags.Errorf(sp.Value.Span, "write `uses: KIND` and `with: {...}` below it", "stage %s wants a map, have %s", sp.Key.Text, shown(sp.Value))
			r.Stages = append(r.Stages, &Stage{Name: sp.Key.Text, NameAt: sp.Key.Span, With: MapOf(sp.Key.Span), Broken: true})
			continue
		}
		r.Stages = append(r.Stages, d.stage(sp))
	}
}

func (d *decoder) stage(sp *Pair) *Stage {
	s := &Stage{Name: sp.Key.Text, NameAt: sp.Key.Span}
	keys := d.keys(sp.Value, "stage "+s.Name, StageKeys())
	s.With = MapOf(sp.Key.Span)
	if p := keys["uses"]; p == nil {
		d.diags.Errorf(sp.Key.Span, "add `uses: KIND`", "stage %s does not say what it uses", s.Name)
	} else if d.is(p, Text) {
		s.Uses, s.UsesAt = p.Value.Text, p.Value.Span
	}
	if p := keys["with"]; p != nil && d.is(p, Map) {
		s.With = p.Value
	}
	value := func(key string) *Node {
		if p := keys[key]; p != nil {
			return p.Value
		}
		return nil
	}
	s.When, s.Matrix, s.Needs, s.On = value("when"), value("matrix"), value("needs"), value("on")
	s.Resources, s.Retries, s.Timeout, s.Cache = value("resources"), value("retries"), value("timeout"), value("cache")
	s.Doc = d.text(keys["doc"])
	return s
}
