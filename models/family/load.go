package family

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

//go:embed data/*.yaml
var builtin embed.FS

// Registry is the set of known families. It does not change after Load.
type Registry struct{ families map[string]*Family }

// maxFile bounds a family file.
const maxFile = 1 << 20

// Load reads the built-in families and, when dir is not empty, every .yaml file of that directory, which
// may add families or replace built-in ones. transforms are the names that rules may use.
func Load(dir string, transforms []string) (*Registry, error) {
	r := &Registry{families: map[string]*Family{}}
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
	var errs []error
	for _, name := range r.Names() {
		errs = append(errs, r.families[name].check(transforms))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return r, nil
}

// Names are the families in alphabetical order.
func (r *Registry) Names() []string { return slices.Sorted(maps.Keys(r.families)) }

// Named is the family of that name.
func (r *Registry) Named(name string) (*Family, error) {
	if f, ok := r.families[name]; ok {
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
		f, err := open(dir, name)
		if err != nil {
			return fmt.Errorf("load family %s: %w", path, err)
		}
		f.path = path
		if old, ok := r.families[f.Name]; ok && (unique || old.path == path) {
			return fmt.Errorf("load family %s: family %q is also in %s", path, f.Name, old.path)
		}
		r.families[f.Name] = f
	}
	return nil
}

func open(dir fs.FS, name string) (*Family, error) {
	st, err := fs.Stat(dir, name)
	if err != nil {
		return nil, err
	}
	if st.Size() > maxFile {
		return nil, fmt.Errorf("%d bytes, more than the limit of %d", st.Size(), maxFile)
	}
	text, err := fs.ReadFile(dir, name)
	if err != nil {
		return nil, err
	}
	return parse(text)
}

func parse(text []byte) (*Family, error) {
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	var f Family
	if err := dec.Decode(&f); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("file is empty")
		}
		return nil, err
	}
	if f.Name == "" {
		return nil, fmt.Errorf("no `family:` name")
	}
	return &f, nil
}

// inherit fills what `like:` leaves to another family, ancestors first.
func (r *Registry) inherit() error {
	state := map[string]int{} // 1 being filled, 2 filled
	var fill func(f *Family) error
	fill = func(f *Family) error {
		switch state[f.Name] {
		case 1:
			return fmt.Errorf("load family %s: `like: %s` leads back to itself", f.path, f.Like)
		case 2:
			return nil
		}
		state[f.Name] = 1
		if f.Like != "" {
			base, ok := r.families[f.Like]
			if !ok {
				return fmt.Errorf("load family %s: `like: %s`: no such family; known are %s", f.path, f.Like, strings.Join(r.Names(), ", "))
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
	args := maps.Clone(base.Args)
	if args == nil {
		args = map[string]any{}
	}
	maps.Copy(args, f.Args)
	f.Args = args
}
