package ascend

import (
	"errors"
	"fmt"

	"github.com/belay-ml/belay/ascend/cpu"
	"github.com/belay-ml/belay/ascend/op"
)

// Options says how to open a backend.
type Options struct {
	// Threads that compute; at least 1.
	Threads int
	// Tier lowers the cpu backend's kernels ("generic", "avx2"); empty means the best of the machine.
	Tier string
}

// Entry is one backend of this build.
type Entry struct {
	Name string
	// Open starts the backend; the second result ends it.
	Open func(Options) (op.Backend, func(), error)
}

// ErrNoNPU says that this build cannot drive an NPU.
var ErrNoNPU = errors.New("this build has no NPU backend (cann)")

// Backends lists the backends, the default first.
func Backends() []Entry {
	return []Entry{
		{Name: "cpu", Open: openCPU},
		{Name: "cann", Open: openCANN},
	}
}

// Open starts the backend called name; close must be called once at the end.
func Open(name string, o Options) (b op.Backend, close func(), err error) {
	var names []string
	for _, e := range Backends() {
		if e.Name == name {
			return e.Open(o)
		}
		names = append(names, e.Name)
	}
	return nil, nil, fmt.Errorf("open backend %q: not one of %v", name, names)
}

func openCPU(o Options) (op.Backend, func(), error) {
	if o.Threads < 1 {
		return nil, nil, fmt.Errorf("open backend cpu: %d threads, want at least 1", o.Threads)
	}
	tier, err := cpu.ParseTier(o.Tier)
	if err != nil {
		return nil, nil, fmt.Errorf("open backend cpu: %w", err)
	}
	b := cpu.New(o.Threads, tier)
	return b, b.Close, nil
}

func openCANN(Options) (op.Backend, func(), error) {
	return nil, nil, fmt.Errorf("open backend cann: %w: use backend cpu", ErrNoNPU)
}
