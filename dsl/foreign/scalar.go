package foreign

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// plainForm is text that YAML reads as text without quotes, in flow maps too.
var plainForm = regexp.MustCompile(`^[A-Za-z_/.][A-Za-z0-9_/.-]*$`)

// notText are plain words that mean something else to some reader of YAML.
func notText(s string) bool {
	return slices.Contains([]string{"true", "false", "null", "yes", "no", "on", "off", "y", "n", ".nan", ".inf", ".", ".."}, strings.ToLower(s)) ||
		strings.HasPrefix(s, ".") && len(s) > 1 && s[1] >= '0' && s[1] <= '9'
}

// flow writes a value in YAML's flow form.
func flow(v any) string {
	switch x := v.(type) {
	case expression:
		return quote(string(x))
	case string:
		return text(x)
	case float64:
		return number(x)
	case []any:
		parts := make([]string, len(x))
		for i, item := range x {
			parts[i] = flow(item)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case map[string]any:
		var parts []string
		for _, k := range sortedKeys(x) {
			parts = append(parts, text(k)+": "+flow(x[k]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case nil:
		return "null"
	}
	return fmt.Sprint(v)
}

// text writes a literal text.
func text(s string) string {
	if plainForm.MatchString(s) && !notText(s) {
		return s
	}
	return quote(strings.ReplaceAll(s, "${", "$${"))
}

// quote writes a text in double quotes. JSON's strings are YAML's.
func quote(s string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a text never fails
	out := strings.TrimSuffix(b.String(), "\n")
	// What JSON lets stand and recipes do not: control characters beyond ASCII, and the mark of byte order.
	var clean strings.Builder
	for _, r := range out {
		if r >= 0x7f && r < 0xa0 || r == 0xfeff {
			fmt.Fprintf(&clean, `\u%04x`, r)
			continue
		}
		clean.WriteRune(r)
	}
	return clean.String()
}

// number writes a float so that it reads as one, 1e-6 and not 1e-06.
func number(x float64) string {
	s := strconv.FormatFloat(x, 'g', -1, 64)
	if mantissa, exp, ok := strings.Cut(s, "e"); ok {
		sign := strings.TrimRight(exp[:1], "+")
		return mantissa + "e" + sign + strings.TrimLeft(exp[1:], "0")
	}
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// plainText is a value for messages.
func plainText(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return flow(v)
}

// comment makes text fit for one line of a comment.
func comment(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) || r == 0xfeff }), " ")
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// identifier makes a name that expressions can use.
func identifier(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '_':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '_'
	}, s)
	s = strings.Trim(s, "_")
	if s == "" || s[0] >= '0' && s[0] <= '9' {
		s = "x" + s
	}
	return s[:min(len(s), 40)]
}

// RecipeName makes a recipe's name of a file's.
func RecipeName(s string) string {
	s = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-' || r == '.' {
			return r
		}
		return '_'
	}, s)
	if s = strings.TrimLeft(s, "-."); s == "" {
		return "imported"
	}
	return s
}
