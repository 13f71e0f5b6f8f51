package expr

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/types"
)

// Var is the type of a name or field. The zero Var is of unknown type.
type Var struct {
	typ    types.Type      // nil: any
	Fields map[string]*Var // of maps with known keys
	What   string          // how messages call it: "stage base", "params"

	sign string // made once
}

// Artifact is the type of a port, Artifacts of a list of them.
func Artifact() *Var  { return &Var{typ: types.TypeOf(Ref{})} }
func Artifacts() *Var { return &Var{typ: types.Array(types.TypeOf(Ref{}))} }

// Record is a map with known keys.
func Record(what string, fields map[string]*Var) *Var { return &Var{What: what, Fields: fields} }

// Unknown is anything: what stands where a mistake was reported already.
func Unknown() *Var { return &Var{} }

// TypeOf is the type of a plain value: nil, bool, int64, float64, string, []any, map[string]any.
func TypeOf(what string, v any) *Var {
	switch x := v.(type) {
	case bool:
		return &Var{typ: types.Bool}
	case int64:
		return &Var{typ: types.Int}
	case float64:
		return &Var{typ: types.Float64}
	case string:
		return &Var{typ: types.String}
	case Ref:
		return Artifact()
	case []any:
		return &Var{typ: types.Array(common(x).native())}
	case map[string]any:
		r := Record(what, make(map[string]*Var, len(x)))
		for k, e := range x {
			r.Fields[k] = TypeOf(what+"."+k, e)
		}
		return r
	}
	return Unknown()
}

// Common is the type that all values share, unknown when they differ.
func Common(values []any) *Var { return common(values) }

func common(items []any) *Var {
	if len(items) == 0 {
		return Unknown()
	}
	first := TypeOf("", items[0])
	if first.Fields != nil {
		return Unknown()
	}
	for _, item := range items[1:] {
		if t := TypeOf("", item); t.Fields != nil || t.typ == nil || first.typ == nil || !first.typ.Equal(t.typ) {
			return Unknown()
		}
	}
	return first
}

func (v *Var) native() types.Type {
	switch {
	case v.typ != nil:
		return v.typ
	case v.Fields != nil:
		m := make(types.Map, len(v.Fields))
		for k, f := range v.Fields {
			m[k] = f.native()
		}
		return m
	}
	return types.Any
}

// Scope is the names an expression may use.
type Scope struct {
	Vars map[string]*Var
	// Absent explains names that exist elsewhere but not here: "the stage has no matrix".
	Absent map[string]string
	// Outer is asked for names that neither has: what many scopes share is kept once.
	Outer *Scope
	// Terse leaves out near names: finding them takes time where there are thousands.
	Terse bool
}

// Lookup is the type of a name, nil when it is none here.
func (s *Scope) Lookup(name string) *Var {
	for ; s != nil; s = s.Outer {
		if v := s.Vars[name]; v != nil {
			return v
		}
		if _, absent := s.Absent[name]; absent {
			return nil
		}
	}
	return nil
}

// absent is why a name is not available here.
func (s *Scope) absent(name string) (why string, ok bool) {
	for ; s != nil && !ok; s = s.Outer {
		why, ok = s.Absent[name]
	}
	return why, ok
}

// native is the types of the names that an expression uses, for expr-lang.
func (s *Scope) native(names []string) types.Map {
	env := make(types.Map, len(names))
	for _, name := range names {
		if v := s.Lookup(name); v != nil {
			env[name] = v.native()
		}
	}
	return env
}

// Signature tells apart scopes in which an expression may mean different things: it is equal where the types of all
// names used are.
func (s *Scope) Signature(p *Parsed) string {
	var b strings.Builder
	for _, name := range p.roots {
		if v := s.Lookup(name); v != nil {
			b.WriteString(name + "=" + v.signature() + ";")
		}
	}
	return b.String()
}

func (v *Var) signature() string {
	switch {
	case v.sign != "":
	case v.Fields != nil:
		var b strings.Builder
		b.WriteByte('{')
		for _, name := range v.fieldNames() {
			b.WriteString(strconv.Quote(name) + ":" + v.Fields[name].signature() + ",")
		}
		b.WriteByte('}')
		if v.typ != nil {
			b.WriteString(v.typ.String())
		}
		v.sign = b.String()
	case v.typ == nil:
		v.sign = "any"
	default:
		v.sign = v.typ.String()
	}
	return v.sign
}

// find follows a chain of names as far as types are known. found says how many names were.
func (s *Scope) find(chain []string) (v *Var, found int) {
	v = s.Lookup(chain[0])
	if v == nil {
		return nil, 0
	}
	for i, name := range chain[1:] {
		if v.Fields == nil {
			return Unknown(), len(chain)
		}
		next := v.Fields[name]
		if next == nil {
			return v, i + 1
		}
		v = next
	}
	return v, len(chain)
}

// artifact says in words that a chain leads to an artifact or a list of them, "" when it does not.
func (s *Scope) artifact(chain []string) string {
	v, ok := s.plain(chain)
	switch {
	case !ok || v.typ == nil:
	case v.typ.Equal(types.TypeOf(Ref{})):
		return "an artifact"
	case v.typ.String() == types.Array(types.TypeOf(Ref{})).String():
		return "a list of artifacts"
	}
	return ""
}

// plain says whether a chain leads through maps with known keys all the way, so that its types are right.
func (s *Scope) plain(chain []string) (v *Var, ok bool) {
	v = s.Lookup(chain[0])
	for _, name := range chain[1:] {
		if v == nil {
			return nil, false
		}
		v = v.Fields[name]
	}
	return v, v != nil
}

func (s *Scope) names() []string {
	var names []string
	if s.Terse {
		return nil
	}
	for sc := s; sc != nil; sc = sc.Outer {
		for k := range sc.Vars {
			if s.Lookup(k) != nil {
				names = append(names, k)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (v *Var) fieldNames() []string {
	names := make([]string, 0, len(v.Fields))
	for k := range v.Fields {
		names = append(names, k)
	}
	slices.Sort(names)
	return names
}

func (v *Var) missing(name string) string {
	if v.What == "" {
		return fmt.Sprintf("no field %q", name)
	}
	return fmt.Sprintf("%s has no %s", v.What, name)
}
