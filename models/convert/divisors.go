package convert

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/belay-ml/belay/models/hfconfig"
)

// fitting names the sizes that would do where one does not: those of the first dimension that alone makes the layout
// fit the model. It is empty when no one size is to blame.
func (l Layout) fitting(cfg hfconfig.Config) string {
	for _, d := range []struct {
		name string
		size *int
		most int
	}{
		{"tp", &l.TP, cfg.NumHeads}, {"pp", &l.PP, l.total(cfg)}, {"ep", &l.EP, max(cfg.MoE.Experts, 1)},
		{"num_layers_per_virtual_pipeline_stage", &l.NumLayersPerVirtualStage, l.total(cfg) / l.PP},
	} {
		const shown = 12
		given := *d.size
		if given <= 1 && d.name != "num_layers_per_virtual_pipeline_stage" || given == 0 {
			continue
		}
		var fit []string
		for n := 1; n <= d.most && len(fit) < shown; n++ {
			if *d.size = n; l.check(cfg) == nil {
				fit = append(fit, strconv.Itoa(n))
			}
		}
		*d.size = given
		if len(fit) > 0 {
			return fmt.Sprintf(": of this model %s can be %s", d.name, alternatives(fit))
		}
	}
	return ""
}

// alternatives joins words with commas and a last "or".
func alternatives(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}
