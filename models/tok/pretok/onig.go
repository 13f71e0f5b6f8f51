package pretok

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// translate rewrites a pattern from Oniguruma's Ruby syntax, which tokenizer.json is written for, to
// that of regexp2 (.NET), where the two differ: classes inside classes, possessive quantifiers, the flag
// m, \h, and case folding beyond upper and lower case (the long s). What has no counterpart is refused.
func translate(pattern string) (string, error) {
	if len(pattern) > maxPattern {
		return "", fmt.Errorf("it has %d bytes, more than %d", len(pattern), maxPattern)
	}
	t := &translator{in: pattern}
	if err := t.run(); err != nil {
		return "", fmt.Errorf("at byte %d: %w", t.pos, err)
	}
	return t.out.String(), nil
}

type translator struct {
	in    string
	pos   int
	out   strings.Builder
	atom  int // where in out the last atom begins, -1 when a quantifier has nothing to repeat
	fold  bool
	stack []group
}

type group struct {
	start int
	fold  bool // of the surroundings
}

// Bounds on what a pattern may cost to read: nesting, and size in bytes.
const (
	maxGroups  = 64
	maxPattern = 16 << 10
)

func (t *translator) run() error {
	t.atom = -1
	for t.pos < len(t.in) {
		var err error
		switch c := t.in[t.pos]; c {
		case '\\':
			err = t.escape()
		case '[':
			err = t.class()
		case '(':
			err = t.open()
		case ')':
			err = t.close()
		case '|', '^', '$':
			t.out.WriteByte(c)
			t.pos++
			t.atom = -1
		case '*', '+', '?', '{':
			t.quantifier()
		default:
			t.literal()
		}
		if err != nil {
			return err
		}
	}
	if len(t.stack) > 0 {
		return errors.New("a group is not closed")
	}
	return nil
}

func (t *translator) begin() { t.atom = t.out.Len() }

func (t *translator) literal() {
	r, n := utf8.DecodeRuneInString(t.in[t.pos:])
	t.begin()
	if t.fold {
		if others := folds(r); others != "" {
			t.out.WriteString("[" + string(r) + others + "]")
			t.pos += n
			return
		}
	}
	t.out.WriteString(t.in[t.pos : t.pos+n])
	t.pos += n
}

// folds lists what r equals under case folding and regexp2, which compares lower-cased runes, would miss.
func folds(r rune) string {
	var b strings.Builder
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		if unicode.ToLower(f) != unicode.ToLower(r) {
			b.WriteRune(f)
		}
	}
	return b.String()
}

// wordClass is \w without its brackets. .NET's counts joiners, and neither alphabetic symbols nor the numbers of
// Latin-1, of which Oniguruma counts all.
const wordClass = `\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\u24b6-\u24e9` + "²³¹¼-¾\U0001F130-\U0001F149\U0001F150-\U0001F169\U0001F170-\U0001F189"

// escape copies a backslash and what it takes.
func (t *translator) escape() error {
	text, err := t.escaped()
	if err != nil {
		return err
	}
	t.begin()
	switch text {
	case `\h`:
		text = "[0-9a-fA-F]"
	case `\H`:
		text = "[^0-9a-fA-F]"
	case `\w`:
		text = "[" + wordClass + "]"
	case `\W`:
		text = "[^" + wordClass + "]"
	}
	t.out.WriteString(text)
	return nil
}

func (t *translator) escaped() (string, error) {
	start := t.pos
	t.pos++
	if t.pos == len(t.in) {
		return "", errors.New("the pattern ends with a backslash")
	}
	c := t.in[t.pos]
	_, n := utf8.DecodeRuneInString(t.in[t.pos:])
	t.pos += n
	switch c {
	case 'p', 'P':
		return t.property(c == 'P')
	case 'R', 'X', 'K', 'g', 'k', 'N', 'O', 'y', 'Y', 'M', 'C', 'c':
		return "", fmt.Errorf(`\%c is not supported`, c)
	case '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return "", errors.New("a back reference is not supported")
	case 'x':
		if strings.HasPrefix(t.in[t.pos:], "{") {
			return "", errors.New(`\x{...} is not supported: write the character itself`)
		}
	}
	return t.in[start:t.pos], nil
}

// property reads what follows \p: {Name} or {^Name}.
func (t *translator) property(not bool) (string, error) {
	rest := t.in[t.pos:]
	end := strings.IndexByte(rest, '}')
	if !strings.HasPrefix(rest, "{") || end < 0 {
		return "", errors.New(`\p wants a name in braces`)
	}
	t.pos += end + 1
	name := rest[1:end]
	if strings.HasPrefix(name, "^") {
		name, not = name[1:], !not
	}
	if not {
		return `\P{` + name + "}", nil
	}
	return `\p{` + name + "}", nil
}

// class copies [...]; a class inside it is a union, whose members move up.
func (t *translator) class() error {
	t.begin()
	t.pos++
	t.out.WriteByte('[')
	if strings.HasPrefix(t.in[t.pos:], "^") {
		t.out.WriteByte('^')
		t.pos++
	}
	if err := t.members(0); err != nil {
		return err
	}
	t.out.WriteByte(']')
	return nil
}

func (t *translator) members(depth int) error {
	for first := true; ; first = false {
		rest := t.in[t.pos:]
		switch {
		case rest == "":
			return errors.New("a class is not closed")
		case rest[0] == ']' && !first:
			t.pos++
			return nil
		case rest[0] == ']':
			t.out.WriteString(`\]`)
			t.pos++
		case strings.HasPrefix(rest, "[:"):
			return errors.New(`a class like [:alpha:] is not supported: write \p{...}`)
		case strings.HasPrefix(rest, "[^"):
			return errors.New("a negated class inside a class is not supported")
		case rest[0] == '[':
			if depth == maxGroups {
				return errors.New("classes are nested too deeply")
			}
			t.pos++
			if err := t.members(depth + 1); err != nil {
				return err
			}
		case strings.HasPrefix(rest, "&&"):
			return errors.New("the intersection && of classes is not supported")
		case rest[0] == '\\':
			text, err := t.escaped()
			if err != nil {
				return err
			}
			switch text {
			case `\h`:
				text = "0-9a-fA-F"
			case `\w`:
				text = wordClass
			case `\H`, `\W`:
				return fmt.Errorf(`%s inside a class is not supported`, text)
			}
			t.out.WriteString(text)
		default:
			r, n := utf8.DecodeRuneInString(rest)
			t.out.WriteString(rest[:n])
			t.pos += n
			if t.fold {
				t.foldMember(r, rest[n:])
			}
		}
	}
}

// foldMember adds the foldings of a class member; of a range, those of its ASCII letters.
func (t *translator) foldMember(r rune, rest string) {
	if !strings.HasPrefix(rest, "-") || len(rest) < 2 || rest[1] == ']' {
		t.out.WriteString(folds(r))
		return
	}
	hi, n := utf8.DecodeRuneInString(rest[1:])
	if hi == '\\' || hi == '[' {
		return
	}
	t.out.WriteString(rest[:1+n])
	t.pos += 1 + n
	for c := max(r, 'A'); c <= min(hi, 'z'); c++ {
		t.out.WriteString(folds(c))
	}
}

// open copies the opening of a group and follows its flags.
func (t *translator) open() error {
	if len(t.stack) == maxGroups {
		return errors.New("groups are nested too deeply")
	}
	start := t.out.Len()
	outer := t.fold
	head := "("
	t.pos++
	if rest := t.in[t.pos:]; strings.HasPrefix(rest, "?") {
		n := 0
		switch {
		case hasAny(rest, "?:", "?=", "?!", "?>"):
			n = 2
		case hasAny(rest, "?<=", "?<!"):
			n = 3
		case strings.HasPrefix(rest, "?#"):
			return errors.New("a comment in a pattern is not supported")
		default:
			end := strings.IndexAny(rest, ":)")
			if end < 0 || strings.Trim(rest[1:end], "imx-") != "" {
				return errors.New("this kind of group is not supported")
			}
			on, off, _ := strings.Cut(rest[1:end], "-")
			if strings.ContainsAny(on, "x") {
				return errors.New("the flag x is not supported")
			}
			if strings.Contains(on, "i") {
				t.fold = true
			}
			if strings.Contains(off, "i") {
				t.fold = false
			}
			t.out.WriteString("(" + strings.ReplaceAll(rest[:end+1], "m", "s"))
			t.pos += end + 1
			if rest[end] == ')' { // flags for the rest of the group around
				t.atom = -1
				return nil
			}
			t.stack = append(t.stack, group{start, outer})
			t.atom = -1
			return nil
		}
		head += rest[:n]
		t.pos += n
	} else {
		head = "(?:" // the reference asks for no captures
	}
	t.out.WriteString(head)
	t.stack = append(t.stack, group{start, outer})
	t.atom = -1
	return nil
}

func hasAny(s string, prefixes ...string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

func (t *translator) close() error {
	if len(t.stack) == 0 {
		return errors.New("a group is closed that is not open")
	}
	g := t.stack[len(t.stack)-1]
	t.stack = t.stack[:len(t.stack)-1]
	t.fold = g.fold
	t.out.WriteByte(')')
	t.pos++
	t.atom = g.start
	return nil
}

// quantifier copies a repetition: X*+ is atomic, X{1,3}+ a repetition of a repetition.
func (t *translator) quantifier() {
	rest := t.in[t.pos:]
	size := 1
	if rest[0] == '{' {
		end := strings.IndexByte(rest, '}')
		if end < 0 || strings.Trim(rest[1:end], "0123456789,") != "" || end == 1 {
			t.begin()
			t.out.WriteString(`\{`)
			t.pos++
			return
		}
		size = end + 1
	}
	body := rest[:size]
	if strings.HasPrefix(body, "{,") {
		body = "{0" + body[1:]
	}
	t.pos += size
	if rest[0] != '{' && strings.HasPrefix(rest[size:], "+") && t.atom >= 0 {
		t.pos++
		t.wrap("(?>", body+")")
		return
	}
	if strings.HasPrefix(rest[size:], "?") {
		t.pos++
		body += "?"
	}
	t.out.WriteString(body)
	if t.pos < len(t.in) && strings.IndexByte("*+?{", t.in[t.pos]) >= 0 && t.atom >= 0 {
		t.wrap("(?:", ")")
	}
}

// wrap puts the last atom between head and tail.
func (t *translator) wrap(head, tail string) {
	all := t.out.String()
	t.out.Reset()
	t.out.WriteString(all[:t.atom] + head + all[t.atom:] + tail)
}
