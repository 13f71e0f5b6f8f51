package ast

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/belay-ml/belay/dsl/diag"
	"github.com/belay-ml/belay/dsl/pos"
)

// Bounds on a file, so that no text costs memory out of proportion to its size.
const (
	MaxBytes = 10 << 20
	maxSigns = 500_000 // signs that can begin a value
	maxNodes = 200_000 // with aliases expanded
	maxDepth = 64
)

// Parse reads one YAML document. The node is nil when the text cannot be read at all.
func Parse(f *pos.File) (*Node, diag.List) {
	var l diag.List
	if !readable(f, &l) {
		return nil, l
	}
	dec := yaml.NewDecoder(strings.NewReader(f.Text))
	var doc, second yaml.Node
	err := dec.Decode(&doc)
	switch {
	case errors.Is(err, io.EOF):
		l.Errorf(pos.Of(f, 0, 0), "begin with `belay: 1`", "the file is empty")
		return nil, l
	case err != nil:
		l.Add(syntax(f, err))
		return nil, l
	}
	switch err := dec.Decode(&second); {
	case errors.Is(err, io.EOF):
	case err != nil:
		l.Add(syntax(f, err))
		return nil, l
	default:
		off := f.Offset(second.Line, second.Column)
		l.Errorf(pos.Of(f, off, off), "keep one document a file", "a second document begins here")
	}
	if len(doc.Content) == 0 {
		l.Errorf(pos.Of(f, 0, 0), "begin with `belay: 1`", "the file is empty")
		return nil, l
	}
	c := converter{file: f, diags: &l, open: map[*yaml.Node]bool{}}
	n := c.node(doc.Content[0], 0)
	if c.stopped {
		return nil, l
	}
	return n, l
}

// readable checks size and encoding, with a place for each complaint.
func readable(f *pos.File, l *diag.List) bool {
	text := []byte(f.Text)
	at := func(i int) pos.Span { return pos.Of(f, i, i) }
	switch {
	case len(text) > MaxBytes:
		l.Errorf(at(0), "", "the file has %d bytes, more than the %d MiB a recipe may have", len(text), MaxBytes>>20)
		return false
	case bytes.HasPrefix(text, []byte{0xff, 0xfe}), bytes.HasPrefix(text, []byte{0xfe, 0xff}):
		l.Errorf(at(0), "save it as UTF-8", "the file is UTF-16 text")
		return false
	}
	signs := 0
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRune(text[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			l.Errorf(at(i), "save the file as UTF-8", "byte 0x%02x is not UTF-8", text[i])
			return false
		case r == 0 && i < 8:
			l.Errorf(at(i), "save it as UTF-8 text", "the file is UTF-16 or no text")
			return false
		case r < ' ' && r != '\t' && r != '\n' && r != '\r', r == 0x7f, r >= 0x80 && r < 0xa0 && r != 0x85:
			l.Errorf(at(i), "write it as an escape in double quotes", "control character %q is not allowed", r)
			return false
		case r == 0xfeff:
			l.Errorf(at(i), "remove it", "a byte order mark stands inside the file")
			return false
		case strings.ContainsRune(",[{:?-\n", r):
			signs++
		}
		i += n
	}
	if signs > maxSigns {
		l.Errorf(at(0), "", "the file has more than %d values", maxSigns)
		return false
	}
	return true
}

// syntax gives a parser's error ("yaml: line 3: did not find ...") its place and words.
func syntax(f *pos.File, err error) diag.Diagnostic {
	msg := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 1
	if rest, ok := strings.CutPrefix(msg, "line "); ok {
		if num, text, ok := strings.Cut(rest, ": "); ok {
			if n, err := strconv.Atoi(num); err == nil {
				// The scanner counts lines from 1, the parser behind it from 0.
				if fromParser(text) {
					n++
				}
				line, msg = min(max(n, 1), f.Lines()), text
			}
		}
	}
	// A tab in the indentation is the usual culprit, and the parser reports it in other words.
	for n := max(1, line-1); n <= min(f.Lines(), line+1); n++ {
		text := f.Line(n)
		indent := text[:len(text)-len(strings.TrimLeft(text, " \t"))]
		if i := strings.IndexByte(indent, '\t'); i >= 0 && len(indent) < len(text) {
			off := f.Offset(n, 1) + i
			return diag.Diagnostic{
				Summary: "a tab stands in the indentation", Hint: "indent with spaces",
				Subject: pos.Of(f, off, off+1),
			}
		}
	}
	for line > 1 && strings.TrimSpace(f.Line(line)) == "" {
		line--
	}
	text := f.Line(line)
	off := f.Offset(line, 1) + len(text) - len(strings.TrimLeft(text, " "))
	d := diag.Diagnostic{Summary: "bad YAML: " + msg, Subject: pos.Of(f, off, f.Offset(line, 1)+len(text))}
	switch {
	case strings.Contains(msg, "mapping values are not allowed"):
		d.Hint = "check the indentation, and put text that holds `: ` in quotes"
	case strings.Contains(msg, "did not find expected key"), strings.Contains(msg, "did not find expected '-'"):
		d.Hint = "check the indentation of this line and the one above"
	case strings.Contains(msg, "cannot start any token"):
		d.Hint = "put text that begins with this sign in quotes"
	case strings.Contains(msg, "could not find expected ':'"):
		d.Hint = "every line of a map is `key: value`"
	case strings.Contains(msg, "expected whitespace or line break"):
		d.Hint = "put a space behind a tag: {key: !unset }"
	case strings.Contains(msg, "did not find expected ',' or"):
		d.Hint = "close the bracket that opens here; put text that holds `${ ... }` in quotes inside { } and [ ]"
	}
	return d
}

// fromParser says whether a message comes from yaml's parser rather than its scanner.
func fromParser(msg string) bool {
	for _, what := range []string{"node content", "'-' indicator", "key", "',' or", "<document start>"} {
		if strings.HasPrefix(msg, "did not find expected "+what) {
			return true
		}
	}
	return strings.HasPrefix(msg, "found undefined tag handle")
}

// converter turns yaml nodes into ours.
type converter struct {
	file    *pos.File
	diags   *diag.List
	count   int
	open    map[*yaml.Node]bool // anchors being expanded, against those that hold themselves
	stopped bool
}

func (c *converter) node(y *yaml.Node, depth int) *Node {
	start := c.content(c.file.Offset(y.Line, y.Column))
	here := pos.Of(c.file, start, start)
	n := &Node{Span: here, start: start}
	if c.stopped {
		return n
	}
	c.count++
	switch {
	case c.count > maxNodes:
		c.stopped = true
		c.diags.Errorf(here, "aliases count as often as they are used", "the recipe has more than %d values", maxNodes)
		return n
	case depth > maxDepth:
		c.stopped = true
		c.diags.Errorf(here, "", "values are nested more than %d deep", maxDepth)
		return n
	}
	switch y.Kind {
	case yaml.AliasNode:
		if c.open[y.Alias] {
			c.diags.Errorf(here, "", "the anchor %q holds itself", y.Value)
			return n
		}
		return c.node(y.Alias, depth)
	case yaml.ScalarNode:
		c.scalar(n, y)
		return n
	}
	if y.Anchor != "" {
		c.open[y] = true
		defer delete(c.open, y)
	}
	end := start + 1
	switch y.Kind {
	case yaml.SequenceNode:
		n.Kind = List
		c.wantTag(y, here, "!!seq")
		for _, item := range y.Content {
			v := c.node(item, depth+1)
			n.Items = append(n.Items, v)
			end = max(end, c.endOf(v))
		}
	case yaml.MappingNode:
		n.Kind = Map
		c.wantTag(y, here, "!!map")
		end = max(end, c.mapping(n, y, depth))
	}
	n.Span.End = c.file.At(end)
	return n
}

func (c *converter) mapping(n *Node, y *yaml.Node, depth int) (end int) {
	seen := make(map[string]*Node, len(y.Content)/2)
	for i := 0; i+1 < len(y.Content) && !c.stopped; i += 2 {
		yk := y.Content[i]
		for yk.Kind == yaml.AliasNode {
			yk = yk.Alias
		}
		if yk.Kind != yaml.ScalarNode {
			off := c.file.Offset(yk.Line, yk.Column)
			c.diags.Errorf(pos.Of(c.file, off, off+1), "put text that begins with { or [ in quotes", "a key must be one word, not %s", map[bool]string{true: "a list", false: "a map"}[yk.Kind == yaml.SequenceNode])
			continue
		}
		key := c.node(yk, depth+1)
		key.Kind = Text
		if yk.Tag == "!!merge" && yk.Value == "<<" {
			c.diags.Errorf(key.Span, "use `extends:` to build on another recipe", "merge keys are not part of the language")
			continue
		}
		v := c.node(y.Content[i+1], depth+1)
		if c.stopped {
			break
		}
		if v.Kind == Null && v.Text == "" && !v.unset {
			v.Span = key.Span
		}
		end = max(end, c.endOf(key), c.endOf(v))
		if first, twice := seen[key.Text]; twice {
			c.diags.Add(diag.Diagnostic{
				Summary: fmt.Sprintf("key %q is given twice", key.Text), Subject: key.Span,
				Notes: []diag.Note{{Text: "first given here", Span: first.Span}},
			})
			continue
		}
		seen[key.Text] = key
		n.Pairs = append(n.Pairs, &Pair{Key: key, Value: v})
	}
	return end
}

func (c *converter) endOf(n *Node) int {
	return c.file.Offset(n.Span.End.Line, n.Span.End.Col)
}

// wantTag refuses explicit tags other than the value's own.
func (c *converter) wantTag(y *yaml.Node, at pos.Span, own string) {
	if y.Style&yaml.TaggedStyle != 0 && y.Tag != own {
		c.diags.Errorf(at, "", "unknown tag %s", y.Tag)
	}
}
