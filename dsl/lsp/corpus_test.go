package lsp_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite the expected sections of testdata")

// mark is the cursor.
const mark = "\u2038"

// TestCorpus opens the first file of each archive of testdata and asks, at each ‸ in it, for what the comment says:
// completion, docs, hover, definition, references, rename NAME, symbols, diagnostics, actions. A line "open FILE..." opens
// others too; files that are not open lie on the disk. The section `want` is what comes back.
func TestCorpus(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no corpus: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(strings.TrimPrefix(file, "testdata/"), ".txtar"), func(t *testing.T) {
			t.Parallel()
			ar, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want := slices.IndexFunc(ar.Files, func(f txtar.File) bool { return f.Name == "want" })
			given := ar.Files
			if want >= 0 {
				given = slices.Delete(slices.Clone(ar.Files), want, want+1)
			}
			got := session(t, string(ar.Comment), given)
			if *update {
				ar.Files = append(given, txtar.File{Name: "want", Data: []byte(got)})
				if err := os.WriteFile(file, txtar.Format(ar), 0o666); err != nil {
					t.Fatal(err)
				}
				return
			}
			if want < 0 {
				t.Fatalf("no section want; run with -update\n%s", got)
			}
			if diff := cmp.Diff(string(ar.Files[want].Data), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// editor is a client with the files of an archive.
type editor struct {
	*client
	dir string
	out strings.Builder
}

func session(t *testing.T, comment string, files []txtar.File) string {
	t.Helper()
	e := &editor{client: start(t, everything), dir: t.TempDir()}
	for _, f := range files {
		path := filepath.Join(e.dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(f.Data), mark, "")), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	opened := []string{files[0].Name}
	var asks []string
	for line := range strings.Lines(comment) {
		words := strings.Fields(line)
		switch {
		case len(words) == 0 || words[0] == "#":
		case words[0] == "open":
			opened = append(opened, words[1:]...)
		default:
			asks = append(asks, strings.Join(words, " "))
		}
	}
	for _, name := range opened {
		for _, f := range files {
			if f.Name != name {
				continue
			}
			e.open(e.uri(f.Name), strings.ReplaceAll(string(f.Data), mark, ""))
		}
	}
	for _, ask := range asks {
		e.feature(ask, files[0], opened)
	}
	if err := e.quit(); err != nil {
		t.Error(err)
	}
	return e.out.String()
}

func (e *editor) uri(name string) string {
	return "file://" + filepath.ToSlash(filepath.Join(e.dir, name))
}

// name is a file's name in the archive.
func (e *editor) name(uri string) string {
	return strings.TrimPrefix(uri, "file://"+filepath.ToSlash(e.dir)+"/")
}

func (e *editor) feature(ask string, f txtar.File, opened []string) {
	e.t.Helper()
	word, rest, _ := strings.Cut(ask, " ")
	doc := object{"uri": e.uri(f.Name)}
	switch word {
	case "symbols":
		e.symbols(e.call("textDocument/documentSymbol", object{"textDocument": doc}), "")
		return
	case "diagnostics", "actions":
		e.findings(word == "actions", opened)
		return
	}
	text := string(f.Data)
	for before := ""; ; {
		head, tail, ok := strings.Cut(text, mark)
		if !ok {
			return
		}
		before, text = before+head, tail
		line := strings.Count(before, "\n")
		at := before[strings.LastIndexByte(before, '\n')+1:]
		after, _, _ := strings.Cut(tail, "\n")
		fmt.Fprintf(&e.out, "== %d: %s%s%s\n", line+1, at, mark, strings.ReplaceAll(after, mark, ""))
		e.at(word, rest, doc, position{line, len([]rune(at))}, at)
	}
}

// at asks for one thing at one place.
func (e *editor) at(word, rest string, doc object, pos position, before string) {
	e.t.Helper()
	params := object{"textDocument": doc, "position": object{"line": pos.Line, "character": pos.Character}, "newName": rest, "context": object{"includeDeclaration": true}}
	method := "textDocument/" + word
	if word == "docs" {
		method = "textDocument/completion"
	}
	a := e.ask(method, params)
	if a.Error != nil {
		fmt.Fprintf(&e.out, "error %d: %s\n", a.Error.Code, a.Error.Message)
		return
	}
	switch word {
	case "completion", "docs":
		e.completion(a.Result, before, word == "docs")
	case "hover":
		var h struct {
			Contents struct{ Value string }
			Range    span
		}
		e.read(a.Result, &h)
		fmt.Fprintf(&e.out, "%s\n%s\n", h.Range, h.Contents.Value)
	case "definition", "references":
		var all []place
		e.read(a.Result, &all)
		for _, p := range all {
			fmt.Fprintf(&e.out, "%s %s\n", e.name(p.URI), p.Range)
		}
	case "rename":
		var edit struct {
			Changes map[string][]struct {
				Range   span
				NewText string
			}
		}
		e.read(a.Result, &edit)
		for uri, changes := range edit.Changes {
			for _, c := range changes {
				fmt.Fprintf(&e.out, "%s %s -> %s\n", e.name(uri), c.Range, c.NewText)
			}
		}
	default:
		e.t.Fatalf("unknown ask %q", word)
	}
}

func (e *editor) read(b json.RawMessage, into any) {
	e.t.Helper()
	if err := json.Unmarshal(b, into); err != nil {
		e.t.Fatalf("%s: %v", b, err)
	}
}

type item struct {
	Label, Detail, SortText, FilterText string
	Kind, InsertTextFormat              int
	Preselect                           bool
	Documentation                       struct{ Value string }
	TextEdit                            struct {
		Range   span
		NewText string
	}
}

// completion lists what an editor would show: what matches the text in front of the cursor, in its order. Functions are
// counted when they all fit.
func (e *editor) completion(b json.RawMessage, before string, docs bool) {
	e.t.Helper()
	var list struct{ Items []item }
	e.read(b, &list)
	slices.SortStableFunc(list.Items, func(a, b item) int { return strings.Compare(a.SortText, b.SortText) })
	functions := 0
	for _, it := range list.Items {
		if it.Kind == 3 {
			functions++
		}
	}
	for _, it := range list.Items {
		typed := strings.ToLower(string([]rune(before)[it.TextEdit.Range.Start.Character:]))
		filter := it.FilterText
		if filter == "" {
			filter = it.Label
		}
		if !strings.Contains(strings.ToLower(filter), typed) {
			continue
		}
		if it.Kind == 3 && typed == "" {
			continue
		}
		line := it.Label
		if it.Detail != "" {
			line += " (" + it.Detail + ")"
		}
		if it.TextEdit.NewText != it.Label {
			line += fmt.Sprintf(" %q", it.TextEdit.NewText)
		}
		if r := it.TextEdit.Range; r.Start != r.End {
			line += fmt.Sprintf(" @%d-%d", r.Start.Character+1, r.End.Character+1)
		}
		if it.InsertTextFormat == 2 {
			line += " snippet"
		}
		if it.Preselect {
			line += " preselected"
		}
		fmt.Fprintln(&e.out, line)
		if docs {
			fmt.Fprintln(&e.out, "    "+strings.ReplaceAll(it.Documentation.Value, "\n", "\n    "))
		}
	}
	if functions > 0 {
		fmt.Fprintf(&e.out, "functions: %d\n", functions)
	}
}

type treeSymbol struct {
	Name, Detail string
	Kind         int
	Range        span
	Children     []treeSymbol
}

func (e *editor) symbols(b json.RawMessage, indent string) {
	e.t.Helper()
	var all []treeSymbol
	e.read(b, &all)
	var show func(all []treeSymbol, indent string)
	show = func(all []treeSymbol, indent string) {
		for _, s := range all {
			fmt.Fprintln(&e.out, strings.TrimSpace(fmt.Sprintf("%s%s %d %s %s", indent, s.Name, s.Kind, s.Range, s.Detail)))
			show(s.Children, indent+"- ")
		}
	}
	show(all, indent)
}

// findings waits for what is wrong in each open file and in the others that have findings, and for the quick fixes.
func (e *editor) findings(actions bool, opened []string) {
	e.t.Helper()
	// Findings about the document that was opened last, with its version, are those of a check that knows all of them. The
	// findings of one check come together: an answer after them says that there are no more.
	seen := map[string]published{}
	last := e.uri(opened[len(opened)-1])
	for p := (published{}); p.Version == 0; {
		p = e.diagnostics(last)
		seen[e.name(last)] = p
	}
	e.call("textDocument/documentSymbol", object{"textDocument": object{"uri": e.uri(opened[0])}})
	for _, n := range e.notices {
		var p published
		if e.read(n.Params, &p); p.URI != "" {
			seen[e.name(p.URI)] = p
		}
	}
	var names []string
	for name := range seen {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(&e.out, "== %s\n", name)
		for _, d := range seen[name].Diagnostics {
			fmt.Fprintf(&e.out, "%s severity %d: %s\n", d.Range, d.Severity, strings.ReplaceAll(d.Message, "\n", "\n    "))
			for _, r := range d.RelatedInformation {
				fmt.Fprintf(&e.out, "    %s %s: %s\n", e.name(r.Location.URI), r.Location.Range, r.Message)
			}
			if !actions {
				continue
			}
			var all []struct {
				Title string
				Edit  struct {
					Changes map[string][]struct {
						Range   span
						NewText string
					}
				}
			}
			e.read(e.call("textDocument/codeAction", object{"textDocument": object{"uri": e.uri(name)}, "range": d.Range, "context": object{"diagnostics": []finding{d}}}), &all)
			for _, a := range all {
				for uri, changes := range a.Edit.Changes {
					fmt.Fprintf(&e.out, "    fix %q: %s %s -> %q\n", a.Title, e.name(uri), changes[0].Range, changes[0].NewText)
				}
			}
		}
	}
}
