package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/belay-ml/belay/dsl/workspace"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/remote"
	"github.com/belay-ml/belay/engine/remote/dir"
	"github.com/belay-ml/belay/engine/remote/s3"
	"github.com/belay-ml/belay/engine/remote/sftp"
	"github.com/belay-ml/belay/engine/remote/web"
	"github.com/belay-ml/belay/engine/sched"
	"github.com/belay-ml/belay/engine/store"
)

// shareFlags say what a run does with the workspace's remote.
type shareFlags struct {
	none, pull, push bool
	changed          func(name string) bool
}

func (f *shareFlags) register(c *cobra.Command) {
	c.Flags().BoolVar(&f.none, "no-remote", false, "leave the remote of belay.yaml alone")
	c.Flags().BoolVar(&f.pull, "pull", true, "look for results in the remote before computing them; as belay.yaml says when not given")
	c.Flags().BoolVar(&f.push, "push", true, "share new results in the remote; as belay.yaml says when not given")
	f.changed = c.Flags().Changed
}

// share opens the workspace's remote for a run, which no trouble with it fails: nil where there is none. Its end must be
// told.
func (a *app) share(ctx context.Context, w *workspace.File, st *store.Store, f shareFlags) (at sched.Remote, end func() error, err error) {
	end = func() error { return nil }
	pull, push := w.Remote.Pull, w.Remote.Push
	if f.changed("pull") {
		pull = f.pull
	}
	if f.changed("push") {
		push = f.push
	}
	switch {
	case w.Remote.URL == "" && (f.changed("pull") && f.pull || f.changed("push") && f.push):
		return nil, end, noRemote("--pull and --push")
	case w.Remote.URL == "" || f.none || !pull && !push:
		return nil, end, nil
	}
	c, err := a.client(ctx, w, st)
	if err != nil {
		a.warn(fmt.Sprintf("%v: this run goes on without the remote", err))
		return nil, end, nil
	}
	return remote.NewShare(c, pull, push, a.warn), c.Close, nil
}

// lookout opens the workspace's remote for a plan that was asked to look there. Its end must be told.
func (a *app) lookout(ctx context.Context, w *workspace.File, st *store.Store) (at sched.Remote, end func() error, err error) {
	if w.Remote.URL == "" {
		return nil, nil, noRemote("--remote")
	}
	c, err := a.client(ctx, w, st)
	if err != nil {
		return nil, nil, err
	}
	return remote.NewShare(c, true, false, a.warn), c.Close, nil
}

func noRemote(what string) error {
	return fault.New(fault.Usage, "%s: this workspace has no remote", what).
		WithHint("write remote: {url: file:///folder} (or sftp://host/folder, s3://bucket/prefix, https://host/prefix) into %s", workspace.Name)
}

// client opens the workspace's remote.
func (a *app) client(ctx context.Context, w *workspace.File, st *store.Store) (*remote.Client, error) {
	b, err := a.bucket(ctx, w)
	if err != nil {
		return nil, err
	}
	return remote.New(b, st, remote.Options{Parallel: w.Remote.Parallel}), nil
}

// bucket makes the bucket that the workspace file names, with its secrets.
func (a *app) bucket(ctx context.Context, w *workspace.File) (remote.Bucket, error) {
	r := w.Remote
	at, err := remote.ParseAddress(r.URL)
	if err != nil {
		return nil, fault.New(fault.Recipe, "%s: remote: %w", workspace.Name, err)
	}
	find := a.secrets(w).Lookup(ctx)
	value := func(name string) string {
		if name == "" || err != nil {
			return ""
		}
		v, e := find(name)
		if e != nil {
			err = fault.New(fault.Network, "remote %s: secret %s: %w", r.URL, name, e).
				WithHint("say in %s under secrets where %s comes from", workspace.Name, name)
		}
		return v
	}
	switch {
	case at.Dir != "" || at.SSH != nil:
		return folderBucket(at)
	case at.Web != nil:
		o := web.Options{Token: value(r.Token)}
		return web.Open(at.Web, o), err
	}
	o := s3.Options{Bucket: at.Bucket, Prefix: at.Prefix, Endpoint: r.Endpoint, Region: r.Region,
		AccessKey: value(r.AccessKey), SecretKey: value(r.SecretKey), Session: value(r.Session)}
	if err != nil {
		return nil, err
	}
	b, err := s3.Open(o)
	return b, fault.Wrap(fault.Recipe, err)
}

// folderBucket is a folder of this machine or of another, which take no settings of the workspace.
func folderBucket(at remote.Address) (remote.Bucket, error) {
	if at.SSH == nil {
		return dir.Open(at.Dir), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return nil, fault.New(fault.Network, "find the settings of ssh: %w", err)
	}
	return sftp.Open(sftp.Options{At: *at.SSH, Home: home, Agent: os.Getenv("SSH_AUTH_SOCK")}), nil
}

// placeBucket is what takes the place of the remote: a folder of this machine, by its path, or one that an address names.
// The keys and tokens of the workspace are for its own remote, so no other kind of address will do.
func placeBucket(place string) (remote.Bucket, error) {
	if !strings.Contains(place, "://") {
		folder, err := filepath.Abs(place)
		if err != nil {
			return nil, err
		}
		return dir.Open(folder), nil
	}
	at, err := remote.ParseAddress(place)
	switch {
	case err != nil && (strings.HasPrefix(place, "file://") || strings.HasPrefix(place, "sftp://")):
		return nil, fault.New(fault.Usage, "%s: %w", place, err)
	case at.Dir == "" && at.SSH == nil:
		return nil, fault.New(fault.Usage, "%s: want a folder, file:///folder or sftp://user@host/folder", place).
			WithHint("other remotes need settings: write remote: {url: ...} into %s", workspace.Name)
	}
	return folderBucket(at)
}
