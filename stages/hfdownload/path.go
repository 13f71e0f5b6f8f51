package hfdownload

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/belay-ml/belay/engine/fault"
)

// checkPath refuses a repository path that could leave the target folder on any operating system, or
// that no folder can hold.
func checkPath(p string) error {
	bad := func(why string) error { return fmt.Errorf("path %q: %s", foreign(p), why) }
	switch {
	case p == "":
		return bad("is empty")
	case len(p) > 4000:
		return bad("is longer than 4000 bytes")
	case !utf8.ValidString(p):
		return bad("is not UTF-8")
	case strings.ContainsRune(p, '\\'):
		return bad("holds a backslash")
	case strings.ContainsFunc(p, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return bad("holds a control character")
	case p[0] == '/':
		return bad("is absolute")
	case len(p) > 1 && p[1] == ':':
		return bad("begins with a drive")
	}
	for c := range strings.SplitSeq(p, "/") {
		switch {
		case c == "" || c == "." || c == "..":
			return bad("has an empty or dotted component")
		case len(c) > 255:
			return bad("has a component longer than 255 bytes")
		}
	}
	return nil
}

// pick selects entries by the patterns, in the tree's order, and refuses selections that cannot lie in
// one folder on every file system: names that differ only in case or Unicode form, and a file that is
// also a folder.
func pick(entries []entry, allow, ignore []string) ([]entry, error) {
	picked := make([]entry, 0, len(entries))
	for _, e := range entries {
		if (len(allow) == 0 || matchAny(allow, e.Path)) && !matchAny(ignore, e.Path) {
			picked = append(picked, e)
		}
	}
	if len(picked) == 0 {
		return nil, fault.New(fault.Data, "none of the repository's %d files is left by allow_patterns %q and ignore_patterns %q", len(entries), allow, ignore).
			WithHint("patterns match the whole path, as in *.safetensors or data/*")
	}
	files := make(map[string]string, len(picked))
	for _, e := range picked {
		f := fold(e.Path)
		if other, dup := files[f]; dup {
			return nil, fault.New(codeReply, "files %q and %q have one name where case does not count", other, e.Path).
				WithHint("leave one of them out with ignore_patterns")
		}
		files[f] = e.Path
	}
	for _, e := range picked {
		f := fold(e.Path)
		for i, r := range f {
			if r != '/' {
				continue
			}
			if other, dup := files[f[:i]]; dup {
				return nil, fault.New(codeReply, "file %q is a folder in %q", other, e.Path)
			}
		}
	}
	return picked, nil
}

// fold is a path as file systems see it that ignore case and Unicode form.
func fold(p string) string { return strings.ToLower(norm.NFC.String(p)) }
