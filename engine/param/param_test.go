package param

import (
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/secret"
)

type layout struct {
	TP int  `yaml:"tp" alias:"tensor_model_parallel_size" default:"1" min:"1" doc:"tensor parallel ranks"`
	SP bool `yaml:"sp" alias:"sequence_parallel"`
}

type lora struct {
	R      int      `yaml:"r" required:"true" min:"1"`
	Alpha  float64  `yaml:"alpha" default:"16"`
	Target []string `yaml:"target" default:"[q, v]"`
}

type Common struct {
	Seed int64 `yaml:"seed" default:"1234"`
}

// recipe values that satisfy every required field.
func given(add map[string]any) map[string]any {
	m := map[string]any{"base": "models/x"}
	for k, v := range add {
		m[k] = v
	}
	return m
}

type training struct {
	Common
	Base     artifact.Ref            `yaml:"base" kind:"hf-model,megatron-checkpoint" required:"true"`
	Data     []artifact.Ref          `yaml:"data" kind:"token-index"`
	Extra    map[string]artifact.Ref `yaml:"extra"`
	Stage    string                  `yaml:"stage" enum:"full,lora" default:"full"`
	LR       float64                 `yaml:"lr" alias:"learning_rate" default:"1e-5" min:"0" max:"1"`
	SeqLen   int                     `yaml:"seq_length" alias:"seq_len,cutoff" default:"2048" min:"1"`
	Clip     *float64                `yaml:"clip"`
	LoRA     *lora                   `yaml:"lora"`
	Parallel layout                  `yaml:"parallel"`
	Blend    map[string]float64      `yaml:"blend"`
	Log      int                     `yaml:"log_interval" key:"no" default:"10"`
	Token    string                  `yaml:"token" key:"secret"`
	Free     any                     `yaml:"free"`
}

func mustOf(t testing.TB, v any) Schema {
	t.Helper()
	s, err := Of(v)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestOfReadsTagsInOrder(t *testing.T) {
	t.Parallel()
	s := mustOf(t, training{})
	want := []string{"seed", "base", "data", "extra", "stage", "lr", "seq_length", "clip", "lora", "parallel", "blend", "log_interval", "token", "free"}
	if d := cmp.Diff(want, s.Names()); d != "" {
		t.Error(d)
	}
	lr, _ := s.Lookup("learning_rate")
	if lr == nil || lr.Default != 1e-5 || *lr.Max != 1 {
		t.Errorf("lr = %+v", lr)
	}
	if tp, ok := s.Lookup("parallel.tensor_model_parallel_size"); !ok || tp.Doc != "tensor parallel ranks" {
		t.Errorf("parallel.tp = %+v", tp)
	}
	if _, ok := s.Lookup("parallel.nope"); ok {
		t.Error("found parallel.nope")
	}
	base, _ := s.Lookup("base")
	if d := cmp.Diff([]artifact.Kind{artifact.HFModel, artifact.Megatron}, base.Kinds); d != "" || base.Type != Input {
		t.Error(d, base.Type)
	}
	log, _ := s.Lookup("log_interval")
	token, _ := s.Lookup("token")
	if log.Class != Unkeyed || token.Class != Secret {
		t.Error(log.Class, token.Class)
	}
}

func TestOfRefusesBadStructs(t *testing.T) {
	t.Parallel()
	type self struct {
		In []self `yaml:"in"`
	}
	for name, c := range map[string]struct {
		v    any
		want string
	}{
		"no struct": {3, "want a struct"},
		"no name":   {struct{ A int }{}, "no yaml tag"},
		"unsupported type": {struct {
			A chan int `yaml:"a"`
		}{}, "unsupported type"},
		"nested pointer": {struct {
			A **int `yaml:"a"`
		}{}, "unsupported type"},
		"name taken": {struct {
			A int `yaml:"a"`
			B int `yaml:"b" alias:"a"`
		}{}, "taken"},
		"default of wrong type": {struct {
			A int `yaml:"a" default:"x"`
		}{}, "want an integer"},
		"default out of bounds": {struct {
			A int `yaml:"a" default:"0" min:"1"`
		}{}, "1 or more"},
		"default not in enum": {struct {
			A string `yaml:"a" default:"x" enum:"y"`
		}{}, "want one of y"},
		"bounds of text": {struct {
			A string `yaml:"a" min:"1"`
		}{}, "no number"},
		"kind of no input": {struct {
			A string `yaml:"a" kind:"text"`
		}{}, "no input"},
		"bad key class": {struct {
			A string `yaml:"a" key:"maybe"`
		}{}, "want no or secret"},
		"holds itself": {self{}, "holds itself"},
		"required with default": {struct {
			A int `yaml:"a" required:"true" default:"1"`
		}{}, "tag default"},
		"map of ints": {struct {
			A map[int]int `yaml:"a"`
		}{}, "keys must be text"},
		"open default list": {struct {
			A []int `yaml:"a" default:"[1"`
		}{}, "want , or ]"},
	} {
		if _, err := Of(c.v); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
}

func TestNormalizeFillsDefaults(t *testing.T) {
	t.Parallel()
	got, problems := mustOf(t, training{}).Normalize(given(nil))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	want := map[string]any{
		"seed": int64(1234), "base": "models/x", "stage": "full", "lr": 1e-5, "seq_length": int64(2048),
		"parallel": map[string]any{"tp": int64(1), "sp": false}, "blend": map[string]any{},
		"log_interval": int64(10), "token": "",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestNormalizeGivesOneForm(t *testing.T) {
	t.Parallel()
	type output struct{ Node int }
	for _, c := range []struct {
		name  string
		given map[string]any
		path  string
		want  any
	}{
		{"an alias becomes the name", map[string]any{"cutoff": 5}, "seq_length", int64(5)},
		{"an int becomes a float", map[string]any{"lr": 1}, "lr", 1.0},
		{"an integral float becomes an int", map[string]any{"seq_length": 4096.0}, "seq_length", int64(4096)},
		{"null is not given", map[string]any{"seq_length": nil}, "seq_length", int64(2048)},
		{"a pointer keeps its zero", map[string]any{"clip": 0}, "clip", 0.0},
		{"an optional block gets its defaults", map[string]any{"lora": map[string]any{"r": 8}}, "lora",
			map[string]any{"r": int64(8), "alpha": 16.0, "target": []any{"q", "v"}}},
		{"a long name moves into its block", map[string]any{"tensor_model_parallel_size": 4, "parallel": map[string]any{"sp": true}}, "parallel",
			map[string]any{"tp": int64(4), "sp": true}},
		{"one input where a list is wanted", map[string]any{"data": output{3}}, "data", []any{output{3}}},
		{"inputs by name", map[string]any{"extra": map[string]any{"a": &output{1}, "b": "x"}}, "extra", nil},
		{"a secret is text", map[string]any{"token": secret.Named("T")}, "token", secret.Named("T")},
		{"a secret inside any value", map[string]any{"free": []any{secret.Named("T")}}, "free", []any{secret.Named("T")}},
		{"a secret in a list of texts", map[string]any{"lora": map[string]any{"r": 8, "target": []any{secret.Named("T")}}}, "lora",
			map[string]any{"r": int64(8), "alpha": 16.0, "target": []any{secret.Named("T")}}},
		{"any value", map[string]any{"free": map[string]int{"a": 1}}, "free", map[string]any{"a": int64(1)}},
		{"a typed list", map[string]any{"lora": map[string]any{"r": 8, "target": []string{"k"}}}, "lora",
			map[string]any{"r": int64(8), "alpha": 16.0, "target": []any{"k"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, problems := mustOf(t, training{}).Normalize(given(c.given))
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			if d := cmp.Diff(c.want, got[c.path]); c.want != nil && d != "" {
				t.Error(d)
			}
		})
	}
}

const secretHint = "a secret is text that only the running stage knows"

func TestNormalizeTellsProblems(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		given map[string]any
		want  Problem
	}{
		{"unknown name with a near one", map[string]any{"seq_lenght": 1}, Problem{Path: []string{"seq_lenght"}, Summary: `unknown parameter "seq_lenght"`, Hint: "did you mean seq_length?"}},
		{"unknown name far from all", map[string]any{"zzzzzz": 1}, Problem{Path: []string{"zzzzzz"}, Summary: `unknown parameter "zzzzzz"`, Hint: ""}},
		{"wrong type", map[string]any{"seq_length": "x"}, Problem{Path: []string{"seq_length"}, Summary: `want an integer of 1 or more, have "x"`, Hint: ""}},
		{"below the bound", map[string]any{"seq_len": 0}, Problem{Path: []string{"seq_len"}, Summary: `want an integer of 1 or more, have 0`, Hint: ""}},
		{"outside the bounds", map[string]any{"lr": 2}, Problem{Path: []string{"lr"}, Summary: `want a number from 0 to 1, have 2`, Hint: ""}},
		{"not a word of the enum", map[string]any{"stage": "lara"}, Problem{Path: []string{"stage"}, Summary: `want one of full, lora, have "lara"`, Hint: "did you mean lora?"}},
		{"number for text", map[string]any{"stage": 5}, Problem{Path: []string{"stage"}, Summary: `want one of full, lora, have 5`, Hint: "put it in quotes"}},
		{"missing in a block", map[string]any{"lora": map[string]any{}}, Problem{Path: []string{"lora", "r"}, Summary: "missing parameter r, want an integer of 1 or more", Hint: ""}},
		{"wrong list item", map[string]any{"lora": map[string]any{"r": 1, "target": []any{"q", 1}}}, Problem{Path: []string{"lora", "target", "1"}, Summary: "want text, have 1", Hint: "put it in quotes"}},
		{"given twice", map[string]any{"seq_len": 1, "seq_length": 2}, Problem{Path: []string{"seq_length"}, Summary: "parameter seq_length is given twice, as seq_len and seq_length", Hint: "keep one of them"}},
		{"a list for one input", map[string]any{"base": []any{"a", "b"}}, Problem{Path: []string{"base"}, Summary: "want an artifact or a path, have a list of 2", Hint: ""}},
		{"a secret is not shown", map[string]any{"token": 12345}, Problem{Path: []string{"token"}, Summary: "want text, have something else", Hint: "put it in quotes"}},
		{"a secret as input", map[string]any{"base": secret.Named("T")}, Problem{Path: []string{"base"}, Summary: "want an artifact or a path, have a secret", Hint: secretHint}},
		{"a secret among inputs", map[string]any{"data": []any{"a", secret.Named("T")}}, Problem{Path: []string{"data"}, Summary: "want a list of artifacts or paths, have a list of 2", Hint: ""}},
		{"a secret as number", map[string]any{"lr": secret.Named("T")}, Problem{Path: []string{"lr"}, Summary: "want a number from 0 to 1, have a secret", Hint: secretHint}},
		{"a secret as a word", map[string]any{"stage": secret.Named("T")}, Problem{Path: []string{"stage"}, Summary: "want one of full, lora, have a secret", Hint: secretHint}},
		{"not a number", map[string]any{"lr": math.NaN()}, Problem{Path: []string{"lr"}, Summary: "want a number from 0 to 1, have NaN", Hint: ""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, problems := mustOf(t, training{}).Normalize(given(c.given))
			if d := cmp.Diff([]Problem{c.want}, problems); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestMissingInputIsAProblem(t *testing.T) {
	t.Parallel()
	_, problems := mustOf(t, &training{}).Normalize(nil)
	if len(problems) != 1 || problems[0].Path[0] != "base" {
		t.Error(problems)
	}
}

func TestDecodeFillsTheStruct(t *testing.T) {
	t.Parallel()
	base := artifact.Ref{Path: "/x", Kind: artifact.HFModel}
	values, problems := mustOf(t, training{}).Normalize(map[string]any{
		"base": base, "data": []any{base}, "extra": map[string]any{"a": base}, "clip": 1, "seed": 7,
		"lora": map[string]any{"r": 8}, "blend": map[string]any{"a": 2}, "free": []any{1},
	})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	var got training
	if err := Decode(values, &got); err != nil {
		t.Fatal(err)
	}
	one := 1.0
	want := training{
		Common: Common{Seed: 7}, Base: base, Data: []artifact.Ref{base}, Extra: map[string]artifact.Ref{"a": base},
		Stage: "full", LR: 1e-5, SeqLen: 2048, Clip: &one, LoRA: &lora{R: 8, Alpha: 16, Target: []string{"q", "v"}},
		Parallel: layout{TP: 1}, Blend: map[string]float64{"a": 2}, Log: 10, Free: []any{int64(1)},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestDecodeRefusesUnresolvedInputs(t *testing.T) {
	t.Parallel()
	var got training
	err := Decode(map[string]any{"base": "models/x"}, &got)
	if err == nil || !strings.Contains(err.Error(), "base: cannot take string as artifact.Ref") {
		t.Error(err)
	}
}

func TestNormalizeIsIdempotentAndDecodesBack(t *testing.T) {
	t.Parallel()
	s := mustOf(t, training{})
	rapid.Check(t, func(r *rapid.T) {
		values := map[string]any{"base": artifact.Ref{Path: "/m"}}
		opt := func(name string, v any) {
			if rapid.Bool().Draw(r, name+" given") {
				values[name] = v
			}
		}
		opt("lr", rapid.OneOf(rapid.Just[any](1), rapid.Map(rapid.Float64Range(0, 1), func(x float64) any { return x })).Draw(r, "lr"))
		opt("seq_len", rapid.IntRange(1, 1<<40).Draw(r, "len"))
		opt("clip", rapid.Float64().Draw(r, "clip"))
		opt("blend", rapid.MapOf(rapid.String(), rapid.Float64()).Draw(r, "blend"))
		opt("lora", map[string]any{"r": rapid.IntRange(1, 9).Draw(r, "r"), "target": rapid.SliceOf(rapid.String()).Draw(r, "target")})
		once, problems := s.Normalize(values)
		if len(problems) > 0 {
			r.Fatal(problems)
		}
		twice, problems := s.Normalize(once)
		if d := cmp.Diff(once, twice); d != "" || len(problems) > 0 {
			r.Fatal(d, problems)
		}
		var got training
		if err := Decode(once, &got); err != nil {
			r.Fatal(err)
		}
		if got.LR != once["lr"] || int64(got.SeqLen) != once["seq_length"] || !reflect.DeepEqual(got.Base, once["base"]) {
			r.Fatalf("%+v", got)
		}
	})
}

func TestNearSuggestsByEditDistance(t *testing.T) {
	t.Parallel()
	known := []string{"seq_length", "lr", "learning_rate", "pack", "tokenizer"}
	for name, want := range map[string]string{
		"seq_lenght": "seq_length", "SEQ-LENGTH": "seq_length", "learning_rat": "learning_rate", "paks": "pack",
		"tokeniser": "tokenizer", "x": "", "quantum": "", "rl": "lr", "": "",
	} {
		if got := Near(name, known); got != want {
			t.Errorf("Near(%q) = %q, want %q", name, got, want)
		}
	}
}

func FuzzDefaultText(f *testing.F) {
	for _, s := range []string{"1", "1e-5", "[a, 'b']", "{a: 1, b: [2]}", "~", "0x10", "[[[[[[[[[[", "{a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := parseFlow(text, List)
		if err != nil {
			return
		}
		if _, ok := plain(v, 0); !ok && !strings.Contains(text, "nan") {
			t.Errorf("%q gives %#v", text, v)
		}
	})
}
