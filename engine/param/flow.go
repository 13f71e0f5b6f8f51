package param

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// parseFlow reads the text of a default tag: YAML 1.2 core scalars, [a, b] and {k: v}. Text of a string
// field is taken as it stands.
func parseFlow(text string, t Type) (any, error) {
	if t == String {
		return text, nil
	}
	p := flow{s: text}
	v, err := p.value(0)
	if err != nil {
		return nil, err
	}
	if p.space(); p.i != len(p.s) {
		return nil, fmt.Errorf("unexpected %q at %d", p.s[p.i:], p.i)
	}
	return v, nil
}

type flow struct {
	s string
	i int
}

func (p *flow) space() {
	for p.i < len(p.s) && p.s[p.i] == ' ' {
		p.i++
	}
}

func (p *flow) eat(c byte) bool {
	p.space()
	if p.i < len(p.s) && p.s[p.i] == c {
		p.i++
		return true
	}
	return false
}

func (p *flow) value(depth int) (any, error) {
	if depth > 8 {
		return nil, fmt.Errorf("nested too deeply at %d", p.i)
	}
	switch {
	case p.eat('['):
		list := []any{}
		for !p.eat(']') {
			v, err := p.value(depth + 1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
			if !p.eat(',') && (p.i >= len(p.s) || p.s[p.i] != ']') {
				return nil, fmt.Errorf("want , or ] at %d", p.i)
			}
		}
		return list, nil
	case p.eat('{'):
		m := map[string]any{}
		for !p.eat('}') {
			k, _, err := p.token(":")
			if err != nil {
				return nil, err
			}
			if !p.eat(':') {
				return nil, fmt.Errorf("want : at %d", p.i)
			}
			if m[k], err = p.value(depth + 1); err != nil {
				return nil, err
			}
			if !p.eat(',') && (p.i >= len(p.s) || p.s[p.i] != '}') {
				return nil, fmt.Errorf("want , or } at %d", p.i)
			}
		}
		return m, nil
	}
	s, quoted, err := p.token("")
	if err != nil {
		return nil, err
	}
	if quoted {
		return s, nil
	}
	return scalar(s), nil
}

// token reads a quoted or plain scalar; plain ones end at a flow sign or one of more.
func (p *flow) token(more string) (s string, quoted bool, err error) {
	p.space()
	if p.i < len(p.s) && (p.s[p.i] == '"' || p.s[p.i] == '\'') {
		q := p.s[p.i]
		end := strings.IndexByte(p.s[p.i+1:], q)
		if end < 0 {
			return "", false, fmt.Errorf("quote not closed at %d", p.i)
		}
		s = p.s[p.i+1 : p.i+1+end]
		p.i += end + 2
		return s, true, nil
	}
	n := strings.IndexAny(p.s[p.i:], ",]}"+more)
	if n < 0 {
		n = len(p.s) - p.i
	}
	s = strings.TrimSpace(p.s[p.i : p.i+n])
	if s == "" {
		return "", false, fmt.Errorf("value missing at %d", p.i)
	}
	p.i += n
	return s, false, nil
}

// scalar resolves a plain scalar by the YAML 1.2 core schema.
func scalar(s string) any {
	switch s {
	case "null", "~":
		return nil
	case "true":
		return true
	case "false":
		return false
	case ".inf":
		return math.Inf(1)
	case "-.inf":
		return math.Inf(-1)
	}
	if strings.Trim(s, "+-.0123456789exXoabcdfABCDEF") == "" && !strings.Contains(s, "_") {
		if i, err := strconv.ParseInt(s, 10, 64); err == nil {
			return i
		}
		if strings.HasPrefix(s, "0x") || strings.HasPrefix(s, "0o") {
			if i, err := strconv.ParseInt(s, 0, 64); err == nil {
				return i
			}
		} else if f, err := strconv.ParseFloat(s, 64); err == nil && !strings.ContainsAny(s, "xXpP") {
			return f
		}
	}
	return s
}
