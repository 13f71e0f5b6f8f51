package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/belay-ml/belay/dsl/workspace"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/secret"
)

// secretTimeout is how long a command that prints a secret may take.
const secretTimeout = 10 * time.Second

// secrets finds the secrets of a workspace: where belay.yaml says, else in the environment variable of the same name.
type secrets struct {
	space  *workspace.File
	env    func(string) (string, bool)
	stderr io.Writer // of commands: what they say is for the person, and goes into no record

	mu    sync.Mutex
	found map[string]*answer
}

type answer struct {
	once  sync.Once
	value string
	err   error
}

func (a *app) secrets(space *workspace.File) *secrets {
	return &secrets{space: space, env: os.LookupEnv, stderr: a.stderr, found: map[string]*answer{}}
}

// Known says whether a secret can be had, and if not, where it was looked for. It reads no value: of a command it
// knows only that there is one.
func (s *secrets) Known(name string) (ok bool, why string) {
	from, named := s.space.Secrets[name]
	switch {
	case named && from.Command != "":
		return true, ""
	case named && from.File != "":
		path := s.path(from.File)
		f, err := os.Open(path)
		if err == nil {
			defer f.Close()
			if st, e := f.Stat(); e == nil && st.Mode().IsRegular() {
				return true, ""
			}
			err = errors.New("it is no file")
		}
		return false, fmt.Sprintf("belay.yaml says that it is in %s: %v", path, cause(err))
	}
	variable := variableOf(name, from)
	if v, set := s.env(variable); set && v != "" {
		return true, ""
	}
	if named {
		return false, fmt.Sprintf("belay.yaml says that it is in the environment variable %s, which is not set", variable)
	}
	return false, fmt.Sprintf("belay.yaml does not name it, and the environment variable %s is not set", variable)
}

// Lookup finds values while ctx lasts, each once.
func (s *secrets) Lookup(ctx context.Context) secret.Lookup {
	return func(name string) (string, error) {
		s.mu.Lock()
		a := s.found[name]
		if a == nil {
			a = &answer{}
			s.found[name] = a
		}
		s.mu.Unlock()
		a.once.Do(func() {
			if a.value, a.err = s.read(ctx, name); a.err == nil && a.value == "" {
				a.err = errors.New("it is empty")
			}
			if a.err != nil {
				a.err = fault.Wrap(fault.Recipe, a.err)
			}
		})
		return a.value, a.err
	}
}

func (s *secrets) read(ctx context.Context, name string) (string, error) {
	from := s.space.Secrets[name]
	switch {
	case from.Command != "":
		return s.run(ctx, from.Command)
	case from.File != "":
		b, err := os.ReadFile(s.path(from.File))
		if err != nil {
			return "", fmt.Errorf("%s: %w", s.path(from.File), cause(err))
		}
		return line(b), nil
	}
	v, ok := s.env(variableOf(name, from))
	if !ok {
		return "", fmt.Errorf("the environment variable %s is not set", variableOf(name, from))
	}
	return v, nil
}

// run gives what a command prints. Its error says nothing of what it printed.
func (s *secrets) run(ctx context.Context, command string) (string, error) {
	limit, cancel := context.WithTimeout(ctx, secretTimeout)
	defer cancel()
	c := exec.CommandContext(limit, "sh", "-c", command)
	c.Dir, c.Stderr = s.space.Dir, s.stderr
	c.WaitDelay = time.Second // for children that hold the pipe open
	out, err := c.Output()
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case limit.Err() != nil:
		return "", fmt.Errorf("the command %q took more than %s", command, secretTimeout)
	case err != nil:
		return "", fmt.Errorf("the command %q: %w", command, err)
	}
	return line(out), nil
}

func (s *secrets) path(file string) string {
	if filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(s.space.Dir, file)
}

// line drops the line break that editors and echo leave at the end.
func line(b []byte) string {
	return strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")
}

func variableOf(name string, from workspace.Secret) string {
	if from.Env != "" {
		return from.Env
	}
	return name
}

// cause is an error of the file system without the path, which the message has already.
func cause(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
