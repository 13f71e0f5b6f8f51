package pos

import (
	"fmt"
	"sort"
	"strings"
	"unicode/utf8"
)

// File is a text that positions point into.
type File struct {
	Name   string // as messages show it
	Path   string // absolute; "" when Inline
	Dir    string // absolute: what relative paths written in it are relative to
	Text   string
	Inline bool
	Via    Span // the `extends` entry that loaded it; zero for the recipe itself

	starts []int // byte offset of each line
	chars  []int // characters before each stretch of bytes; nil when every character is a byte
}

// stretch is how many bytes lie between two places where characters were counted: lines may be megabytes long.
const stretch = 512

// NewFile makes a file and indexes its lines.
func NewFile(name, path, dir, text string) *File {
	f := &File{Name: name, Path: path, Dir: dir, Text: text, starts: []int{0}}
	for i := 0; i < len(text); i++ {
		if text[i] == '\n' {
			f.starts = append(f.starts, i+1)
		}
	}
	if strings.IndexFunc(text, func(r rune) bool { return r >= utf8.RuneSelf }) >= 0 {
		f.chars = make([]int, 0, len(text)/stretch+1)
		count := 0
		for i := 0; i < len(text); i++ {
			if i%stretch == 0 {
				f.chars = append(f.chars, count)
			}
			if utf8.RuneStart(text[i]) {
				count++
			}
		}
	}
	return f
}

// before is how many characters begin before a byte offset.
func (f *File) before(offset int) int {
	if f.chars == nil {
		return offset
	}
	i := min(offset/stretch, len(f.chars)-1)
	count := f.chars[i]
	for k := i * stretch; k < offset; k++ {
		if utf8.RuneStart(f.Text[k]) {
			count++
		}
	}
	return count
}

// NewInline makes the text of a command-line override; name is how it was given, such as "-p lr=1e-5".
func NewInline(name, dir, text string) *File {
	f := NewFile(name, "", dir, text)
	f.Inline = true
	return f
}

// Lines is how many lines the file has.
func (f *File) Lines() int { return len(f.starts) }

// Line is the text of line n (from 1) without its end, "" outside the file.
func (f *File) Line(n int) string {
	if n < 1 || n > len(f.starts) {
		return ""
	}
	end := len(f.Text)
	if n < len(f.starts) {
		end = f.starts[n] - 1
	}
	return strings.TrimSuffix(f.Text[f.starts[n-1]:end], "\r")
}

// Offset is the byte offset of a line and column, clipped to the file.
func (f *File) Offset(line, col int) int {
	if line < 1 {
		return 0
	}
	if line > len(f.starts) {
		return len(f.Text)
	}
	off, end := f.starts[line-1], len(f.Text)
	if line < len(f.starts) {
		end = f.starts[line] - 1
	}
	want := f.before(off) + max(col-1, 0)
	if f.chars == nil {
		return min(want, end)
	}
	// From the last stretch that begins too early, character by character.
	i := sort.Search(len(f.chars), func(i int) bool { return f.chars[i] >= want }) - 1
	for count, at := f.before(max(off, i*stretch)), max(off, i*stretch); ; at++ {
		switch {
		case at >= end:
			return end
		case !utf8.RuneStart(f.Text[at]):
		case count >= want:
			return at
		default:
			count++
		}
	}
}

// At is the position of a byte offset.
func (f *File) At(offset int) Pos {
	offset = min(max(offset, 0), len(f.Text))
	lo, hi := 0, len(f.starts)
	for hi-lo > 1 {
		if mid := (lo + hi) / 2; f.starts[mid] <= offset {
			lo = mid
		} else {
			hi = mid
		}
	}
	return Pos{File: f, Line: lo + 1, Col: f.before(offset) - f.before(f.starts[lo]) + 1}
}

// Pos is a place in a file.
type Pos struct {
	File      *File
	Line, Col int
}

// Known says whether the position points anywhere.
func (p Pos) Known() bool { return p.File != nil }

// String is "file:line:col", the name alone for an inline text or an unknown line, "" when unknown.
func (p Pos) String() string {
	switch {
	case p.File == nil:
		return ""
	case p.File.Inline || p.Line == 0:
		return p.File.Name
	}
	return fmt.Sprintf("%s:%d:%d", p.File.Name, p.Line, p.Col)
}

// Before orders positions within one file.
func (p Pos) Before(q Pos) bool {
	return p.Line < q.Line || p.Line == q.Line && p.Col < q.Col
}

// Span is a stretch of a file; End is just behind its last character.
type Span struct {
	Start, End Pos
}

// Known says whether the span points anywhere.
func (s Span) Known() bool { return s.Start.Known() }

// String is where the span starts.
func (s Span) String() string { return s.Start.String() }

// Of is the span of bytes [from, to) of a file.
func Of(f *File, from, to int) Span { return Span{Start: f.At(from), End: f.At(to)} }
