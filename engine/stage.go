package engine

import (
	"context"
	"path/filepath"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/param"
	"github.com/belay-ml/belay/engine/secret"
)

// Stage is one kind of work. Implementations are stateless values.
type Stage interface {
	Describe() Spec
	// Run reads its inputs, writes every output port and returns. It checks ctx often enough to end
	// within two seconds of a cancellation, and leaves In.Work in a state to resume from.
	Run(ctx context.Context, in In, out Out) error
}

// Spec is what the engine and the checker know about a stage.
type Spec struct {
	Name    string // as in recipes: "hf-download"
	Version int    // raised by hand whenever output bytes may change; part of the cache key
	Doc     string // one or two sentences for help and schemas
	Params  any    // zero value of the parameter struct (see package param)
	Outputs []artifact.Port
	// Env names environment variables that Run may read through In.Env.
	Env []EnvVar
	// Resumable stages keep In.Work under their key when they are cut short.
	Resumable bool
	// Backend says that results depend on the compute backend, whose class then enters the key.
	Backend   bool
	Resources Resources
}

// Shaper is a Stage whose outputs depend on its parameters; it overrides Spec.Outputs. values are the
// normalised parameters.
type Shaper interface {
	Outputs(values map[string]any) ([]artifact.Port, error)
}

// Checker is a Stage that finds mistakes in its parameters that the schema cannot, before anything runs. values are the
// normalised parameters.
type Checker interface {
	Check(values map[string]any) []param.Problem
}

// EnvVar is an environment variable that a stage declares.
type EnvVar struct {
	Name   string
	Secret bool // never in keys, logs, errors or reports
	Keyed  bool // its value is part of the cache key
}

// Resources are the tokens a running stage holds.
type Resources struct {
	CPU    int   // cores; 0 means 1, -1 all
	Memory int64 // bytes; 0 is not counted
	NPU    int   // devices
	Net    bool
	Mutex  []string // names of which one stage at a time may hold each
}

// In is what a running stage is given.
type In struct {
	Params any    // pointer to the decoded parameter struct, inputs resolved to local paths
	Work   string // private working directory; kept under the key across interrupted runs when Resumable
	CPU    int    // cores granted
	Env    map[string]string
	Events event.Stage
	// Secrets are what Events cuts out of every text. Stages that break texts into pieces ask it where.
	Secrets *secret.Redactor
}

// Out is where a running stage writes and what it says about it.
type Out struct {
	// Root is the output directory; port p belongs at Path(p).
	Root  string
	Ports map[string]string // port name -> absolute path
	// Notes collects facts for the manifest: a pinned commit, counts. JSON values only.
	Notes map[string]any
	// Digests holds what Hashed was told, by path below Root.
	Digests map[string]artifact.Digest
}

// Path is the absolute path that a port must be written to; its parent exists.
func (o Out) Path(port string) string {
	p, ok := o.Ports[port]
	if !ok {
		panic("engine: stage writes undeclared port " + port)
	}
	return p
}

// Note records a fact about the output in its manifest.
func (o Out) Note(key string, value any) { o.Notes[key] = value }

// Hashed tells the SHA-256 of a file that was hashed while it was written, so that publishing need not read it
// again. path is absolute, and the file is not changed afterwards.
func (o Out) Hashed(path string, d artifact.Digest) {
	if rel, err := filepath.Rel(o.Root, path); err == nil && filepath.IsLocal(rel) && o.Digests != nil {
		o.Digests[filepath.ToSlash(rel)] = d
	}
}

// Float is a parameter that says loosely what is meant, and may mean something else tomorrow: a branch of a
// repository.
type Float struct {
	Param string   // top-level parameter of type text: "revision"
	Kind  string   // what floats, as the lock file calls it: "hub"
	Name  []string // which of them: type, repository, revision
}

// Pinner is a Stage with parameters that may float.
type Pinner interface {
	Stage
	// Floats lists those that do float under the normalised values.
	Floats(values map[string]any) []Float
	// Pin finds what a float means now: a value for its parameter that never means anything else. in is as for Run,
	// without a working directory.
	Pin(ctx context.Context, in In, f Float) (string, error)
}
