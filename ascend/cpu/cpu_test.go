package cpu

import (
	"fmt"
	"testing"

	"github.com/belay-ml/belay/ascend/cpu/kernel"
	"github.com/belay-ml/belay/ascend/op"
	"github.com/belay-ml/belay/ascend/optest"
)

func maker(t *testing.T, threads int, tier kernel.Tier) func() op.Backend {
	return func() op.Backend {
		b := New(threads, Tier(string(tier)))
		t.Cleanup(b.Close)
		return b
	}
}

func TestBackendConforms(t *testing.T) {
	t.Parallel()
	for _, tier := range kernel.Tiers() {
		t.Run(fmt.Sprintf("%s on two threads", tier), func(t *testing.T) {
			optest.Run(t, maker(t, 2, tier))
		})
	}
}

func TestThreadsChangeNoBit(t *testing.T) {
	t.Parallel()
	for _, tier := range kernel.Tiers() {
		for _, threads := range []int{2, 3} {
			t.Run(fmt.Sprintf("%s, one thread and %d", tier, threads), func(t *testing.T) {
				optest.Equal(t, maker(t, 1, tier), maker(t, threads, tier))
			})
		}
	}
}
