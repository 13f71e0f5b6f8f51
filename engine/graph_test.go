package engine_test

import (
	"testing"

	"github.com/belay-ml/belay/engine"
)

func TestNodesGoByTheirNames(t *testing.T) {
	t.Parallel()
	for id, names := range map[string]struct{ yes, no []string }{
		"sft":                          {[]string{"sft"}, []string{"", "sf", "sftx", "sft/", "sft/a", "sft[]"}},
		"sft[seed=1]":                  {[]string{"sft", "sft[seed=1]"}, []string{"sft[seed=2]", "sft[seed=1", "seed=1"}},
		"prep/sft":                     {[]string{"prep", "prep/sft"}, []string{"sft", "pre", "prep/", "prep/sf"}},
		"prep[seed=1]/sft[lr=2]":       {[]string{"prep", "prep[seed=1]", "prep/sft", "prep[seed=1]/sft", "prep/sft[lr=2]", "prep[seed=1]/sft[lr=2]"}, []string{"prep[seed=2]", "prep[seed=2]/sft", "prep/sft[lr=1]"}},
		`a[x="/]\\\"",y=1/2]/b/c[z=1]`: {[]string{"a", "a/b", "a/b/c", `a[x="/]\\\"",y=1/2]/b`}, []string{"b", "a/c", "a[x"}},
		"odd[":                         {[]string{"odd"}, []string{"odd["}},
	} {
		n := engine.Node{ID: id}
		for _, name := range names.yes {
			if !n.Called(name) {
				t.Errorf("%s is not called %s", id, name)
			}
		}
		for _, name := range names.no {
			if n.Called(name) {
				t.Errorf("%s is called %s", id, name)
			}
		}
	}
}
