package hfconfig

import (
	"fmt"
	"math"
)

// rope reads base and scaling from rope_theta and rope_scaling, or from rope_parameters, where newer
// transformers releases keep both.
func (f *fields) rope(c *Config, cl class) {
	c.RopeBase = f.float(cl.key(f.raw, "rope_theta"), 10000)
	if cl.ratio {
		c.RopeBase = 10000 * f.float("rope_ratio", 1)
	}
	key, scaling := "rope_scaling", f.object("rope_scaling")
	if params := f.object("rope_parameters"); params != nil {
		key, scaling = "rope_parameters", params
		in := &fields{raw: params, at: key + "."}
		if full := in.object("full_attention"); full != nil { // one object a kind of layer
			key, scaling = key+".full_attention", full
		}
		f.errs = append(f.errs, in.errs...)
	}
	whole := 1.0
	if cl.part != 0 {
		whole = cl.part
	}
	partial := f.float("partial_rotary_factor", whole)
	if scaling != nil {
		s := &fields{raw: scaling, at: key + "."}
		c.RopeBase = s.float("rope_theta", c.RopeBase)
		partial = s.float("partial_rotary_factor", partial)
		c.RopeScaling = s.scaling()
		f.errs = append(f.errs, s.errs...)
	}
	switch {
	case cl.part == 0 && partial != 1:
		f.fail("partial_rotary_factor", "1: this architecture turns whole heads", partial)
	case !(partial > 0 && partial <= 1):
		f.fail("partial_rotary_factor", "a number above 0, up to 1", partial)
	case partial != 1:
		c.RotaryPart = partial
	}
}

// scaling reads the kind, under its old key "type" or its new one "rope_type", and the kind's numbers.
func (f *fields) scaling() *RopeScaling {
	kind := f.text("rope_type")
	if kind == "" {
		kind = f.text("type")
	}
	switch kind {
	case "", "default":
		if kind == "" && f.has("factor") {
			f.errs = append(f.errs, fmt.Errorf("%srope_type is missing", f.at))
		}
		return nil
	case "linear", "llama3", "dynamic", "yarn":
	default:
		f.fail("rope_type", "default, linear, llama3, dynamic or yarn", kind)
		return nil
	}
	s := &RopeScaling{
		Kind:            kind,
		Factor:          f.float("factor", 0),
		LowFreqFactor:   f.float("low_freq_factor", 0),
		HighFreqFactor:  f.float("high_freq_factor", 0),
		OriginalMaxPos:  f.whole("original_max_position_embeddings", 0),
		BetaFast:        f.float("beta_fast", 0),
		BetaSlow:        f.float("beta_slow", 0),
		AttentionFactor: f.float("attention_factor", 0),
		MScale:          f.float("mscale", 0),
		MScaleAllDim:    f.float("mscale_all_dim", 0),
	}
	if !(s.Factor >= 1) {
		f.fail("factor", "a number of at least 1", f.raw["factor"])
	}
	if kind == "llama3" {
		if s.OriginalMaxPos <= 0 {
			f.fail("original_max_position_embeddings", "a positive whole number", f.raw["original_max_position_embeddings"])
		}
		if !(s.LowFreqFactor > 0) || !(s.HighFreqFactor > s.LowFreqFactor) {
			f.fail("high_freq_factor", "more than low_freq_factor, and that more than 0", f.raw["high_freq_factor"])
		}
	}
	return s
}

// InvFreq gives the angle a position of each rotated pair (HeadDim/2 of them) and the factor on cos
// and sin.
//
// linear divides every angle by the factor (Chen et al. 2023). llama3 keeps angles of wavelengths
// below original/high, divides those above original/low, and blends in between.
func InvFreq(c Config) ([]float64, float64, error) {
	if c.HeadDim <= 0 || c.HeadDim%2 != 0 || c.HeadDim > maxHeadDim {
		return nil, 0, fmt.Errorf("rotary frequencies: head_dim %d is not a positive even number", c.HeadDim)
	}
	inv := make([]float64, c.HeadDim/2)
	for i := range inv {
		inv[i] = math.Pow(c.RopeBase, -float64(2*i)/float64(c.HeadDim))
	}
	s := c.RopeScaling
	if s == nil {
		return inv, 1, nil
	}
	switch s.Kind {
	case "linear":
		for i := range inv {
			inv[i] /= s.Factor
		}
	case "llama3":
		orig := float64(s.OriginalMaxPos)
		for i, f := range inv {
			wave := 2 * math.Pi / f
			switch {
			case wave < orig/s.HighFreqFactor:
			case wave > orig/s.LowFreqFactor:
				inv[i] = f / s.Factor
			default:
				t := (orig/wave - s.LowFreqFactor) / (s.HighFreqFactor - s.LowFreqFactor)
				inv[i] = (1-t)*f/s.Factor + t*f
			}
		}
	default:
		return nil, 0, fmt.Errorf("rotary frequencies: rope_scaling type %q is not supported in computing; use default, linear or llama3, or remove rope_scaling to run within the trained length", s.Kind)
	}
	return inv, 1, nil
}
