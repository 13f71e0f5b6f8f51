package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/event/export"
	"github.com/belay-ml/belay/engine/event/export/openlineage"
	"github.com/belay-ml/belay/engine/event/export/rocrate"
	"github.com/belay-ml/belay/engine/event/export/slsa"
	"github.com/belay-ml/belay/engine/event/record"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/store"
)

// exportFlags choose a form and what a run does not know about itself.
type exportFlags struct {
	recipeFlags
	format, out, namespace string
	crate                  rocrate.Options
	partial, withoutData   bool
}

func newExport(a *app) *cobra.Command {
	var f exportFlags
	c := &cobra.Command{
		Use:   "export [RECIPE [STAGE...] | RUN[:STAGE]]",
		Short: "Write a recipe with its results as one file, or a run as RO-Crate, OpenLineage or SLSA",
		Long: `Write what others take, in one of these forms.

  bundle       one file with a recipe, all that it extends, uses and reads, belay.lock and its results: belay import takes
               it apart on a machine that no network reaches, and belay run finds everything done. With STAGE names, their
               results and those that they need. Without a recipe, all results of the store and nothing else.
               It holds no secrets and no settings of belay.yaml.
  ro-crate     of a run, a folder or, when --out ends in .zip, an archive: RO-Crate 1.1 by the Provenance Run Crate profile,
               with the recipe, the report and the results; outputs are named by digest, or copied with --with-outputs
  openlineage  of a run: events, one a line
  slsa         of a run, an in-toto statement with SLSA provenance v1: the SHA-256 of every output file, of a stage when one
               is named

Paths are written relative to the workspace. RUN is the beginning of an ID, last, or last~1; the latest run without it.`,
		ValidArgsFunction: func(c *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if f.format == bundleFormat {
				return completeRecipe(true)(c, args, word)
			}
			return completeRuns(c, args, word)
		},
		RunE: func(c *cobra.Command, args []string) error { return a.export(c.Context(), args, f, c.Flags().Changed) },
	}
	f.register(c)
	c.Flags().StringVar(&f.format, "format", bundleFormat, "bundle, ro-crate, openlineage or slsa")
	c.Flags().StringVarP(&f.out, "out", "o", "", "write here; openlineage and slsa go to standard output without it")
	c.Flags().BoolVar(&f.partial, "partial", false, "bundle: leave out what has no result; it will run where the bundle goes")
	c.Flags().BoolVar(&f.withoutData, "without-data", false, "bundle: leave out the files and folders that stages read; they must lie where the bundle goes")
	c.Flags().StringVar(&f.namespace, "namespace", "belay", "openlineage: name space of jobs and artifacts")
	c.Flags().StringVar(&f.crate.License, "license", "", "ro-crate: license of the crate, by its URL or SPDX name")
	c.Flags().StringVar(&f.crate.Agent, "agent", "", "ro-crate: who ran it")
	c.Flags().BoolVar(&f.crate.Outputs, "with-outputs", false, "ro-crate: copy the outputs into the crate")
	return c
}

// bundleFormat is the format that is not of a run.
const bundleFormat = "bundle"

// exportOptions are the flags that one format alone takes.
var exportOptions = map[string]string{
	"namespace": "openlineage", "license": "ro-crate", "agent": "ro-crate", "with-outputs": "ro-crate",
	"param": bundleFormat, "set": bundleFormat, "partial": bundleFormat, "without-data": bundleFormat,
}

func (a *app) export(ctx context.Context, args []string, f exportFlags, given func(string) bool) error {
	switch f.format {
	case bundleFormat, "ro-crate", "openlineage", "slsa":
	default:
		return fault.New(fault.Usage, "--format %q: want bundle, ro-crate, openlineage or slsa", f.format)
	}
	for name, format := range exportOptions {
		if given(name) && format != f.format {
			return fault.New(fault.Usage, "--%s is for --format %s", name, format)
		}
	}
	if f.format == bundleFormat {
		return a.exportBundle(ctx, args, f)
	}
	if len(args) > 1 {
		return fault.New(fault.Usage, "--format %s exports one run, have %s", f.format, strings.Join(args, " "))
	}
	found, err := findRun(append(args, "")[0])
	if err != nil {
		return err
	}
	if found.stage != "" {
		if f.format != "slsa" {
			return fault.New(fault.Usage, "--format %s exports whole runs", f.format).WithHint("leave :%s out, or use --format slsa", found.stage)
		}
		if _, err := found.nodes(); err != nil {
			return err
		}
	}
	src, err := exported(found)
	if err != nil {
		return err
	}
	switch f.format {
	case "ro-crate":
		return a.crate(ctx, src, f)
	case "openlineage":
		return a.stream(f.out, func(w io.Writer) error { return openlineage.Write(w, src, f.namespace) })
	}
	return a.stream(f.out, func(w io.Writer) error { return slsa.Write(w, src, found.stage) })
}

// crateJSON is `belay export --format ro-crate --json`.
type crateJSON struct {
	Path  string   `json:"path"`
	Files []string `json:"files"`
}

func (a *app) crate(ctx context.Context, src *export.Source, f exportFlags) error {
	if f.out == "" {
		return fault.New(fault.Usage, "--format ro-crate wants --out").WithHint("--out crate makes a folder, --out crate.zip an archive")
	}
	c, err := rocrate.New(src, f.crate)
	if err != nil {
		return err
	}
	if err := c.Write(ctx, f.out); err != nil {
		return err
	}
	files := append([]string{rocrate.MetadataFile}, c.Files()...)
	return a.print(crateJSON{f.out, files}, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s: %d files\n", f.out, len(files))
		return err
	})
}

// stream writes JSON that is the result itself, to standard output or to a file that appears whole.
func (a *app) stream(path string, write func(io.Writer) error) error {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	if path == "" {
		_, err := a.stdout.Write(b.Bytes())
		return err
	}
	if err := renameio.WriteFile(path, b.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// exported is a run with its recipe and what the store holds of its outputs.
func exported(f *found) (*export.Source, error) {
	space, err := here()
	if err != nil {
		return nil, err
	}
	home, _ := os.UserHomeDir() // where there is none, none has to be hidden
	run, err := export.Clean(f.run, space, home)
	if err != nil {
		return nil, err
	}
	texts, err := recipeTexts(f)
	if err != nil {
		return nil, err
	}
	return &export.Source{Run: run, Texts: texts, Contents: contents(space)}, nil
}

// recipeTexts are the run's copies of its recipe. A run from before copies were kept has the file that is there now.
func recipeTexts(f *found) ([]export.Text, error) {
	var out []export.Text
	for _, s := range f.run.Sources {
		if !filepath.IsLocal(filepath.FromSlash(s.File)) {
			return nil, fault.New(fault.Data, "export run %s: its recipe %q lies elsewhere", f.run.ID, s.File)
		}
		data, err := os.ReadFile(filepath.Join(f.dir, filepath.FromSlash(s.File)))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read recipe of run %s: %w", f.run.ID, err)
		}
		out = append(out, export.Text{Path: relative(s.Path), Data: data})
	}
	if len(out) == 0 {
		data, err := os.ReadFile(f.run.Origin)
		if err != nil {
			return nil, fault.New(fault.Data, "export run %s: no copy of its recipe was kept, and %w", f.run.ID, err)
		}
		out = append(out, export.Text{Path: relative(f.run.Origin), Data: data})
	}
	return out, nil
}

// contents looks an output up in the workspace's store: .belay/artifacts/ab/DIGEST/files/PORT, wherever the workspace
// lay when the run was recorded.
func contents(space string) func(record.Output) (export.Content, bool) {
	return func(o record.Output) (export.Content, bool) {
		_, below, ok := strings.Cut(filepath.ToSlash(o.Path), store.Dir+"/artifacts/")
		if !ok {
			return export.Content{}, false
		}
		parts := strings.SplitN(below, "/", 4) // ab, DIGEST, files, the port's place
		if len(parts) < 3 || !artifact.Digest(parts[1]).Valid() || parts[2] != "files" {
			return export.Content{}, false
		}
		rel := "."
		if len(parts) == 4 {
			rel = parts[3]
		}
		dir := filepath.Join(space, store.Dir, "artifacts", parts[0], parts[1])
		m, err := artifact.LoadManifest(filepath.Join(dir, "manifest.json"))
		if err != nil {
			return export.Content{}, false
		}
		t, err := m.Tree()
		if err != nil {
			return export.Content{}, false
		}
		if d, _, ok := t.At(rel); !ok || string(d) != o.Digest {
			return export.Content{}, false
		}
		files := t.Under(rel)
		single := len(files) == 1 && files[0].Path == ""
		return export.Content{Root: filepath.Join(dir, "files", filepath.FromSlash(rel)), Dir: !single, Files: files}, true
	}
}
