package secret

// Map copies a parameter's value, lists and maps with all they hold, with what do makes of each Text in it. The first
// error ends it.
func Map(value any, do func(Text) (any, error)) (any, error) {
	switch x := value.(type) {
	case Text:
		return do(x)
	case map[string]any:
		out := make(map[string]any, len(x))
		for k, item := range x {
			var err error
			if out[k], err = Map(item, do); err != nil {
				return nil, err
			}
		}
		return out, nil
	case []any:
		out := make([]any, len(x))
		for i, item := range x {
			var err error
			if out[i], err = Map(item, do); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return value, nil
}

// NamesIn are the secrets in a parameter's value, as they come; one may come twice.
func NamesIn(value any) []string {
	var names []string
	switch x := value.(type) {
	case Text:
		names = x.Names()
	case map[string]any:
		for _, item := range x {
			names = append(names, NamesIn(item)...)
		}
	case []any:
		for _, item := range x {
			names = append(names, NamesIn(item)...)
		}
	}
	return names
}
