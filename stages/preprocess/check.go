package preprocess

import (
	"errors"
	"maps"
	"slices"
	"strconv"

	"github.com/belay-ml/belay/engine/param"
	"github.com/belay-ml/belay/stages/preprocess/rowexpr"
)

// Check finds before a run what the schema cannot tell: no data at all, and mistakes in expressions.
func (Stage) Check(values map[string]any) []param.Problem {
	var problems []param.Problem
	input, _ := values["input"].([]any)
	sources, _ := values["sources"].([]any)
	switch {
	case len(input) == 0 && len(sources) == 0:
		problems = append(problems, param.Problem{Path: []string{"input"}, Summary: "missing parameter input, want a list of artifacts or paths", Hint: "or sources, with an input each"})
	case len(input) > 0 && len(sources) > 0:
		problems = append(problems, param.Problem{Path: []string{"sources"}, Summary: "input is given too", Hint: "name input in a source of its own"})
	}
	problems = append(problems, expressions(values)...)
	for i, s := range sources {
		if m, ok := s.(map[string]any); ok {
			problems = append(problems, expressions(m, "sources", strconv.Itoa(i))...)
		}
	}
	return problems
}

// expressions checks filter and map of a block of parameters.
func expressions(values map[string]any, path ...string) []param.Problem {
	var problems []param.Problem
	check := func(filter string, made map[string]string, at ...string) {
		_, err := rowexpr.Compile(filter, made)
		var e *rowexpr.Error
		if errors.As(err, &e) {
			p := e.Problem
			problems = append(problems, param.Problem{Path: slices.Concat(path, at), Summary: p.Summary, Hint: p.Hint, From: p.From, To: p.To})
		}
	}
	if filter, ok := values["filter"].(string); ok {
		check(filter, nil, "filter")
	}
	made, _ := values["map"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(made)) {
		if text, ok := made[name].(string); ok {
			check("", map[string]string{name: text}, "map", name)
		}
	}
	return problems
}
