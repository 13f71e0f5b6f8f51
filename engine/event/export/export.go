package export

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/event/record"
)

// Home is the address of the program, by which exports name it and its stages.
const Home = "https://github.com/belay-ml/belay"

// Source is a run to be exported.
type Source struct {
	Run      *record.Run // as Clean gives it
	Texts    []Text      // the recipe first
	Contents func(record.Output) (Content, bool)
}

// Text is a file of the recipe.
type Text struct {
	Path string // as messages name it
	Data []byte
}

// Content is what an output holds.
type Content struct {
	Root  string          // absolute path
	Dir   bool            // false for a single file
	Files []artifact.File // below Root; the one entry of a single file has no path
}

// Content is what an output holds, if it is still known.
func (s *Source) Content(o record.Output) (Content, bool) {
	if s.Contents == nil {
		return Content{}, false
	}
	return s.Contents(o)
}

// IsFile says that an input is known to be a single file, so that its digest is the file's SHA-256.
func (s *Source) IsFile(in record.Input) bool {
	if in.Node == "" {
		return !in.Dir
	}
	n := s.Run.Node(in.Node)
	if n == nil {
		return false
	}
	for _, o := range n.Outputs {
		if o.Port != in.Port {
			continue
		}
		c, known := s.Content(o)
		if in.Sub == "" {
			return known && !c.Dir
		}
		return slices.ContainsFunc(c.Files, func(f artifact.File) bool { return f.Path == in.Sub && string(f.Digest) == in.Digest })
	}
	return false
}

// Name is how the recipe's file i is called in an export: without folders, and unlike the others.
func (s *Source) Name(i int) string {
	name := path.Base(strings.ReplaceAll(s.Texts[i].Path, `\`, "/"))
	for j := range i {
		if s.Name(j) == name {
			return fmt.Sprintf("%d-%s", i+1, name)
		}
	}
	return name
}

// Clean is a copy of a run whose texts hold neither the workspace's absolute path, which is left out, nor the home
// directory's, which becomes "~".
func Clean(run *record.Run, workspace, home string) (*record.Run, error) {
	text, err := json.Marshal(run)
	if err != nil {
		return nil, fmt.Errorf("copy run: %w", err)
	}
	var pairs []string
	add := func(dir, below, itself string) {
		if len(dir) < 2 || !strings.HasPrefix(dir, "/") {
			return
		}
		quoted, err := json.Marshal(dir)
		if err != nil {
			return
		}
		inside := strings.Trim(string(quoted), `"`)
		pairs = append(pairs, inside+"/", below, `"`+inside+`"`, `"`+itself+`"`)
	}
	add(workspace, "", ".")
	add(home, "~/", "~")
	clean := new(record.Run)
	if err := json.Unmarshal([]byte(strings.NewReplacer(pairs...).Replace(string(text))), clean); err != nil {
		return nil, fmt.Errorf("copy run: %w", err)
	}
	return clean, nil
}

// Tool is a stage kind and its version, as the key of a node names them: "finetune", "3".
func Tool(n *record.Node) (kind, version string) {
	for _, p := range n.Parts {
		if p.Name == "stage" {
			if kind, version, ok := strings.Cut(p.Value, " version "); ok {
				return kind, version
			}
		}
	}
	return n.Kind, ""
}
