package remote

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/key"
	"github.com/belay-ml/belay/engine/store"
)

// wrongAnswers is how many results may prove to be none before the remote counts as something else.
const wrongAnswers = 3

// Share is the remote of one run. It never fails: trouble is a warning, and what is broken is left alone.
type Share struct {
	client     *Client
	warn       func(text string)
	mu         sync.Mutex
	pull, push bool
	wrong      int
}

// NewShare lets a run pull and push through a client. warn is told about trouble.
func NewShare(c *Client, pull, push bool, warn func(text string)) *Share {
	return &Share{client: c, pull: pull, push: push, warn: warn}
}

// String names the remote.
func (s *Share) String() string { return s.client.String() }

func (s *Share) pulls() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pull
}

func (s *Share) pushes() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.push
}

// Look finds the manifest of a key's result; nil when there is none.
func (s *Share) Look(ctx context.Context, k key.Key, ports []artifact.Port) *artifact.Manifest {
	if !s.pulls() {
		return nil
	}
	r, err := s.client.Look(ctx, k, ports)
	if err != nil {
		s.judge(ctx, err, &s.pull, "counts as missing")
	}
	if r == nil {
		return nil
	}
	return r.Manifest
}

// Pull brings the result of a key, whose lock the caller holds; nil when it must be computed.
func (s *Share) Pull(ctx context.Context, k key.Key, ports []artifact.Port, ev event.Stage) *store.Record {
	if !s.pulls() {
		return nil
	}
	rec, err := s.client.Pull(ctx, k, ports, ev)
	if err != nil {
		s.judge(ctx, err, &s.pull, "the result is computed here")
		return nil
	}
	return rec
}

// Push shares a result.
func (s *Share) Push(ctx context.Context, rec *store.Record, ev event.Stage) {
	if !s.pushes() {
		return
	}
	if _, err := s.client.Push(ctx, rec, ev); err != nil {
		s.judge(ctx, err, &s.push, "the result is not shared; belay cache push tries again")
	}
}

// judge warns about an error and turns off what will not work either.
func (s *Share) judge(ctx context.Context, err error, direction *bool, so string) {
	if ctx.Err() != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !*direction {
		return // told already
	}
	switch {
	case errors.Is(err, ErrDown):
		s.pull, s.push = false, false
		so = "the remote is left alone for the rest of this run"
	case errors.Is(err, ErrDenied):
		*direction = false
		so = "this run goes on without"
	case errors.Is(err, errForeign):
		if s.wrong++; s.wrong == wrongAnswers {
			s.pull, s.push = false, false
			so += "; too many wrong answers, the remote is left alone for the rest of this run"
		}
	}
	text := fmt.Sprintf("%v: %s", err, so)
	if hint := fault.HintOf(err); hint != "" {
		text += " (" + hint + ")"
	}
	s.warn(text)
}
