package lsp

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/belay-ml/belay/dsl/schema"
	"github.com/belay-ml/belay/engine"
)

// word is a name that fits somewhere and what to say about it.
type word struct{ name, doc string }

// recipeDocs says what the top-level keys are for.
func recipeDocs() map[string]string {
	return map[string]string{
		"belay":    "The version of the recipe language: `belay: 1`.",
		"name":     "Names the run, and the folder of its outputs below `out/`. The file's name when it is not given.",
		"doc":      "What the recipe is for.",
		"extends":  "A recipe to build on, or a list of them: maps merge key by key, lists and values replace, `key+:` appends to a list, `key: !unset` removes a key.",
		"model":    "The model: a registry name such as `qwen2-7b`, or a map such as `{family: llama, num_layers: 4}`. Expressions read it as `${model.num_layers}`.",
		"params":   "What a caller may set with `-p name=value`: a default, or a declaration `{type, default, min, max, enum, kind, doc}`. Expressions read `${params.name}`.",
		"parallel": "The layout for every stage that takes one: `{tp: 4, pp: 2}`. What a stage writes itself wins.",
		"env":      "Environment variables that expressions may read as `${env.NAME}`: a list of names, or a map of defaults.",
		"stages":   "The stages by name. `${name.port}` in another stage makes an edge of the graph.",
		"outputs":  "Artifacts that a person looks for, linked below `out/`: `name: \"${stage.port}\"`.",
	}
}

// stageDocs says what the keys of a stage are for.
func stageDocs() map[string]string {
	return map[string]string{
		"uses":      "The stage kind, or a recipe file that is used as one stage.",
		"with":      "Its parameters.",
		"when":      "A condition over params, matrix, model, parallel and env, and over the numbers of earlier stages: `evaluate.metrics.acc > 0.4` is decided when evaluate has ended. When it is false the stage is off, and so is who reads it.",
		"matrix":    "Axes, `{seed: [1, 2]}`: every combination is an instance. `zip` has axes that go side by side, `include` and `exclude` add and remove combinations; `\"${other.matrix}\"` takes over those of another stage.",
		"needs":     "Stages to wait for without reading them.",
		"on":        "The target it runs on.",
		"resources": "What it claims while it runs: `{cpu: 2, memory: 8GiB, npu: 1, net: true, mutex: [name]}`.",
		"retries":   "Further attempts after a failure: a number, or `{max: 3, on: [network, timeout], backoff: 10s}`.",
		"timeout":   "How long it may take: `90s`, `30m`, `2h30m`.",
		"cache":     "`false` runs it every time.",
		"doc":       "What the stage is for.",
	}
}

// paramDocs says what the keys of a parameter's declaration are for.
func paramDocs() map[string]string {
	return map[string]string{
		"type":    "The type of its values; that of the default when it is not given.",
		"default": "The value when the caller gives none. Without it, the caller must.",
		"min":     "The smallest value.",
		"max":     "The largest value.",
		"enum":    "The values there are.",
		"kind":    "The kind of artifact; any when it is not given.",
		"doc":     "What it is for.",
	}
}

// typeDocs says what the types of parameters are.
func typeDocs() map[string]string {
	return map[string]string{
		"string": "text", "int": "a whole number", "float": "a number", "bool": "true or false",
		"path": "a path, relative to the file that it is written in", "list": "a list", "map": "a map",
		"artifact": "a path, or, for a recipe that is used as a stage, a port of another",
	}
}

// matrixDocs says what the keys of a matrix are that are no axes.
func matrixDocs() map[string]string {
	return map[string]string{
		"zip":     "Axes that go side by side: `{lr: [1e-4, 1e-5], warmup: [100, 10]}` makes two combinations.",
		"include": "Combinations to add: a list of maps that give every axis.",
		"exclude": "Combinations to leave out: a list of maps of axes and values.",
	}
}

// rootDocs says what the first names of expressions are.
func rootDocs() map[string]string {
	return map[string]string{
		"params": "The recipe's parameters.", "model": "The recipe's model.", "parallel": "The recipe's layout.",
		"matrix": "The stage's values in this cell of its matrix.", "recipe": "The recipe itself: `recipe.name`.",
		"env": "Environment variables that the recipe lists under `env`.", "secret": "Secrets: they reach the stage and nothing that is written.",
	}
}

// signature is how a function of expressions is called.
type signature struct{ call, doc string }

// signatures are those of expr.Functions.
func signatures() map[string]signature {
	return map[string]signature{
		"len":        {"len(list or text) int", "How many items or characters."},
		"all":        {"all(list, condition) bool", "Whether the condition holds for every item; # is the item."},
		"any":        {"any(list, condition) bool", "Whether the condition holds for some item; # is the item."},
		"none":       {"none(list, condition) bool", "Whether the condition holds for no item; # is the item."},
		"one":        {"one(list, condition) bool", "Whether the condition holds for exactly one item; # is the item."},
		"filter":     {"filter(list, condition) list", "The items for which the condition holds; # is the item."},
		"map":        {"map(list, expression) list", "The expression for each item; # is the item."},
		"find":       {"find(list, condition) any", "The first item for which the condition holds; # is the item."},
		"count":      {"count(list, condition) int", "For how many items the condition holds; # is the item."},
		"sum":        {"sum(list) number", "The sum of the items."},
		"abs":        {"abs(number) number", "Without its sign."},
		"ceil":       {"ceil(number) float", "Rounded up."},
		"floor":      {"floor(number) float", "Rounded down."},
		"round":      {"round(number) float", "Rounded to the nearest whole number."},
		"int":        {"int(number or text) int", "As a whole number."},
		"float":      {"float(number or text) float", "As a number with a fraction."},
		"min":        {"min(number, ...) number", "The smallest."},
		"max":        {"max(number, ...) number", "The largest."},
		"trim":       {"trim(text) text", "Without blanks at both ends."},
		"trimPrefix": {"trimPrefix(text, prefix) text", "Without the prefix."},
		"trimSuffix": {"trimSuffix(text, suffix) text", "Without the suffix."},
		"upper":      {"upper(text) text", "In capitals."},
		"lower":      {"lower(text) text", "In small letters."},
		"split":      {"split(text, separator) list", "The parts of a text."},
		"replace":    {"replace(text, old, new) text", "With every old replaced."},
		"join":       {"join(list, separator) text", "The items as one text."},
		"indexOf":    {"indexOf(text, part) int", "Where the part begins, -1 when it is not there."},
		"hasPrefix":  {"hasPrefix(text, prefix) bool", "Whether the text begins with it."},
		"hasSuffix":  {"hasSuffix(text, suffix) bool", "Whether the text ends with it."},
		"first":      {"first(list) any", "The first item."},
		"last":       {"last(list) any", "The last item."},
		"reverse":    {"reverse(list) list", "From the last item to the first."},
		"uniq":       {"uniq(list) list", "Each item once."},
		"concat":     {"concat(list, ...) list", "The lists one after the other."},
		"flatten":    {"flatten(list) list", "The items of lists inside the list."},
		"sort":       {"sort(list) list", "From the smallest item to the largest."},
		"div":        {"div(int, int) int", "Division of whole numbers; / gives a fraction."},
		"keys":       {"keys(map) list", "The keys, sorted."},
		"string":     {"string(value) text", "A number or boolean as text."},
	}
}

// words gives names their docs.
func words(names []string, docs map[string]string) []word {
	out := make([]word, len(names))
	for i, name := range names {
		out[i] = word{name, docs[name]}
	}
	return out
}

// grammar is the JSON Schema of recipes, for what this package does not know by name: a key that is new in the language
// is completed because the schema has it.
type grammar struct{ root map[string]any }

func newGrammar(stages []engine.Stage) (*grammar, error) {
	b, err := schema.Recipe(stages)
	if err != nil {
		return nil, err
	}
	g := &grammar{}
	return g, json.Unmarshal(b, &g.root)
}

// at is what the schema has at a path of a recipe: keys of a map, and words and booleans as values.
func (g *grammar) at(path []string) (keys, values []word) {
	seen := map[string]bool{}
	for _, s := range g.nodes([]any{g.root}, path) {
		props, _ := s["properties"].(map[string]any)
		for name, v := range props {
			if !seen["k"+name] {
				seen["k"+name] = true
				m, _ := v.(map[string]any)
				doc, _ := m["description"].(string)
				keys = append(keys, word{name, doc})
			}
		}
		enum, _ := s["enum"].([]any)
		if s["type"] == "boolean" {
			enum = append(enum, "true", "false")
		}
		for _, v := range enum {
			if text, ok := v.(string); ok && !seen["v"+text] {
				seen["v"+text] = true
				values = append(values, word{text, ""})
			}
		}
	}
	slices.SortFunc(keys, func(a, b word) int { return strings.Compare(a.name, b.name) })
	return keys, values
}

// nodes are the schemas that a path leads to, alternatives spread out.
func (g *grammar) nodes(from []any, path []string) []map[string]any {
	var here []map[string]any
	for _, v := range from {
		s, ok := v.(map[string]any)
		if !ok {
			continue
		}
		if ref, ok := s["$ref"].(string); ok {
			defs, _ := g.root["$defs"].(map[string]any)
			here = append(here, g.nodes([]any{defs[ref[len("#/$defs/"):]]}, nil)...)
			continue
		}
		here = append(here, s)
		for _, key := range []string{"anyOf", "oneOf"} {
			alternatives, _ := s[key].([]any)
			here = append(here, g.nodes(alternatives, nil)...)
		}
	}
	if len(path) == 0 {
		return here
	}
	var next []any
	for _, s := range here {
		props, _ := s["properties"].(map[string]any)
		switch {
		case path[0] == "*":
			next = append(next, s["items"])
		case props[path[0]] != nil:
			next = append(next, props[path[0]])
		default:
			next = append(next, s["additionalProperties"])
		}
	}
	return g.nodes(next, path[1:])
}
