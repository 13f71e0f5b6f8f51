package param

// IsInput says whether values of the type are artifacts.
func (t Type) IsInput() bool { return t == Input || t == Inputs || t == InputMap }

// String is the type in words for messages: "want an integer".
func (t Type) String() string {
	switch t {
	case String:
		return "text"
	case Int:
		return "an integer"
	case Float:
		return "a number"
	case Bool:
		return "true or false"
	case List:
		return "a list"
	case Map, Object:
		return "a map"
	case Input:
		return "an artifact or a path"
	case Inputs:
		return "a list of artifacts or paths"
	case InputMap:
		return "a map of artifacts or paths"
	}
	return "any value"
}

// zero is what an absent value without a default means; nil when absence is a value of its own.
func (t Type) zero() any {
	switch t {
	case String:
		return ""
	case Int:
		return int64(0)
	case Float:
		return 0.0
	case Bool:
		return false
	case List:
		return []any{}
	case Map, Object:
		return map[string]any{}
	}
	return nil
}
