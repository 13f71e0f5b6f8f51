package compile

import (
	"regexp"
	"strconv"
	"time"

	"github.com/belay-ml/belay/dsl/ast"
	"github.com/belay-ml/belay/dsl/check"
	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/param"
)

// maxRetries bounds the attempts after the first.
const maxRetries = 100

// settings evaluates what is no parameter: on, resources, retries, timeout, cache. What a stage does not say is as the
// stage says that uses its recipe.
func (b *builder) settings(s *stage, f frame, n *engine.Node) {
	if b.use != nil {
		base := &b.use.base
		n.Retry, n.Timeout, n.NoCache, n.Resources = base.Retry, base.Timeout, base.NoCache, base.Resources
	}
	if v, ok := b.setting(f, s.On); ok {
		if name, isText := v.(string); !isText {
			b.diags.Errorf(s.On.Span, "", "on wants the name of a target, have %s", words(v))
		} else if name != "local" {
			b.diags.Errorf(s.On.Span, "targets are named in belay.yaml; only `local` is there by itself", "target %s is not defined", name)
		}
	}
	if v, ok := b.setting(f, s.Resources); ok {
		if m, isMap := v.(map[string]any); isMap {
			n.Resources = b.resources(s.Resources, m)
		} else {
			b.diags.Errorf(s.Resources.Span, "write resources: {cpu: 2, memory: 8GiB}", "resources wants a map, have %s", words(v))
		}
	}
	if v, ok := b.setting(f, s.Retries); ok {
		n.Retry = b.retry(s.Retries, v)
	}
	if v, ok := b.setting(f, s.Timeout); ok {
		n.Timeout = b.duration(s.Timeout, "timeout", v)
	}
	if v, ok := b.setting(f, s.Cache); ok {
		if keep, isBool := v.(bool); isBool {
			n.NoCache = !keep
		} else {
			b.diags.Errorf(s.Cache.Span, "", "cache wants true or false, have %s", words(v))
		}
	}
}

// setting evaluates one; ok is false when it is not given or wrong.
func (b *builder) setting(f frame, n *ast.Node) (v any, ok bool) {
	if n == nil {
		return nil, false
	}
	return b.evaluate(f, n)
}

// duration reads 90s, 30m or 2h30m; 0 when it was reported.
func (b *builder) duration(at *ast.Node, what string, v any) time.Duration {
	text, _ := v.(string)
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		b.diags.Errorf(at.Span, "write 90s, 30m or 2h30m", "%s wants a duration, have %s", what, words(v))
		return 0
	}
	return d
}

// RetrySchema describes the long form of `retries`, for checks and schemas.
func RetrySchema() param.Schema {
	none, most := 0.0, float64(maxRetries)
	var classes []string
	for _, c := range fault.Classes() {
		classes = append(classes, string(c))
	}
	return param.Schema{Fields: []param.Field{
		{Name: "max", Type: param.Int, Required: true, Min: &none, Max: &most, Doc: "further attempts after the first"},
		{Name: "on", Type: param.List, Elem: &param.Field{Type: param.String, Enum: classes}, Doc: "kinds of errors that are worth it; without it those that a stage calls temporary"},
		{Name: "backoff", Type: param.String, Doc: "wait before the second attempt, doubled after each: 10s"},
	}}
}

// retry reads a number of further attempts, or {max, on, backoff}.
func (b *builder) retry(at *ast.Node, v any) (r engine.Retry) {
	m, isMap := v.(map[string]any)
	if !isMap {
		if i, isInt := v.(int64); isInt && i >= 0 && i <= maxRetries {
			r.Max = int(i)
		} else {
			b.diags.Errorf(at.Span, "or {max: 3, on: [network, timeout], backoff: 10s}", "retries wants a number of times from 0 to %d, have %s", maxRetries, words(v))
		}
		return r
	}
	if one, isText := m["on"].(string); isText {
		m["on"] = []any{one}
	}
	values, problems := RetrySchema().Normalize(m)
	for _, p := range problems {
		b.diags.Add(check.Place(p, at, at.Span, "retries"))
	}
	most, _ := values["max"].(int64)
	r.Max = int(most)
	on, _ := values["on"].([]any)
	for _, c := range on {
		text, _ := c.(string)
		r.On = append(r.On, fault.Class(text))
	}
	if text, given := values["backoff"]; given {
		r.Backoff = b.duration(nodeAt(at, "backoff"), "backoff", text)
	}
	return r
}

// ResourcesSchema describes `resources`, for checks and schemas.
func ResourcesSchema() param.Schema {
	one := 1.0
	return param.Schema{Fields: []param.Field{
		{Name: "cpu", Type: param.Int, Min: &one, Doc: "cores"},
		{Name: "memory", Type: param.String, Doc: "memory that it may claim: 8GiB"},
		{Name: "npu", Type: param.Int, Min: &one, Doc: "NPU devices"},
		{Name: "net", Type: param.Bool, Doc: "that it uses the network"},
		{Name: "mutex", Type: param.List, Elem: &param.Field{Type: param.String}, Doc: "names of which one stage at a time may hold each"},
	}}
}

// mutexName is what a mutex may be called.
var mutexName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*$`)

func (b *builder) resources(at *ast.Node, m map[string]any) (r engine.Resources) {
	if one, isText := m["mutex"].(string); isText {
		m["mutex"] = []any{one}
	}
	if size, isInt := m["memory"].(int64); isInt {
		m["memory"] = strconv.FormatInt(size, 10)
	}
	values, problems := ResourcesSchema().Normalize(m)
	for _, p := range problems {
		b.diags.Add(check.Place(p, at, at.Span, "resources"))
	}
	cpu, _ := values["cpu"].(int64)
	npu, _ := values["npu"].(int64)
	r.CPU, r.NPU = int(cpu), int(npu)
	if text, given := values["memory"].(string); given {
		n, err := param.Bytes(text)
		if err == nil && n == 0 {
			b.diags.Errorf(nodeAt(at, "memory").Span, "leave it out to claim none", "memory wants a size of more than nothing, have %s", words(text))
		} else if err != nil {
			b.diags.Errorf(nodeAt(at, "memory").Span, "", "memory: %s", err)
		}
		r.Memory = n
	}
	if net, given := values["net"].(bool); given {
		if r.Net = net; !net {
			b.diags.Errorf(nodeAt(at, "net").Span, "leave it out", "net can only be true: whether a kind of stage needs the network is known to it")
		}
	}
	names, _ := values["mutex"].([]any)
	for _, name := range names {
		text, _ := name.(string)
		if !mutexName.MatchString(text) {
			b.diags.Errorf(nodeAt(at, "mutex").Span, "use letters, digits, -, . and _", "bad mutex name %s", words(text))
			continue
		}
		r.Mutex = append(r.Mutex, text)
	}
	return r
}

// nodeAt is the node of a key, or the whole where it is an expression.
func nodeAt(n *ast.Node, key string) *ast.Node {
	if p := n.Find(key); p != nil {
		return p.Value
	}
	return n
}
