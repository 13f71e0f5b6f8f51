package family

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// symbols are the sizes that canonical shapes are made of.
var symbols = [...]string{"hidden", "q", "kv", "ffn", "vocab"}

// check finds everything wrong with a family after inheritance.
func (f *Family) check(transforms []string) error {
	var errs []error
	fail := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("load family %s: family %s: %s", f.path, f.Name, fmt.Sprintf(format, args...)))
	}
	if f.Architecture == "" {
		fail("no `architecture:`")
	}
	if f.ModelType == "" {
		fail("no `model_type:`")
	}
	for field := range f.Match.Where {
		if !slices.Contains(fields[:], field) {
			fail("match: unknown config field %q: known are %s", field, strings.Join(fields[:], ", "))
		}
	}
	seen := map[string]bool{}
	for _, t := range f.Canonical {
		if seen[t.Name] {
			fail("canonical tensor %q twice", t.Name)
		}
		seen[t.Name] = true
		if len(t.Shape) == 0 {
			fail("canonical tensor %q has no shape", t.Name)
		}
		for _, s := range t.Shape {
			if !slices.Contains(symbols[:], s) {
				fail("canonical tensor %q: unknown size %q: known are %s", t.Name, s, strings.Join(symbols[:], ", "))
			}
		}
		switch t.Split {
		case "", Rows:
		case Columns:
			if len(t.Shape) < 2 {
				fail("canonical tensor %q has no columns to split", t.Name)
			}
		default:
			fail("canonical tensor %q: split %q is neither rows nor columns", t.Name, t.Split)
		}
	}
	if f.HF == nil {
		fail("no `hf:` rules")
	}
	f.checkFormat("hf", f.HF, transforms, fail)
	f.checkFormat("legacy", f.Legacy, transforms, fail)
	f.checkFormat("mcore", f.Mcore, transforms, fail)
	return errors.Join(errs...)
}

func (f *Family) checkFormat(kind string, format *Format, transforms []string, fail func(string, ...any)) {
	if format == nil {
		return
	}
	for _, p := range format.Ignore {
		if _, err := path.Match(p, ""); err != nil {
			fail("%s: ignore pattern %q: %v", kind, p, err)
		}
	}
	stored, names := map[string]bool{}, map[string]bool{}
	for _, r := range format.Rules {
		bad := func(what string, args ...any) { fail("%s rule %q: %s", kind, r.Name, fmt.Sprintf(what, args...)) }
		if key := r.Name + " " + r.When; names[key] {
			bad("twice")
		} else {
			names[key] = true
		}
		if len(r.From) == 0 {
			bad("no canonical tensors in `from:`")
		}
		if len(r.From) > 1 && len(r.By) == 0 {
			bad("%d canonical tensors need a transform in `by:`", len(r.From))
		}
		for _, name := range r.From {
			if _, ok := f.TensorNamed(name); !ok {
				bad("unknown canonical tensor %q", name)
			}
			if strings.Contains(name, Layer) != strings.Contains(r.Name, Layer) {
				bad("%q and its stored name must both be of a layer", name)
			}
			if r.When == "" {
				if stored[name] {
					bad("canonical tensor %q is stored by two rules", name)
				}
				stored[name] = true
			}
		}
		for _, by := range r.By {
			if !slices.Contains(transforms, by) {
				bad("unknown transform %q: known are %s", by, strings.Join(transforms, ", "))
			}
		}
		switch {
		case r.At != "" && r.At != First && r.At != Last:
			bad("at %q is neither first nor last", r.At)
		case kind != "hf" && !strings.Contains(r.Name, Layer) && r.At == "":
			bad("not of a layer: say `at: first` or `at: last`")
		case r.When != "" && r.When != TiedPipeline:
			bad("when %q is not known", r.When)
		case r.ExtraState != "" && r.ExtraState != With && r.ExtraState != Always:
			bad("extra_state %q is neither with nor always", r.ExtraState)
		case r.Adapter != "" && !strings.HasSuffix(r.Name, ".weight"):
			bad("an adapter belongs to a .weight")
		}
	}
	for _, t := range f.Canonical {
		if !stored[t.Name] {
			fail("%s: no rule stores canonical tensor %q", kind, t.Name)
		}
	}
}
