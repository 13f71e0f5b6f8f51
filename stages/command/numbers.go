package command

import (
	"strconv"

	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/metric"
)

// maxTold bounds the numbers of a port that a run tells about.
const maxTold = 100

// tell shows the numbers that a command wrote, so that runs compare by them. A port that holds none is none of its
// business: only a condition that reads it needs them.
func tell(ev event.Stage, port, path string) {
	set, err := metric.Read(path)
	if err != nil || len(set) == 0 {
		return
	}
	t := event.Table{Title: port, Columns: []string{"metric", "value"}, Headline: map[string]float64{}}
	for i, name := range set.Names() {
		if i == maxTold {
			break
		}
		t.Rows = append(t.Rows, []string{name, strconv.FormatFloat(set[name], 'g', 6, 64)})
		t.Headline[name] = set[name]
	}
	ev.Table(t)
}
