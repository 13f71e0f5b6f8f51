package inference

import (
	"github.com/belay-ml/belay/ascend"
	"github.com/belay-ml/belay/ascend/op"
	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/fault"
)

// TierVariable names the environment variable that lowers the cpu backend's kernels ("generic",
// "avx2"). Tiers round differently, so a value that is set enters the keys of stages that compute.
const TierVariable = "BELAY_CPU"

// Env is what stages that compute declare.
func Env() []engine.EnvVar { return []engine.EnvVar{{Name: TierVariable, Keyed: true}} }

// Device opens the backend that computes, on so many threads; the second result ends it.
func Device(threads int, tier string) (op.Backend, func(), error) {
	be, end, err := ascend.Open("cpu", ascend.Options{Threads: threads, Tier: tier})
	if err != nil {
		return nil, nil, fault.New(fault.Usage, "%s=%s: %w", TierVariable, tier, err)
	}
	return be, end, nil
}
