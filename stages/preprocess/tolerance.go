package preprocess

import (
	"fmt"

	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/stages/preprocess/record"
)

const (
	// shareFrom is the number of records from which on a share of them is looked at before the end.
	shareFrom = 1000
	// logged is how many wrong records are logged one by one.
	logged = 10
)

// tolerance counts records that are wrong, up to a cap: a number of them, or below 1 a share of all records.
type tolerance struct {
	most   float64
	count  int
	events event.Stage
}

// wrong takes note of a record that is left out, the nth of all; its error ends the run.
func (t *tolerance) wrong(err error, nth int) error {
	t.count++
	if t.count <= logged {
		text := "a record is left out"
		if t.count == logged {
			text = "a record is left out; further ones are counted only"
		}
		t.events.Warn(text, map[string]any{"reason": record.Reason(err), "error": err.Error()})
	}
	switch {
	case t.most < 1 && nth < shareFrom:
		return nil
	case t.most < 1:
		return t.share(nth, err)
	case float64(t.count) > t.most:
		return t.stop(fmt.Sprintf("%.0f", t.most), nth, err)
	}
	return nil
}

// share holds the share of n records against the cap. err is the latest mistake.
func (t *tolerance) share(n int, err error) error {
	if t.most < 1 && float64(t.count) > t.most*float64(n) {
		return t.stop(fmt.Sprintf("%g of all", t.most), n, err)
	}
	return nil
}

func (t *tolerance) stop(most string, n int, err error) error {
	const hint = "mend the data, or raise max_errors (a number, or a share below 1)"
	if err == nil {
		return fault.New(fault.Data, "%d of %d records are wrong, more than max_errors (%s)", t.count, n, most).WithHint(hint)
	}
	return fault.New(fault.Data, "%d of %d records are wrong, more than max_errors (%s); the last is %w", t.count, n, most, err).WithHint(hint)
}
