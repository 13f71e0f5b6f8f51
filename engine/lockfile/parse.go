package lockfile

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/belay-ml/belay/engine/fault"
)

// header is the first line of every lock file.
const header = "belay lock 1"

// Limits of what Parse reads.
const (
	maxFile  = 16 << 20 // bytes
	maxLine  = 16 << 10
	maxWords = 16 // of a line
)

// Parse reads a lock file's text. The error has the code of recipes, the place of the first mistake and a hint.
func Parse(text []byte) (*File, error) {
	f := &File{entries: map[string]Entry{}}
	err := parse(text, func(e Entry) error {
		if old, ok := f.entries[e.Thing()]; ok && old.Value != e.Value {
			return mistake(e.Line, 1, "%s is pinned twice, here and in line %d", e.Thing(), old.Line).WithHint("%s", afterMerge)
		}
		f.Set(e)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

const afterMerge = "take out one of them, or run belay lock with the recipes of this workspace"

// Salvage reads as much as it can of a lock file of a workspace that a merge may have left with conflicts. What it found
// with several values is not among the entries but told by name. An absent file is an empty one.
func Salvage(dir string) (f *File, torn []string, err error) {
	f = &File{entries: map[string]Entry{}}
	text, err := read(dir)
	if err != nil || text == nil {
		return f, nil, err
	}
	if len(text) > maxFile {
		return nil, nil, tooLong()
	}
	var kept [][]byte
	for line := range bytes.Lines(text) {
		if conflict(string(line)) {
			line = []byte("\n") // lines keep their numbers
		}
		kept = append(kept, line)
	}
	bad := map[string]bool{}
	err = parse(bytes.Join(kept, nil), func(e Entry) error {
		switch old, ok := f.entries[e.Thing()]; {
		case ok && old.Value != e.Value:
			bad[e.Thing()] = true
		case !ok:
			f.Set(e)
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	for thing := range bad {
		torn = append(torn, thing)
		delete(f.entries, thing)
	}
	slices.Sort(torn)
	return f, torn, nil
}

// conflict recognises the lines with which git marks a conflict.
func conflict(line string) bool {
	for _, mark := range []string{"<<<<<<<", "=======", ">>>>>>>", "|||||||"} {
		if rest, ok := strings.CutPrefix(line, mark); ok && (rest == "" || strings.ContainsAny(rest[:1], " \r\n")) {
			return true
		}
	}
	return false
}

func mistake(line, col int, format string, args ...any) *fault.Error {
	return fault.New(fault.Recipe, "%s:%d:%d: %s", Name, line, col, fmt.Sprintf(format, args...))
}

func tooLong() error {
	return fault.New(fault.Recipe, "%s: longer than %d bytes", Name, maxFile)
}

// parse reads line by line and gives every entry to found.
func parse(text []byte, found func(Entry) error) error {
	if len(text) > maxFile {
		return tooLong()
	}
	n, begun := 0, false
	for raw := range bytes.Lines(text) {
		n++
		line := strings.TrimRight(string(raw), "\r\n")
		switch {
		case conflict(line):
			return mistake(n, 1, "a merge left a conflict here").WithHint("resolve it, or run belay lock with the recipes of this workspace")
		case len(line) > maxLine:
			return mistake(n, maxLine, "longer than %d bytes", maxLine)
		case strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#"):
			continue
		case !begun && line == header:
			begun = true
			continue
		case strings.HasPrefix(line, "belay lock "):
			if line == header {
				continue // a union of two new files has it twice
			}
			return mistake(n, 1, "this is %q, this program knows %q", line, header).WithHint("use a newer belay")
		case !begun:
			return mistake(n, 1, "a lock file begins with the line %q", header).WithHint("belay lock writes it")
		}
		e, err := parseEntry(line, n)
		if err != nil {
			return err
		}
		if err := found(e); err != nil {
			return err
		}
	}
	return nil
}

// word is a word of a line and where it begins, in characters from 1.
type word struct {
	text   string
	col    int
	quoted bool
}

func parseEntry(line string, n int) (Entry, error) {
	words, err := split(line, n)
	if err != nil {
		return Entry{}, err
	}
	e := Entry{Kind: words[0].text, Line: n}
	k, ok := kinds[e.Kind]
	if !ok || words[0].quoted {
		return e, mistake(n, words[0].col, "unknown kind %q", e.Kind).WithHint("the kinds are dir, file and hub; another one is a newer belay's")
	}
	equals := slices.IndexFunc(words, func(w word) bool { return w.text == "=" && !w.quoted })
	end := utf8.RuneCountInString(line) + 1
	switch {
	case equals < 0:
		return e, mistake(n, end, "want = and a value").WithHint("%s", example(e.Kind))
	case equals == 1:
		return e, mistake(n, words[1].col, "want a name before =").WithHint("%s", example(e.Kind))
	case equals == len(words)-1:
		return e, mistake(n, end, "want a value after =").WithHint("%s", example(e.Kind))
	case equals < len(words)-2:
		return e, mistake(n, words[equals+2].col, "want one value, have more").WithHint("%s", example(e.Kind))
	}
	for _, w := range words[1:equals] {
		e.Name = append(e.Name, w.text)
	}
	if (e.Kind == KindFile || e.Kind == KindDir) && len(e.Name) != 1 {
		return e, mistake(n, words[2].col, "want one path, have %d words", len(e.Name)).WithHint("a path with spaces in it is written in double quotes")
	}
	v := words[equals+1]
	value, ok := strings.CutPrefix(v.text, k.form+":")
	if !ok || v.quoted {
		return e, mistake(n, v.col, "want %s:..., have %q", k.form, v.text).WithHint("%s", example(e.Kind))
	}
	if !slices.Contains(k.digits, len(value)) || strings.Trim(value, "0123456789abcdef") != "" {
		return e, mistake(n, v.col+len(k.form)+1, "want %d lower-case hex digits, have %q", k.digits[0], value)
	}
	e.Value = value
	return e, nil
}

func example(kind string) string {
	if kind == KindFile || kind == KindDir {
		return "write it like: " + kind + " data/x = sha256:..."
	}
	return "write it like: hub model ORG/NAME main = commit:..."
}

// split cuts a line into words.
func split(line string, n int) ([]word, error) {
	var words []word
	col := func(at int) int { return utf8.RuneCountInString(line[:at]) + 1 }
	for at := 0; at < len(line); {
		switch c := line[at]; {
		case c == ' ':
			at++
			continue
		case len(words) == maxWords:
			return nil, mistake(n, col(at), "more than %d words", maxWords)
		case c == '"':
			quoted, err := strconv.QuotedPrefix(line[at:])
			if err != nil {
				return nil, mistake(n, col(at), "the quote is not closed, or an escape is wrong")
			}
			text, err := strconv.Unquote(quoted)
			if err != nil {
				return nil, mistake(n, col(at), "read quoted word: %v", err)
			}
			words = append(words, word{text, col(at), true})
			if at += len(quoted); at < len(line) && line[at] != ' ' {
				return nil, mistake(n, col(at), "want a space after the quoted word")
			}
		default:
			end := strings.IndexByte(line[at:], ' ')
			if end < 0 {
				end = len(line) - at
			}
			text := line[at : at+end]
			if text != "=" && quote(text) != text {
				return nil, mistake(n, col(at), "%q must be written in double quotes", text)
			}
			words = append(words, word{text, col(at), false})
			at += end
		}
	}
	return words, nil
}

// quote writes a word so that split reads it again.
func quote(w string) string {
	plain := w != "" && w != "=" && w[0] != '#' && w[0] != '<' && w[0] != '>' && utf8.ValidString(w) &&
		!strings.ContainsFunc(w, func(r rune) bool { return r == '"' || r == '\\' || unicode.IsSpace(r) || !unicode.IsPrint(r) })
	if plain {
		return w
	}
	return strconv.Quote(w)
}
