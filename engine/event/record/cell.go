package record

import (
	"strconv"
	"strings"
)

// Axis is one axis of a matrix and its value in a cell.
type Axis struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Cell is a node's place in the matrix of its stage, from its ID: sft[seed=1,mode="a,b"]. Nil without a matrix, or
// when the ID is not written so.
func (n *Node) Cell() []Axis {
	_, rest, ok := strings.Cut(n.ID, "[")
	if !ok || !strings.HasSuffix(rest, "]") {
		return nil
	}
	rest = strings.TrimSuffix(rest, "]")
	var cell []Axis
	for {
		name, after, ok := strings.Cut(rest, "=")
		if !ok || name == "" {
			return nil
		}
		value, tail := after, ""
		if quoted, err := strconv.QuotedPrefix(after); err == nil && after[0] == '"' {
			value, _ = strconv.Unquote(quoted)
			tail = after[len(quoted):]
		} else {
			if i := strings.IndexByte(after, ','); i >= 0 {
				value, tail = after[:i], after[i:]
			}
			if strings.ContainsAny(value, "[]") { // such text is quoted in an ID
				return nil
			}
		}
		cell = append(cell, Axis{name, value})
		if tail == "" {
			return cell
		}
		if rest, ok = strings.CutPrefix(tail, ","); !ok {
			return nil
		}
	}
}

// Stage is the name of the node's stage, without the matrix cell.
func (n *Node) Stage() string {
	if n.Name != "" {
		return n.Name
	}
	name, _, _ := strings.Cut(n.ID, "[")
	return name
}
