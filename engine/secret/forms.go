package secret

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

// MinLength is the length in bytes below which a value is too common a text to be cut out. Such values are not
// given to stages.
const MinLength = 4

// forms are the texts that a value may appear as: itself, its lines, and their usual encodings.
func forms(value string) []string {
	parts := []string{value}
	if lines := strings.Split(value, "\n"); len(lines) > 1 {
		for _, l := range lines {
			parts = append(parts, strings.Trim(l, "\r"), strings.TrimSpace(l))
		}
	}
	var out []string
	for _, p := range parts {
		out = append(out, encodings(p)...)
	}
	out = slices.DeleteFunc(out, func(f string) bool { return len(f) < MinLength })
	slices.Sort(out)
	return slices.Compact(out)
}

func encodings(s string) []string {
	if len(s) < MinLength {
		return nil
	}
	b := []byte(s)
	query, path := url.QueryEscape(s), url.PathEscape(s)
	quoted, plain := inJSON(s)
	return []string{
		s, printable(s),
		query, lowerEscapes(query), path, lowerEscapes(path),
		quoted, plain, strings.ReplaceAll(plain, "/", `\/`), ascii(plain), unquoted(strconv.Quote(s)),
		// Padding adds nothing but "=" at the end.
		base64.RawStdEncoding.EncodeToString(b), base64.RawURLEncoding.EncodeToString(b),
		hex.EncodeToString(b), strings.ToUpper(hex.EncodeToString(b)),
	}
}

func unquoted(s string) string { return s[1 : len(s)-1] }

// inJSON is s inside a JSON text, with and without the escapes that make it fit for HTML.
func inJSON(s string) (html, plain string) {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	text, err := json.Marshal(s)
	if err != nil || e.Encode(s) != nil {
		return s, s // cannot be: every text has a JSON form
	}
	return unquoted(string(text)), unquoted(strings.TrimSuffix(b.String(), "\n"))
}

// ascii writes what is not ASCII as \uXXXX, as Python's json does.
func ascii(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r < 0x80 {
			b.WriteRune(r)
			continue
		}
		for _, u := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&b, `\u%04x`, u)
		}
	}
	return b.String()
}

// lowerEscapes writes %2f for %2F.
func lowerEscapes(s string) string {
	b := []byte(s)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i+1:i+3], strings.ToLower(string(b[i+1:i+3])))
		}
	}
	return string(b)
}

// printable is s as it stands in a log line: valid UTF-8, without control characters.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}
