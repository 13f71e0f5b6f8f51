package rowexpr

import (
	"maps"
	"slices"
	"sync"

	"github.com/belay-ml/belay/stages/preprocess/record"
)

// Rows is what happens to the records of a source: some are let through, and columns are made. Nil does nothing. It may
// be used by several goroutines.
type Rows struct {
	filter  *expression // nil lets all through
	made    []string
	makes   []*expression
	columns []string

	machines sync.Pool // of *machine
}

// machine runs the expressions for one goroutine at a time.
type machine struct {
	filter *program
	makes  []*program
	values []any
}

// Compile checks a condition and expressions by the columns they make. "" is no condition.
func Compile(filter string, made map[string]string) (*Rows, error) {
	r := &Rows{made: slices.Sorted(maps.Keys(made))}
	var err error
	if filter != "" {
		if r.filter, err = parse("filter", filter); err != nil {
			return nil, err
		}
	}
	for _, name := range r.made {
		e, err := parse("map."+name, made[name])
		if err != nil {
			return nil, err
		}
		r.makes = append(r.makes, e)
	}
	if r.filter == nil && len(r.makes) == 0 {
		return nil, nil
	}
	for _, e := range append([]*expression{r.filter}, r.makes...) {
		if e == nil {
			continue
		}
		for _, c := range e.columns {
			if !slices.Contains(r.columns, c) {
				r.columns = append(r.columns, c)
			}
		}
	}
	m, err := r.machine()
	if err != nil {
		return nil, err
	}
	r.machines.Put(m)
	return r, nil
}

func (r *Rows) machine() (m *machine, err error) {
	m = &machine{values: make([]any, len(r.makes))}
	if r.filter != nil {
		if m.filter, err = r.filter.compile(true); err != nil {
			return nil, err
		}
	}
	for _, e := range r.makes {
		p, err := e.compile(false)
		if err != nil {
			return nil, err
		}
		m.makes = append(m.makes, p)
	}
	return m, nil
}

// Columns are the columns that the expressions read.
func (r *Rows) Columns() []string {
	if r == nil {
		return nil
	}
	return r.columns
}

// Whole says whether expressions look at the whole record.
func (r *Rows) Whole() bool {
	return r != nil && (r.filter != nil && r.filter.whole || slices.ContainsFunc(r.makes, func(e *expression) bool { return e.whole }))
}

// Made are the columns that the expressions make.
func (r *Rows) Made() []string {
	if r == nil {
		return nil
	}
	return r.made
}

// Filters says whether records may be left out.
func (r *Rows) Filters() bool { return r != nil && r.filter != nil }

// Apply says whether a record is let through, and gives it the columns that are made. Its errors are Mistakes.
func (r *Rows) Apply(rec record.Record) (keep bool, err error) {
	if r == nil {
		return true, nil
	}
	m, _ := r.machines.Get().(*machine)
	if m == nil {
		if m, err = r.machine(); err != nil {
			return false, err // as it compiled before, it does again
		}
	}
	defer r.machines.Put(m)
	if m.filter != nil {
		v, err := m.filter.run(rec)
		if err != nil {
			return false, err
		}
		keep, ok := v.(bool)
		if !ok {
			return false, m.filter.fails(rec, "want true or false, have %s", words(v))
		}
		if !keep {
			return false, nil
		}
	}
	for i, p := range m.makes {
		if m.values[i], err = p.run(rec); err != nil {
			return false, err
		}
	}
	for i, name := range r.made {
		rec.Fields.Set(name, m.values[i])
		m.values[i] = nil
	}
	return true, nil
}
