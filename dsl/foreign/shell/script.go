package shell

import (
	"bytes"
	"errors"
	"regexp"
	"strings"
	"unicode/utf8"

	"mvdan.cc/sh/v3/syntax"

	"github.com/belay-ml/belay/dsl/diag"
	"github.com/belay-ml/belay/dsl/pos"
)

// Bounds on a script. Launch scripts have a few kilobytes. The parser recurses, and a stack that overflows ends the program: so
// what can nest is counted, wherever it stands.
const (
	MaxBytes  = 64 << 10
	maxOpen   = 4_000   // brackets, words and signs that can begin something inside another
	maxWork   = 2 << 20 // bytes and pieces of values that are made while reading
	maxFields = 20_000  // arguments of all commands together
)

// Script is what a script would run, as far as reading tells.
type Script struct {
	File     *pos.File
	Commands []Command
	Notes    []Note
}

// Command is one simple command.
type Command struct {
	Fields []Field // the program first
	Span   pos.Span
	Notes  []Note // assignments before it, redirections, what its output is piped to
}

// Field is one argument.
type Field struct {
	Text string   // with the source text of a hole in its place
	Span pos.Span // where it is written
	Hole *Hole    // the first part that is not known; nil when all is
}

// Hole is a part of a value that is not known.
type Hole struct {
	Text string // as it is written: $(nproc), $1, ${HOME}
	Why  string
	Span pos.Span
}

// Note is a place that is not followed.
type Note struct {
	Text string
	Why  string
	Span pos.Span
}

// Read parses a script and follows its top level. The script is nil when the list has errors.
func Read(f *pos.File) (*Script, diag.List) {
	var l diag.List
	if !readable(f, &l) {
		return nil, l
	}
	tree, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(f.Text), "")
	if err != nil {
		l.Add(problem(f, err))
		return nil, l
	}
	e := newEval(f)
	e.stmts(tree.Stmts)
	if e.over.Known() {
		l.Errorf(e.over, "", "the script's values grow beyond what is read of one")
		return nil, l
	}
	return &Script{File: f, Commands: e.commands, Notes: e.notes}, l
}

// readable checks size and encoding.
func readable(f *pos.File, l *diag.List) bool {
	at := func(i int) pos.Span { return pos.Of(f, i, i) }
	if len(f.Text) > MaxBytes {
		l.Errorf(at(0), "", "the script has %d bytes, more than the %d KiB that are read of one", len(f.Text), MaxBytes>>10)
		return false
	}
	text := []byte(f.Text)
	if i := bytes.IndexByte(text, 0); i >= 0 {
		l.Errorf(at(i), "", "byte 0 stands in the file: it is no script")
		return false
	}
	if at := crowded(f.Text); at >= 0 {
		l.Errorf(pos.Of(f, at, at), "import the parts of the script one by one", "the script has more than %d brackets and words that can nest", maxOpen)
		return false
	}
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && n == 1 {
			l.Errorf(at(i), "save the file as UTF-8", "byte 0x%02x is not UTF-8", text[i])
			return false
		}
		i += n
	}
	return true
}

// nests are the words that can begin a statement inside another. The signs are in crowded.
var nests = regexp.MustCompile(`\b(if|elif|while|until|for|case|select|function|time|coproc)\b|[({\[!?~` + "`" + `]|[-+*=]{3,}|[-+=*][ \t]+[-+=]`)

// crowded is where too much has begun that can nest, -1 for a text that any stack is deep enough for.
func crowded(text string) int {
	found := nests.FindAllStringIndex(text, maxOpen+1)
	if len(found) <= maxOpen {
		return -1
	}
	return found[maxOpen][0]
}

// problem gives a parser's error its place.
func problem(f *pos.File, err error) diag.Diagnostic {
	d := diag.Diagnostic{Summary: err.Error(), Subject: pos.Of(f, 0, 0), Hint: "only scripts that bash itself accepts can be imported"}
	var syn syntax.ParseError
	var lang syntax.LangError
	switch {
	case errors.As(err, &syn):
		d.Summary, d.Subject = "not bash: "+syn.Text, at(f, syn.Pos, syn.Pos)
	case errors.As(err, &lang):
		d.Summary, d.Subject = "not bash: "+lang.Feature, at(f, lang.Pos, lang.Pos)
	}
	return d
}

func at(f *pos.File, from, to syntax.Pos) pos.Span {
	return pos.Of(f, offset(f, from), offset(f, to))
}

func offset(f *pos.File, p syntax.Pos) int { return min(int(p.Offset()), len(f.Text)) }
