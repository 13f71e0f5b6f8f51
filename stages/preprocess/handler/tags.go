package handler

import (
	"fmt"
	"slices"
	"strings"

	"github.com/belay-ml/belay/models/chat"
)

// tags are the words that name fields and speakers in a conversation.
type tags struct {
	role, content string
	system        string
	speakers      map[string]chat.Role
}

// roleTags are the tags that name speakers; the system's stands apart.
var roleTags = map[string]chat.Role{
	"user_tag": chat.User, "assistant_tag": chat.Assistant, "observation_tag": chat.Observation, "function_tag": chat.Function,
}

// newTags overlays given tags on the usual ones; "" unsets one. In the reference, giving some leaves
// the others unset.
func (o Options) newTags() (tags, error) {
	words := map[string]string{
		"role_tag": "from", "content_tag": "value", "user_tag": "human", "assistant_tag": "gpt",
		"observation_tag": "observation", "function_tag": "function_call", "system_tag": "system",
	}
	var known []string
	for tag := range words {
		known = append(known, tag)
	}
	slices.Sort(known)
	if o.Compat && len(o.Tags) > 0 {
		clear(words)
	}
	for tag, word := range o.Tags {
		if !slices.Contains(known, tag) {
			return tags{}, fmt.Errorf("tags: unknown tag %q, want %s", tag, strings.Join(known, ", "))
		}
		words[tag] = word
	}
	t := tags{role: words["role_tag"], content: words["content_tag"], system: words["system_tag"], speakers: map[string]chat.Role{}}
	if t.role == "" || t.content == "" {
		return t, fmt.Errorf("tags: role_tag and content_tag must be given")
	}
	for _, tag := range known {
		role, ok := roleTags[tag]
		if !ok || words[tag] == "" {
			continue
		}
		if other, ok := t.speakers[words[tag]]; ok || words[tag] == t.system {
			if words[tag] == t.system {
				return t, fmt.Errorf("tags: %q stands for the %s and the system", words[tag], role)
			}
			return t, fmt.Errorf("tags: %q stands for the %s and the %s", words[tag], other, role)
		}
		t.speakers[words[tag]] = role
	}
	return t, nil
}

// list names the words of the speakers for a message.
func (t tags) list() string {
	var words []string
	for w := range t.speakers {
		words = append(words, w)
	}
	slices.Sort(words)
	return strings.Join(words, ", ")
}
