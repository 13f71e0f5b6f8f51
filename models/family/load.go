package family

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
)

//go:embed data/*.yaml
var builtin embed.FS

// Registry is the set of known families. It does not change after Load.
type Registry struct {
	families map[string]*Family
	aliases  map[string]*Family
}

// maxFile bounds a family file.
const maxFile = 1 << 20

// Load reads the built-in families and, when dir is not empty, every .yaml file of that directory, which
// may add families or replace built-in ones. transforms are the names that rules may use.
func Load(dir string, transforms []string) (*Registry, error) {
	r := &Registry{families: map[string]*Family{}, aliases: map[string]*Family{}}
	data, err := fs.Sub(builtin, "data")
	if err != nil {
		return nil, fmt.Errorf("load families: %w", err)
	}
	if err := r.read(data, "built-in ", true); err != nil {
		return nil, err
	}
	if dir != "" {
		if err := r.read(os.DirFS(dir), strings.TrimSuffix(dir, "/")+"/", false); err != nil {
			return nil, err
		}
	}
	if err := r.inherit(); err != nil {
		return nil, err
	}
	if err := r.nameAliases(); err != nil {
		return nil, err
	}
	var errs []error
	for _, name := range r.Names() {
		errs = append(errs, r.families[name].check(transforms))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("load family: %w", err)
	}
	return r, nil
}

// Names are the families in alphabetical order.
func (r *Registry) Names() []string { return slices.Sorted(maps.Keys(r.families)) }

// nameAliases makes the other names known; a family's own name wins over another's alias.
func (r *Registry) nameAliases() error {
	for _, name := range r.Names() {
		for _, alias := range r.families[name].Aliases {
			if old, ok := r.aliases[alias]; ok {
				return fmt.Errorf("%sfamily %s: alias %q is also one of family %s", r.families[name].at, name, alias, old.Name)
			}
			r.aliases[alias] = r.families[name]
		}
	}
	return nil
}

// Named is the family of that name or alias.
func (r *Registry) Named(name string) (*Family, error) {
	if f, ok := r.families[name]; ok {
		return f, nil
	}
	if f, ok := r.aliases[name]; ok {
		return f, nil
	}
	return nil, fmt.Errorf("unknown family %q: known are %s", name, strings.Join(r.Names(), ", "))
}

func (r *Registry) read(dir fs.FS, prefix string, unique bool) error {
	names, err := fs.Glob(dir, "*.yaml")
	if err != nil {
		return fmt.Errorf("load families: %w", err)
	}
	if len(names) == 0 {
		return fmt.Errorf("load families: no .yaml files in %s", prefix)
	}
	for _, name := range names {
		path := prefix + name
		f, err := open(dir, name, path)
		if err != nil {
			return fmt.Errorf("load family: %w", err)
		}
		if old, ok := r.families[f.Name]; ok && (unique || strings.HasPrefix(old.path, prefix)) {
			return fmt.Errorf("load family: %sfamily %q is also in %s", f.at, f.Name, old.path)
		}
		r.families[f.Name] = f
	}
	return nil
}

func open(dir fs.FS, name, path string) (*Family, error) {
	st, err := fs.Stat(dir, name)
	if err != nil {
		return nil, err
	}
	if st.Size() > maxFile {
		return nil, fmt.Errorf("%s: %d bytes, more than the limit of %d", path, st.Size(), maxFile)
	}
	text, err := fs.ReadFile(dir, name)
	if err != nil {
		return nil, err
	}
	return parse(path, text)
}

// inherit fills what `like:` leaves to another family, ancestors first.
func (r *Registry) inherit() error {
	state := map[string]int{} // 1 being filled, 2 filled
	var fill func(f *Family) error
	fill = func(f *Family) error {
		switch state[f.Name] {
		case 1:
			return fmt.Errorf("load family: %s`like: %s` leads back to itself", f.at, f.Like)
		case 2:
			return nil
		}
		state[f.Name] = 1
		if f.Like != "" {
			base, ok := r.families[f.Like]
			if !ok {
				return fmt.Errorf("load family: %s`like: %s`: no such family; known are %s", f.at, f.Like, strings.Join(r.Names(), ", "))
			}
			if err := fill(base); err != nil {
				return err
			}
			f.take(base)
		}
		state[f.Name] = 2
		return nil
	}
	for _, name := range r.Names() {
		if err := fill(r.families[name]); err != nil {
			return err
		}
	}
	return nil
}

func (f *Family) take(base *Family) {
	if f.Architecture == "" {
		f.Architecture = base.Architecture
	}
	if f.ModelType == "" {
		f.ModelType = base.ModelType
	}
	if f.RopeBase == 0 {
		f.RopeBase = base.RopeBase
	}
	if f.Canonical == nil {
		f.Canonical = base.Canonical
	}
	if f.HF == nil {
		f.HF = base.HF
	}
	if f.Legacy == nil {
		f.Legacy = base.Legacy
	}
	if f.Mcore == nil {
		f.Mcore = base.Mcore
	}
	if f.GGUF == nil && f.Architecture == base.Architecture { // llama.cpp has names for each architecture
		f.GGUF = base.GGUF
	}
	if f.Tokenizer == "" {
		f.Tokenizer = base.Tokenizer
	}
	if f.ChatTemplate == "" {
		f.ChatTemplate = base.ChatTemplate
	}
	if f.Block == nil {
		f.Block = base.Block
	}
	f.Args, f.RC3Args = over(base.Args, f.Args), over(base.RC3Args, f.RC3Args)
}

// over lays one set of arguments over another.
func over(base, own map[string]any) map[string]any {
	out := map[string]any{}
	maps.Copy(out, base)
	maps.Copy(out, own)
	return out
}
