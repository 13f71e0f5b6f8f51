package expr

// Type is the expression's static type in the language's words: "int", "a list", "an artifact", "any value".
func (p *Program) Type() string {
	t := p.prog.Node().Type()
	if t == nil {
		return "any value"
	}
	switch name := plainWords(t.String()); name {
	case "[]an artifact":
		return "a list of artifacts"
	default:
		return name
	}
}
