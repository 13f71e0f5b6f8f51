package main

import (
	"path/filepath"

	"github.com/belay-ml/belay/engine/event/record"
	"github.com/belay-ml/belay/engine/metric"
	"github.com/belay-ml/belay/engine/store"
)

// recentRuns is how many runs are looked at for one of a recipe.
const recentRuns = 50

// lastNumbers are the numbers that a port of a stage instance held in the latest run of a recipe that has it.
func lastNumbers(path, recipe, node, port string) metric.Set {
	dir, err := workspaceOf(path)
	if err != nil {
		return nil
	}
	runs, seen := filepath.Join(dir, store.Dir, "runs"), 0
	for head, err := range record.Heads(runs) {
		if seen++; seen > recentRuns {
			return nil
		}
		if err != nil || head.Recipe != recipe {
			continue
		}
		run, err := record.Load(filepath.Join(runs, head.ID))
		if err != nil {
			continue
		}
		n := run.Node(node)
		if n == nil {
			continue
		}
		for _, o := range n.Outputs {
			if o.Port != port {
				continue
			}
			if set, err := metric.Read(o.Path); err == nil {
				return set
			}
		}
	}
	return nil
}
