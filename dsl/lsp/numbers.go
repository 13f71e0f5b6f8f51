package lsp

import (
	"fmt"
	"slices"
	"strings"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/metric"
)

// holds says whether a condition may read numbers from a port.
func holds(port artifact.Port) bool { return artifact.Accepts(artifact.Metrics, port.Kind) }

// numbersAt is the port that a chain of names leads to, and what follows it: evaluate.metrics.acc, sft['seed=1'].metrics.
func (p *project) numbersAt(names []string) (port artifact.Port, rest []string, ok bool) {
	if len(names) < 2 || !p.isStage(names[0]) {
		return port, nil, false
	}
	rest = names[2:]
	if strings.Contains(names[1], "=") {
		if len(names) < 3 {
			return port, nil, false
		}
		rest = names[3:]
	}
	port, ok = p.port(names)
	return port, rest, ok && holds(port)
}

// numbers adds the numbers of a port: those that its stage is known to write, and those that it wrote in the last run.
func (c *completer) numbers(names []string) {
	port, rest, ok := c.numbersAt(names)
	if !ok || len(rest) > 0 {
		return
	}
	last := c.lastNumbers(names, port)
	all := slices.Concat(port.Metrics, last.Names())
	slices.Sort(all)
	for _, name := range slices.Compact(all) {
		detail := "a number"
		if x, known := last[name]; known {
			detail = "last " + showValue(x)
		}
		if plainName(name) {
			c.add(itemField, name, detail, "", name, 0)
		}
	}
}

// plainName says whether a name can stand behind a dot.
func plainName(s string) bool {
	for i := range len(s) {
		if !letter(s[i]) || i == 0 && s[i] >= '0' && s[i] <= '9' {
			return false
		}
	}
	return s != ""
}

// lastNumbers are those that a port held when the recipe ran last; nil when that is not known. Of a matrix they are the
// named instance's.
func (p *project) lastNumbers(names []string, port artifact.Port) metric.Set {
	view := p.s.view(p.files[0])
	if p.s.opt.Numbers == nil || view == nil || view.Recipe == nil {
		return nil
	}
	node := names[0]
	if strings.Contains(names[1], "=") {
		node += "[" + names[1] + "]"
	}
	return p.s.opt.Numbers(p.files[0].path, view.Recipe.Name, node, port.Name)
}

// numberDoc describes a number that a condition reads.
func (p *project) numberDoc(names []string) string {
	port, rest, ok := p.numbersAt(names)
	if !ok || len(rest) != 1 {
		return ""
	}
	s := fmt.Sprintf("number **%s** of port %s of stage %s, known when that has ended", rest[0], port.Name, names[0])
	if x, known := p.lastNumbers(names, port)[rest[0]]; known {
		s += "\n\nin the last run: `" + showValue(x) + "`"
	}
	return s
}
