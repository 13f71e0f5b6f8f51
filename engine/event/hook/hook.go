package hook

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/belay-ml/belay/engine/secret"
)

// The ends of runs.
const (
	Done      = "done"
	Failed    = "failed"
	Cancelled = "cancelled"
)

// Message is what is told about a run.
type Message struct {
	Status string   // Done, Failed or Cancelled
	Body   []byte   // JSON
	Env    []string // "NAME=value", for commands
}

// Hook is told about the ends of runs. It has a command or an address.
type Hook struct {
	Name    string   // for messages: "hook 1 (webhook)"
	On      []string // the ends that it is told of; all when empty
	Command string   // for sh -c
	Dir     string   // that the command runs in
	Address secret.Text
	Header  string // name of a header line; empty for none
	Value   secret.Text
	Timeout time.Duration
	Pause   time.Duration // before an address is tried again; 0 means a second
}

// Deliver tells every hook that wants it, side by side, and gives the errors in the order of the hooks.
func Deliver(ctx context.Context, hooks []Hook, m Message, find secret.Lookup) []error {
	errs := make([]error, len(hooks))
	var g errgroup.Group
	for i, h := range hooks {
		if len(h.On) > 0 && !slices.Contains(h.On, m.Status) {
			continue
		}
		g.Go(func() error {
			errs[i] = h.deliver(ctx, m, find)
			return nil
		})
	}
	_ = g.Wait() // there are none
	return slices.DeleteFunc(errs, func(err error) bool { return err == nil })
}

func (h Hook) deliver(ctx context.Context, m Message, find secret.Lookup) error {
	limit, cancel := context.WithTimeout(ctx, h.Timeout)
	defer cancel()
	var err error
	if h.Command != "" {
		err = h.run(limit, m)
	} else {
		err = h.post(limit, m, find)
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		err = errors.New("interrupted")
	case limit.Err() != nil:
		err = fmt.Errorf("no end within its timeout of %s", h.Timeout)
	}
	return fmt.Errorf("%s: %w", h.Name, err)
}
