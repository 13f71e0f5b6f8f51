package record

import (
	"encoding/json"
	"fmt"
)

// MarshalJSON writes [step, value].
func (p Point) MarshalJSON() ([]byte, error) { return json.Marshal([2]any{p.Step, p.Value}) }

// UnmarshalJSON reads [step, value].
func (p *Point) UnmarshalJSON(b []byte) error {
	var pair []json.RawMessage
	if err := json.Unmarshal(b, &pair); err != nil {
		return err
	}
	if len(pair) != 2 {
		return fmt.Errorf("read point: %d numbers, want 2", len(pair))
	}
	if err := json.Unmarshal(pair[0], &p.Step); err != nil {
		return err
	}
	return json.Unmarshal(pair[1], &p.Value)
}

// thin keeps a curve short while it grows: every stride-th point, the stride doubling whenever
// MaxPoints is reached. The last point is always there.
type thin struct {
	stride  int
	seen    int
	pending bool // the last point is there only as the last
}

// add puts a point at the end of c.
func (t *thin) add(c *Curve, p Point) {
	if t.stride == 0 {
		t.stride = 1
	}
	if t.pending {
		c.Points = c.Points[:len(c.Points)-1]
	}
	c.Points = append(c.Points, p)
	t.pending = t.seen%t.stride != 0
	t.seen++
	if len(c.Points) < MaxPoints {
		return
	}
	keep := c.Points[:0]
	for i, q := range c.Points {
		if i%2 == 0 || i == len(c.Points)-1 {
			keep = append(keep, q)
		}
	}
	// The last point stays by its parity, or as the pending one.
	t.pending = t.pending || (len(c.Points)-1)%2 != 0
	t.stride *= 2
	c.Points = keep
}
