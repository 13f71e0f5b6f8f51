package expr

import (
	"strings"

	"github.com/expr-lang/expr/types"

	"github.com/belay-ml/belay/engine/formula"
)

// Type is the expression's static type in the language's words: "int", "a list", "an artifact", "any value".
func (p *Program) Type() string {
	text := ""
	_, isMap := p.typ.(types.Map)
	if p.typ != nil && strings.Contains(p.typ.String(), types.Extra) {
		return map[bool]string{true: "numbers by name", false: "a list of numbers by name"}[isMap]
	} else if isMap {
		return "a map"
	} else if p.chain != nil {
		text = strings.Replace(p.typ.String(), "Array{", "[]", 1)
		text = strings.TrimSuffix(text, "}")
	} else if t := p.prog.Node().Type(); t != nil {
		text = t.String()
	}
	switch name := formula.PlainWords(text); name {
	case "", "any":
		return "any value"
	case "[]an artifact":
		return "a list of artifacts"
	default:
		return name
	}
}
