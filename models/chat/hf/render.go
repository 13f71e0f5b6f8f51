package hf

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/belay-ml/belay/models/chat/jinja"
	"github.com/belay-ml/belay/models/tok/config"
)

// Conversation is what a template is given. Values are those of package jinja.
type Conversation struct {
	Messages []any
	Tools    any // nil for none
	Vars     []jinja.Var
}

// Renderer writes conversations with the templates of a Set.
type Renderer struct {
	set    *Set
	name   string // "" picks by whether there are tools
	tokens []jinja.Var
	eos    string
	// ends are the texts of tokens that end a turn, where they are known.
	ends []string
	now  func() time.Time
}

// NewRenderer gives the templates the special tokens of a tokenizer's configuration. now is the clock of strftime_now, nil
// for none.
func NewRenderer(s *Set, name string, c *config.Config, now func() time.Time) (*Renderer, error) {
	r := &Renderer{set: s, name: name, now: now, eos: c.Token("eos_token")}
	var more []any
	for _, role := range c.Roles {
		if role.Key == config.More {
			more = append(more, role.Text)
		} else {
			r.tokens = append(r.tokens, jinja.Var{Name: role.Key, Value: role.Text})
		}
	}
	if more != nil {
		r.tokens = append(r.tokens, jinja.Var{Name: config.More, Value: more})
	}
	if r.eos != "" {
		r.ends = []string{r.eos}
	}
	if name != "" {
		if _, err := s.Pick(name, false); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// Render writes a conversation, with the beginning of an answer where generate is set. The spans are those of
// {% generation %}.
func (r *Renderer) Render(ctx context.Context, c Conversation, generate bool) (string, []jinja.Span, error) {
	t, err := r.set.Pick(r.name, c.Tools != nil)
	if err != nil {
		return "", nil, err
	}
	vars := append([]jinja.Var{}, r.tokens...)
	vars = append(vars, jinja.Var{Name: "messages", Value: c.Messages}, jinja.Var{Name: "tools", Value: c.Tools},
		jinja.Var{Name: "documents"}, jinja.Var{Name: "add_generation_prompt", Value: generate})
	return t.Render(ctx, append(vars, c.Vars...), jinja.Options{Now: r.now})
}

// Trained writes a conversation and says which parts of it an assistant says.
func (r *Renderer) Trained(ctx context.Context, c Conversation) (text string, spans []jinja.Span, err error) {
	text, spans, err = r.Render(ctx, c, false)
	if err != nil {
		return "", nil, err
	}
	if t, _ := r.set.Pick(r.name, c.Tools != nil); t.Generation() {
		if len(spans) == 0 && r.assistants(c) > 0 {
			return "", nil, errors.New("the template's {% generation %} blocks hold nothing of this conversation: the assistant's words must stand in them, outside macros and set blocks")
		}
		return text, spans, nil
	}
	for i, m := range c.Messages {
		if !fromAssistant(m) {
			continue
		}
		span, err := r.answer(ctx, c, i, text)
		if err != nil {
			return "", nil, fmt.Errorf("message %d: %w", i, err)
		}
		if n := len(spans); n > 0 && span.Start < spans[n-1].End {
			return "", nil, fmt.Errorf("message %d: %w", i, errUnstable(text, span.Start))
		}
		if span.End > span.Start {
			spans = append(spans, span)
		}
	}
	return text, spans, nil
}

func (r *Renderer) assistants(c Conversation) int {
	n := 0
	for _, m := range c.Messages {
		if fromAssistant(m) {
			n++
		}
	}
	return n
}

func fromAssistant(m any) bool {
	d, ok := m.(*jinja.Dict)
	if !ok {
		return false
	}
	role, _ := d.Get("role")
	return role == "assistant"
}

// upTo renders the first n messages.
func (r *Renderer) upTo(ctx context.Context, c Conversation, n int, generate bool) (string, error) {
	if n == 0 && !generate {
		return "", nil
	}
	c.Messages = c.Messages[:n]
	text, _, err := r.Render(ctx, c, generate)
	return text, err
}

// answer is where the i-th message, an assistant's, stands in the text of the whole conversation.
func (r *Renderer) answer(ctx context.Context, c Conversation, i int, text string) (jinja.Span, error) {
	start, err := r.begin(ctx, c, i, text)
	if err != nil {
		return jinja.Span{}, err
	}
	content := contentOf(c.Messages[i])
	if i == len(c.Messages)-1 {
		return jinja.Span{Start: start, End: start + r.turnEnd(text[start:], content)}, nil
	}
	upTo, err := r.upTo(ctx, c, i+1, false)
	if err != nil {
		return jinja.Span{}, err
	}
	end, ok := r.beginning(upTo, text)
	if ok && end >= start {
		return jinja.Span{Start: start, End: start + r.turnEnd(text[start:end], content)}, nil
	}
	// The template writes the answer in another way when it is the last message. Where the rendering with the next message
	// is a beginning of the text, the token that ends the turn tells.
	next, err := r.upTo(ctx, c, i+2, false)
	if err != nil {
		return jinja.Span{}, err
	}
	if limit := common(next, text); limit >= start {
		if n := firstEnd(text[start:limit], content, r.ends); n > 0 {
			return jinja.Span{Start: start, End: start + n}, nil
		}
	}
	return jinja.Span{}, errUnstable(text, end)
}

// begin is where the i-th message begins: where the generation prompt leads.
func (r *Renderer) begin(ctx context.Context, c Conversation, i int, text string) (int, error) {
	asked, err := r.upTo(ctx, c, i, true)
	switch {
	case err != nil && i == 0 && ctx.Err() == nil: // few templates write a conversation without messages
		asked = ""
	case err != nil:
		return 0, err
	}
	start := common(asked, text)
	if start == len(asked) {
		return start, nil
	}
	// The prompt goes on with what only the model may say, such as the beginning of a thought.
	before, err := r.upTo(ctx, c, i, false)
	if err != nil {
		return 0, err
	}
	n, ok := r.beginning(before, text)
	if !ok || start < n {
		return 0, errUnstable(text, min(start, n))
	}
	return start, nil
}

// beginning says how much a rendering has in common with the text, and whether that is all of it, but for an eos that some
// templates write behind the last message.
func (r *Renderer) beginning(rendering, text string) (n int, ok bool) {
	n = common(rendering, text)
	return n, n == len(rendering) || r.eos != "" && strings.TrimSpace(rendering[n:]) == r.eos
}

func contentOf(m any) string {
	d, _ := m.(*jinja.Dict)
	content, _ := d.Get("content")
	s, _ := content.(string)
	return strings.TrimSpace(s)
}

// UnstableError says that a template writes a conversation in another way when more messages follow, so that what is
// learned cannot be told by what a message adds.
type UnstableError struct {
	Offset int // where the texts part
	Around string
}

func (e *UnstableError) Error() string {
	return fmt.Sprintf("the template writes the messages up to here in another way when more follow, so what is learned is not known "+
		"(they part at byte %d, within %q): take a template with {%% generation %%} blocks, or one of belay's own", e.Offset, e.Around)
}

func errUnstable(text string, at int) error {
	from, to := max(at-20, 0), min(at+20, len(text))
	for from < at && !utf8.RuneStart(text[from]) {
		from++
	}
	for to < len(text) && !utf8.RuneStart(text[to]) {
		to--
	}
	return &UnstableError{at, text[from:to]}
}

// common is the length of what two texts have in common where they begin, in whole characters.
func common(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	for n > 0 && (n < len(a) && !utf8.RuneStart(a[n]) || n < len(b) && !utf8.RuneStart(b[n])) {
		n--
	}
	return n
}
