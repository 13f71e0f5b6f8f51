package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/belay-ml/belay/dsl/workspace"
	"github.com/belay-ml/belay/engine/bundle"
	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/remote"
	"github.com/belay-ml/belay/engine/store"
)

// bundleFlags are the flags of import that are about bundles. force is one of import as a whole, so import registers it.
type bundleFlags struct {
	into       string
	force, dry bool
}

func (f *bundleFlags) register(c *cobra.Command) {
	c.Flags().StringVar(&f.into, "into", ".", "bundle: the folder that becomes the workspace; it is made")
	c.Flags().BoolVarP(&f.dry, "dry-run", "n", false, "bundle: check it and show what it holds")
}

// isBundle says whether a file begins as a bundle does.
func isBundle(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	start := make([]byte, 256)
	n, _ := io.ReadFull(f, start)
	return bundle.Is(start[:n])
}

// importedJSON is `belay import --json` of a bundle.
type importedJSON struct {
	Path      string   `json:"path"`
	Workspace string   `json:"workspace"`
	Recipe    string   `json:"recipe,omitempty"`
	Files     []string `json:"files"`
	Results   []moved  `json:"results"` // pulled or there; with --dry-run "pull"
	Bytes     int64    `json:"bytes"`   // of files and results
	Run       string   `json:"run,omitempty"`
	Secrets   []string `json:"secrets,omitempty"` // environment variables that its stages want
}

// importBundle takes a bundle apart. Nothing is written before all of it was found to be whole.
func importBundle(ctx context.Context, a *app, path string, f bundleFlags) error {
	file, err := os.Open(path)
	if err != nil {
		return fault.New(fault.Data, "import bundle: %w", err)
	}
	defer file.Close()
	st, err := file.Stat()
	if err != nil {
		return fault.New(fault.Data, "import bundle: %w", err)
	}
	bad := func(err error) error {
		if errors.Is(err, context.Canceled) {
			return err
		}
		return fault.Wrap(fault.Data, fmt.Errorf("import %s: %w", path, err))
	}
	b, err := bundle.Read(file, st.Size())
	if err != nil {
		return bad(err)
	}
	dir, err := filepath.Abs(f.into)
	if err != nil {
		return err
	}
	differ, err := b.Differs(ctx, dir)
	switch {
	case err != nil:
		return bad(err)
	case len(differ) > 0 && !f.force:
		return fault.New(fault.Data, "import %s: %s %s with other contents: %s", path, count(len(differ), "file"), plural(len(differ), "is there", "are there"), some(differ)).
			WithHint("--into FOLDER takes another folder, --force writes over them")
	}
	sink, finish := a.progress(nil)
	show := &shown{sink: sink, id: "check"}
	ev := event.Stage{Name: show.id, Sink: show, Now: time.Now}
	var told int64
	whole, err := b.Check(ctx, func(done, total int64) {
		if done-told >= 64<<20 || done == total {
			told = done
			ev.Progress(done, total, "bytes", "checking")
		}
	})
	show.end(err)
	if err == nil && !f.dry {
		err = room(dir, whole.Bytes)
	}
	if err != nil {
		finish()
		return bad(err)
	}
	out := importedJSON{Path: path, Workspace: dir, Recipe: b.Index.Recipe, Files: []string{}, Results: []moved{}, Bytes: whole.Bytes, Run: again(&b.Index, relative(dir))}
	for _, file := range b.Index.Files {
		out.Files = append(out.Files, file.Path)
	}
	for _, s := range b.Index.Secrets {
		out.Secrets = append(out.Secrets, s.Env)
	}
	if f.dry {
		for _, r := range b.Index.Results {
			out.Results = append(out.Results, moved{Stage: r.Node, Key: string(r.Key), Status: "pull"})
		}
	} else {
		out.Results, err = a.unpack(ctx, b, path, dir, sink)
	}
	finish()
	if err != nil {
		return bad(err)
	}
	return a.print(out, out.text)
}

// unpack brings the results of a checked bundle into the store of a folder, and its files into the folder.
func (a *app) unpack(ctx context.Context, b *bundle.Bundle, path, dir string, sink event.Sink) ([]moved, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	st, err := store.Open(dir, a.warn)
	if err != nil {
		return nil, err
	}
	defer st.Close()
	c := remote.New(b.Bucket(path), st, remote.Options{Parallel: 2})
	out := []moved{}
	for _, r := range b.Index.Results {
		m := moved{Stage: r.Node, Key: string(r.Key), Status: "there"}
		lock, err := st.Lock(ctx, r.Key, nil)
		if err != nil {
			return nil, err
		}
		rec, ok := st.Lookup(ctx, r.Key)
		if !ok {
			show := &shown{sink: sink, id: r.Node}
			m.Status = "pulled"
			rec, err = c.Pull(ctx, r.Key, nil, event.Stage{Name: r.Node, Sink: show, Now: time.Now})
			show.end(err)
			if rec == nil && err == nil {
				err = fmt.Errorf("the result of %s is gone", r.Node)
			}
		}
		lock.Release()
		if err != nil {
			return nil, err
		}
		m.Bytes = rec.Bytes
		out = append(out, m)
	}
	if err := b.Place(ctx, dir); err != nil {
		return nil, err
	}
	return out, mark(dir, &b.Index)
}

// mark makes a folder a workspace, unless it is one: with nothing in belay.yaml but where secrets come from.
func mark(dir string, ix *bundle.Index) error {
	path := filepath.Join(dir, workspace.Name)
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	text := "belay: 1\n"
	if len(ix.Secrets) > 0 {
		text += "secrets:\n"
	}
	for _, s := range ix.Secrets {
		text += fmt.Sprintf("  %s: {env: %s, keyed: %v}\n", s.Name, s.Env, s.Keyed)
	}
	return renameio.WriteFile(path, []byte(text), 0o644)
}

// room checks that the disk can hold all that a bundle makes.
func room(dir string, need int64) error {
	for {
		var st unix.Statfs_t
		err := unix.Statfs(dir, &st)
		up := filepath.Dir(dir)
		switch {
		case errors.Is(err, unix.ENOENT) && up != dir:
			dir = up
			continue
		case err != nil:
			return nil // the copy will tell
		}
		if free := st.Bavail * uint64(st.Bsize); uint64(need) > free {
			return fmt.Errorf("it makes %s and the disk has room for %s: %w", size(need), size(int64(free)), unix.ENOSPC)
		}
		return nil
	}
}

// again is the command that runs what a bundle holds.
func again(ix *bundle.Index, dir string) string {
	if ix.Recipe == "" {
		return ""
	}
	words := []string{"belay", "run", quoted(filepath.Join(dir, filepath.FromSlash(ix.Recipe)))}
	for _, s := range ix.Stages {
		words = append(words, quoted(s))
	}
	for _, p := range ix.Params {
		words = append(words, "-p", quoted(p))
	}
	for _, p := range ix.Sets {
		words = append(words, "--set", quoted(p))
	}
	return strings.Join(words, " ")
}

// quoted is a word as a shell takes it.
func quoted(word string) string {
	if word != "" && !strings.ContainsFunc(word, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-+=./:,@%", r))
	}) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

func (o importedJSON) text(w io.Writer) error {
	var bytes int64
	n := map[string]int{}
	for _, r := range o.Results {
		bytes += r.Bytes
		n[r.Status]++
	}
	line := fmt.Sprintf("%s: %s, %s", o.Path, count(len(o.Files), "file"), count(len(o.Results), "result"))
	switch {
	case n["pull"] > 0:
		line += fmt.Sprintf(", %s when imported", size(o.Bytes))
		for _, f := range o.Files {
			line += "\n  " + f
		}
	case n["there"] > 0:
		line += fmt.Sprintf(" (%d there already), %s", n["there"], size(bytes))
	default:
		line += ", " + size(bytes)
	}
	if len(o.Secrets) > 0 {
		line += "\nits stages want secrets in the environment: " + strings.Join(o.Secrets, ", ")
	}
	if o.Run != "" {
		line += "\nnext: " + o.Run
	}
	_, err := fmt.Fprintln(w, line)
	return err
}

// count is a number with its noun.
func count(n int, noun string) string { return fmt.Sprintf("%d %s", n, plural(n, noun, noun+"s")) }

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// some are the first of many names.
func some(names []string) string {
	const most = 5
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}
