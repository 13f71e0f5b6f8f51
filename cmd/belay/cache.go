package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/store"
)

func newCache(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "cache",
		Short: "Look at the store of this workspace, and share it",
		Args:  cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknown("cache command", args[0], []string{"ls", "verify", "push", "pull", "path", "accept"}, "say ls, verify, push, pull, path or accept")
			}
			return fault.New(fault.Usage, "cache: say ls, verify, push, pull, path or accept")
		},
	}
	c.AddCommand(newCacheList(a), newCacheVerify(a), newCachePush(a), newCachePull(a), newCachePath(a), newCacheAccept(a))
	return c
}

// present opens the store of the workspace that the current directory lies in; it makes none.
func (a *app) present() (*store.Store, error) {
	dir, err := here()
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(dir, store.Dir)); err != nil {
		return nil, fault.New(fault.Usage, "there is no store in %s", dir).
			WithHint("belay run makes one; a workspace is the folder that holds belay.yaml or %s", store.Dir)
	}
	return store.Open(dir, a.warn)
}

// itemJSON is one artifact of `belay cache ls --json`.
type itemJSON struct {
	Digest string `json:"digest"`
	Stage  string `json:"stage,omitempty"`
	Node   string `json:"node,omitempty"`
	Recipe string `json:"recipe,omitempty"`
	Bytes  int64  `json:"bytes"`
	Keys   int    `json:"keys"`
	Path   string `json:"path"`
}

func newCacheList(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "ls",
		Short: "List the artifacts",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			st, err := a.present()
			if err != nil {
				return err
			}
			defer st.Close()
			items, err := st.List(c.Context())
			if err != nil {
				return err
			}
			js := []itemJSON{}
			rows := [][]string{{"ARTIFACT", "STAGE", "RECIPE", "SIZE", "PATH"}}
			var total int64
			for _, it := range items {
				j := itemJSON{Digest: string(it.Digest), Keys: len(it.Keys), Path: it.Path}
				if m := it.Manifest; m != nil {
					j.Stage, j.Node, j.Recipe, j.Bytes = m.Stage, m.Made.Node, m.Made.Recipe, m.Bytes
				}
				total += j.Bytes
				js = append(js, j)
				rows = append(rows, []string{it.Digest.Short(), j.Node, j.Recipe, size(j.Bytes), relative(j.Path)})
			}
			return a.print(js, func(w io.Writer) error {
				if err := table(w, rows); err != nil {
					return err
				}
				_, err := fmt.Fprintf(w, "%d artifacts, %s\n", len(js), size(total))
				return err
			})
		},
	}
}

func newCacheVerify(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "verify",
		Short: "Read every artifact again and set damaged ones aside",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			st, err := a.present()
			if err != nil {
				return err
			}
			defer st.Close()
			whole, damaged := 0, 0
			err = st.Verify(c.Context(), func(v store.Verdict) {
				if v.Damage != nil {
					damaged++
					a.warn(fmt.Sprintf("artifact %s: %v", v.Digest.Short(), v.Damage))
					return
				}
				whole++
			})
			if err != nil {
				return err
			}
			err = a.print(map[string]int{"whole": whole, "damaged": damaged}, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "%d artifacts are whole, %d are damaged\n", whole, damaged)
				return err
			})
			if err == nil && damaged > 0 {
				return reported(fault.Data)
			}
			return err
		},
	}
}

func newCachePath(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "path",
		Short: "Print where the store is",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			dir, err := here()
			if err != nil {
				return err
			}
			dir = filepath.Join(dir, store.Dir)
			return a.print(map[string]string{"path": dir}, func(w io.Writer) error {
				_, err := fmt.Fprintln(w, dir)
				return err
			})
		},
	}
}
