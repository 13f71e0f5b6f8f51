package convert

import (
	"fmt"
	"sync"

	"github.com/belay-ml/belay/models/family"
)

// Transforms lists every packing that family rules may name.
func Transforms() []Transform { return []Transform{stack{}, interleaveQKV{}, transpose{}, ropePairs{}} }

// builtin reads the built-in families once: every conversion asks for them several times.
var builtin = sync.OnceValues(func() (*family.Registry, error) { return loadFamilies("") })

// Families loads the built-in families and those of dir, if it is not empty.
func Families(dir string) (*family.Registry, error) {
	if dir == "" {
		return builtin()
	}
	return loadFamilies(dir)
}

func loadFamilies(dir string) (*family.Registry, error) {
	var names []string
	for _, t := range Transforms() {
		names = append(names, t.Name())
	}
	return family.Load(dir, names)
}

// chainOf finds the transforms of a rule.
func chainOf(names []string) (chain, error) {
	var out chain
next:
	for _, name := range names {
		for _, t := range Transforms() {
			if t.Name() == name {
				out = append(out, t)
				continue next
			}
		}
		return nil, fmt.Errorf("unknown transform %q", name)
	}
	return out, nil
}
