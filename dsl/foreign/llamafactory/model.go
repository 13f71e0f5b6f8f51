package llamafactory

import (
	"path/filepath"
	"regexp"
	"strings"

	"github.com/belay-ml/belay/dsl/ast"
	"github.com/belay-ml/belay/dsl/foreign"
)

// model is what a file works on: a model on a hub or in a folder, and adapters beside it.
type model struct {
	key      *ast.Pair // model_name_or_path
	path     string
	download *foreign.Job // nil for a folder
	adapter  *ast.Pair    // nil without
}

// hubName is ORG/NAME.
var hubName = regexp.MustCompile(`^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$`)

// model takes the keys about the model. It is nil when there is none.
func (c *config) model() *model {
	m := &model{key: c.take("model_name_or_path"), adapter: c.take("adapter_name_or_path")}
	revision := c.take("model_revision")
	if m.key == nil {
		return nil
	}
	m.path = m.key.Value.Text
	if m.adapter != nil && len(names(m.adapter.Value)) != 1 {
		c.drop(m.adapter, "one set of adapters at a time: merge one after another")
		m.adapter = nil
	}
	if c.onHub(m.path) {
		m.download = c.download(m.key, m.path, "model", "base", revision)
	} else if revision != nil {
		c.drop(revision, "the model is a folder")
	}
	return m
}

// onHub says whether a name is that of a repository: it is no folder, and looks like one.
func (c *config) onHub(name string) bool {
	if !hubName.MatchString(name) || strings.HasPrefix(name, ".") {
		return false
	}
	_, local := c.reader.read(filepath.Join(c.reader.root, name, "config.json"))
	return !local
}

// download is the job that downloads a repository, one for all files.
func (c *config) download(key *ast.Pair, repo, kind, name string, revision *ast.Pair) *foreign.Job {
	id := kind + " " + repo
	if revision != nil {
		id += " " + revision.Value.Text
	}
	if j := c.reader.downloads[id]; j != nil {
		return j
	}
	j := c.job("hf-download", name, key.Key.Text, key.Key.Span)
	j.Optional = true
	j.Settings = append(j.Settings, foreign.Setting{Field: "repo", Texts: []string{repo}, As: key.Key.Text, At: key.Key.Span})
	if kind != "model" {
		c.fixed(j, "repo_type", kind, "")
	}
	if revision != nil {
		set(j, "revision", revision)
	}
	c.reader.downloads[id] = j
	return j
}

// weights gives a field the model: what another file trained when it is written there, else the folder or download.
func (m *model) weights(j *foreign.Job, field string) {
	m.give(j, field, "model")
}

// tokenizer gives a field the model's tokenizer.
func (m *model) tokenizer(j *foreign.Job, field string) { m.give(j, field, "tokenizer") }

func (m *model) give(j *foreign.Job, field, port string) {
	j.Settings = append(j.Settings, foreign.Setting{
		Field: field, As: m.key.Key.Text, At: m.key.Key.Span, Param: "model",
		From: []foreign.Source{{Path: m.path, Job: m.download, Port: port}},
	})
}

// merged is the model with its adapters in it, by a job of its own where there are any.
func (c *config) merged(m *model, name, title string) *foreign.Job {
	j := c.job("convert", name, title, m.key.Key.Span)
	from := foreign.Setting{
		Field: "from", As: m.key.Key.Text, At: m.key.Key.Span, Param: "model",
		From: []foreign.Source{{Path: m.path, Job: m.download, Port: "model"}},
	}
	if m.adapter != nil {
		at := m.adapter.Key.Span
		path := names(m.adapter.Value)[0]
		// A stage that trains adapters gives the weights with them; others' adapters are merged into the model.
		from.As, from.At = m.adapter.Key.Text, at
		from.From[0].Over = path
		j.Settings = append(j.Settings, foreign.Setting{
			Field: "lora", As: m.adapter.Key.Text, At: at, Param: "adapters", Texts: []string{path}, Unwritten: true,
		})
	}
	j.Settings = append(j.Settings, from)
	c.fixed(j, "to", "hf", "")
	m.weights(j, "template")
	return j
}
