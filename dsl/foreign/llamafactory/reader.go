package llamafactory

import (
	"path/filepath"
	"regexp"
	"strings"

	"github.com/belay-ml/belay/dsl/ast"
	"github.com/belay-ml/belay/dsl/diag"
	"github.com/belay-ml/belay/dsl/foreign"
	"github.com/belay-ml/belay/dsl/pos"
)

// Reader reads the files of one recipe.
type Reader struct {
	root      string                           // what relative paths begin at
	read      func(path string) (string, bool) // a file that lies beside a configuration
	downloads map[string]*foreign.Job
}

// NewReader makes a reader. root is where relative paths in the files begin.
func NewReader(root string, read func(path string) (string, bool)) *Reader {
	return &Reader{root: root, read: read, downloads: map[string]*foreign.Job{}}
}

// marks are keys that a configuration has.
var marks = regexp.MustCompile(`(?m)(^|[{,])\s*["']?(model_name_or_path|adapter_name_or_path|finetuning_type|export_dir)["']?\s*:`)

// Recognise says whether a text is a configuration.
func Recognise(text string) bool { return marks.MatchString(text) }

// Jobs are the stages that a configuration asks for, and what belongs to none of them.
func (r *Reader) Jobs(f *pos.File) ([]*foreign.Job, []foreign.Left, diag.List) {
	root, l := ast.Parse(f)
	if l.HasErrors() {
		return nil, nil, l
	}
	if root == nil || root.Kind != ast.Map {
		l.Errorf(pos.Of(f, 0, 0), "a configuration is a map of keys such as model_name_or_path", "the file holds no map")
		return nil, nil, l
	}
	c := &config{reader: r, file: f, root: root, taken: map[*ast.Pair]bool{}}
	return c.jobs(), c.loose, l
}

// config is one file.
type config struct {
	reader *Reader
	file   *pos.File
	root   *ast.Node
	taken  map[*ast.Pair]bool
	made   []*foreign.Job
	left   []foreign.Left // of the stage that the file is about
	loose  []foreign.Left // of none
}

// jobs does what the keys ask for.
func (c *config) jobs() []*foreign.Job {
	stage, predict := c.peek("stage"), c.peek("do_predict")
	switch {
	case c.peek("export_dir") != nil:
		c.export()
	case c.peek("task") != nil && c.peek("do_train") == nil:
		c.evaluate()
	case predict != nil && predict.Text == "true" && !c.on("do_train"):
		c.refuse("do_predict", "no stage answers the records of a set: one that uses generate takes prompts_file")
	case stage != nil || c.on("do_train"):
		c.train()
	case c.peek("model_name_or_path") == nil:
		c.loose = append(c.loose, foreign.Left{At: c.root.Span, Name: filepath.Base(c.file.Name), Why: "it names no model_name_or_path"})
	default:
		c.chat()
	}
	return c.made
}

// refuse leaves the whole file.
func (c *config) refuse(key, why string) {
	p := c.root.Find(key)
	c.loose = append(c.loose, foreign.Left{At: p.Key.Span, Name: key, Value: shown(p.Value), Why: why})
}

// peek is a key's value, nil when there is none.
func (c *config) peek(key string) *ast.Node {
	p := c.root.Find(key)
	if p == nil || p.Value.Kind == ast.Null {
		return nil
	}
	return p.Value
}

// on says whether a key is true.
func (c *config) on(key string) bool {
	n := c.peek(key)
	return n != nil && n.Kind == ast.Bool && n.Bool
}

// take is a key's pair, which is then done with; nil when there is none.
func (c *config) take(key string) *ast.Pair {
	p := c.root.Find(key)
	if p == nil || p.Value.Kind == ast.Null || c.taken[p] {
		return nil
	}
	c.taken[p] = true
	return p
}

// drop leaves a key at the stage the file is about.
func (c *config) drop(p *ast.Pair, why string) {
	c.taken[p] = true
	c.left = append(c.left, foreign.Left{At: p.Key.Span, Name: p.Key.Text, Value: shown(p.Value), Why: why})
}

// shown is a value for messages.
func shown(n *ast.Node) string {
	switch n.Kind {
	case ast.List:
		var items []string
		for _, i := range n.Items {
			items = append(items, shown(i))
		}
		return strings.Join(items, ", ")
	case ast.Map:
		return "{...}"
	}
	return n.Text
}

// set gives a key's value to a field of a job.
func set(j *foreign.Job, field string, p *ast.Pair) {
	s := foreign.Setting{Field: field, As: p.Key.Text, At: p.Key.Span, Texts: list(p.Value)}
	if p.Value.Kind == ast.Map {
		s.Texts, s.Value = nil, p.Value.Value()
	}
	j.Settings = append(j.Settings, s)
}

// list is a value's texts: the items of a list, or of a text with commas between.
func list(n *ast.Node) []string {
	if n.Kind != ast.List {
		return []string{n.Text}
	}
	texts := []string{}
	for _, i := range n.Items {
		texts = append(texts, i.Text)
	}
	return texts
}

// names is a value's names, which may stand in a list or in a text with commas between.
func names(n *ast.Node) []string {
	var out []string
	for _, t := range list(n) {
		for name := range strings.SplitSeq(t, ",") {
			if name = strings.TrimSpace(name); name != "" {
				out = append(out, name)
			}
		}
	}
	return out
}

// fixed is a setting that no key of the file gives.
func (c *config) fixed(j *foreign.Job, field, value, note string) {
	j.Settings = append(j.Settings, foreign.Setting{Field: field, Texts: []string{value}, As: field, At: j.At, Note: note})
}

// job begins a job at a key.
func (c *config) job(kind, name, title string, at pos.Span) *foreign.Job {
	j := &foreign.Job{Kind: kind, Name: name, Title: title, At: at}
	c.made = append(c.made, j)
	return j
}

// rest gives the job the keys that are not taken, by name, and all that was left.
func (c *config) rest(j *foreign.Job) {
	for _, p := range c.root.Pairs {
		if c.taken[p] || p.Value.Kind == ast.Null {
			continue
		}
		c.taken[p] = true
		field := p.Key.Text
		if to, ok := renamed()[field]; ok {
			field = to
		}
		set(j, field, p)
		j.Settings[len(j.Settings)-1].Else = reason(p.Key.Text)
	}
	j.Left = append(c.left, j.Left...)
	c.left = nil
}
