package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/store"
)

// verifyJSON is `belay cache verify --json`.
type verifyJSON struct {
	Whole   int          `json:"whole"`
	Damaged int          `json:"damaged"`
	Mended  int          `json:"mended"` // whole, but files could be written to
	Bytes   int64        `json:"bytes"`  // of what is whole
	Damage  []damageJSON `json:"damage"`
}

type damageJSON struct {
	Artifact string `json:"artifact,omitempty"`
	Key      string `json:"key,omitempty"` // of a record that leads to no artifact
	Stage    string `json:"stage,omitempty"`
	Node     string `json:"node,omitempty"`
	Recipe   string `json:"recipe,omitempty"`
	Why      string `json:"why"`
}

func newCacheVerify(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "verify [ARTIFACT...]",
		Short: "Read artifacts again and set damaged ones aside",
		Long: `Read every file of every artifact again, or of those whose digest begins as given. Damaged artifacts are
moved to .belay/quarantine and rebuilt by the next run that wants them; so are results whose artifact is missing. Files
that are whole but writable are made read-only again. The exit code is 20 when anything was damaged.`,
		RunE: func(c *cobra.Command, args []string) error {
			st, err := a.present()
			if err != nil {
				return err
			}
			defer st.Close()
			items, err := st.List(c.Context())
			if err != nil {
				return err
			}
			only, err := digests(items, args)
			if err != nil {
				return err
			}
			out := verifyJSON{Damage: []damageJSON{}}
			show := a.verifyProgress(items, only)
			err = st.Verify(c.Context(), func(v store.Verdict) {
				show(v)
				a.judge(&out, v)
			}, only...)
			show(store.Verdict{})
			if err != nil {
				return err
			}
			slices.SortFunc(out.Damage, func(a, b damageJSON) int {
				return cmp.Or(cmp.Compare(a.Artifact, b.Artifact), cmp.Compare(a.Key, b.Key))
			})
			err = a.print(out, out.text)
			if err == nil && out.Damaged > 0 {
				return reported(fault.Data)
			}
			return err
		},
	}
}

func (js verifyJSON) text(w io.Writer) error {
	if len(js.Damage) > 0 {
		rows := [][]string{{"DAMAGED", "STAGE", "RECIPE", "WHY"}}
		for _, d := range js.Damage {
			name := "artifact " + short(d.Artifact)
			if d.Key != "" {
				name = "key " + short(d.Key)
			}
			rows = append(rows, []string{name, d.Node, d.Recipe, d.Why})
		}
		if err := table(w, rows); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "%d artifacts are whole, %d are damaged\n", js.Whole, js.Damaged)
	return err
}

// judge adds a verdict to the result, and tells what a person should know.
func (a *app) judge(out *verifyJSON, v store.Verdict) {
	d := damageJSON{Artifact: string(v.Digest), Key: string(v.Key)}
	if m := v.Manifest; m != nil {
		d.Stage, d.Node, d.Recipe = m.Stage, m.Made.Node, m.Made.Recipe
	}
	switch {
	case v.Damage != nil: // the store says where it lies now
		d.Why = v.Damage.Error()
		out.Damaged++
		out.Damage = append(out.Damage, d)
		return
	case v.Mended != "":
		out.Mended++
		a.warn(fmt.Sprintf("artifact %s (%s of %s): %s, read-only again", v.Digest.Short(), d.Node, d.Recipe, v.Mended))
	}
	out.Whole++
	out.Bytes += v.Bytes
}

// digests finds the artifacts whose digests begin as given.
func digests(items []store.Item, begin []string) ([]artifact.Digest, error) {
	var out []artifact.Digest
	for _, b := range begin {
		var hits []artifact.Digest
		for _, it := range items {
			if len(b) >= 4 && len(b) <= len(it.Digest) && string(it.Digest[:len(b)]) == b {
				hits = append(hits, it.Digest)
			}
		}
		switch len(hits) {
		case 1:
			out = append(out, hits[0])
		case 0:
			return nil, fault.New(fault.Usage, "no artifact begins with %q", b).WithHint("belay cache ls lists them; give 4 digits or more")
		default:
			return nil, fault.New(fault.Usage, "%d artifacts begin with %q", len(hits), b).WithHint("give more digits")
		}
	}
	return out, nil
}

// verifyProgress shows on a terminal how far the reading is. The zero verdict ends it.
func (a *app) verifyProgress(items []store.Item, only []artifact.Digest) func(store.Verdict) {
	if a.quiet || a.logFormat == "json" || !isTerminal(a.stderr) {
		return func(store.Verdict) {}
	}
	var total, done int64
	count, of := 0, 0
	for _, it := range items {
		if it.Manifest != nil && (len(only) == 0 || slices.Contains(only, it.Digest)) {
			total += it.Manifest.Bytes
			of++
		}
	}
	return func(v store.Verdict) {
		fmt.Fprint(a.stderr, "\r\x1b[K")
		if v.Digest == "" && v.Key == "" {
			return
		}
		done += v.Bytes
		count++
		if v.Damage == nil && v.Mended == "" {
			fmt.Fprintf(a.stderr, "%d of %d artifacts, %s of %s", count, of, size(done), size(total))
		}
	}
}
