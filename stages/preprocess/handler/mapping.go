package handler

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/belay-ml/belay/stages/preprocess/record"
)

// mapping is the columns that a handler reads, by role.
type mapping struct {
	roles []role
	// taken are roles nobody mapped, which are read where the data has a column of their name.
	taken []string
}

// role is a column by its role; "" is not read.
type role struct{ name, column string }

// mapColumns overlays the user's mapping on the defaults. Roles whose column is "" are not read. Of the
// optional roles the reference reads those alone that are mapped, or wants them all the same.
func (o Options) mapColumns(defaults map[string]string, optional ...string) (mapping, error) {
	known := slices.Sorted(maps.Keys(defaults))
	var m mapping
	for _, name := range known {
		m.roles = append(m.roles, role{name, defaults[name]})
	}
	var given []string
	for role := range o.MapKeys {
		given = append(given, role)
	}
	slices.Sort(given)
	for _, role := range given {
		of := m.role(role)
		if of == nil {
			return m, fmt.Errorf("map_keys: unknown key %q, want %s", role, strings.Join(known, ", "))
		}
		of.column = o.MapKeys[role]
	}
	if o.Compat {
		return m, nil
	}
	for _, role := range optional {
		if _, ok := o.MapKeys[role]; ok {
			continue
		}
		if of := m.role(role); of.column == "" {
			of.column = role
		}
		m.taken = append(m.taken, role)
	}
	return m, nil
}

// role finds a role; there are few of them, and this is asked for several times a record.
func (m mapping) role(name string) *role {
	for i := range m.roles {
		if m.roles[i].name == name {
			return &m.roles[i]
		}
	}
	return nil
}

// column is the column of a role.
func (m mapping) column(name string) string {
	if r := m.role(name); r != nil {
		return r.column
	}
	return ""
}

// columns lists the columns of the roles that the data must have, in order.
func (m mapping) columns(roles ...string) []string {
	var out []string
	for _, r := range roles {
		if c := m.column(r); c != "" && !slices.Contains(m.taken, r) {
			out = append(out, c)
		}
	}
	return out
}

// optional lists the columns that are read where they are.
func (m mapping) optional() []string {
	var out []string
	for _, r := range m.taken {
		out = append(out, m.column(r))
	}
	return out
}

// text is the text in a role's column; "" when it is not mapped, missing or null.
func (m mapping) text(r record.Record, role string) (string, error) {
	column := m.column(role)
	if column == "" {
		return "", nil
	}
	s, _, err := r.Text(column)
	return s, m.explain(err, role)
}

// explain adds the way out to a mistake in a column that nobody asked for.
func (m mapping) explain(err error, role string) error {
	if err == nil || !slices.Contains(m.taken, role) {
		return err
	}
	return fmt.Errorf("%w (map_keys with %s: \"\" leaves the column out)", err, role)
}

// value is what stands in a role's column.
func (m mapping) value(r record.Record, role string) (v any, column string) {
	column = m.column(role)
	v, _ = r.Fields.Get(column)
	return v, column
}

// join puts a line end between two texts that are not empty.
func join(a, b string) string {
	switch {
	case a == "":
		return b
	case b == "":
		return a
	}
	return a + "\n" + b
}
