package sched_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/enginetest"
	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/engine/secret"
)

// told is a lookup that counts.
type told struct {
	mu     sync.Mutex
	values map[string]string
	asked  map[string]int
}

func (s *told) look(name string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asked == nil {
		s.asked = map[string]int{}
	}
	s.asked[name]++
	v, ok := s.values[name]
	if !ok {
		return "", errors.New("nobody knows it")
	}
	return v, nil
}

// withSecret is a node whose text holds a secret.
func withSecret(id string, s engine.Stage, name string, reads ...int) engine.Node {
	n := enginetest.Node(id, s, "", reads...)
	n.Params["text"] = secret.Text{Parts: []secret.Part{{Plain: "Bearer "}, {Name: name}}}
	return n
}

func TestAStageIsGivenTheValuesOfSecrets(t *testing.T) {
	t.Parallel()
	b, s := newBench(t), enginetest.Concat()
	find := &told{values: map[string]string{"TOKEN": "s3cr3t-value"}}
	b.opts.Secret = find.look
	g := enginetest.Graph(withSecret("a", s, "TOKEN"), withSecret("b", s, "TOKEN", 0))
	b.plan(g)
	want(t, "asked by a plan", len(find.asked), 0)
	r := b.run(g)
	want(t, "output", b.output(r, "b"), "Bearer s3cr3t-valueBearer s3cr3t-value")
	want(t, "asked", find.asked, map[string]int{"TOKEN": 1})
	want(t, "key", r.Nodes[0].Parts.Params["text"], `secret "Bearer ${secret.TOKEN}"`)

	// Another value is the same work, and work that is done asks for none.
	find.values["TOKEN"], find.asked = "another-value", nil
	b.run(g)
	want(t, "runs", s.Runs(), 2)
	want(t, "asked when all is fresh", len(find.asked), 0)
}

func TestASecretComesFromTheEnvironment(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.opts.Env = func(name string) (string, bool) { return "from env " + name, name == "TOKEN" }
	r := b.run(enginetest.Graph(withSecret("a", enginetest.Concat(), "TOKEN")))
	want(t, "output", b.output(r, "a"), "Bearer from env TOKEN")
}

func TestASecretThatCannotBeGivenStopsItsStage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, value, text string }{
		{"unknown", "", "stage a: read secret TOKEN: nobody knows it"},
		{"empty", "-", "stage a: read secret TOKEN: it has 0 bytes"},
		{"short", "abc", "stage a: read secret TOKEN: it has 3 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b, s := newBench(t), enginetest.Concat()
			find := &told{}
			if c.value != "" {
				find.values = map[string]string{"TOKEN": strings.TrimPrefix(c.value, "-")}
			}
			b.opts.Secret = find.look
			_, err := b.try(enginetest.Graph(withSecret("a", s, "TOKEN")))
			if err == nil || !strings.HasPrefix(err.Error(), c.text) || fault.CodeOf(err) != fault.Recipe || !strings.Contains(fault.HintOf(err), "TOKEN") {
				t.Errorf("code %d, error %v, hint %q", fault.CodeOf(err), err, fault.HintOf(err))
			}
			want(t, "runs", s.Runs(), 0)
			if strings.Contains(fmt.Sprint(err), "abc") {
				t.Error("the error holds the value")
			}
		})
	}
}

func TestAShortSecretParameterIsRefused(t *testing.T) {
	t.Parallel()
	b, s := newBench(t), enginetest.Concat()
	n := enginetest.Node("a", s, "")
	n.Params["secret"] = "pin"
	_, err := b.try(enginetest.Graph(n))
	if err == nil || !strings.HasPrefix(err.Error(), "stage a: read parameter secret: it has 3 bytes") {
		t.Error(err)
	}
	want(t, "runs", s.Runs(), 0)
}

// blabber says all that it reads and is given, in several forms.
func blabber(fail bool) *enginetest.Fake {
	f := &enginetest.Fake{Spec: enginetest.Spec("blabber")}
	f.Do = func(_ context.Context, in engine.In, out engine.Out) error {
		p := in.Params.(*enginetest.Params)
		say := p.Text
		for _, ref := range p.In {
			data, err := os.ReadFile(ref.Path)
			if err != nil {
				return err
			}
			say += string(data)
		}
		encoded := base64.StdEncoding.EncodeToString([]byte(say))
		in.Events.Info(say, map[string]any{say: say, "list": []any{say}, "typed": []string{say}})
		in.Events.Progress(1, 2, "bytes", say)
		in.Events.Point(1, map[string]float64{say: 1})
		in.Events.Table(event.Table{Title: say, Columns: []string{say}, Rows: [][]string{{say}}})
		out.Note("said", say)
		out.Note(say, map[string]any{"encoded": encoded})
		if fail {
			return fault.New(fault.Data, "cannot use %q", say).WithHint("look at %s", say)
		}
		return os.WriteFile(out.Path("out"), nil, 0o644)
	}
	return f
}

func TestNobodySaysTheSecretOfAnother(t *testing.T) {
	t.Parallel()
	const value = "line/one <of>\nline+two of \"it\""
	b := newBench(t)
	find := &told{values: map[string]string{"TOKEN": value}}
	b.opts.Secret = find.look
	n := enginetest.Node("a", enginetest.Concat(), "")
	n.Params["text"] = secret.Named("TOKEN")
	g := enginetest.Graph(n, enginetest.Node("b", blabber(false), "", 0), enginetest.Node("c", blabber(true), "", 0))
	for run := range 2 { // in the second one a is fresh, and its secret would not be needed
		b.opts.Force = []string{"b", "c"}
		_, err := b.try(g)
		want(t, "exit code", fault.CodeOf(err), fault.Data)
		text := fmt.Sprint(err, fault.HintOf(err))
		for _, e := range b.events.All() {
			line, err := event.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			text += string(line)
		}
		for _, part := range []string{"line/one", "line+two", base64.StdEncoding.EncodeToString([]byte(value)), "line%2F"} {
			if strings.Contains(text, part) {
				t.Errorf("run %d says %s", run, part)
			}
		}
	}
	files := 0
	err := filepath.WalkDir(b.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		files++
		if leaks(string(data), "line/one", "line+two") != strings.HasSuffix(path, "files/out") && len(data) > 0 {
			t.Errorf("%s: %q", path, data)
		}
		return err
	})
	if err != nil || files < 6 {
		t.Error(files, err)
	}
}

func TestSecretsAreCutOut(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const token, param = "hf_s3cr3t/x", "p4ssw0rd"
	spec := enginetest.Spec("leaky")
	spec.Env = []engine.EnvVar{{Name: "TOKEN", Secret: true}, {Name: "SIZE", Keyed: true}}
	s := &enginetest.Fake{Spec: spec}
	s.Do = func(_ context.Context, in engine.In, out engine.Out) error {
		leak := in.Env["TOKEN"] + " " + in.Params.(*enginetest.Params).Key
		if leak != token+" "+param {
			t.Errorf("the stage was given %q", leak)
		}
		in.Events.Info("log "+leak, map[string]any{"url": "http://x?t=hf_s3cr3t%2Fx", "deep": []any{map[string]any{"a": leak}}, "typed": []string{leak}})
		in.Events.Progress(1, 2, "bytes", leak)
		out.Note("leak", leak)
		if err := os.WriteFile(out.Path("out"), []byte("x"), 0o644); err != nil {
			return err
		}
		if s.Runs() == 1 {
			return fault.New(fault.Network, "GET %s", leak).WithHint("check %s", leak)
		}
		return nil
	}
	b.opts.Env = func(name string) (string, bool) {
		v, ok := map[string]string{"TOKEN": token, "SIZE": "5"}[name]
		return v, ok
	}
	n := enginetest.Node("a", s, "")
	n.Params["secret"] = param
	_, err := b.try(enginetest.Graph(n))
	want(t, "error", fmt.Sprint(err, "; ", fault.HintOf(err), "; ", fault.CodeOf(err)), "stage a: GET [secret] [secret]; check [secret] [secret]; 30")
	r := b.run(enginetest.Graph(n))
	want(t, "keyed environment", r.Nodes[0].Parts.Env, map[string]string{"SIZE": "5"})
	if text := fmt.Sprintf("%+v", render(b.events)); leaks(text, token, param, "hf_s3cr3t") {
		t.Error("events hold a secret: " + text)
	}
	err = filepath.WalkDir(b.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if data, _ := os.ReadFile(path); leaks(string(data), token, param) {
			t.Errorf("%s holds a secret", path)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func render(events *enginetest.Events) string {
	var out strings.Builder
	for _, e := range events.All() {
		fmt.Fprintf(&out, "%+v %+v %+v\n", e.State, e.Progress, e.Log)
	}
	return out.String()
}

func leaks(text string, secrets ...string) bool {
	for _, s := range secrets {
		if strings.Contains(text, s) {
			return true
		}
	}
	return false
}
