package preprocess

import (
	"maps"
	"slices"
	"strings"

	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/models/chat/ordjson"
	"github.com/belay-ml/belay/stages/preprocess/handler"
	"github.com/belay-ml/belay/stages/preprocess/record"
)

// peeked is how many records are looked at for their columns.
const peeked = 20

// The usual names of columns. Of each list the present ones are candidates; a role has one or none, or it is not clear.
var (
	textNames    = []string{"text", "content", "document", "body", "article", "raw_content", "code"}
	chatNames    = []string{"conversations", "messages", "conversation", "dialogue", "dialog", "chat", "turns"}
	askNames     = []string{"instruction", "prompt", "question", "query", "problem"}
	answerNames  = []string{"output", "response", "answer", "completion", "solution"}
	contextNames = []string{"input", "context"}
	systemNames  = []string{"system", "system_prompt"}
)

// columns is what a source's first records look like.
type columns struct {
	names []string
	rows  []record.Record
}

// peek reads the first records of a source. What is wrong with them is found when they are read to be encoded.
func peek(s *source) columns {
	var c columns
	for _, path := range s.files {
		f, err := record.Open(path, s.options)
		if err != nil {
			return c
		}
		for len(c.rows) < peeked {
			raw, err := f.Next()
			if record.Skippable(err) {
				continue
			}
			if err != nil {
				break
			}
			if r, err := record.Decode(raw, s.options); err == nil {
				c.rows = append(c.rows, r)
				for _, k := range r.Fields.Keys {
					if !slices.Contains(c.names, k) {
						c.names = append(c.names, k)
					}
				}
			}
		}
		f.Close()
		if len(c.rows) > 0 {
			return c
		}
	}
	return c
}

// detect recognises the columns of a source by their usual names, where the style's own are missing and nothing says
// which to read. What it chose is warned about; an unclear choice is an error.
func detect(s *source, given *Source, kind handler.Kind, o handler.Options, events event.Stage) error {
	if len(given.MapKeys) > 0 {
		return nil
	}
	h, err := kind.New(o)
	if err != nil {
		return nil // New is asked again, and says so then
	}
	c := peek(s)
	if len(c.rows) == 0 {
		return nil
	}
	lacks := slices.ContainsFunc(h.Columns(), func(name string) bool {
		_, made := given.Map[name]
		return !made && !slices.Contains(c.names, name)
	})
	chosen := map[string]any{}
	switch kind.Style {
	case "pretrain":
		if !lacks || !slices.Equal(h.Columns(), textNames[:1]) {
			return nil
		}
		name, err := c.one("text", textNames)
		if err != nil || name == "" {
			return err
		}
		given.Map = maps.Clone(given.Map)
		if given.Map == nil {
			given.Map = map[string]string{}
		}
		given.Map["text"] = name
		chosen["text"] = name
	case "alpaca", "alpaca_pairwise":
		if !lacks {
			return nil
		}
		given.MapKeys, err = c.exchange(kind.Pairs)
		if err != nil {
			return err
		}
	case "sharegpt", "sharegpt_pairwise":
		name, err := c.one("messages", chatNames)
		if err != nil || name == "" {
			return err
		}
		if lacks {
			given.MapKeys = map[string]string{"messages": name}
			if err := c.system(given.MapKeys); err != nil {
				return err
			}
		}
		if len(given.Tags) == 0 {
			if given.Tags = c.tags(name); given.Tags != nil {
				chosen["tags"] = given.Tags
			}
		}
	default:
		return nil
	}
	if len(given.MapKeys) > 0 {
		chosen["map_keys"] = given.MapKeys
	}
	if len(chosen) > 0 {
		chosen["source"] = s.name
		chosen["columns"] = c.names
		events.Warn("columns are recognised by their names; say them in the recipe to be sure", chosen)
	}
	return nil
}

// one is the column of a role, "" when there is none.
func (c columns) one(role string, names []string) (string, error) {
	var found []string
	for _, n := range names {
		if slices.Contains(c.names, n) {
			found = append(found, n)
		}
	}
	switch len(found) {
	case 0:
		return "", nil
	case 1:
		return found[0], nil
	}
	hint := "name it: map_keys: {" + role + ": " + found[0] + "}"
	if role == "text" {
		hint = "name it: json_keys: [" + found[0] + "]"
	}
	return "", fault.New(fault.Data, "read input: more than one column could be the %s: %s; the columns are %s", role, strings.Join(found, ", "), strings.Join(c.names, ", ")).
		WithHint("%s", hint)
}

// exchange finds the columns of one question and answer.
func (c columns) exchange(pairs bool) (map[string]string, error) {
	ask, err := c.one("prompt", askNames)
	if err != nil {
		return nil, err
	}
	context, err := c.one("query", contextNames)
	if err != nil {
		return nil, err
	}
	if ask == "" && context == "input" {
		ask, context = context, ""
	}
	keys := map[string]string{"prompt": ask}
	if pairs {
		// Which answer is better is not guessed.
		if ask == "" || !slices.Contains(c.names, "chosen") || !slices.Contains(c.names, "rejected") {
			return nil, nil
		}
		return keys, c.system(keys)
	}
	if keys["response"], err = c.one("response", answerNames); err != nil {
		return nil, err
	}
	if ask == "" || keys["response"] == "" {
		return nil, nil // the missing columns are named when the records are read
	}
	keys["query"] = context
	return keys, c.system(keys)
}

// system finds the column of the system text. Columns named as their roles need no mapping.
func (c columns) system(keys map[string]string) error {
	name, err := c.one("system", systemNames)
	if name != "" && name != "system" {
		keys["system"] = name
	}
	return err
}

// tags are the words of tagged messages where they are not those of the style, nil where they are or cannot be known.
func (c columns) tags(column string) map[string]string {
	var fields, speakers []string
	for _, r := range c.rows {
		v, _ := r.Fields.Get(column)
		list, _ := v.([]any)
		for _, m := range list {
			o, ok := m.(*ordjson.Object)
			if !ok {
				return nil
			}
			for i, k := range o.Keys {
				if !slices.Contains(fields, k) {
					fields = append(fields, k)
				}
				if who, isText := o.Values[i].(string); isText && (k == "role" || k == "from") && !slices.Contains(speakers, who) {
					speakers = append(speakers, who)
				}
			}
		}
	}
	has := func(words ...string) bool {
		return !slices.ContainsFunc(words, func(w string) bool { return !slices.Contains(fields, w) })
	}
	tags := map[string]string{"observation_tag": "observation", "function_tag": "function_call", "system_tag": "system"}
	switch {
	case has("from", "value"):
		tags["role_tag"], tags["content_tag"] = "from", "value"
	case has("role", "content"):
		tags["role_tag"], tags["content_tag"] = "role", "content"
	default:
		return nil
	}
	tags["user_tag"], tags["assistant_tag"] = "human", "gpt"
	if slices.Contains(speakers, "user") || slices.Contains(speakers, "assistant") {
		tags["user_tag"], tags["assistant_tag"] = "user", "assistant"
	}
	if slices.Contains(speakers, "tool") {
		tags["observation_tag"] = "tool"
	}
	if tags["role_tag"] == "from" && tags["user_tag"] == "human" && tags["observation_tag"] == "observation" {
		return nil
	}
	return tags
}
