package record

import (
	"strconv"
	"strings"

	"github.com/belay-ml/belay/engine"
)

// Axis is one axis of a matrix and its value in a cell.
type Axis struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Cell is a node's place in the matrices of its stage and of the recipes around it, from its ID: sft[seed=1,mode="a,b"],
// prep[lang=de]/sft[seed=1]. Nil without a matrix, or when the ID is not written so.
func (n *Node) Cell() []Axis {
	_, cell, ok := parseID(n.ID)
	if !ok {
		return nil
	}
	return cell
}

// Stage is the name of the node's stage, without matrix cells: prep/sft.
func (n *Node) Stage() string {
	if n.Name != "" {
		return n.Name
	}
	return StageOf(n.ID)
}

// StageOf is a node's ID without its matrix cells.
func StageOf(id string) string {
	name, _, ok := parseID(id)
	if !ok {
		return id
	}
	return name
}

// Called says whether a person means the node by a name, as engine.Node.Called does.
func (n *Node) Called(name string) bool { return (&engine.Node{ID: n.ID}).Called(name) }

// parseID takes an ID apart; false when it is not one.
func parseID(id string) (name string, cell []Axis, ok bool) {
	for {
		i := strings.IndexAny(id, "[/")
		if i < 0 {
			return name + id, cell, true
		}
		name += id[:i]
		if id[i] == '[' {
			axes, rest, ok := parseCell(id[i+1:])
			if !ok {
				return "", nil, false
			}
			cell = append(cell, axes...)
			if rest == "" {
				return name, cell, true
			}
			if rest[0] != '/' {
				return "", nil, false
			}
			i, id = 0, rest
		}
		name += "/"
		id = id[i+1:]
	}
}

// parseCell reads axis=value,...] and returns what comes after it.
func parseCell(s string) (cell []Axis, rest string, ok bool) {
	for {
		name, after, ok := strings.Cut(s, "=")
		if !ok || name == "" || strings.ContainsAny(name, "[],/") {
			return nil, "", false
		}
		var value string
		if quoted, err := strconv.QuotedPrefix(after); err == nil && after[0] == '"' {
			value, _ = strconv.Unquote(quoted)
			rest = after[len(quoted):]
		} else {
			i := strings.IndexAny(after, ",]")
			if i < 0 || strings.Contains(after[:i], "[") { // such text is quoted in an ID
				return nil, "", false
			}
			value, rest = after[:i], after[i:]
		}
		cell = append(cell, Axis{name, value})
		switch {
		case strings.HasPrefix(rest, "]"):
			return cell, rest[1:], true
		case strings.HasPrefix(rest, ","):
			s = rest[1:]
		default:
			return nil, "", false
		}
	}
}
