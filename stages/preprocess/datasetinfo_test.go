package preprocess

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/engine/artifact"
)

// dataSets writes a folder with a dataset_info.json of three sets.
func dataSets(t *testing.T, more string) []artifact.Ref {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.json": `[{"instruction": "a1", "input": "", "output": "x"}, {"instruction": "a2", "input": "", "output": null}, {"instruction": "a3", "input": "", "output": "x"}]`,
		"b/b.jsonl": `{"talk": [{"who": "u", "says": "b1"}, {"who": "m", "says": "y"}], "system": "not this"}
{"talk": [{"who": "u", "says": "b2"}, {"who": "m", "says": "y"}], "system": "not this"}
`,
		"c.json": `[{"instruction": "c1", "history": [["c0", "z"]], "output": "z"}]`,
		infoFile: `{
"a": {"file_name": "a.json", "file_sha1": "0"},
"b": {"file_name": "b/b.jsonl", "formatting": "sharegpt", "columns": {"messages": "talk"}, "tags": {"role_tag": "who", "content_tag": "says", "user_tag": "u", "assistant_tag": "m"}},
"c": {"file_name": "c.json"}` + more + "}",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return []artifact.Ref{{Path: dir, Label: "sets"}}
}

func TestDataSetsOfLLaMAFactoryAreMixed(t *testing.T) {
	t.Parallel()
	const a1, a3 = "Human: a1\nAssistant: {x<eos>}", "Human: a3\nAssistant: {x<eos>}"
	const b1, b2 = "Human: b1\nAssistant: {y<eos>}", "Human: b2\nAssistant: {y<eos>}"
	for _, c := range []struct {
		name   string
		change func(*Params)
		want   []string
	}{
		{"one after another", func(p *Params) { p.Dataset = []string{"a", "b", "c"} },
			[]string{a1, a3, b1, b2, "Human: c0\nAssistant: {z<eos>}\nHuman: c1\nAssistant: {z<eos>}"}},
		{"some of each", func(p *Params) { p.MaxSamples = 1 }, []string{a1, b1}},
		{"in turn until one ends", func(p *Params) { p.Mix = mixUnder }, []string{a1, b1, b2}},
		{"in turn until all have ended", func(p *Params) { p.Mix = mixOver }, []string{a1, b1, b2, a3, b1}},
		// The reference sorts records without an answer out before it counts.
		{"in turn as the reference does", func(p *Params) { p.Mix, p.Compat = mixUnder, "rc3" }, []string{a1, b1, a3, b2}},
		// default_rng(7) draws 1, 1, 1, 0 for 3:2.
		{"by shares", func(p *Params) { p.Mix, p.InterleaveProbs, p.Seed = mixUnder, []float64{.6, .4}, 7 }, []string{b1, b2}},
		{"by shares until all have ended", func(p *Params) { p.Mix, p.InterleaveProbs, p.Seed, p.Compat = mixOver, []float64{.6, .4}, 7, "rc3" }, []string{b1, b2, b1, a1, a3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := Params{Style: "LlamaFactoryInstructionHandler", Template: "default", Tokenizer: newTokenizer(t), Input: dataSets(t, "")}
			p.Dataset = []string{"a", "b"}
			c.change(&p)
			dir, m, err := run(t, p)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, conversations(t, p.Tokenizer, dir)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if m.Style != "llamafactory" {
				t.Errorf("style %s", m.Style)
			}
		})
	}
}

func TestFieldsOfADataSetWithoutAnEffectAreTold(t *testing.T) {
	t.Parallel()
	p := Params{Style: "llamafactory", Template: "default", Tokenizer: newTokenizer(t), Input: dataSets(t, "")}
	p.Dataset = []string{"a"}
	logs, _ := told(t, p)
	want := []string{`info: fields of a data set have no effect {"dataset":"a","fields":["file_sha1"]}`, `warn: records were left out: 1 no response null`}
	if diff := cmp.Diff(want, logs); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDataSetsThatCannotBeReadAreRefused(t *testing.T) {
	t.Parallel()
	for entry, want := range map[string]string{
		``:                                       `dataset "x" is not in dataset_info.json`,
		`{}`:                                     `dataset "x" of dataset_info.json: file_name is missing`,
		`[]`:                                     `dataset "x" of dataset_info.json: json: cannot unmarshal array`,
		`{"file_name": "../a.json"}`:             `file_name "../a.json" leads out of the folder`,
		`{"file_name": "/etc/passwd"}`:           `file_name "/etc/passwd" leads out of the folder`,
		`{"file_name": "gone.json"}`:             `gone.json`,
		`{"hf_hub_url": "org/set"}`:              `hf_hub_url is not read`,
		`{"script_url": "run.py"}`:               `script_url is not read`,
		`{"file_name": "a.json", "subset": "s"}`: `subset is not read`,
		`{"file_name": "a.json", "num_samples": 5}`:                `num_samples is not read`,
		`{"file_name": "a.json", "ranking": true}`:                 `ranking sets have two answers`,
		`{"file_name": "a.json", "split": "test"}`:                 `split "test": a file has train only`,
		`{"file_name": "a.json", "formatting": "csv"}`:             `formatting "csv": want alpaca or sharegpt`,
		`{"file_name": "a.json", "columns": {"images": "i"}}`:      `map_keys: unknown key "images"`,
		`{"file_name": "a.json", "columns": {"response": "text"}}`: `no column "text"`,
	} {
		more := ""
		if entry != "" {
			more = `, "x": ` + entry
		}
		p := Params{Style: "llamafactory", Template: "default", Tokenizer: newTokenizer(t), Input: dataSets(t, more)}
		p.Dataset = []string{"x"}
		if _, _, err := run(t, p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q in it", entry, err, want)
		}
	}
	// A set that is in the folder and on a hub is read from the folder.
	p := Params{Style: "llamafactory", Template: "default", Tokenizer: newTokenizer(t), Input: dataSets(t, `, "x": {"file_name": "c.json", "hf_hub_url": "org/c"}`)}
	p.Dataset = []string{"x"}
	if _, _, err := run(t, p); err != nil {
		t.Error(err)
	}
	p.Input = files(t, "data.jsonl", twoRecords)
	if _, _, err := run(t, p); err == nil || !strings.Contains(err.Error(), "find input") {
		t.Errorf("error %v", err)
	}
}

func FuzzDatasetInfo(f *testing.F) {
	f.Add([]byte(`{"a": {"file_name": "a.json", "columns": {"prompt": "x", "query": null}, "tags": {}}, "b": null, "c": {"hf_hub_url": 1}}`))
	f.Add([]byte(`{"a": {"file_name": "../a", "ranking": "yes"}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		infos, err := parseInfo(text)
		if err != nil {
			return
		}
		for name, raw := range infos {
			s, _, err := sourceOf(name, "/data", raw)
			if err == nil && !strings.HasPrefix(s.Input[0].Path, "/data") {
				t.Errorf("%s leads to %s", raw, s.Input[0].Path)
			}
		}
	})
}
