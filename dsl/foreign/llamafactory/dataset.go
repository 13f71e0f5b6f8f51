package llamafactory

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/belay-ml/belay/dsl/ast"
	"github.com/belay-ml/belay/dsl/foreign"
	"github.com/belay-ml/belay/dsl/pos"
)

// set of records: where they lie and how they are read.
type records struct {
	name    string
	source  foreign.Source
	style   string
	mapKeys map[string]any
	tags    map[string]any
	column  string // of running text
}

// like says whether two sets are read in the same way.
func (r records) like(o records) bool { return r.form() == o.form() }

func (r records) form() string { return fmt.Sprintln(r.style, r.mapKeys, r.tags, r.column) }

// datasets are the sets that the key dataset names, as dataset_info.json describes them. Those that cannot be read
// with the first ones are left.
func (c *config) datasets(key *ast.Pair, running bool) []records {
	info := c.info()
	var out []records
	for _, name := range names(key.Value) {
		if info == nil {
			continue
		}
		p := info.Find(name)
		if p == nil || p.Value.Kind != ast.Map {
			c.leave(key, name, "dataset_info.json does not name this set")
			continue
		}
		r, why := c.records(key, name, p.Value, running)
		if why == "" && len(out) > 0 && !out[0].like(r) {
			why = "records of another form than those of " + out[0].name + ": the sets that are read in one way are taken; name the others as sources of the stage"
		}
		if why != "" {
			c.leave(key, name, why)
			continue
		}
		out = append(out, r)
	}
	return out
}

func (c *config) leave(key *ast.Pair, value, why string) {
	c.left = append(c.left, foreign.Left{At: key.Key.Span, Name: key.Key.Text, Value: value, Why: why})
}

// info is dataset_info.json: in dataset_dir, or beside the file; nil when there is none.
func (c *config) info() *ast.Node {
	dir := "data"
	if n := c.peek("dataset_dir"); n != nil {
		dir = n.Text
	}
	for _, d := range []string{c.under(dir), c.file.Dir, filepath.Join(c.file.Dir, "data")} {
		path := filepath.Join(d, "dataset_info.json")
		text, ok := c.reader.read(path)
		if !ok {
			continue
		}
		n, l := ast.Parse(pos.NewFile(path, path, d, text))
		if p := c.take("dataset_dir"); p != nil {
			c.drop(p, "the sets' own paths are taken")
		}
		if n == nil || n.Kind != ast.Map || l.HasErrors() {
			c.loose = append(c.loose, foreign.Left{Name: path, Why: "it is no JSON that describes sets"})
			return nil
		}
		return n
	}
	return nil
}

func (c *config) under(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(c.reader.root, path)
}

// records reads one entry of dataset_info.json.
func (c *config) records(key *ast.Pair, name string, entry *ast.Node, running bool) (r records, why string) {
	r = records{name: name, style: "alpaca", mapKeys: texts(entry.Find("columns")), tags: texts(entry.Find("tags"))}
	if p := entry.Find("formatting"); p != nil {
		r.style = p.Value.Text
	}
	switch {
	case r.style != "alpaca" && r.style != "sharegpt":
		return r, "records of form " + r.style + " are not read"
	case entry.Find("ranking") != nil && entry.Find("ranking").Value.Bool:
		return r, "pairs of answers are for a training that is not there"
	}
	for _, media := range []string{"images", "videos", "audios", "kto_tag"} {
		if r.mapKeys[media] != nil {
			return r, "records with " + media + " are not read"
		}
	}
	if running {
		r.style, r.column = "pretrain", "text"
		if column, ok := r.mapKeys["prompt"].(string); ok {
			r.column = column
		}
		r.mapKeys, r.tags = nil, nil
	}
	for _, k := range []string{"subset", "split", "num_samples", "folder"} {
		if p := entry.Find(k); p != nil {
			c.leave(key, name, fmt.Sprintf("its %s %s is not chosen: all its records are read", k, shown(p.Value)))
		}
	}
	if p := entry.Find("file_name"); p != nil {
		r.source.Path = filepath.ToSlash(filepath.Join(filepath.Dir(entry.File().Path), p.Value.Text))
		if rel, err := filepath.Rel(c.reader.root, r.source.Path); err == nil && !strings.HasPrefix(rel, "..") {
			r.source.Path = filepath.ToSlash(rel)
		}
		return r, ""
	}
	if p := entry.Find("hf_hub_url"); p != nil && hubName.MatchString(p.Value.Text) {
		r.source = foreign.Source{Job: c.download(key, p.Value.Text, "dataset", name, nil), Port: "files"}
		return r, ""
	}
	return r, "it lies neither in a file nor on the hub of Hugging Face"
}

// texts are the texts of a map, nil without any.
func texts(p *ast.Pair) map[string]any {
	if p == nil || p.Value.Kind != ast.Map || len(p.Value.Pairs) == 0 {
		return nil
	}
	m := map[string]any{}
	for _, e := range p.Value.Pairs {
		m[e.Key.Text] = e.Value.Text
	}
	return m
}

// preprocess is the stage that makes a token index of the sets.
func (c *config) preprocess(m *model, running bool) *foreign.Job {
	key := c.take("dataset")
	if key == nil {
		key = &ast.Pair{Key: &ast.Node{Text: "dataset", Span: c.root.Span}, Value: &ast.Node{Kind: ast.Text, Text: "", Span: c.root.Span}}
	}
	sets := c.datasets(key, running)
	j := c.job("preprocess", map[bool]string{true: "text", false: "records"}[running], "dataset", key.Key.Span)
	j.Lift = []string{"seq_length", "template"}
	input := foreign.Setting{Field: "input", As: "dataset", At: key.Key.Span, Param: "data"}
	for _, s := range sets {
		input.From = append(input.From, s.source)
	}
	form := records{style: "alpaca"}
	if len(sets) > 0 {
		form = sets[0]
	} else {
		input.Open, input.Why = strings.Join(names(key.Value), ", "), "no dataset_info.json describes a set that can be read"
		if input.Open == "" {
			input.Open = "nothing"
		}
		if running {
			form = records{style: "pretrain", column: "text"}
		}
	}
	j.Settings = append(j.Settings, input)
	if m != nil {
		m.tokenizer(j, "tokenizer")
	}
	c.fixed(j, "style", form.style, "")
	if form.column != "" && form.column != "text" {
		c.fixed(j, "json_keys", form.column, "")
	}
	for field, v := range map[string]map[string]any{"map_keys": form.mapKeys, "tags": form.tags} {
		if v != nil {
			j.Settings = append(j.Settings, foreign.Setting{Field: field, Value: v, As: key.Key.Text, At: key.Key.Span})
		}
	}
	if p := c.take("max_samples"); p != nil {
		if len(sets) < 2 {
			set(j, "max_samples", p)
		} else {
			c.drop(p, "it counts the records of each set, which are one input here: name the sets as sources of the stage")
		}
	}
	if running {
		c.fixed(j, "append_eod", "true", "")
		return j
	}
	for _, name := range []string{"train_on_prompt", "mask_history"} {
		if p := c.take(name); p != nil {
			set(j, name, p)
		}
	}
	if p := c.take("template"); p != nil {
		set(j, "template", p)
	} else {
		j.Settings = append(j.Settings, foreign.Setting{Field: "template", Open: "nothing", Why: "hf is the tokenizer's own template", As: "template", At: j.At})
	}
	if p := c.root.Find("cutoff_len"); p != nil {
		set(j, "seq_length", p)
	} else {
		c.fixed(j, "seq_length", cutoff, "")
	}
	c.fixed(j, "on_long", "proportional", "")
	for _, name := range []string{"packing", "neat_packing"} {
		if p := c.take(name); p != nil {
			set(j, "pack", p)
		}
	}
	return j
}

// cutoff is LLaMA-Factory's length of a sample.
const cutoff = "2048"
