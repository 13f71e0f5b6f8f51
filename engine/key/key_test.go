package key

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/param"
)

type params struct {
	Base  artifact.Ref `yaml:"base"`
	LR    float64      `yaml:"lr" default:"1e-5"`
	Len   int          `yaml:"len" alias:"seq_length" default:"2048"`
	Text  string       `yaml:"text"`
	Log   int          `yaml:"log" key:"no"`
	Token string       `yaml:"token" key:"secret"`
	LoRA  struct {
		R       int  `yaml:"r" default:"8"`
		Verbose bool `yaml:"verbose" key:"no"`
	} `yaml:"lora"`
	List []float64      `yaml:"list"`
	Free map[string]any `yaml:"free"`
	Opt  *int           `yaml:"opt"`
}

func keyOf(t testing.TB, values map[string]any) (Key, Parts) {
	t.Helper()
	s, err := param.Of(params{})
	if err != nil {
		t.Fatal(err)
	}
	norm, problems := s.Normalize(values)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	flat, err := Params(s, norm)
	if err != nil {
		t.Fatal(err)
	}
	p := Parts{Format: Format, Stage: "train", Version: 1, Params: flat}
	return p.Key(), p
}

func TestSameMeaningSameKey(t *testing.T) {
	t.Parallel()
	base, _ := keyOf(t, nil)
	for name, values := range map[string]map[string]any{
		"default made explicit":        {"lr": 0.00001},
		"alias":                        {"seq_length": 2048},
		"integral number for an int":   {"len": 2048.0},
		"unkeyed parameter":            {"log": 5},
		"secret":                       {"token": "s"},
		"unkeyed inside a block":       {"lora": map[string]any{"verbose": true}},
		"explicit zero of a text":      {"text": ""},
		"input (digested elsewhere)":   {"base": "x"},
		"absent pointer given as null": {"opt": nil},
	} {
		if k, p := keyOf(t, values); k != base {
			t.Errorf("%s: other key, parts %v", name, p.Params)
		}
	}
}

func TestOtherMeaningOtherKey(t *testing.T) {
	t.Parallel()
	base, _ := keyOf(t, nil)
	seen := map[Key]string{base: "base"}
	for name, values := range map[string]map[string]any{
		"number":            {"lr": 2e-5},
		"nested":            {"lora": map[string]any{"r": 9}},
		"pointer to zero":   {"opt": 0},
		"list":              {"list": []any{1}},
		"list, other order": {"list": []any{1, 2}},
		"list, reversed":    {"list": []any{2, 1}},
		"map":               {"free": map[string]any{"a": 1}},
		"map, number":       {"free": map[string]any{"a": 1.5}},
		"map, text":         {"free": map[string]any{"a": "1"}},
		"map, dotted name":  {"free": map[string]any{"a.b": 1}},
		"map, nested":       {"free": map[string]any{"a": map[string]any{"b": 1}}},
		"map, empty inner":  {"free": map[string]any{"a": map[string]any{}}},
		"map, empty list":   {"free": map[string]any{"a": []any{}}},
		"map, null":         {"free": map[string]any{"a": nil}},
		"map, bool":         {"free": map[string]any{"a": true}},
	} {
		k, _ := keyOf(t, values)
		if other, ok := seen[k]; ok {
			t.Errorf("%s has the key of %s", name, other)
		}
		seen[k] = name
	}
}

func TestEveryPartCounts(t *testing.T) {
	t.Parallel()
	base := Parts{Format: 1, Stage: "s", Version: 1, Params: map[string]string{"a": "1"},
		Inputs: map[string]artifact.Digest{"in": "d"}, Env: map[string]string{"E": "1"}, Backend: "cpu"}
	seen := map[Key]bool{base.Key(): true}
	for _, change := range []func(*Parts){
		func(p *Parts) { p.Format = 2 },
		func(p *Parts) { p.Stage = "t" },
		func(p *Parts) { p.Version = 2 },
		func(p *Parts) { p.Params = map[string]string{"b": "1"} },
		func(p *Parts) { p.Inputs = map[string]artifact.Digest{"in": "e"} },
		func(p *Parts) { p.Env = nil },
		func(p *Parts) { p.Env = map[string]string{"E": ""} },
		func(p *Parts) { p.Backend = "cann" },
		func(p *Parts) { p.Params, p.Env = nil, map[string]string{"E": "1", "a": "1"} },
	} {
		p := base
		change(&p)
		if seen[p.Key()] {
			t.Errorf("no other key for %+v", p)
		}
		if len(Diff(base, p)) == 0 {
			t.Errorf("no difference told for %+v", p)
		}
		seen[p.Key()] = true
	}
}

// The keys of released versions must not drift: this one was computed when the format was fixed.
func TestKeyBytesAreFixed(t *testing.T) {
	t.Parallel()
	p := Parts{Format: 1, Stage: "s", Version: 1, Params: map[string]string{"a": `"\u00e9"`},
		Inputs: map[string]artifact.Digest{"in[0]": "d"}, Env: map[string]string{"E": "1"}, Backend: "cpu"}
	if want := Key("cf5387029602d146096d93e84d72882bda0c556de6c0daa9c71714d55ad1f3fc"); p.Key() != want {
		t.Errorf("key %s, want %s", p.Key(), want)
	}
}

func TestKeysSurviveJSON(t *testing.T) {
	t.Parallel()
	scalars := rapid.OneOf(
		rapid.Map(rapid.String(), func(v string) any { return v }),
		rapid.Map(rapid.Int64(), func(v int64) any { return v }),
		rapid.Map(rapid.Float64(), func(v float64) any { return v }),
		rapid.Just[any](nil), rapid.Just[any](true), rapid.Just[any]("\xff"))
	rapid.Check(t, func(r *rapid.T) {
		_, p := keyOf(t, map[string]any{"free": rapid.MapOf(rapid.String(), scalars).Draw(r, "free")})
		data, err := json.Marshal(p)
		if err != nil {
			r.Fatal(err)
		}
		var back Parts
		if err := json.Unmarshal(data, &back); err != nil {
			r.Fatal(err)
		}
		// A name of invalid UTF-8 does not survive JSON; recipes cannot hold one.
		if p.Key() != back.Key() {
			r.Fatalf("%v became %v", p.Params, back.Params)
		}
	})
}

func TestDiffTellsWhatChanged(t *testing.T) {
	t.Parallel()
	d1, d2 := artifact.HashText("1"), artifact.HashText("2")
	_, old := keyOf(t, map[string]any{"text": "a", "opt": 1})
	_, now := keyOf(t, map[string]any{"text": "é", "lr": 2e-5})
	old.Inputs, now.Inputs = map[string]artifact.Digest{"base": d1}, map[string]artifact.Digest{"base": d2}
	old.Env, now.Env = map[string]string{"A": ""}, map[string]string{"B": "x"}
	now.Version = 2
	var got []string
	for _, c := range Diff(old, now) {
		got = append(got, c.String())
	}
	want := []string{
		"stage version: 1 -> 2",
		"parameter lr: 1e-05 -> 2e-05",
		"parameter opt: removed, was 1",
		`parameter text: "a" -> "é"`,
		"input base changed: " + d1.Short() + " -> " + d2.Short(),
		`environment variable A: removed, was ""`,
		`environment variable B: added, "x"`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestLongValuesAreShownWhereTheyBeginToDiffer(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 100)
	for _, c := range []struct{ old, now, want string }{
		{`"` + long + `a"`, `"` + long + `b"`, `: ...` + long[:2*16] + `a" -> ...` + long[:2*16] + `b"`},
		{`"a` + long + `"`, `"b"`, `: "a` + long[:2*58] + `... -> "b"`},
		{"", `"` + long + `"`, `: added, "` + long[:2*59] + "..."},
		{`"` + long + `"`, "", `: removed, was "` + long[:2*59] + "..."},
	} {
		if got := (Change{Part: PartParam, Path: "run", Old: c.old, New: c.now}).What(); got != c.want {
			t.Errorf("have %s\nwant %s", got, c.want)
		}
	}
}

func TestAChangedInputIsToldByWhatIsKnownOfIt(t *testing.T) {
	t.Parallel()
	d1, d2 := string(artifact.HashText("1")), string(artifact.HashText("2"))
	files := func(names ...string) (out []FileChange) {
		for _, n := range names {
			out = append(out, FileChange{Path: n, What: "changed"})
		}
		return out
	}
	for want, c := range map[string]Change{
		"input in changed: data.jsonl (r.yaml:1:2)":                                 {Was: "data.jsonl", From: "data.jsonl", Pos: "r.yaml:1:2"},
		"input in: a.jsonl -> b.jsonl":                                              {Was: "a.jsonl", From: "b.jsonl"},
		"input in changed: text.index":                                              {Was: "text.index", From: "text.index", Files: files("")},
		"input in changed: base.model: a changed, b changed, c changed, and 2 more": {Was: "base.model", From: "base.model", Files: files("a", "b", "c", "d", "e")},
		"input in changed: base.model: iter_0000002/mp_rank_00_000/model_optim_rng.pt changed, and 1 more": {Was: "base.model", From: "base.model",
			Files: files("iter_0000002/mp_rank_00_000/model_optim_rng.pt", "iter_0000002/mp_rank_00_001/model_optim_rng.pt")},
		`input in changed: dir: "a\x1b[2J" changed`:                          {Was: "dir", From: "dir", Files: files("a\x1b[2J")},
		"input in changed: text.index, because of text: parameter a: 1 -> 2": {Was: "text.index", From: "text.index", Because: "text: parameter a: 1 -> 2"},
	} {
		c.Part, c.Path, c.Old, c.New = PartInput, "in", d1, d2
		if got := c.String(); got != want {
			t.Errorf("have %s\nwant %s", got, want)
		}
	}
}

func TestFilesTellsWhichFileChanged(t *testing.T) {
	t.Parallel()
	f := func(p, text string, m artifact.Mode) artifact.File {
		return artifact.File{Path: p, Mode: m, Digest: artifact.HashText(text)}
	}
	old := []artifact.File{f("a", "1", "f"), f("b", "1", "f"), f("c", "1", "f"), f("e", "1", "f")}
	now := []artifact.File{f("b", "2", "f"), f("c", "1", "x"), f("d", "1", "f"), f("e", "1", "f")}
	var got []string
	for _, c := range Files(old, now) {
		got = append(got, c.String())
	}
	if d := cmp.Diff([]string{"a removed", "b changed", "c changed its mode", "d added"}, got); d != "" {
		t.Error(d)
	}
}
