package family

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// symbols are the sizes that canonical shapes are made of.
var symbols = [...]string{
	"hidden", "q", "kv", "ffn", "vocab", "head_dim", "positions", "experts", "moe_ffn", "shared_ffn", "q_lora", "kv_lora", "kv_a", "mla_kv", "attn_out",
}

// checker collects everything wrong with a family after inheritance.
type checker struct {
	f          *Family
	transforms []string
	errs       []error
}

func (c *checker) fail(at pos, format string, args ...any) {
	if at.path == "" {
		at = c.f.at
	}
	c.errs = append(c.errs, fmt.Errorf("%sfamily %s: %s", at, c.f.Name, fmt.Sprintf(format, args...)))
}

// check finds everything wrong with a family after inheritance.
func (f *Family) check(transforms []string) error {
	c := &checker{f: f, transforms: transforms}
	if f.Architecture == "" {
		c.fail(f.at, "no `architecture:`")
	}
	if f.ModelType == "" {
		c.fail(f.at, "no `model_type:`")
	}
	c.canonical()
	if f.HF == nil && f.Mcore == nil {
		c.fail(f.at, "neither `hf:` nor `mcore:` rules")
	}
	c.format("hf", f.HF)
	c.format("legacy", f.Legacy)
	c.format("mcore", f.Mcore)
	c.format("gguf", f.GGUF)
	seen := map[string]bool{}
	for _, s := range f.Sizes {
		if seen[s.Name] {
			c.fail(f.at, "size %q twice", s.Name)
		}
		seen[s.Name] = true
	}
	return errors.Join(c.errs...)
}

func (c *checker) canonical() {
	seen := map[string]bool{}
	for _, t := range c.f.Canonical {
		if seen[t.Name] {
			c.fail(t.at, "canonical tensor %q twice", t.Name)
		}
		seen[t.Name] = true
		if strings.Contains(t.Name, Expert) && !strings.Contains(t.Name, Layer) {
			c.fail(t.at, "canonical tensor %q: experts belong to a layer: no %s", t.Name, Layer)
		}
		if err := checkConditions(t.If); err != nil {
			c.fail(t.at, "canonical tensor %q: %v", t.Name, err)
		}
		if len(t.Shape) == 0 {
			c.fail(t.at, "canonical tensor %q has no shape", t.Name)
		}
		for _, s := range t.Shape {
			if !slices.Contains(symbols[:], s) {
				c.fail(t.at, "canonical tensor %q: unknown size %q: known are %s", t.Name, s, strings.Join(symbols[:], ", "))
			}
		}
		switch t.Split {
		case "", Rows:
		case Columns:
			if len(t.Shape) < 2 {
				c.fail(t.at, "canonical tensor %q has no columns to split", t.Name)
			}
		default:
			c.fail(t.at, "canonical tensor %q: split %q is neither rows nor columns", t.Name, t.Split)
		}
	}
}

func (c *checker) format(kind string, format *Format) {
	if format == nil {
		return
	}
	for _, p := range format.Ignore {
		if _, err := path.Match(p, ""); err != nil {
			c.fail(c.f.at, "%s: ignore pattern %q: %v", kind, p, err)
		}
	}
	stored, names := map[string]bool{}, map[string]bool{}
	for _, r := range format.Rules {
		c.rule(kind, r, stored, names)
	}
	if kind == "legacy" || kind == "gguf" { // which have no place for all that the families have; a conversion says so
		return
	}
	for _, t := range c.f.Canonical {
		if !stored[t.Name] && c.f.may(t.If) {
			c.fail(c.f.at, "%s: no rule stores canonical tensor %q", kind, t.Name)
		}
	}
}

func (c *checker) rule(kind string, r Rule, stored, names map[string]bool) {
	bad := func(what string, args ...any) {
		c.fail(r.at, "%s rule %q: %s", kind, r.Name, fmt.Sprintf(what, args...))
	}
	conditions := strings.Join(r.If, " ")
	if key := r.Name + " " + r.When + " " + conditions; names[key] {
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
	if err := checkConditions(r.If); err != nil {
		bad("%v", err)
	}
	for _, name := range r.From {
		if _, ok := c.f.TensorNamed(name); !ok {
			bad("unknown canonical tensor %q", name)
		}
		if strings.Contains(name, Layer) != strings.Contains(r.Name, Layer) {
			bad("%q and its stored name must both be of a layer", name)
		}
		if strings.Contains(name, Expert) != (strings.Contains(r.Name, Expert) || r.Experts != "") {
			bad("%q and its stored name must both be of an expert, or `experts:` must say how the stored one holds them all", name)
		}
		if r.When == "" {
			if key := name + " " + conditions; stored[key] {
				bad("canonical tensor %q is stored by two rules", name)
			} else {
				stored[key] = true
			}
			stored[name] = true
		}
	}
	for _, by := range r.By {
		if !slices.Contains(c.transforms, by) {
			bad("unknown transform %q: known are %s", by, strings.Join(c.transforms, ", "))
		}
	}
	switch {
	case r.At != "" && r.At != First && r.At != Last:
		bad("at %q is neither first nor last", r.At)
	case kind != "hf" && kind != "gguf" && !strings.Contains(r.Name, Layer) && r.At == "":
		bad("not of a layer: say `at: first` or `at: last`")
	case r.When != "" && r.When != TiedPipeline:
		bad("when %q is not known", r.When)
	case r.ExtraState != "" && r.ExtraState != With && r.ExtraState != Always:
		bad("extra_state %q is neither with nor always", r.ExtraState)
	case r.Experts != "" && r.Experts != Rows && r.Experts != Columns && r.Experts != Stack:
		bad("experts %q is neither rows, columns nor stack", r.Experts)
	case r.Adapter != "" && !strings.HasSuffix(r.Name, ".weight"):
		bad("an adapter belongs to a .weight")
	}
}
