package param

import "github.com/belay-ml/belay/engine/artifact"

// Type is the type of a parameter.
type Type uint8

// The types a parameter may have. Input takes one artifact (or a path); Inputs takes a list of them;
// InputMap takes named ones.
const (
	Any Type = iota
	String
	Int
	Float
	Bool
	List
	Map
	Object
	Input
	Inputs
	InputMap
)

// Class says how a parameter enters cache keys.
type Class uint8

// Keyed parameters are part of the key. Unkeyed ones change no output byte (log intervals, worker
// counts). Secret ones are never written anywhere.
const (
	Keyed Class = iota
	Unkeyed
	Secret
)

// Field describes one parameter of a stage.
type Field struct {
	Name     string
	Aliases  []string // other accepted spellings, such as Megatron's long names
	Type     Type
	Elem     *Field          // of List and Map
	Fields   []Field         // of Object
	Kinds    []artifact.Kind // of Input, Inputs, InputMap: the kinds accepted, any when empty
	Required bool
	Default  any // nil, string, int64, float64, bool, []any or map[string]any
	Min, Max *float64
	Enum     []string
	Doc      string
	Class    Class
}

// Schema describes all parameters of a stage, in the order of its struct.
type Schema struct {
	Fields []Field
}

// Problem is one thing wrong with given values.
type Problem struct {
	Path    []string // into the values: {"lora", "r"}, list items by index; the key itself for an unknown key
	Summary string   // "unknown parameter", "want an integer of 1 or more, have \"x\""
	Hint    string   // "did you mean seq_length?", may be empty
	// From and To are the characters of the text at Path that it is about; To of zero means all of it.
	From, To int
}
