package pretrain

import (
	"fmt"
	"math"
	"path/filepath"
	"strconv"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/param"
)

// Part is one token index of a blend.
type Part struct {
	Data   artifact.Ref `yaml:"data" alias:"index,data_path" required:"true" kind:"token-index" doc:"token index of pretraining text"`
	Name   string       `yaml:"data_name" alias:"name" doc:"which index of the folder, as the stage's data_name"`
	Weight *float64     `yaml:"weight" min:"0" doc:"its share of the samples, in proportion to the others'; 0 leaves it out; where none has a weight, each index has the share of its tokens"`
}

// parts are the indexes to read. One index by itself is one part; blended says that samples are dealt by weight.
func (p *Params) parts() (parts []Part, blended bool) {
	if p.Blend != nil && len(*p.Blend) > 0 {
		return *p.Blend, true
	}
	return []Part{{Data: p.Data, Name: p.Name}}, false
}

// label is how messages call a part.
func (p Part) label() string {
	label := p.Data.Label
	if label == "" {
		label = p.Data.Path
	}
	if p.Name != "" {
		label += "/" + p.Name
	}
	return label
}

// choice is what of the parameters says where data comes from, whether inputs are known already or not.
type choice struct {
	data, named bool // data and data_name are given
	blend       []*float64
}

// Check finds before a run what the schema cannot tell: no data at all, and weights that mean nothing.
func (Stage) Check(values map[string]any) []param.Problem {
	c := choice{data: values["data"] != nil, named: values["data_name"] != ""}
	blend, _ := values["blend"].([]any)
	for _, item := range blend {
		part, _ := item.(map[string]any)
		var weight *float64
		if w, ok := part["weight"].(float64); ok {
			weight = &w
		}
		c.blend = append(c.blend, weight)
	}
	return c.problems()
}

// checkData is the same for a run.
func (p *Params) checkData() error {
	parts, blended := p.parts()
	c := choice{data: p.Data.Given(), named: p.Name != ""}
	for _, part := range parts {
		if part.Name != "" && !filepath.IsLocal(part.Name) {
			return fault.New(fault.Recipe, "data_name %q leads out of the token index", part.Name)
		}
		if blended {
			c.blend = append(c.blend, part.Weight)
		}
	}
	for _, p := range c.problems() {
		return fault.New(fault.Recipe, "%s: %s", p.Path[0], p.Summary).WithHint("%s", p.Hint)
	}
	return nil
}

func (c choice) problems() []param.Problem {
	one := func(summary, hint string, path ...string) []param.Problem {
		return []param.Problem{{Path: path, Summary: summary, Hint: hint}}
	}
	switch {
	case !c.data && len(c.blend) == 0:
		return one("missing parameter data, want an artifact or a path", "or blend, for several token indexes", "data")
	case c.data && len(c.blend) > 0:
		return one("data is given too", "make data a part of the blend, or leave blend out", "blend")
	case c.named && len(c.blend) > 0:
		return one("data_name says nothing about a blend", "give it to the part that it belongs to", "data_name")
	}
	sum, weighted, bare := 0.0, 0, -1
	for i, w := range c.blend {
		switch {
		case w == nil:
			bare = i
		case *w < 0 || math.IsNaN(*w) || math.IsInf(*w, 0):
			return one(fmt.Sprintf("weight %g: want a number that is not negative", *w), "", "blend", strconv.Itoa(i), "weight")
		default:
			sum += *w
			weighted++
		}
	}
	switch {
	case weighted > 0 && bare >= 0:
		return one(fmt.Sprintf("part %d has no weight, and %d of %d have one", bare+1, weighted, len(c.blend)),
			"give every part a weight, or none: then each has the share of its tokens", "blend", strconv.Itoa(bare))
	case weighted > 0 && !(sum > 0 && !math.IsInf(sum, 0)):
		return one(fmt.Sprintf("the weights sum to %g", sum), "give a part a weight above 0", "blend")
	}
	return nil
}
