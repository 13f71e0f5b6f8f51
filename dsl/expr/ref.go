package expr

import (
	"path"

	"github.com/belay-ml/belay/engine/artifact"
)

// Ref is an artifact as expressions see it. It has no exported field or method, which is what makes it opaque.
type Ref struct{ target Target }

// Target is what a Ref stands for: a port of a node.
type Target struct {
	Node int
	ID   string // of the node
	Port string
	Kind artifact.Kind
	Cell string // the matrix cells of the node, in brackets: "[seed=1]"
	Sub  string // slash-separated path inside the port; "" is all of it
	// Listed says that it is one of a list over a matrix, which leaves out what is off.
	Listed bool
}

// RefTo makes the reference to a port.
func RefTo(t Target) Ref { return Ref{target: t} }

// TargetOf is what the reference stands for.
func TargetOf(r Ref) Target { return r.target }

// Listed is the reference as one of a list over a matrix.
func Listed(r Ref) Ref {
	r.target.Listed = true
	return r
}

// Inside is the reference to a file or folder inside what r stands for. Its kind is not known: a folder of
// an artifact need not be what the whole is.
func Inside(r Ref, sub string) Ref {
	r.target.Sub, r.target.Kind = path.Join(r.target.Sub, sub), artifact.Unspecified
	return r
}
