package rowexpr

import (
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/belay-ml/belay/models/chat/ordjson"
	"github.com/belay-ml/belay/stages/preprocess/record/cell"
)

// native turns a value of a record into one of an expression.
func native(v any) any {
	switch v := v.(type) {
	case ordjson.Number:
		if n, err := strconv.Atoi(string(v)); err == nil {
			return n
		}
		f, err := strconv.ParseFloat(string(v), 64)
		if err != nil && !math.IsInf(f, 0) {
			return string(v)
		}
		return f
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = native(v[i])
		}
		return out
	case *ordjson.Object:
		out := make(map[string]any, len(v.Keys))
		for i, k := range v.Keys {
			out[k] = native(v.Values[i])
		}
		return out
	case ordjson.Opaque:
		return nil
	}
	return v
}

// plain is the way back. Maps get their keys in order.
func plain(v any) any {
	switch v := v.(type) {
	case int64:
		return cell.Int(v)
	case float64:
		return cell.Float(v, 64)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = plain(v[i])
		}
		return out
	case map[string]any:
		o := &ordjson.Object{}
		for _, k := range slices.Sorted(maps.Keys(v)) {
			o.Set(k, plain(v[k]))
		}
		return o
	}
	return v
}
