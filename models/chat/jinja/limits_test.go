package jinja

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func render(t testing.TB, text string, l Limits, vars ...Var) (string, error) {
	t.Helper()
	tmpl, err := Parse("t", text)
	if err != nil {
		return "", err
	}
	out, _, err := tmpl.Render(context.Background(), vars, Options{Limits: l})
	return out, err
}

func TestATemplateThatTakesTooMuchIsStopped(t *testing.T) {
	t.Parallel()
	small := Limits{Steps: 100_000, Bytes: 1 << 20, Depth: 50}
	for name, text := range map[string]string{
		"loops within loops":        "{% for a in range(10000) %}{% for b in range(10000) %}{% endfor %}{% endfor %}",
		"a loop that grows":         "{% set ns = namespace(x=[1]) %}{% for a in range(1000) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
		"a text that doubles":       "{% set ns = namespace(x='ab') %}{% for a in range(1000) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
		"output":                    "{% for a in range(90000) %}0123456789abcdef{% endfor %}",
		"a text times a number":     "{{ 'a' * 10**12 }}",
		"a list times a number":     "{{ [1] * 10**12 }}",
		"a number times a list":     "{{ 10**17 * [1, 2] }}",
		"width":                     "{{ '%999999999d' % 1 }}",
		"width of format":           "{{ '{:>999999999}'.format(1) }}",
		"center":                    "{{ 'a'|center(10**12) }}",
		"zfill":                     "{{ 'a'.zfill(10**12) }}",
		"indent":                    "{{ 'a\n' * 1000 | indent(10**9) }}",
		"indent of JSON":            "{{ [1]|tojson(indent=10**9) }}",
		"replace":                   "{{ ('a' * 10000)|replace('a', 'b' * 10000) }}",
		"join":                      "{{ range(90000)|join('x' * 1000) }}",
		"batch":                     "{{ [1]|batch(10**12, 0)|list }}",
		"slice":                     "{{ [1]|slice(10**12)|list }}",
		"a macro that calls":        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
		"macros by turns":           "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}",
		"a macro with two calls":    "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(40) }}",
		"a recursive loop":          "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
		"a number":                  "{% set ns = namespace(x=3) %}{% for a in range(100) %}{% set ns.x = ns.x * ns.x %}{% endfor %}",
		"a power":                   "{{ 10 ** (10 ** 10) }}",
		"a value within itself":     "{% set ns = namespace() %}{% set ns.a = [ns] %}{{ ns }}",
		"a deep value":              "{% set ns = namespace(x=[]) %}{% for i in range(1000) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x|tojson }}",
		"a caller that calls":       "{% macro m() %}{% call m() %}{% endcall %}{% endmacro %}{{ m() }}",
		"digits":                    "{{ 2 ** 32000 }}",
		"lists of nothing":          "{% for a in range(90000) %}{% set x = [[], [], [], []] %}{% endfor %}",
		"sum of lists":              "{{ [[1, 2, 3]] | map('batch', 1) | sum(start=[1] * 30000 + [2] * 30000) }}",
		"a million arguments":       "{{ dict(*range(90000)) }}",
		"searching again and again": "{% for a in range(90000) %}{{ 'x' in ('y' * 300000) }}{% endfor %}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := render(t, text, small)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("error %v, want one with a place", err)
			}
			if e.Line != 1 && !strings.Contains(text, "\n") {
				t.Errorf("error %v has no place", err)
			}
		})
	}
}

func TestARangeIsNoLongerThanTheSandboxAllows(t *testing.T) {
	t.Parallel()
	_, err := render(t, "{{ range(10**9) }}", Limits{})
	if want := "t:1:9: OverflowError: Range too big. The sandbox blocks ranges larger than MAX_RANGE (100000)."; err == nil || err.Error() != want {
		t.Errorf("error %v, want %q", err, want)
	}
}

func TestDeepTemplatesAreErrorsAndNoOverflow(t *testing.T) {
	t.Parallel()
	const n = 100_000
	for name, text := range map[string]string{
		"parentheses": "{{ " + strings.Repeat("(", n) + "1" + strings.Repeat(")", n) + " }}",
		"lists":       "{{ " + strings.Repeat("[", n) + strings.Repeat("]", n) + " }}",
		"not":         "{{ " + strings.Repeat("not ", n) + "1 }}",
		"minus":       "{{ " + strings.Repeat("-", n) + "1 }}",
		"sums":        "{{ 1" + strings.Repeat("+1", n) + " }}",
		"powers":      "{{ 1" + strings.Repeat("**1", n) + " }}",
		"or":          "{{ 0" + strings.Repeat(" or 0", n) + " }}",
		"and":         "{{ 1" + strings.Repeat(" and 1", n) + " }}",
		"attributes":  "{{ x" + strings.Repeat(".x", n) + " }}",
		"filters":     "{{ x" + strings.Repeat("|d", n) + " }}",
		"tests":       "{{ 1" + strings.Repeat(" is odd", n) + " }}",
		"else":        "{{ 1" + strings.Repeat(" if 0 else 1", n) + " }}",
		"if":          strings.Repeat("{% if 1 %}", n) + strings.Repeat("{% endif %}", n),
		"elif":        "{% if 0 %}" + strings.Repeat("{% elif 0 %}", n) + "{% endif %}",
		"for":         strings.Repeat("{% for x in y %}", n) + strings.Repeat("{% endfor %}", n),
		"targets":     "{% set " + strings.Repeat("(", n) + "a" + strings.Repeat(")", n) + " = 1 %}",
		"ifs":         "{{ 1" + strings.Repeat(" if 1", n) + " }}",
	} {
		_, err := Parse("t", text)
		var e *Error
		if !errors.As(err, &e) || e.Kind != SyntaxError {
			t.Errorf("%s: error %.200v, want a syntax error", name, err)
		}
	}
}

func TestACancelledRenderingEnds(t *testing.T) {
	t.Parallel()
	tmpl, err := Parse("t", "{% for a in range(90000) %}{% for b in range(90000) %}{% endfor %}{% endfor %}")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := tmpl.Render(ctx, nil, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
}

func TestMistakesInATemplateAreShown(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"a\n{% if x %}\n  b":    "t:2:4: this has no end: want {% elif %} or {% else %} or {% endif %}\n  {% if x %}\n     ^",
		"{{ a b }}":             "t:1:6: want \"}}\", have \"b\"\n  {{ a b }}\n       ^",
		"x {% nope %}":          "t:1:6: Encountered unknown tag 'nope'.\n  x {% nope %}\n       ^",
		"{{ é.x | nofilter }}":  "t:1:10: No filter named 'nofilter'.\n  {{ é.x | nofilter }}\n           ^",
		"{{ 'abc }}":            "t:1:4: the text that opens here has no end\n  {{ 'abc }}\n     ^",
		"\t{{ (1] }}":           "t:1:7: unexpected \"]\", want \")\"\n  \t{{ (1] }}\n  \t     ^",
		"{% set 1 = 2 %}":       "t:1:8: want a name, have a number\n  {% set 1 = 2 %}\n         ^",
		"{% for loop in x %}":   "t:1:8: Can't assign to special loop variable in for-loop target\n  {% for loop in x %}\n         ^",
		"{{ x is random }}":     "t:1:9: No test named 'random'.\n  {{ x is random }}\n          ^",
		"{{ [1]|random }}":      "t:1:8: the filter 'random' is not supported",
		"{% autoescape true %}": "t:1:4: {% autoescape %} is not supported",
		strings.Repeat("x", 200) + "{{ ) }}" + strings.Repeat("y", 200): "t:1:204: unexpected \")\"\n  ..." + strings.Repeat("x", 57) + "{{ ) }}" + strings.Repeat("y", 36) + "...\n     " + strings.Repeat(" ", 60) + "^",
	} {
		if _, err := Parse("t", text); err == nil || err.Error() != want {
			t.Errorf("%q: error\n%v\nwant\n%s", text, err, want)
		}
	}
	for text, want := range map[string]string{
		"{{ x.y.z }}":                 "t:1:7: 'dict object' has no attribute 'y'",
		"\n {{ nope.y }}":             "t:2:9: 'nope' is undefined",
		"{{ 1 + 'a' }}":               "t:1:6: TypeError: unsupported operand type(s) for +: 'int' and 'str'",
		"{{ x.append(1) }}":           "t:1:12: 'dict object' has no attribute 'append'",
		"{{ [].append(1) }}":          "t:1:13: access to attribute 'append' of 'list' object is unsafe.",
		"{{ ''.__class__.__mro__ }}":  "t:1:16: access to attribute '__class__' of 'str' object is unsafe.",
		"{{ raise_exception('no') }}": "t:1:19: no",
		"{{ strftime_now('%Y') }}":    "t:1:16: 'strftime_now' is undefined",
		"{% include 'f' %}":           "t:1:4: {% include %}: a chat template reads no other files",
		"{{ x.items }}{{ x() }}":      "t:1:18: TypeError: 'dict' object is not callable",
	} {
		if _, err := render(t, text, Limits{}, Var{"x", NewDict(0)}); err == nil || err.Error() != want {
			t.Errorf("%q: error\n%v\nwant\n%s", text, err, want)
		}
	}
}

func TestGenerationBlocksGiveTheirSpans(t *testing.T) {
	t.Parallel()
	tmpl, err := Parse("t", "{% for m in x %}[{{ loop.index }}]{% generation %}é{{ m }}{% endgeneration %};{% endfor %}{% generation %}{% endgeneration %}"+
		"{% set y %}{% generation %}z{% endgeneration %}{% endset %}{{ y }}")
	if err != nil {
		t.Fatal(err)
	}
	text, spans, err := tmpl.Render(context.Background(), []Var{{"x", []any{"a", "bc"}}}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range spans {
		got = append(got, text[s.Start:s.End])
	}
	if text != "[1]éa;[2]ébc;z" || strings.Join(got, "|") != "éa|ébc" || !tmpl.Generation() {
		t.Errorf("text %q, spans %q", text, got)
	}
}

// FuzzRender gives random templates to the parser and the renderer, which must end within their limits and never fail
// in another way than by an error.
func FuzzRender(f *testing.F) {
	for _, seed := range []string{
		"{% for m in messages %}{{ loop.index0 ~ m['role'] | upper }}{% if not loop.last %}, {% endif %}{% endfor %}",
		"{% macro f(a, b=2, *c) %}{{ varargs }}{% endmacro %}{{ f(1, *[2, 3], **{'k': 1}) }}",
		"{%- set ns = namespace(x=1) -%}{% set ns.x = ns.x + 1 %}{{ ns.x // 2 ** 3 % 4 }}",
		"{{ messages | selectattr('role', 'equalto', 'user') | map(attribute='content') | join(', ') | tojson(indent=2) }}",
		"{% filter upper %}{% raw %}{{ }}{% endraw %}{% endfilter %}{# c #}", "{{ '%5.2f'|format(1.5) }}{{ '{:>5}'.format('x') }}",
		"{% call(x) m() %}{{ x }}{% endcall %}{% generation %}a{% endgeneration %}", "{{ 'a\\x41'[::-1][1:][0] }}{{ [1,2][-1:] }}",
		"{% for a, (b, c) in [(1, (2, 3))] recursive %}{{ loop([]) }}{% break %}{% else %}{% endfor %}",
		"{{ x is defined and y is not none or 1 if z else (2, 3) }}{{ 1 < 2 <= 3 != 4 in [5] not in 6 }}",
		"{{ 1e999|int }}{{ 99999999999999999999 * -1 }}{{ 'a' * 3 }}{{ range(5)|batch(2, 'x')|list|slice(3)|list }}",
	} {
		f.Add(seed)
	}
	message := NewDict(2)
	message.Set("role", "user")
	message.Set("content", "hi é")
	f.Fuzz(func(t *testing.T, text string) {
		tmpl, err := Parse("t", text)
		if err != nil {
			return
		}
		out, spans, err := tmpl.Render(context.Background(), []Var{{"messages", []any{message, message}}}, Options{Now: clock, Limits: Limits{Steps: 20_000, Bytes: 1 << 18, Depth: 20}})
		if err != nil {
			return
		}
		if len(out) > 1<<18 {
			t.Errorf("%d bytes of output", len(out))
		}
		for _, s := range spans {
			if s.Start < 0 || s.End <= s.Start || s.End > len(out) {
				t.Errorf("span %v of %d bytes", s, len(out))
			}
		}
	})
}
