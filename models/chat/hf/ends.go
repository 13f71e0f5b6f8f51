package hf

import (
	"context"
	"slices"
	"strings"
	"unicode"

	"github.com/belay-ml/belay/models/chat/jinja"
	"github.com/belay-ml/belay/models/tok"
)

// turnEnd is how much of what a template writes for an answer is to be learned: all of it, or up to the token that ends
// the turn. The model never gets to write what stands behind that.
func (r *Renderer) turnEnd(written, content string) int {
	if n := firstEnd(written, content, r.ends); n > 0 {
		return n
	}
	return len(written)
}

// firstEnd is the place behind the first token that ends a turn, and behind the answer's own text; 0 without one.
func firstEnd(written, content string, ends []string) int {
	from := 0
	if i := strings.Index(written, content); i >= 0 {
		from = i + len(content)
	}
	first := 0
	for _, end := range ends {
		if i := strings.Index(written[from:], end); i >= 0 && (first == 0 || from+i+len(end) < first) {
			first = from + i + len(end)
		}
	}
	return first
}

// Ends looks, with the model's tokenizer, with which token the template ends an assistant's turn. Trained makes use of it;
// Bind does it by itself.
func (r *Renderer) Ends(t tok.Tokenizer) { r.findEnd(t) }

// findEnd looks with which token the template ends an assistant's turn, which need not be eos. A template that cannot
// write the little conversation that this takes has none.
func (r *Renderer) findEnd(t tok.Tokenizer) (id int32, ok bool) {
	const answer = "belay-probe"
	c := Conversation{Messages: []any{message("user", "a"), message("assistant", answer)}}
	text, _, err := r.Render(context.Background(), c, false)
	if err != nil {
		return 0, false
	}
	i := strings.LastIndex(text, answer)
	if i < 0 {
		return 0, false
	}
	tail := strings.TrimLeftFunc(text[i+len(answer):], unicode.IsSpace)
	for _, id := range t.Encode(nil, tail, false) {
		token := t.Token(id)
		if token != "" && strings.HasPrefix(tail, token) && t.Decode([]int32{id}, true) == "" {
			if !slices.Contains(r.ends, token) {
				r.ends = append(r.ends, token)
			}
			return id, true
		}
		if strings.TrimSpace(t.Decode([]int32{id}, false)) != "" {
			break
		}
	}
	return 0, false
}

func message(role, content string) *jinja.Dict {
	d := jinja.NewDict(2)
	d.Set("role", role)
	d.Set("content", content)
	return d
}
