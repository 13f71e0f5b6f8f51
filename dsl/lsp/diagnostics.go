package lsp

import (
	"fmt"
	"maps"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/belay-ml/belay/dsl/compile"
	"github.com/belay-ml/belay/dsl/diag"
	"github.com/belay-ml/belay/dsl/pos"
	"github.com/belay-ml/belay/dsl/workspace"
)

// maxFindings is how many findings of a file are shown.
const maxFindings = 100

// findings are what is wrong in one file.
type findings struct {
	uri  string
	list []diagnostic
}

// snapshot is what a check works on. Texts do not change once made.
type snapshot struct {
	tick    int
	opt     compile.Options
	texts   map[string]string // of open files, by path
	uris    map[string]string // what the client calls them
	recipes []checkable
	spaces  map[string]string // texts of workspace files: those that are open, and those of open recipes
	secret  func(*workspace.File) func(string) (bool, string)
	inBytes bool
	relates bool
}

// checkable is a recipe, and the text of its workspace file.
type checkable struct {
	path  string
	space *source // nil when there is none
}

// checked is what came out.
type checked struct {
	tick  int
	files map[string]findings // by path
	panic string
}

// check begins to check the open documents, unless a check runs: then it follows.
func (s *Server) check() {
	if s.checking {
		s.again = true
		return
	}
	snap := s.snapshot()
	s.checking, s.again = true, false
	go func() { s.checked <- snap.run() }() // loop, or Serve at its end, waits for it
}

func (s *Server) snapshot() *snapshot {
	snap := &snapshot{tick: s.tick, texts: map[string]string{}, spaces: map[string]string{}, uris: map[string]string{}, inBytes: s.inBytes, relates: s.relates}
	for _, d := range s.open() {
		if d.path == "" {
			continue
		}
		snap.texts[d.path], snap.uris[d.path] = d.text, d.uri
		switch {
		case d.settings():
			snap.spaces[d.path] = d.text
		case d.recipe():
			snap.recipes = append(snap.recipes, checkable{d.path, s.project(d.source).workspace()})
		}
	}
	// A file that another open recipe extends is judged as a part of that one.
	for _, d := range s.open() {
		if slices.ContainsFunc(snap.recipes, func(r checkable) bool { return r.path == d.path }) {
			for _, f := range s.project(d.source).files[1:] {
				snap.recipes = slices.DeleteFunc(snap.recipes, func(r checkable) bool { return r.path == f.path && r.path != d.path })
			}
		}
	}
	for _, r := range snap.recipes {
		if r.space != nil {
			snap.spaces[r.space.path] = r.space.text
		}
	}
	snap.secret = s.opt.Secret
	snap.opt = s.options(snap.texts)
	return snap
}

// options compile over the given texts.
func (s *Server) options(texts map[string]string) compile.Options {
	opt := s.opt.Compile
	opt.Over = func(path string) (string, bool) { text, ok := texts[path]; return text, ok }
	return opt
}

// run checks the documents of the snapshot.
func (snap *snapshot) run() (out checked) {
	out = checked{tick: snap.tick, files: map[string]findings{}}
	defer func() {
		if r := recover(); r != nil {
			out.panic = fmt.Sprintf("checking panicked: %v\n%s", r, debug.Stack())
		}
	}()
	for path := range snap.texts {
		out.files[path] = findings{uri: snap.uris[path]} // so that old findings go away
	}
	for _, r := range snap.recipes {
		opt := snap.opt
		if snap.secret != nil {
			dir, text := filepath.Dir(r.path), ""
			if r.space != nil {
				dir, text = filepath.Dir(r.space.path), r.space.text
			}
			if space, _ := workspace.Parse(dir, text); space != nil {
				opt.Secret = snap.secret(space)
			}
		}
		view, found := look(r.path, opt)
		for _, d := range callersPart(view, found) {
			snap.add(out.files, r.path, d)
		}
	}
	for path, text := range snap.spaces {
		_, found := workspace.Parse(filepath.Dir(path), text)
		for _, d := range found {
			snap.add(out.files, path, d)
		}
	}
	return out
}

// callersPart makes remarks of what is no mistake in an editor, where nobody gives -p: parameters that the caller must
// give, variables and secrets that are not there.
func callersPart(v *compile.View, l diag.List) diag.List {
	asks := map[string]bool{}
	if v.Recipe != nil {
		for _, q := range v.Recipe.Params {
			asks[fmt.Sprintf("parameter %s is not given: what depends on it is not checked", q.Name)] = q.Default == nil
		}
		for _, e := range v.Recipe.Env {
			asks[fmt.Sprintf("environment variable %s is not set", e.Name)] = true
		}
	}
	for i := range l {
		if s := l[i].Summary; asks[s] || strings.HasPrefix(s, "secret ") && strings.Contains(s, " is not there: ") {
			l[i].Severity = diag.Info
		}
	}
	return l
}

// add puts a finding where it belongs: at its file, or at the top of the recipe when it has none.
func (snap *snapshot) add(files map[string]findings, recipe string, d diag.Diagnostic) {
	path, at := recipe, textRange{}
	if f := d.Subject.Start.File; f != nil && f.Path != "" {
		path, at = f.Path, snap.span(d.Subject)
	}
	out := diagnostic{Range: at, Severity: severityError, Source: "belay", Message: d.Summary}
	switch d.Severity {
	case diag.Warning:
		out.Severity = severityWarning
	case diag.Info:
		out.Severity = severityInformation
	}
	if d.Detail != "" {
		out.Message += "\n" + d.Detail
	}
	if d.Hint != "" {
		out.Message += "\nhint: " + d.Hint
	}
	for _, n := range d.Notes {
		f := n.Span.Start.File
		switch {
		case f == nil || f.Path == "":
			out.Message += "\n" + n.Text
		case snap.relates:
			out.Related = append(out.Related, related{location{snap.uri(f.Path), snap.span(n.Span)}, n.Text})
		default:
			out.Message += "\n" + n.Span.String() + ": " + n.Text
		}
	}
	all := files[path]
	all.uri = snap.uri(path)
	twin := func(o diagnostic) bool { return o.Range == out.Range && o.Message == out.Message } // through another recipe
	if len(all.list) < maxFindings && !slices.ContainsFunc(all.list, twin) {
		all.list = append(all.list, out)
	}
	files[path] = all
}

func (snap *snapshot) uri(path string) string {
	if uri, ok := snap.uris[path]; ok {
		return uri
	}
	return uriOf(path)
}

// span is a span in the protocol's positions.
func (snap *snapshot) span(at pos.Span) textRange {
	f := at.Start.File
	if at.Start.Line == 0 {
		return textRange{}
	}
	l := newLines(f.Text, snap.inBytes)
	from, to := f.Offset(at.Start.Line, at.Start.Col), f.Offset(at.End.Line, at.End.Col)
	return l.span(from, max(from, to))
}

// publish tells the client what a check found, as far as it changed.
func (s *Server) publish(c checked) error {
	if s.state != running {
		return nil // after shutdown the client may listen to answers only
	}
	if s.again {
		s.check()
	}
	if c.panic != "" {
		s.opt.Log(c.panic)
		return nil
	}
	if c.tick != s.tick {
		return nil // positions are those of an older text; another check follows
	}
	for path, old := range s.published {
		if _, still := c.files[path]; !still {
			c.files[path] = findings{uri: old.uri}
		}
	}
	for _, path := range slices.Sorted(maps.Keys(c.files)) {
		now := c.files[path]
		p := publishParams{URI: now.uri, Diagnostics: now.list}
		if d := s.docs[now.uri]; d != nil {
			p.Version = &d.version
		} else if len(now.list) == 0 && len(s.published[path].list) == 0 {
			delete(s.published, path)
			continue
		}
		if p.Diagnostics == nil {
			p.Diagnostics = []diagnostic{}
		}
		if err := s.out.Notify("textDocument/publishDiagnostics", p); err != nil {
			return err
		}
		s.published[path] = now
	}
	return nil
}
