package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/renameio/v2"

	"github.com/belay-ml/belay/dsl/workspace"
	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/bundle"
	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/lockfile"
	"github.com/belay-ml/belay/engine/remote"
	"github.com/belay-ml/belay/engine/sched"
	"github.com/belay-ml/belay/engine/secret"
	"github.com/belay-ml/belay/engine/store"
)

// bundledJSON is `belay export --json` of a bundle.
type bundledJSON struct {
	Path    string   `json:"path"`
	Recipe  string   `json:"recipe,omitempty"`
	Files   []string `json:"files"`
	Results []moved  `json:"results"`
	Left    []string `json:"left,omitempty"` // stages that will run where the bundle goes, and why
	Bytes   int64    `json:"bytes"`          // of the bundle
}

// packing is a bundle in the making.
type packing struct {
	space   *workspace.File
	project *project // nil without a recipe
	store   *store.Store
	all     []result
	left    []string
	index   bundle.Index
	paths   map[string]string // where the files of the workspace lie, by their path in it
}

// exportBundle writes a recipe with its results as one file.
func (a *app) exportBundle(ctx context.Context, args []string, f exportFlags) error {
	if f.out == "" {
		return fault.New(fault.Usage, "--format bundle wants --out").WithHint("belay export RECIPE -o results.belay; a run is exported by --format ro-crate, openlineage or slsa")
	}
	if st, err := os.Stat(f.out); err == nil && !st.Mode().IsRegular() {
		return fault.New(fault.Usage, "--out %s: it is no file", f.out)
	}
	p := &packing{paths: map[string]string{}, index: bundle.Index{Belay: version()}}
	var err error
	if len(args) > 0 {
		err = p.plan(ctx, a, args, f)
	} else {
		err = p.everything(ctx, a, f)
	}
	if p.store != nil {
		defer p.store.Close()
	}
	if err != nil {
		return err
	}
	for _, why := range p.left {
		a.warn(why + ": it will run where the bundle goes")
	}
	if err := p.outside(f.out); err != nil {
		return err
	}
	out, err := a.pack(ctx, p, f.out)
	if err != nil {
		return err
	}
	return a.print(out, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s: %s, %s, %s\n", out.Path, count(len(out.Files), "file"), count(len(out.Results), "result"), size(out.Bytes))
		return err
	})
}

// everything takes the results of the store, whatever made them.
func (p *packing) everything(ctx context.Context, a *app, f exportFlags) error {
	if len(f.params)+len(f.sets) > 0 || f.partial || f.withoutData {
		return fault.New(fault.Usage, "-p, --set, --partial and --without-data are about a recipe: name it")
	}
	dir, err := here()
	if err == nil {
		p.space, err = a.settings(filepath.Join(dir, "recipe.yaml"))
	}
	if err == nil {
		p.store, err = a.store(p.space)
	}
	if err == nil {
		p.all, err = stored(ctx, p.store)
	}
	return err
}

// plan takes what a recipe needs: its files, what it reads, and its results.
func (p *packing) plan(ctx context.Context, a *app, args []string, f exportFlags) error {
	if _, err := os.Stat(args[0]); errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.Usage, "there is no recipe %s", args[0]).WithHint("a run is exported by --format ro-crate, openlineage or slsa")
	}
	var err error
	if p.project, err = a.project(ctx, args[0], f.recipeFlags); err != nil {
		return err
	}
	p.space = p.project.space
	if p.store, err = a.store(p.space); err != nil {
		return err
	}
	if err := p.pinned(ctx); err != nil {
		return err
	}
	if p.all, err = a.planResults(ctx, p.project, p.store, nil, args[1:]); err != nil {
		return err
	}
	if err := p.leave(f.partial); err != nil {
		return err
	}
	p.index.Stages, p.index.Params, p.index.Sets = args[1:], f.params, f.sets
	if err := p.recipe(ctx); err != nil {
		return err
	}
	for i := range p.project.graph.Nodes {
		n := &p.project.graph.Nodes[i] // also one that was not chosen: the recipe is checked as a whole
		for _, name := range secret.NamesIn(n.Params) {
			if s := p.space.Secrets[name]; !slices.ContainsFunc(p.index.Secrets, func(have bundle.Secret) bool { return have.Name == name }) {
				p.index.Secrets = append(p.index.Secrets, bundle.Secret{Name: name, Env: variableOf(name, s), Keyed: s.Keyed})
			}
		}
		if f.withoutData {
			continue
		}
		for _, s := range sourcesIn(n) {
			if err := p.source(ctx, a, s); err != nil {
				return err
			}
		}
	}
	return p.clean(ctx)
}

// pinned makes sure that no stage will have to ask a hub what a name means.
func (p *packing) pinned(ctx context.Context) error {
	opt := runFlags{}.options(nil)
	opt.Lock = p.project.lock
	if opt.Lock == nil {
		opt.Lock = &lockfile.File{}
	}
	need, err := sched.Lock(ctx, p.project.graph, p.store, opt, sched.Locking{})
	if err != nil {
		return err
	}
	if len(need.Missing) > 0 {
		return fault.New(fault.Data, "%s is not pinned, so a machine without a network cannot know what it means", need.Missing[0].Thing()).
			WithHint("belay lock %s, then run and export again", p.project.graph.Origin)
	}
	return nil
}

// leave sorts out what has no result that counts elsewhere.
func (p *packing) leave(partial bool) error {
	nodes := map[string]*engine.Node{}
	for i := range p.project.graph.Nodes {
		nodes[p.project.graph.Nodes[i].ID] = &p.project.graph.Nodes[i]
	}
	var missing []string
	p.all = slices.DeleteFunc(p.all, func(r result) bool {
		n := nodes[r.node]
		for _, name := range secret.NamesIn(n.Params) {
			if p.space.Secrets[name].Keyed {
				p.left = append(p.left, fmt.Sprintf("the key of %s holds a digest of secret %s that is salted for this workspace", r.node, name))
				return true
			}
		}
		switch {
		case n.NoCache:
			p.left = append(p.left, fmt.Sprintf("%s has its cache off", r.node))
		case r.rec == nil:
			missing = append(missing, r.node)
			p.left = append(p.left, fmt.Sprintf("%s has no result", r.node))
		}
		return n.NoCache || r.rec == nil
	})
	if len(missing) > 0 && !partial {
		return fault.New(fault.Data, "%s no result: %s", plural(len(missing), "a stage has", "stages have"), some(missing)).
			WithHint("belay run %s first, or leave them out by --partial", p.project.graph.Origin)
	}
	return nil
}

// below is the path of a file in the workspace.
func (p *packing) below(path string) (string, bool) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", false
	}
	rel, err := filepath.Rel(p.space.Dir, abs)
	if err != nil || !filepath.IsLocal(rel) {
		return "", false
	}
	return filepath.ToSlash(rel), true
}

// add notes a file, once.
func (p *packing) add(f artifact.File, from string) {
	if _, ok := p.paths[f.Path]; !ok {
		p.paths[f.Path] = from
		p.index.Files = append(p.index.Files, f)
	}
}

// recipe takes the files that the recipe is written in, and belay.lock.
func (p *packing) recipe(ctx context.Context) error {
	files := slices.Clone(p.project.graph.Files)
	if p.project.lock != nil {
		files = append(files, filepath.Join(p.space.Dir, lockfile.Name))
	}
	for i, file := range files {
		rel, ok := p.below(file)
		if !ok {
			return fault.New(fault.Data, "%s lies outside the workspace %s, so it cannot travel with it", file, p.space.Dir).
				WithHint("put a %s into a folder above both", workspace.Name)
		}
		d, st, _, err := artifact.HashFile(ctx, file)
		if err != nil {
			return err
		}
		if i == 0 {
			p.index.Recipe = rel
		}
		p.add(artifact.File{Path: rel, Mode: artifact.Regular, Size: st.Size, Digest: d}, file)
	}
	return nil
}

// sourcesIn are the files and folders that a stage reads.
func sourcesIn(n *engine.Node) []engine.Source {
	var out []engine.Source
	var find func(v any)
	find = func(v any) {
		switch v := v.(type) {
		case engine.Source:
			out = append(out, v)
		case []any:
			for _, e := range v {
				find(e)
			}
		case map[string]any:
			for _, k := range slices.Sorted(maps.Keys(v)) {
				find(v[k])
			}
		}
	}
	find(n.Params)
	return out
}

// source takes a file or folder that a stage reads.
func (p *packing) source(ctx context.Context, a *app, s engine.Source) error {
	rel, ok := p.below(s.Path)
	if !ok {
		a.warn(fmt.Sprintf("%s lies outside the workspace and does not travel: it must lie in the same place there", s.Path))
		return nil
	}
	if rel == "." || rel == store.Dir || strings.HasPrefix(rel, store.Dir+"/") {
		return fault.New(fault.Data, "a stage reads %s, the workspace or its store: that does not travel", s.Path).WithHint("put the data into a folder of its own, or use --without-data")
	}
	t, err := artifact.DigestTree(ctx, s.Path, p.store.Stats(), artifact.FollowOutside)
	if err != nil {
		return fault.Wrap(fault.Data, fmt.Errorf("read input %s: %w", s.As, err))
	}
	for _, f := range t.Files {
		from := filepath.Join(s.Path, filepath.FromSlash(f.Path))
		f.Path = strings.TrimSuffix(rel+"/"+f.Path, "/")
		p.add(f, from)
	}
	return nil
}

// scanned is the size up to which files are searched for secrets.
const scanned = 4 << 20

// clean makes sure that no secret travels: neither a file that holds one, nor a value in a text.
func (p *packing) clean(ctx context.Context) error {
	for _, name := range slices.Sorted(maps.Keys(p.space.Secrets)) {
		if file := p.space.Secrets[name].File; file != "" {
			if rel, ok := p.below(p.project.secrets.path(file)); ok && p.paths[rel] != "" {
				return fault.New(fault.Data, "%s holds the secret %s and is read by a stage: it does not travel", rel, name).WithHint("keep it out of the folders that stages read")
			}
		}
	}
	_, literal := recordOf(p.project.graph, "", time.Time{}, nil)
	cut := secret.NewRedactor(slices.Sorted(maps.Keys(literal)))
	find := p.project.secrets.Lookup(ctx)
	for _, s := range p.index.Secrets {
		if v, err := find(s.Name); err == nil { // one that cannot be read is in no file by our doing
			cut.Add(v)
		}
	}
	for _, text := range slices.Concat(p.index.Params, p.index.Sets) {
		if cut.Text(text) != text {
			name, _, _ := strings.Cut(text, "=")
			return fault.New(fault.Data, "the value of %s is a secret: it does not travel", name).WithHint("write ${secret.NAME} in the recipe, and set NAME in the environment")
		}
	}
	for _, f := range p.index.Files {
		if f.Size > scanned || f.Mode == artifact.Symlink || f.Mode == artifact.EmptyDir {
			continue
		}
		text, err := os.ReadFile(p.paths[f.Path])
		if err != nil {
			return err
		}
		if clean := cut.Text(string(text)); clean != string(text) {
			at := 0
			for at < len(clean) && clean[at] == text[at] {
				at++
			}
			return fault.New(fault.Data, "%s:%d holds the value of a secret: it does not travel", f.Path, 1+strings.Count(string(text[:at]), "\n")).
				WithHint("write ${secret.NAME} in its place, and set NAME in the environment")
		}
	}
	return nil
}

// outside makes sure that the bundle does not change what it holds.
func (p *packing) outside(out string) error {
	rel, ok := p.below(out)
	if !ok || p.project == nil {
		return nil
	}
	if p.paths[rel] != "" {
		return fault.New(fault.Usage, "--out %s: the recipe reads that file", out)
	}
	for i := range p.project.graph.Nodes {
		for _, s := range sourcesIn(&p.project.graph.Nodes[i]) {
			if in, ok := p.below(s.Path); ok && strings.HasPrefix(rel, in+"/") {
				return fault.New(fault.Usage, "--out %s lies in %s, which a stage reads", out, s.As).WithHint("write it elsewhere: it would change what the stage reads")
			}
		}
	}
	return nil
}

// pack writes the bundle, which appears whole.
func (a *app) pack(ctx context.Context, p *packing, path string) (*bundledJSON, error) {
	file, err := renameio.NewPendingFile(path, renameio.WithPermissions(0o644))
	if err != nil {
		return nil, fault.New(fault.Usage, "--out %s: %w", path, err)
	}
	defer func() { _ = file.Cleanup() }()
	buffered := bufio.NewWriterSize(file, 1<<20)
	w, err := bundle.NewWriter(buffered)
	if err != nil {
		return nil, fmt.Errorf("export %s: %w", path, err)
	}
	out := &bundledJSON{Path: path, Recipe: p.index.Recipe, Files: []string{}, Results: []moved{}, Left: p.left}
	sink, finish := a.progress(nil)
	err = p.fill(ctx, w, sink, out)
	finish()
	if err != nil {
		return nil, err
	}
	if err := errors.Join(w.Close(p.index), buffered.Flush()); err != nil {
		return nil, fmt.Errorf("export %s: %w", path, err)
	}
	st, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("export %s: %w", path, err)
	}
	out.Bytes = st.Size()
	if err := file.CloseAtomicallyReplace(); err != nil {
		return nil, fmt.Errorf("export %s: %w", path, err)
	}
	return out, nil
}

// fill puts files and results into a bundle, one after the other.
func (p *packing) fill(ctx context.Context, w *bundle.Writer, sink event.Sink, out *bundledJSON) error {
	for _, f := range p.index.Files {
		if err := w.File(ctx, p.paths[f.Path], f); err != nil {
			return fault.Wrap(fault.Data, err)
		}
		out.Files = append(out.Files, f.Path)
	}
	c := remote.New(w.Bucket(), p.store, remote.Options{Parallel: 1})
	seen := map[string]bool{}
	for _, r := range p.all {
		if seen[string(r.key)] {
			continue
		}
		seen[string(r.key)] = true
		show := &shown{sink: sink, id: r.node}
		did, err := c.Push(ctx, r.rec, event.Stage{Name: r.node, Sink: show, Now: time.Now})
		show.end(err)
		if err != nil {
			return err
		}
		p.index.Results = append(p.index.Results, bundle.Result{Node: r.node, Key: r.key})
		out.Results = append(out.Results, moved{Stage: r.node, Key: string(r.key), Status: "pushed", Bytes: r.rec.Bytes, Sent: did.Bytes})
	}
	return nil
}
