package main

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/store"
)

func newCache(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "cache",
		Short: "Look at the store of this workspace, check it, clear it, share it",
		Args:  cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			var names []string
			for _, sub := range c.Commands() {
				names = append(names, sub.Name())
			}
			list := strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
			if len(args) > 0 {
				return unknown("cache command", args[0], names, "say "+list)
			}
			return fault.New(fault.Usage, "cache: say %s", list)
		},
	}
	c.AddCommand(newCacheList(a), newCacheVerify(a), newCacheCollect(a), newCachePush(a), newCachePull(a), newCachePath(a), newCacheAccept(a), newCachePin(a), newCachePins(a), newCacheUnpin(a))
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
