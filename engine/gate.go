package engine

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/belay-ml/belay/engine/metric"
)

// Gate is a condition on numbers that nodes before write, so that it is known only when they have ended. It is no part
// of a key: what a node makes does not depend on why it runs.
type Gate struct {
	Text  string   // the condition as it was written: "evaluate.metrics.accuracy > 0.4"
	Pos   string   // file:line:col of it
	Reads []Output // the artifacts whose numbers it reads, in order
	// Decide is given the numbers of Reads. It may be called at any time, and says the same about the same numbers. Its
	// errors are the recipe's mistakes, or numbers that are not there.
	Decide func(numbers []metric.Set) (Verdict, error)
}

// Verdict is what a gate says.
type Verdict struct {
	Open bool
	Text string    // the condition with the numbers in it: "accuracy 0.31 > 0.4"
	Note string    // numbers that have no place in Text
	Read []Reading // the numbers that mattered
}

// Reading is a number that a gate read.
type Reading struct {
	From  int // in Reads
	Name  string
	Value float64
}

// String is the verdict in words.
func (v Verdict) String() string {
	text := fmt.Sprintf("gate: %s is %t", v.Text, v.Open)
	if v.Note != "" {
		text += " (" + v.Note + ")"
	}
	return text
}

// After names the nodes that a gate waits for.
func (t *Gate) After(g *Graph) string {
	var names []string
	seen := map[int]bool{}
	for _, o := range t.Reads {
		if seen[o.Node] {
			continue
		}
		if seen[o.Node] = true; len(seen) > 3 {
			return strings.Join(names, ", ") + " and others"
		}
		names = append(names, g.Nodes[o.Node].ID)
	}
	return strings.Join(names, ", ")
}

// NumberText is a number as verdicts show it.
func NumberText(x float64) string { return strconv.FormatFloat(x, 'g', 6, 64) }
