package expr

import "strings"

// SecretName is the root of secrets in expressions: ${secret.TOKEN}.
const SecretName = "secret"

// Secret is the secret that the expression stands for. Secrets are opaque: an expression is one and nothing else, or
// has none; whatever else is made of them is a problem. The name is empty when the expression has no secret.
func (p *Parsed) Secret() (name string, at Use, problem *Problem) {
	for _, u := range p.Uses {
		if u.Chain[0] != SecretName {
			continue
		}
		wrong := func(summary, hint string) (string, Use, *Problem) {
			return "", u, &Problem{From: u.From, To: u.To, Summary: summary, Hint: hint}
		}
		const alone = "write ${secret.NAME} by itself, or inside text: \"Bearer ${secret.NAME}\""
		switch {
		case len(u.Chain) == 1 && strings.TrimSpace(p.Source) == SecretName:
			return wrong("which secret is meant is not said", "write ${secret.NAME}")
		case len(u.Chain) == 2 && len(p.chain) == 2 && p.chain[0] == SecretName:
			if !word(u.Chain[1]) {
				return wrong("a secret's name has letters, digits and _, not "+short(u.Chain[1]), "")
			}
			return u.Chain[1], u, nil
		case len(u.Chain) > 2 && len(p.chain) == len(u.Chain):
			return wrong("a secret is text and has no fields", alone)
		}
		return wrong("a secret cannot be part of an expression: its value is known only to the running stage", alone)
	}
	return "", Use{}, nil
}

// word says whether s can be the name of a secret or variable.
func word(s string) bool {
	for i, r := range s {
		if r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}

func short(s string) string {
	if r := []rune(s); len(r) > 40 {
		s = string(r[:40]) + "..."
	}
	return `"` + s + `"`
}
