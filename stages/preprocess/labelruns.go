package preprocess

import (
	"errors"

	"github.com/belay-ml/belay/models/chat"
)

// Labels are nearly always the ids themselves, or ignored, in a few long runs. As runs they are a number each: twice the
// length, and one more where ids are learned. A label that is something else is ownLabel and the label.
const ownLabel = -1

// appendRuns appends the runs of the labels of ids, and counts those that are learned.
func appendRuns(dst, ids, labels []int32) (runs []int32, learned int) {
	for i := 0; i < len(ids); {
		from := i
		switch {
		case labels[i] == chat.Ignored:
			for i < len(ids) && labels[i] == chat.Ignored {
				i++
			}
			dst = append(dst, int32(i-from)<<1)
		case labels[i] == ids[i]:
			for i < len(ids) && labels[i] == ids[i] {
				i++
			}
			dst = append(dst, int32(i-from)<<1|1)
			learned += i - from
		default:
			dst = append(dst, ownLabel, labels[i])
			if labels[i] >= 0 {
				learned++
			}
			i++
		}
	}
	return dst, learned
}

// applyRuns makes labels of ids.
func applyRuns(ids, runs []int32) error {
	for len(runs) > 0 {
		n := 1
		switch v := runs[0]; {
		case v == ownLabel && len(runs) > 1 && len(ids) > 0:
			ids[0] = runs[1]
			runs = runs[1:]
		case v >= 0 && int(v>>1) <= len(ids):
			n = int(v >> 1)
			if v&1 == 0 {
				for i := range ids[:n] {
					ids[i] = chat.Ignored
				}
			}
		default:
			return errors.New("spooled labels do not fit their ids")
		}
		ids, runs = ids[n:], runs[1:]
	}
	if len(ids) > 0 {
		return errors.New("spooled labels do not fit their ids")
	}
	return nil
}
