package expr_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/belay-ml/belay/dsl/expr"
)

func TestASecretIsAllOfAnExpressionOrNothing(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]string{
		"secret.TOKEN": "TOKEN", " secret.TOKEN ": "TOKEN", "secret['TOKEN']": "TOKEN", "(secret.TOKEN)": "TOKEN",
		"params.lr": "", "let secret = 1; secret + 1": "", "'secret.TOKEN'": "", "params.secret": "",
		"secret": "!secret", "secret.a.b": "!secret", "secret['a b']": "!secret", "secret.TOKEN + 'x'": "!secret",
		"1 + len(secret.TOKEN)": "!secret", "secret.A == secret.B": "!secret", "[secret.A]": "!secret", "{'a': secret.A}": "!secret",
		"params.on ? secret.A : 'x'": "!secret", "secret[params.name]": "!secret", "filter(params.list, # > secret.A)": "!secret",
		"let x = secret.A; x": "!secret", "!secret.A": "!secret", "secret.A[0:1]": "!secret", "keys(secret)": "!secret", "secret.A ?? 'x'": "!secret",
	} {
		name, _, p := expr.Parse(src).Secret()
		got := name
		if p != nil {
			got = "!" + string([]rune(src)[p.From:p.To])
		}
		if got != want {
			t.Errorf("%s: want %q, have %q (%v)", src, want, got, p)
		}
	}
}

// FuzzSecret holds that a name in an expression is found or refused at its place, and that what has no problem and
// no secret cannot come near one.
func FuzzSecret(f *testing.F) {
	for _, seed := range []string{
		"secret.TOKEN", "secret['TOKEN']", "secret", "secret.a.b", "secret?.A", "[secret.A]", "let s = secret; s.A", "map(secret, #)", "日 + secret.A",
		"secret.A | upper", "secret[0]", "(secret).A", "$env.secret", "secret ?? 1", "{secret: secret.A}",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, src string) {
		if !utf8.ValidString(src) {
			t.Skip()
		}
		parsed := expr.Parse(src)
		name, at, p := parsed.Secret()
		runes := utf8.RuneCountInString(src)
		switch {
		case p != nil:
			if p.From < 0 || p.To > runes || p.From >= p.To || name != "" || p.Summary == "" {
				t.Fatalf("%q: a problem at %d to %d of %d", src, p.From, p.To, runes)
			}
		case name != "":
			if at.From < 0 || at.To > runes || !strings.Contains(src, "secret") {
				t.Fatalf("%q: %s at %v", src, name, at)
			}
		default:
			// Compiled in a scope in which secrets are text: no value of theirs can be reached.
			scope := &expr.Scope{Vars: map[string]*expr.Var{}, Absent: map[string]string{expr.SecretName: "not here"}}
			values := expr.Values{}
			values.Set(expr.SecretName, map[string]any{"A": "VALUE"})
			if prog, problems := expr.Compile(parsed, scope, ""); len(problems) == 0 {
				if v, _ := prog.Run(values); v == "VALUE" {
					t.Fatalf("%q gives the value away", src)
				}
			}
		}
	})
}
