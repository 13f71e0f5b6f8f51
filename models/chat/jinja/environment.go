package jinja

// environment is what a template finds: global functions, filters, tests and the methods of values. It is built once
// for each template and never changes.
type environment struct {
	globals, filters, tests         map[string]builtin
	text, dict, list, tuple, number map[string]methodFunc
}

func newEnvironment() *environment {
	e := &environment{
		globals: named(globals()), filters: named(filters()), tests: named(tests()),
		text: textMethods(), dict: dictMethods(), list: listMethods(), number: numberMethods(),
	}
	e.tuple = map[string]methodFunc{"count": e.list["count"], "index": e.list["index"]}
	for alias, name := range map[string]string{"d": "default", "e": "escape", "count": "length"} {
		e.filters[alias] = e.filters[name]
	}
	for alias, name := range map[string]string{
		"==": "eq", "equalto": "eq", "!=": "ne", ">": "gt", "greaterthan": "gt", ">=": "ge", "<": "lt", "lessthan": "lt", "<=": "le",
	} {
		e.tests[alias] = e.tests[name]
	}
	return e
}

func named(all []builtin) map[string]builtin {
	m := make(map[string]builtin, len(all))
	for _, b := range all {
		m[b.name] = b
	}
	return m
}
