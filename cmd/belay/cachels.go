package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/store"
)

// itemJSON is one artifact of `belay cache ls --json`.
type itemJSON struct {
	Digest string    `json:"digest"`
	Stage  string    `json:"stage,omitempty"`
	Node   string    `json:"node,omitempty"`
	Recipe string    `json:"recipe,omitempty"`
	Bytes  int64     `json:"bytes"`
	Keys   []string  `json:"keys"`
	Used   time.Time `json:"used,omitzero"`
	Pins   []string  `json:"pins,omitempty"`
	Path   string    `json:"path"`
}

// itemOrder is a way to sort artifacts: by recipe and stage, the largest first, the latest first.
func itemOrder(name string) (func(a, b itemJSON) int, bool) {
	switch name {
	case "stage":
		return func(a, b itemJSON) int { return cmp.Or(cmp.Compare(a.Recipe, b.Recipe), cmp.Compare(a.Node, b.Node)) }, true
	case "size":
		return func(a, b itemJSON) int { return cmp.Compare(b.Bytes, a.Bytes) }, true
	case "used":
		return func(a, b itemJSON) int { return b.Used.Compare(a.Used) }, true
	}
	return nil, false
}

func newCacheList(a *app) *cobra.Command {
	var order string
	c := &cobra.Command{
		Use:   "ls",
		Short: "List the artifacts: what made them, their size, when they were last used, the pins that keep them",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			compare, ok := itemOrder(order)
			if !ok {
				return fault.New(fault.Usage, "--sort %q: want stage, size or used", order)
			}
			st, err := a.present()
			if err != nil {
				return err
			}
			defer st.Close()
			items, err := st.List(c.Context())
			if err != nil {
				return err
			}
			js := itemsOf(items)
			slices.SortStableFunc(js, compare)
			return a.print(js, func(w io.Writer) error { return listItems(w, js) })
		},
	}
	c.Flags().StringVar(&order, "sort", "stage", "stage, size or used")
	return c
}

func itemsOf(items []store.Item) []itemJSON {
	js := []itemJSON{}
	for _, it := range items {
		j := itemJSON{Digest: string(it.Digest), Keys: []string{}, Used: it.Used, Pins: it.Pins, Path: it.Path}
		for _, k := range it.Keys {
			j.Keys = append(j.Keys, string(k))
		}
		if m := it.Manifest; m != nil {
			j.Stage, j.Node, j.Recipe, j.Bytes = m.Stage, m.Made.Node, m.Made.Recipe, m.Bytes
		}
		js = append(js, j)
	}
	return js
}

func listItems(w io.Writer, js []itemJSON) error {
	rows := [][]string{{"ARTIFACT", "STAGE", "RECIPE", "SIZE", "USED", "KEYS", "PINS", "PATH"}}
	var total int64
	for _, j := range js {
		total += j.Bytes
		rows = append(rows, []string{short(j.Digest), j.Node, j.Recipe, size(j.Bytes), moment(j.Used), fmt.Sprint(len(j.Keys)), strings.Join(j.Pins, ","), relative(j.Path)})
	}
	if err := table(w, rows); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%d artifacts, %s\n", len(js), size(total))
	return err
}

// moment is a time for a table.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04")
}

// short is the beginning of a digest or key; other names stay whole.
func short(name string) string {
	if len(name) == 64 {
		return name[:12]
	}
	return name
}
