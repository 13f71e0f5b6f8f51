package chat

import (
	"fmt"
	"strings"

	"github.com/belay-ml/belay/models/chat/ordjson"
)

// functionCall reads {"name": ..., "arguments": ...}.
func functionCall(content string) (name, arguments string, err error) {
	v, err := ordjson.Parse([]byte(content))
	if err != nil {
		return "", "", fmt.Errorf("function call is not JSON: %w", err)
	}
	o, ok := v.(*ordjson.Object)
	if !ok {
		return "", "", fmt.Errorf("function call is %s, want an object with name and arguments", ordjson.TypeName(v))
	}
	n, _ := o.Get("name")
	name, ok = n.(string)
	args, has := o.Get("arguments")
	if !ok || !has {
		return "", "", fmt.Errorf("function call has the keys %s, want name (a text) and arguments", strings.Join(o.Keys, ", "))
	}
	return name, ordjson.Dump(args), nil
}
