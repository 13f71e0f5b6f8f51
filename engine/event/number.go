package event

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
)

// Number is a float64 that survives JSON: a loss that has become NaN is what a reader of the file looks
// for, and JSON has no spelling of it. Those values are written as the texts NaN, +Inf and -Inf.
type Number float64

// MarshalJSON writes a number, or the text of one that JSON lacks.
func (n Number) MarshalJSON() ([]byte, error) {
	if f := float64(n); math.IsNaN(f) || math.IsInf(f, 0) {
		return strconv.AppendQuote(nil, strconv.FormatFloat(f, 'g', -1, 64)), nil
	}
	return json.Marshal(float64(n))
}

// UnmarshalJSON reads what MarshalJSON writes.
func (n *Number) UnmarshalJSON(b []byte) error {
	var f float64
	if len(b) > 0 && b[0] == '"' {
		switch string(b) {
		case `"NaN"`:
			f = math.NaN()
		case `"+Inf"`:
			f = math.Inf(1)
		case `"-Inf"`:
			f = math.Inf(-1)
		default:
			return fmt.Errorf("read number: %s", b)
		}
	} else if err := json.Unmarshal(b, &f); err != nil {
		return err
	}
	*n = Number(f)
	return nil
}

// Numbers gives every value of a map its JSON form.
func Numbers(m map[string]float64) map[string]Number {
	if m == nil {
		return nil
	}
	out := make(map[string]Number, len(m))
	for k, v := range m {
		out[k] = Number(v)
	}
	return out
}

// Floats is the inverse of Numbers.
func Floats(m map[string]Number) map[string]float64 {
	if m == nil {
		return nil
	}
	out := make(map[string]float64, len(m))
	for k, v := range m {
		out[k] = float64(v)
	}
	return out
}
