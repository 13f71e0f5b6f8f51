package jinja

import (
	"math/big"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// kind is what a token is.
type kind uint8

const (
	tEOF kind = iota
	tData
	tBlockBegin
	tBlockEnd
	tPrintBegin
	tPrintEnd
	tName
	tString
	tNumber
	tOp
)

// token is a piece of a template. text is data, a name, an operator or a string's value; value is a number.
type token struct {
	kind  kind
	text  string
	value any
	at    int
}

func (t token) is(kind kind, text string) bool { return t.kind == kind && t.text == text }

// describe names a token in messages.
func (t token) describe() string {
	switch t.kind {
	case tEOF:
		return "the end of the template"
	case tData:
		return "text"
	case tBlockBegin:
		return `"{%"`
	case tBlockEnd:
		return `"%}"`
	case tPrintBegin:
		return `"{{"`
	case tPrintEnd:
		return `"}}"`
	case tString:
		return "a text"
	case tNumber:
		return "a number"
	}
	return strconv.Quote(t.text)
}

// lexer cuts a template into tokens, under trim_blocks and lstrip_blocks.
type lexer struct {
	text   string
	at     int
	tokens []token
	// fresh says that what comes next begins a line, as far as lstrip_blocks is concerned: the last thing
	// that was read ended with a line feed.
	fresh bool
}

// normalize gives a text the form that jinja2 reads: line feeds only, and none at the end.
func normalize(text string) string {
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	return strings.TrimSuffix(text, "\n")
}

// lex returns the tokens of a normalised text. On an error at is its place.
func lex(text string) (tokens []token, at int, err *Error) {
	l := &lexer{text: text, fresh: true}
	for l.at < len(l.text) {
		if err := l.next(); err != nil {
			return nil, l.at, err
		}
	}
	return append(l.tokens, token{kind: tEOF, at: len(text)}), 0, nil
}

// next reads data up to an opening delimiter, and what that opens.
func (l *lexer) next() *Error {
	start := l.at
	open := l.opening(start)
	if open < 0 {
		l.data(l.text[start:], start)
		l.at = len(l.text)
		return nil
	}
	what := l.text[open+1]
	sign := l.sign(open + 2)
	text := l.text[start:open]
	after := open + 2
	if sign != 0 {
		after++
	}
	l.data(l.trimmed(text, sign, what != '{'), start)
	l.at = open
	switch what {
	case '#':
		return l.comment(after)
	case '{':
		l.tokens = append(l.tokens, token{kind: tPrintBegin, at: open})
		return l.expression(after, tPrintEnd, "}}")
	}
	if body, ok := l.rawBegin(after); ok {
		return l.raw(body)
	}
	l.tokens = append(l.tokens, token{kind: tBlockBegin, at: open})
	return l.expression(after, tBlockEnd, "%}")
}

// opening is the place of the next delimiter that opens something, or -1.
func (l *lexer) opening(from int) int {
	for {
		i := strings.IndexByte(l.text[from:], '{')
		if i < 0 || from+i+1 >= len(l.text) {
			return -1
		}
		switch l.text[from+i+1] {
		case '%', '{', '#':
			return from + i
		}
		from += i + 1
	}
}

func (l *lexer) sign(at int) byte {
	if at < len(l.text) && (l.text[at] == '-' || l.text[at] == '+') {
		return l.text[at]
	}
	return 0
}

// trimmed is the data before an opening delimiter, less what a minus or lstrip_blocks takes away.
func (l *lexer) trimmed(text string, sign byte, block bool) string {
	switch {
	case sign == '-':
		return strings.TrimRightFunc(text, isSpace)
	case sign == 0 && block:
		line := strings.LastIndexByte(text, '\n') + 1
		if (line > 0 || l.fresh) && strings.TrimLeftFunc(text[line:], isSpace) == "" {
			return text[:line]
		}
	}
	return text
}

func (l *lexer) data(text string, at int) {
	if text != "" {
		l.tokens = append(l.tokens, token{kind: tData, text: text, at: at})
	}
}

// skip passes over blanks.
func (l *lexer) skip(at int) int {
	for at < len(l.text) {
		r, n := utf8.DecodeRuneInString(l.text[at:])
		if !isSpace(r) {
			break
		}
		at += n
	}
	return at
}

// closed reads a closing delimiter with its sign at a place, and what is trimmed behind it.
func (l *lexer) closed(at int, delimiter string, trim bool) (end int, ok bool) {
	sign := l.sign(at)
	switch rest := l.text[at:]; {
	case sign == '-' && strings.HasPrefix(rest[1:], delimiter):
		end = l.skip(at + 1 + len(delimiter))
	case sign == '+' && trim && strings.HasPrefix(rest[1:], delimiter):
		end = at + 1 + len(delimiter)
	case strings.HasPrefix(rest, delimiter):
		end = at + len(delimiter)
		if trim && end < len(l.text) && l.text[end] == '\n' {
			end++
		}
	default:
		return 0, false
	}
	l.fresh = l.text[end-1] == '\n'
	return end, true
}

func (l *lexer) comment(after int) *Error {
	if after == len(l.text) { // jinja2 does not mind
		l.at = after
		return nil
	}
	for at := after; at < len(l.text); at++ {
		if end, ok := l.closed(at, "#}", true); ok {
			l.at = end
			return nil
		}
	}
	return errorf(SyntaxError, "the comment has no end: want \"#}\"")
}

// rawBegin says whether a block is {% raw %} and where what it holds begins.
func (l *lexer) rawBegin(after int) (body int, ok bool) {
	at := l.skip(after)
	if !strings.HasPrefix(l.text[at:], "raw") {
		return 0, false
	}
	at = l.skip(at + len("raw"))
	switch rest := l.text[at:]; {
	case strings.HasPrefix(rest, "-%}"):
		body = l.skip(at + 3)
	case strings.HasPrefix(rest, "%}"):
		body = at + 2
	default:
		return 0, false
	}
	l.fresh = l.text[body-1] == '\n'
	return body, true
}

func (l *lexer) raw(body int) *Error {
	for from := body; ; {
		i := strings.Index(l.text[from:], "{%")
		if i < 0 {
			return errorf(SyntaxError, "{%% raw %%} has no end: want {%% endraw %%}")
		}
		open := from + i
		sign := l.sign(open + 2)
		at := open + 2
		if sign != 0 {
			at++
		}
		if at = l.skip(at); strings.HasPrefix(l.text[at:], "endraw") {
			text := l.trimmed(l.text[body:open], sign, true)
			if end, ok := l.closed(l.skip(at+len("endraw")), "%}", true); ok {
				l.data(text, body)
				l.at = end
				return nil
			}
		}
		from = open + 2
	}
}

// expression reads the tokens up to the closing delimiter of a block or a print.
func (l *lexer) expression(at int, closing kind, delimiter string) *Error {
	opened := l.at
	var stack []byte
	for {
		at = l.skip(at)
		l.at = at
		if at >= len(l.text) {
			l.at = opened
			return errorf(SyntaxError, "this has no end: want %q", delimiter)
		}
		if len(stack) == 0 {
			if end, ok := l.closed(at, delimiter, closing == tBlockEnd); ok {
				l.tokens = append(l.tokens, token{kind: closing, at: at})
				l.at = end
				return nil
			}
		}
		t := token{at: at}
		var n int
		var err *Error
		switch r, size := utf8.DecodeRuneInString(l.text[at:]); {
		case r == '_' || unicode.IsLetter(r):
			for n = size; at+n < len(l.text); n += size {
				if r, size = utf8.DecodeRuneInString(l.text[at+n:]); r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) {
					break
				}
			}
			t.kind, t.text = tName, l.text[at:at+n]
		case r >= '0' && r <= '9':
			t.kind = tNumber
			afterDot := len(l.tokens) > 0 && l.tokens[len(l.tokens)-1].is(tOp, ".")
			if t.value, n, err = number(l.text[at:], afterDot); err != nil {
				return err
			}
		case r == '\'' || r == '"':
			t.kind = tString
			if t.text, n, err = quoted(l.text[at:]); err != nil {
				return err
			}
		default:
			t.kind = tOp
			if n = operator(l.text[at:]); n == 0 {
				return errorf(SyntaxError, "unexpected character %q", r)
			}
			t.text = l.text[at : at+n]
			if stack, err = balance(stack, t.text); err != nil {
				return err
			}
		}
		l.tokens = append(l.tokens, t)
		at += n
	}
}

// balance keeps the brackets that are open.
func balance(stack []byte, op string) ([]byte, *Error) {
	switch op {
	case "(":
		return append(stack, ')'), nil
	case "[":
		return append(stack, ']'), nil
	case "{":
		return append(stack, '}'), nil
	case ")", "]", "}":
		if len(stack) == 0 {
			return nil, errorf(SyntaxError, "unexpected %q", op)
		}
		if want := stack[len(stack)-1]; want != op[0] {
			return nil, errorf(SyntaxError, "unexpected %q, want %q", op, string(want))
		}
		return stack[:len(stack)-1], nil
	}
	return stack, nil
}

// operator is the length of the operator that a text begins with.
func operator(s string) int {
	if len(s) >= 2 {
		switch s[:2] {
		case "//", "**", "==", "!=", ">=", "<=":
			return 2
		}
	}
	if strings.IndexByte("+-/*%~[](){}><=.:|,;", s[0]) >= 0 {
		return 1
	}
	return 0
}

// digits is the length of a run of digits with single underscores between them.
func digits(s string, base int) int {
	n := 0
	for n < len(s) {
		c := s[n]
		if c == '_' && n > 0 && n+1 < len(s) && digitValue(s[n+1]) < base {
			n += 2
			continue
		}
		if digitValue(c) >= base {
			break
		}
		n++
	}
	return n
}

func digitValue(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return 99
}

// number reads an integer or a float; behind a dot only an integer.
func number(s string, afterDot bool) (v any, n int, err *Error) {
	const longest = 5000 // characters, so that reading one takes no time
	if !afterDot {
		if n := float(s); n > 0 {
			f, bad := strconv.ParseFloat(strings.ReplaceAll(s[:n], "_", ""), 64)
			if bad != nil && f == 0 {
				return nil, 0, errorf(SyntaxError, "%q is no number", s[:n])
			}
			return f, n, nil
		}
	}
	base, from := 10, 0
	if len(s) > 2 && s[0] == '0' {
		switch s[1] {
		case 'x', 'X':
			base, from = 16, 2
		case 'o', 'O':
			base, from = 8, 2
		case 'b', 'B':
			base, from = 2, 2
		}
	}
	n = digits(s[from:], base)
	if from > 0 && n == 0 {
		base, from = 10, 0
		n = digits(s, base)
	}
	if base == 10 && s[0] == '0' { // nothing but noughts
		n = len(s[:n]) - len(strings.TrimLeft(s[:n], "0_"))
	}
	if n > longest {
		return nil, 0, errorf(SyntaxError, "a number of %d digits, more than %d", n, longest)
	}
	i, ok := new(big.Int).SetString(strings.ReplaceAll(s[from:from+n], "_", ""), base)
	if !ok {
		return nil, 0, errorf(SyntaxError, "%q is no number", s[:from+n])
	}
	return small(i), from + n, nil
}

// float is the length of a float; 0 when there is none.
func float(s string) int {
	n := digits(s, 10)
	whole := n
	if n+1 < len(s) && s[n] == '.' {
		if f := digits(s[n+1:], 10); f > 0 {
			n += 1 + f
		}
	}
	if n < len(s) && (s[n] == 'e' || s[n] == 'E') {
		e := n + 1
		if e < len(s) && (s[e] == '+' || s[e] == '-') {
			e++
		}
		if d := digits(s[e:], 10); d > 0 {
			n = e + d
		}
	}
	if n == whole {
		return 0
	}
	return n
}

// quoted reads a text in quotes.
func quoted(s string) (value string, n int, err *Error) {
	quote := s[0]
	end := 1
	escaped := false
	for ; end < len(s) && s[end] != quote; end++ {
		if s[end] == '\\' {
			escaped = true
			end++
		}
	}
	if end >= len(s) {
		return "", 0, errorf(SyntaxError, "the text that opens here has no end")
	}
	if !escaped {
		return s[1:end], end + 1, nil
	}
	value, err = unescape(s[1:end])
	return value, end + 1, err
}

// unescape reads escapes as Python does: those that mean nothing stay.
func unescape(s string) (string, *Error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 >= len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		c := s[i]
		if at := strings.IndexByte(`\'"abfnrtv`, c); at >= 0 {
			b.WriteByte("\\'\"\a\b\f\n\r\t\v"[at])
			continue
		}
		width := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]
		switch {
		case c == '\n':
		case c >= '0' && c <= '7':
			v, n := 0, 0
			for ; n < 3 && i+n < len(s) && s[i+n] >= '0' && s[i+n] <= '7'; n++ {
				v = v<<3 | int(s[i+n]-'0')
			}
			b.WriteRune(rune(v))
			i += n - 1
		case width > 0:
			if i+width >= len(s) {
				return "", errorf(SyntaxError, `the escape \%c wants %d hexadecimal digits`, c, width)
			}
			v, bad := strconv.ParseUint(s[i+1:i+1+width], 16, 32)
			if bad != nil {
				return "", errorf(SyntaxError, `the escape \%c wants %d hexadecimal digits`, c, width)
			}
			if v > unicode.MaxRune || v >= 0xd800 && v < 0xe000 {
				return "", errorf(SyntaxError, `the escape \%s is no character`, s[i:i+1+width])
			}
			b.WriteRune(rune(v))
			i += width
		case c == 'N':
			return "", errorf(SyntaxError, `escapes with the name of a character (\N) are not supported: write the character`)
		default:
			b.WriteByte('\\')
			b.WriteByte(c)
		}
	}
	return b.String(), nil
}

// isSpace is Python's str.isspace, which counts four separators of ASCII besides Unicode's.
func isSpace(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }
