package handler

import (
	"fmt"
	"slices"
	"strings"

	"github.com/belay-ml/belay/stages/preprocess/record"
)

// mapping is the columns that a handler reads, by role.
type mapping struct {
	column map[string]string
	// taken are roles nobody mapped, which are read where the data has a column of their name.
	taken []string
}

// mapColumns overlays the user's mapping on the defaults. Roles whose column is "" are not read. Of the
// optional roles the reference reads those alone that are mapped, or wants them all the same.
func (o Options) mapColumns(defaults map[string]string, optional ...string) (mapping, error) {
	m := mapping{column: map[string]string{}}
	var known []string
	for role, column := range defaults {
		m.column[role] = column
		known = append(known, role)
	}
	slices.Sort(known)
	var given []string
	for role := range o.MapKeys {
		given = append(given, role)
	}
	slices.Sort(given)
	for _, role := range given {
		if _, ok := m.column[role]; !ok {
			return m, fmt.Errorf("map_keys: unknown key %q, want %s", role, strings.Join(known, ", "))
		}
		m.column[role] = o.MapKeys[role]
	}
	if o.Compat {
		return m, nil
	}
	for _, role := range optional {
		if _, ok := o.MapKeys[role]; ok {
			continue
		}
		if m.column[role] == "" {
			m.column[role] = role
		}
		m.taken = append(m.taken, role)
	}
	return m, nil
}

// columns lists the columns of the roles that the data must have, in order.
func (m mapping) columns(roles ...string) []string {
	var out []string
	for _, r := range roles {
		if m.column[r] != "" && !slices.Contains(m.taken, r) {
			out = append(out, m.column[r])
		}
	}
	return out
}

// optional lists the columns that are read where they are.
func (m mapping) optional() []string {
	var out []string
	for _, r := range m.taken {
		out = append(out, m.column[r])
	}
	return out
}

// text is the text in a role's column; "" when it is not mapped, missing or null.
func (m mapping) text(r record.Record, role string) (string, error) {
	if m.column[role] == "" {
		return "", nil
	}
	s, _, err := r.Text(m.column[role])
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
	column = m.column[role]
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
