package sched

import (
	"fmt"
	"slices"
	"sync"

	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/secret"
)

// vault finds the values of a graph's secrets when stages need them, each once a run, and has them cut out of
// whatever any node says from then on.
type vault struct {
	find secret.Lookup
	cut  *secret.Redactor

	mu    sync.Mutex
	known map[string]func() (string, error)
}

func newVault(o Options, insts []*instance) *vault {
	v := &vault{find: o.Secret, cut: secret.NewRedactor(nil), known: map[string]func() (string, error){}}
	if v.find == nil {
		v.find = func(name string) (string, error) {
			value, ok := o.Env(name)
			if !ok {
				return "", fault.New(fault.Recipe, "environment variable %s is not set", name)
			}
			return value, nil
		}
	}
	for _, in := range insts {
		v.cut.Add(in.secrets...)
	}
	return v
}

// value is the value of a secret.
func (v *vault) value(name string) (string, error) {
	v.mu.Lock()
	once, ok := v.known[name]
	if !ok {
		once = sync.OnceValues(func() (string, error) { return v.look(name) })
		v.known[name] = once
	}
	v.mu.Unlock()
	return once()
}

func (v *vault) look(name string) (string, error) {
	const hint = "set the environment variable %s, or say under secrets in belay.yaml where the secret comes from"
	value, err := v.find(name)
	if err != nil {
		e := &fault.Error{Code: fault.Recipe, Err: err, Hint: fault.HintOf(err)}
		if code := fault.CodeOf(err); code != fault.Internal {
			e.Code = code
		}
		if e.Hint == "" {
			e = e.WithHint(hint, name)
		}
		return "", e
	}
	if err := longEnough(value); err != nil {
		return "", err.WithHint(hint, name)
	}
	v.cut.Add(value)
	return value, nil
}

// longEnough refuses values that cannot be kept out of logs.
func longEnough(value string) *fault.Error {
	if len(value) >= secret.MinLength {
		return nil
	}
	return fault.New(fault.Recipe, "it has %d bytes; below %d it cannot be told from other text and kept out of logs", len(value), secret.MinLength)
}

// ready makes the secrets of a node known, and those of all nodes before it: what it reads may hold their values.
// Of the latter, one that cannot be found has been in no value.
func (v *vault) ready(in *instance) error {
	if in.short != nil {
		return in.short
	}
	for _, name := range in.names {
		if _, err := v.value(name); err != nil && slices.Contains(in.own, name) {
			return fmt.Errorf("read secret %s: %w", name, err)
		}
	}
	return nil
}

// reveal copies a value with every secret.Text in it replaced by what it stands for.
func (v *vault) reveal(value any) (any, error) {
	return secret.Map(value, func(t secret.Text) (any, error) {
		text, _, err := t.Reveal(v.value)
		return text, err
	})
}
