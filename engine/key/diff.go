package key

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/belay-ml/belay/engine/artifact"
)

// Part names what kind of thing changed.
type Part string

// The parts of a key.
const (
	PartFormat  Part = "key format"
	PartStage   Part = "stage"
	PartVersion Part = "stage version"
	PartParam   Part = "parameter"
	PartInput   Part = "input"
	PartEnv     Part = "environment variable"
	PartBackend Part = "backend"
)

// Change is one difference between the parts of two keys. Old or New is empty when the part was added or removed.
type Change struct {
	Part Part   `json:"part"`
	Path string `json:"path,omitempty"` // of a parameter or input, or a variable's name
	Old  string `json:"old,omitempty"`
	New  string `json:"new,omitempty"`
	Pos  string `json:"pos,omitempty"` // where the new value was written: "recipe.yaml:12:7", "-p lr"
	// Was and From say where the bytes of an input came from before and now: a path, or "stage.port".
	Was  string `json:"was,omitempty"`
	From string `json:"from,omitempty"`
	// Files says which files of an input differ, where both listings are known.
	Files []FileChange `json:"files,omitempty"`
	// Because says why the stage that made an input ran: "data: parameter style: ...".
	Because string `json:"because,omitempty"`
}

// someFiles is how many changed files a line names.
const someFiles = 3

// String tells the change in one line: `parameter lr: 1e-05 -> 2e-05 (recipe.yaml:12:7)`.
func (c Change) String() string {
	text := c.Name() + c.What()
	if c.Pos != "" {
		text += " (" + c.Pos + ")"
	}
	if c.Because != "" {
		text += ", because of " + c.Because
	}
	return text
}

// Name is what changed: "parameter lr".
func (c Change) Name() string {
	if c.Path == "" {
		return string(c.Part)
	}
	return string(c.Part) + " " + c.Path
}

// What is how it changed, to follow its name: ": 1e-05 -> 2e-05".
func (c Change) What() string {
	old, now := around(c.show(c.Old), c.show(c.New))
	switch {
	case c.Old == "" && c.From != "":
		return ": added, " + c.From
	case c.Old == "":
		return ": added, " + now
	case c.New == "" && c.Was != "":
		return ": removed, was " + c.Was
	case c.New == "":
		return ": removed, was " + old
	case c.Part != PartInput:
		return ": " + old + " -> " + now
	case c.Was != c.From && c.Was != "":
		return ": " + c.Was + " -> " + c.From
	case len(c.Files) == 0 && c.From == "":
		return " changed: " + old + " -> " + now
	case len(c.Files) == 0, len(c.Files) == 1 && c.Files[0].Path == "" && c.From != "":
		return " changed: " + c.From
	}
	var names []string
	room := mostShown
	for _, f := range c.Files[:min(len(c.Files), someFiles)] {
		if room -= len(f.String()); room < 0 && len(names) > 0 {
			break
		}
		names = append(names, f.String())
	}
	if more := len(c.Files) - len(names); more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	from := ""
	if c.From != "" {
		from = c.From + ": "
	}
	return " changed: " + from + strings.Join(names, ", ")
}

// Bounds on how much of a long value a line shows, in characters: in all, and before the first difference.
const (
	mostShown = 60
	leadShown = 16
)

// around cuts two long values down to where they begin to differ.
func around(old, now string) (string, string) {
	a, b := []rune(old), []rune(now)
	if len(a) <= mostShown && len(b) <= mostShown {
		return old, now
	}
	same := 0
	for same < min(len(a), len(b)) && a[same] == b[same] {
		same++
	}
	cut := func(r []rune) string {
		text := ""
		if same > leadShown && len(b) > 0 && len(a) > 0 {
			r, text = r[same-leadShown:], "..."
		}
		if len(r) > mostShown {
			return text + string(r[:mostShown]) + "..."
		}
		return text + string(r)
	}
	return cut(a), cut(b)
}

// show undoes the canonical form where it hinders reading.
func (c Change) show(v string) string {
	switch c.Part {
	case PartInput:
		return artifact.Digest(v).Short()
	case PartParam:
		if s, err := strconv.Unquote(v); err == nil {
			return strconv.Quote(s)
		}
	}
	return v
}

// Diff lists what changed from one key's parts to another's, the likeliest causes first: stage, version,
// parameters, inputs, environment, backend.
func Diff(old, now Parts) []Change {
	var out []Change
	add := func(part Part, path, a, b string) {
		if a != b {
			out = append(out, Change{Part: part, Path: path, Old: a, New: b})
		}
	}
	add(PartFormat, "", strconv.Itoa(old.Format), strconv.Itoa(now.Format))
	add(PartStage, "", old.Stage, now.Stage)
	add(PartVersion, "", strconv.Itoa(old.Version), strconv.Itoa(now.Version))
	for _, n := range both(old.Params, now.Params) {
		add(PartParam, n, old.Params[n], now.Params[n])
	}
	for _, n := range both(old.Inputs, now.Inputs) {
		add(PartInput, n, string(old.Inputs[n]), string(now.Inputs[n]))
	}
	for _, n := range both(old.Env, now.Env) {
		a, hadIt := old.Env[n]
		b, hasIt := now.Env[n]
		if hadIt != hasIt || a != b {
			out = append(out, Change{Part: PartEnv, Path: n, Old: quoteIf(a, hadIt), New: quoteIf(b, hasIt)})
		}
	}
	add(PartBackend, "", old.Backend, now.Backend)
	return out
}

// quoteIf tells a variable set to nothing from one that is not set.
func quoteIf(v string, set bool) string {
	if !set {
		return ""
	}
	return strconv.Quote(v)
}

func both[V any](a, b map[string]V) []string {
	all := make(map[string]bool, len(a)+len(b))
	for n := range a {
		all[n] = true
	}
	for n := range b {
		all[n] = true
	}
	return names(all)
}

// FileChange is one file of an input that differs. Old or New is empty when it was added or removed.
type FileChange struct {
	Path     string          `json:"path"`
	Old, New artifact.Digest `json:"-"`
	What     string          `json:"what"` // added, removed, changed, mode
}

// String tells the change in a few words: "config.json changed".
func (f FileChange) String() string {
	if f.Path == "" {
		return "the file " + f.What
	}
	return readable(f.Path) + " " + f.What
}

// readable quotes names that could move a cursor.
func readable(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(name)
	}
	return name
}

// Files compares two listings sorted by path, as artifact.Tree.Under gives them.
func Files(old, now []artifact.File) []FileChange {
	var out []FileChange
	for len(old) > 0 || len(now) > 0 {
		switch {
		case len(now) == 0 || len(old) > 0 && old[0].Path < now[0].Path:
			out = append(out, FileChange{Path: old[0].Path, Old: old[0].Digest, What: "removed"})
			old = old[1:]
		case len(old) == 0 || now[0].Path < old[0].Path:
			out = append(out, FileChange{Path: now[0].Path, New: now[0].Digest, What: "added"})
			now = now[1:]
		default:
			if old[0].Digest != now[0].Digest {
				out = append(out, FileChange{now[0].Path, old[0].Digest, now[0].Digest, "changed"})
			} else if old[0].Mode != now[0].Mode {
				out = append(out, FileChange{now[0].Path, old[0].Digest, now[0].Digest, "changed its mode"})
			}
			old, now = old[1:], now[1:]
		}
	}
	return out
}
