package sched

import (
	"context"
	"os"
	"runtime"
	"time"

	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/lockfile"
	"github.com/belay-ml/belay/engine/secret"
)

// Options say what to run and with what. The zero value runs everything stale on all cores.
type Options struct {
	RunID string // for events

	Only  []string // IDs or names of nodes: run these and what they need
	Until []string // run nothing that comes after these
	Force []string // run these even when fresh; "*" is all

	CPU       int   // cores to hand out; 0 means GOMAXPROCS
	Memory    int64 // bytes to hand out; 0 means what the machine, or the container, has
	NPU       int   // devices to hand out; 0 means that there are none
	Net       int   // stages that may use the network at once; 0 means 4
	Jobs      int   // stages at once; 0 means no limit but the tokens
	KeepGoing bool

	Lock   *lockfile.File    // pins floating parameters and tells what sources should hold; nil for none
	Locked bool              // what is not as Lock says is an error
	Warn   func(text string) // told what differs from Lock when that is no error; may be nil

	Backend string // class of the compute backend, for keys of stages whose results depend on it
	Belay   string // version of the program, for provenance
	Host    string // for provenance; "" means the host's name

	Remote Remote                           // where results are shared; nil for none. Plan looks there too
	Env    func(name string) (string, bool) // nil means the process's environment
	Secret secret.Lookup                    // of the secrets in parameters; nil means variables of Env

	Now   func() time.Time                                       // nil means the clock
	Sleep func(ctx context.Context, d time.Duration) (err error) // between attempts; nil means a timer
}

func (o Options) filled() Options {
	if o.CPU <= 0 {
		o.CPU = runtime.GOMAXPROCS(0)
	}
	if o.Memory <= 0 {
		o.Memory = machineMemory(os.DirFS("/"))
	}
	if o.Net <= 0 {
		o.Net = 4
	}
	if o.Host == "" {
		o.Host, _ = os.Hostname()
	}
	if o.Env == nil {
		o.Env = os.LookupEnv
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Sleep == nil {
		o.Sleep = fault.Pause
	}
	return o
}
