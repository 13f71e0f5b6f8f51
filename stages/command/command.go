package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/fault"
)

// grace is how long a cancelled command may tidy up.
const grace = time.Second

// Params are the stage's parameters.
type Params struct {
	Run     string                  `yaml:"run" required:"true" doc:"command line for sh -c"`
	Inputs  map[string]artifact.Ref `yaml:"inputs" doc:"environment variable -> input whose path it holds"`
	Outputs map[string]any          `yaml:"outputs" required:"true" doc:"port -> path below $OUT, or {path, kind}"`
	Env     map[string]string       `yaml:"env" doc:"further environment variables; part of the cache key"`
}

// Stage runs a command.
type Stage struct{}

// Describe says what the stage takes; its ports come from Outputs.
func (Stage) Describe() engine.Spec {
	return engine.Spec{
		Name:      "command",
		Version:   1,
		Doc:       "Run a command line with declared inputs and outputs: inputs are environment variables that hold paths, outputs lie below $OUT.",
		Params:    Params{},
		Env:       []engine.EnvVar{{Name: "PATH"}},
		Resources: engine.Resources{CPU: 1},
	}
}

// Outputs are the declared ports.
func (Stage) Outputs(values map[string]any) ([]artifact.Port, error) {
	declared, ok := values["outputs"].(map[string]any)
	if !ok {
		return nil, fault.New(fault.Recipe, "read outputs: want a map of port to path, have %T", values["outputs"])
	}
	return ports(declared)
}

// Run starts the command, follows its output and checks what it left.
func (Stage) Run(ctx context.Context, in engine.In, out engine.Out) error {
	p, ok := in.Params.(*Params)
	if !ok {
		return fault.New(fault.Internal, "run command: parameters are %T", in.Params)
	}
	declared, err := ports(p.Outputs)
	if err != nil {
		return err
	}
	env, err := environ(p, in, out)
	if err != nil {
		return err
	}
	for _, port := range declared {
		if err := os.MkdirAll(filepath.Dir(out.Path(port.Name)), 0o755); err != nil {
			return fmt.Errorf("prepare output %s: %w", port.Name, err)
		}
	}
	tail := newTail(in.Events, in.Secrets)
	if err := start(ctx, p.Run, in.Work, env, tail); err != nil {
		return err
	}
	for _, port := range declared {
		if err := check(out.Root, port, out.Path(port.Name)); err != nil {
			return err
		}
	}
	for _, port := range declared {
		if port.Kind == artifact.Metrics {
			tell(in.Events, port.Name, out.Path(port.Name))
		}
	}
	out.Note("lines", map[string]any{"stdout": tail.count("stdout"), "stderr": tail.count("stderr")})
	return nil
}

// start runs the command line to its end.
func start(ctx context.Context, line, work string, env []string, tail *tail) error {
	// The kernel ends a child when the thread that made it ends (see newGroup), so the thread stays ours.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", line)
	cmd.Dir, cmd.Env = work, env
	stdout, stderr := tail.writer("stdout"), tail.writer("stderr")
	cmd.Stdout, cmd.Stderr = stdout, stderr
	started, ended, err := newGroup(cmd)
	if err != nil {
		return fault.New(fault.Internal, "start sh: %w", err)
	}
	defer ended()
	cmd.Cancel = func() error { return signalGroup(cmd, false) }
	cmd.WaitDelay = grace
	err = cmd.Start()
	started()
	if err != nil {
		return fault.New(fault.Internal, "start sh: %w", err)
	}
	err = cmd.Wait()           // after a cancellation, at most grace later: WaitDelay kills the shell
	_ = signalGroup(cmd, true) // and this whoever did not heed SIGTERM, or was left in the background
	stdout.flush()
	stderr.flush()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil:
		return nil
	case errors.Is(err, exec.ErrWaitDelay):
		return nil // the command itself succeeded; its pipes were held open by background processes
	case errors.As(err, &exit):
		return tail.failure(exit)
	}
	return fault.New(fault.Internal, "run sh: %w", err)
}

// environ is the whole environment of the command, sorted.
func environ(p *Params, in engine.In, out engine.Out) ([]string, error) {
	tmp := filepath.Join(in.Work, "tmp")
	if err := os.MkdirAll(tmp, 0o755); err != nil {
		return nil, fmt.Errorf("make temporary directory: %w", err)
	}
	vars := map[string]string{}
	for k, v := range in.Env {
		vars[k] = v
	}
	for k, v := range p.Env {
		vars[k] = v
	}
	vars["OUT"], vars["TMPDIR"] = out.Root, tmp
	for k, ref := range p.Inputs {
		if k == "OUT" || k == "PATH" || k == "TMPDIR" {
			return nil, fault.New(fault.Recipe, "read inputs: the name %s is taken", k)
		}
		if _, dup := p.Env[k]; dup {
			return nil, fault.New(fault.Recipe, "read inputs: %s is also in env", k)
		}
		vars[k] = ref.Path
	}
	env := make([]string, 0, len(vars))
	for k, v := range vars {
		if !isName(k) {
			return nil, fault.New(fault.Recipe, "read environment: %q is no name of a variable", k).
				WithHint("use letters, digits and _, not beginning with a digit")
		}
		if strings.IndexByte(v, 0) >= 0 {
			return nil, fault.New(fault.Recipe, "read environment: the value of %s holds a NUL byte", k)
		}
		env = append(env, k+"="+v)
	}
	slices.Sort(env)
	return env, nil
}

func isName(s string) bool {
	for i, r := range s {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}

// ports turns the outputs parameter into ports, sorted by name.
func ports(declared map[string]any) ([]artifact.Port, error) {
	if len(declared) == 0 {
		return nil, fault.New(fault.Recipe, "read outputs: a command without outputs has no result").
			WithHint("declare what it writes, as in outputs: {result: result.txt}")
	}
	var all []artifact.Port
	for name, v := range declared {
		port := artifact.Port{Name: name}
		switch v := v.(type) {
		case string:
			port.Path = v
		case map[string]any:
			for k, x := range v {
				text, ok := x.(string)
				switch {
				case !ok:
					return nil, fault.New(fault.Recipe, "read output %s: %s must be text, is %T", name, k, x)
				case k == "path":
					port.Path = text
				case k == "kind":
					port.Kind = artifact.Kind(text)
				default:
					return nil, fault.New(fault.Recipe, "read output %s: unknown key %q", name, k).WithHint("an output has path and kind")
				}
			}
		default:
			return nil, fault.New(fault.Recipe, "read output %s: want a path or {path, kind}, have %T", name, v)
		}
		if !isName(name) {
			return nil, fault.New(fault.Recipe, "read output %q: not an identifier", name)
		}
		if port.Kind != artifact.Unspecified && !slices.Contains(artifact.Kinds(), port.Kind) {
			return nil, fault.New(fault.Recipe, "read output %s: unknown kind %q", name, port.Kind).
				WithHint("one of %s", strings.Trim(fmt.Sprint(artifact.Kinds()), "[]"))
		}
		p := strings.TrimPrefix(port.Path, "$OUT/")
		if p == "" || path.IsAbs(p) || strings.ContainsAny(p, "\\\x00") || !filepath.IsLocal(p) {
			return nil, fault.New(fault.Recipe, "read output %s: %q does not lie below $OUT", name, port.Path).
				WithHint("give a relative path without .., such as %s.txt", name)
		}
		port.Path = path.Clean(p)
		all = append(all, port)
	}
	slices.SortFunc(all, func(a, b artifact.Port) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}
