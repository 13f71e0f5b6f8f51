package ckpt

import (
	"errors"
	"fmt"
)

// joined presents several Sources as one.
type joined struct {
	parts []Source
	infos []Info
	owner map[string]Source
}

// Join makes one Source of several with disjoint names; it owns them from then on.
func Join(parts ...Source) (Source, error) {
	if len(parts) == 1 {
		return parts[0], nil
	}
	j := &joined{parts: parts, owner: map[string]Source{}}
	for _, p := range parts {
		for _, i := range p.List() {
			if _, ok := j.owner[i.Name]; ok {
				return nil, fmt.Errorf("join checkpoints: tensor %q is in two files", i.Name)
			}
			j.owner[i.Name] = p
			j.infos = append(j.infos, i)
		}
	}
	return j, nil
}

func (j *joined) List() []Info { return append([]Info(nil), j.infos...) }

func (j *joined) Bytes(name string) ([]byte, error) {
	p, ok := j.owner[name]
	if !ok {
		return nil, fmt.Errorf("read tensor %s: not in this checkpoint", name)
	}
	return p.Bytes(name)
}

func (j *joined) Close() error {
	var errs []error
	for _, p := range j.parts {
		errs = append(errs, p.Close())
	}
	return errors.Join(errs...)
}
