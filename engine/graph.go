package engine

import (
	"fmt"
	"strings"
	"time"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/fault"
)

// Graph is a recipe after checking: stage instances in an order in which every node comes after
// those it reads.
type Graph struct {
	Recipe  string   // name of the recipe
	Origin  string   // path of the recipe file
	Digest  string   // SHA-256 of the recipe text after extends and overrides, for provenance only
	Files   []string // that it was written in, as messages name them: the recipe first, what it extends and uses
	Nodes   []Node
	Outputs []Link // the recipe's outputs, linked under out/<recipe name>/
}

// Node is one stage instance.
type Node struct {
	ID     string // "sft" or "sft[seed=1]"; in a recipe that a stage uses "prep[seed=1]/sft"
	Name   string // the ID without matrix cells
	Cell   map[string]any
	Stage  Stage
	Params map[string]any // normalised values; inputs are Output, Source, []any or map[string]any of them; texts may be secret.Text
	// Origins says where each parameter was written ("recipe.yaml:12:7", "-p lr"), by its path as in keys: "lr", "lora.r",
	// "data[0].weight". What is missing has its default.
	Origins map[string]string
	Needs   []int             // nodes that must be done before, without data
	Off     string            // why `when` switched the instance off; "" when it is on
	Gates   []Gate            // what of `when` is known only when nodes before have ended; all must be open
	Env     map[string]string // recipe-declared environment for commands
	Pos     string            // file:line:col of the stage
	Retry   Retry
	Timeout time.Duration
	NoCache bool
	// Resources are what the recipe asks for; fields left at zero are as the stage's Spec says.
	Resources Resources
}

// Retry says when a failed attempt is made again. The zero value never does.
type Retry struct {
	Max int // further attempts after the first
	// On are the classes of errors that are worth it; none means those that the stage calls temporary.
	On      []fault.Class
	Backoff time.Duration // before the second attempt, doubled after each; 0 means a second
}

// Output is an input value: a port of another node, or a file or folder inside it.
type Output struct {
	Node int
	Port string
	Sub  string // slash-separated path inside the port; "" is all of it
	// Cell says that it is one of a list over a matrix: such a list leaves out nodes that turn out to be off.
	Cell bool
}

// Source is an input value: a path outside the store.
type Source struct {
	Path string // absolute
	As   string // as the recipe wrote it
}

// Link names an artifact for a person.
type Link struct {
	Name string
	Node int
	Port string
}

// ReadsOff says why a node is off that reads one that is, whether the recipe or a gate switched that off.
func ReadsOff(id, why string) string {
	text := fmt.Sprintf("reads %s, which is off", id)
	if why != "" && !strings.HasPrefix(why, "reads ") {
		text += " (" + why + ")"
	}
	return text
}

// Ports gives the output ports of a node's stage under its parameters.
func (n *Node) Ports() ([]artifact.Port, error) {
	if s, ok := n.Stage.(Shaper); ok {
		return s.Outputs(n.Params)
	}
	return n.Stage.Describe().Outputs, nil
}

// Called says whether a person means the node by a name: its ID, the stage's name for all instances, or the first part
// of a path for everything in a recipe that a stage uses. Cells may be left out anywhere.
func (n *Node) Called(name string) bool {
	for id := n.ID; id != ""; {
		stage, cell, rest := segment(id)
		if name == stage || name == stage+cell {
			return true
		}
		below, ok := strings.CutPrefix(name, stage+cell+"/")
		if !ok {
			if below, ok = strings.CutPrefix(name, stage+"/"); !ok {
				return false
			}
		}
		name, id = below, rest
	}
	return false
}

// segment cuts the first part off an ID: "prep", "[seed=1]", "sft". Values in cells may be in quotes.
func segment(id string) (stage, cell, rest string) {
	i := strings.IndexAny(id, "[/")
	if i < 0 {
		return id, "", ""
	}
	stage = id[:i]
	end, quoted := i, false
	for ; id[i] == '[' && end < len(id); end++ {
		switch c := id[end]; {
		case c == '\\' && quoted:
			end++
		case c == '"':
			quoted = !quoted
		case c == ']' && !quoted:
			return stage, id[i : end+1], strings.TrimPrefix(id[end+1:], "/")
		}
	}
	return stage, "", strings.TrimPrefix(id[i:], "/")
}
