package workspace

import (
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/belay-ml/belay/dsl/ast"
	"github.com/belay-ml/belay/dsl/diag"
	"github.com/belay-ml/belay/dsl/expr"
	"github.com/belay-ml/belay/dsl/pos"
	"github.com/belay-ml/belay/engine/secret"
)

// Limit is how long the hook may take.
func (h Hook) Limit() time.Duration {
	d, _ := time.ParseDuration(h.Timeout) // Load has checked it
	return d
}

// Address is the webhook, with the secrets in it by name.
func (h Hook) Address() secret.Text {
	t, _ := withSecrets(h.Webhook)
	return t
}

// HeaderLine is the header's name and value; the name is empty when there is none.
func (h Hook) HeaderLine() (name string, value secret.Text) {
	name, text, _ := strings.Cut(h.Header, ":")
	value, _ = withSecrets(strings.TrimSpace(text))
	return strings.TrimSpace(name), value
}

// checkHooks finds what a schema cannot: what does not go together, and texts of a form of their own.
func (f *File) checkHooks(root *ast.Node, l *diag.List) {
	for i, h := range f.Hooks {
		n, _, _ := root.Follow([]string{"hooks", strconv.Itoa(i)})
		at := func(key string) pos.Span {
			if q := n.Find(key); q != nil {
				return q.Value.Span
			}
			return n.Span
		}
		h.check(n, at, l)
	}
}

func (h Hook) check(n *ast.Node, at func(key string) pos.Span, l *diag.List) {
	switch {
	case h.Run == "" && h.Webhook == "":
		l.Errorf(n.Span, "add run: COMMAND or webhook: ADDRESS", "a hook tells nobody: it has neither run nor webhook")
	case h.Run != "" && h.Webhook != "":
		l.Errorf(at("webhook"), "write two hooks", "a hook has run or webhook, not both")
	}
	if h.Webhook != "" {
		if why := badAddress(h.Webhook); why != "" {
			l.Errorf(at("webhook"), "write http://HOST/PATH or https://HOST/PATH; a secret in it is ${secret.NAME}", "webhook: %s", why)
		}
	}
	if d, err := time.ParseDuration(h.Timeout); err != nil || d <= 0 {
		l.Errorf(at("timeout"), "write 10s or 1m30s", "timeout wants a duration, have %q", h.Timeout)
	}
	if h.Header == "" {
		return
	}
	if h.Webhook == "" {
		l.Errorf(at("header"), "a command reads what it needs from its environment", "header is for webhooks, and this hook has none")
		return
	}
	if why := badHeader(h.Header); why != "" {
		l.Errorf(at("header"), "write \"Authorization: Bearer ${secret.NAME}\"", "header: %s", why)
	}
}

// badAddress says what is wrong with a webhook. What a secret holds is not known here.
func badAddress(text string) string {
	t, why := withSecrets(text)
	if why != "" || len(t.Parts) > 0 && t.Parts[0].Name != "" {
		return why
	}
	var b strings.Builder
	for _, p := range t.Parts {
		if p.Name != "" {
			p.Plain = "x"
		}
		b.WriteString(p.Plain)
	}
	u, err := url.Parse(b.String())
	switch {
	case err != nil:
		return "it is no web address"
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Sprintf("want http or https, have %q", u.Scheme)
	case u.Host == "":
		return "it names no host"
	}
	return ""
}

var headerName = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")

func badHeader(text string) string {
	name, value, ok := strings.Cut(text, ":")
	switch {
	case !ok:
		return "want a name, a colon and a value"
	case !headerName.MatchString(strings.TrimSpace(name)):
		return fmt.Sprintf("%q is no name of a header", strings.TrimSpace(name))
	case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }):
		return "the value holds control characters"
	}
	_, why := withSecrets(value)
	return why
}

// withSecrets reads a text in which ${secret.NAME} stands for values. why says what is wrong with it.
func withSecrets(text string) (t secret.Text, why string) {
	parts, _, p := expr.Split(text)
	if p != nil {
		return t, p.Summary
	}
	for _, part := range parts {
		if !part.IsExpr {
			t.Parts = append(t.Parts, secret.Part{Plain: part.Text})
			continue
		}
		name, ok := strings.CutPrefix(strings.TrimSpace(part.Source), "secret.")
		if !ok || !secretName.MatchString(name) {
			return t, fmt.Sprintf("${%s} is no secret: nothing else can stand in %s", part.Source, Name)
		}
		t.Parts = append(t.Parts, secret.Part{Name: name})
	}
	return t, ""
}
