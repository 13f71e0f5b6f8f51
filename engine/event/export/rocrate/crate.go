package rocrate

import (
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"sort"
)

// The profiles that a crate conforms to.
const (
	rocrateURL    = "https://w3id.org/ro/crate/1.1"
	workflowCrate = "https://w3id.org/workflowhub/workflow-ro-crate/1.0"
	processRun    = "https://w3id.org/ro/wfrun/process/0.5"
	workflowRun   = "https://w3id.org/ro/wfrun/workflow/0.5"
	provenanceRun = "https://w3id.org/ro/wfrun/provenance/0.5"
	bioschemas    = "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"
	parameterType = "https://bioschemas.org/profiles/FormalParameter/1.0-RELEASE"
)

// MetadataFile is the crate's description of itself.
const MetadataFile = "ro-crate-metadata.json"

// Entity is one thing that a crate describes; its "@id" is unique.
type Entity map[string]any

// ref refers to an entity.
type ref struct {
	ID string `json:"@id"`
}

// Crate is a description and the files that belong to it.
type Crate struct {
	entities map[string]Entity
	order    []string
	files    []file
}

// file is a file of the crate: its text, or the path of what is copied.
type file struct {
	name string // slash-separated, below the crate
	data []byte
	from string
}

func newCrate() *Crate { return &Crate{entities: map[string]Entity{}} }

// add describes an entity, once: what is known under its ID already stays.
func (c *Crate) add(e Entity) ref {
	id := e["@id"].(string)
	if _, ok := c.entities[id]; !ok {
		c.entities[id] = e
		c.order = append(c.order, id)
	}
	return ref{id}
}

// link adds a reference to a list of an entity, once.
func (c *Crate) link(id, property string, to ref) {
	e := c.entities[id]
	list, _ := e[property].([]ref)
	for _, r := range list {
		if r == to {
			return
		}
	}
	e[property] = append(list, to)
}

// Metadata writes the description: the file itself and the root first, the others in the order in which they were met.
func (c *Crate) Metadata(w io.Writer) error {
	graph := make([]Entity, len(c.order))
	for i, id := range c.order {
		graph[i] = make(Entity, len(c.entities[id]))
		for k, v := range c.entities[id] {
			if list, ok := v.([]ref); ok && len(list) == 1 {
				v = list[0] // a list of one is written as the one
			}
			graph[i][k] = v
		}
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(map[string]any{
		"@context": []string{rocrateURL + "/context", "https://w3id.org/ro/terms/workflow-run/context"},
		"@graph":   graph,
	}); err != nil {
		return fmt.Errorf("write crate metadata: %w", err)
	}
	return nil
}

// Files are the names of the crate's files, without its metadata.
func (c *Crate) Files() []string {
	out := make([]string, len(c.files))
	for i, f := range c.files {
		out[i] = f.name
	}
	sort.Strings(out)
	return out
}

// local is a reference to an entity of this description only.
func local(kind string, parts ...string) string {
	id := "#" + kind
	for _, p := range parts {
		id += "/" + url.PathEscape(p)
	}
	return id
}
