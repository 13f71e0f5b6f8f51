package preprocess

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/stages/corpus"
)

// numbered is a file of records whose texts are name0, name1 ...
func numbered(t testing.TB, name string, n int) []artifact.Ref {
	t.Helper()
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "{\"text\": \"%s%d\", \"n\": %d}\n", name, i, i)
	}
	return files(t, name+".jsonl", b.String())
}

// wrote gives the documents of a run on sources.
func wrote(t testing.TB, p Params) (string, corpus.Manifest) {
	t.Helper()
	if p.Style == "" {
		p.Style = "pretrain"
	}
	if !p.Tokenizer.Given() {
		p.Tokenizer = newTokenizer(t)
	}
	dir, m, err := run(t, p)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(texts(t, openTokenizer(t, p.Tokenizer), filepath.Join(dir, "data_text_document")), " "), m
}

func weight(w float64) *float64 { return &w }

func TestWeightSaysHowOftenRecordsAreTaken(t *testing.T) {
	t.Parallel()
	tokenizer := newTokenizer(t)
	a, b := numbered(t, "a", 5), numbered(t, "b", 4)
	for name, c := range map[string]struct {
		sources []Source
		want    string
	}{
		"one after another":       {[]Source{{Input: b}, {Input: a}}, "b0 b1 b2 b3 a0 a1 a2 a3 a4"},
		"twice":                   {[]Source{{Input: b, Weight: weight(2)}}, "b0 b1 b2 b3 b0 b1 b2 b3"},
		"nothing":                 {[]Source{{Input: b, Weight: weight(0)}, {Input: a, MaxSamples: 1}}, "a0"},
		"the first of them":       {[]Source{{Input: a, MaxSamples: 2}, {Input: b, MaxSamples: 9}}, "a0 a1 b0 b1 b2 b3"},
		"the first, twice":        {[]Source{{Input: a, MaxSamples: 2, Weight: weight(2)}}, "a0 a1 a0 a1"},
		"the first that fulfil":   {[]Source{{Input: a, MaxSamples: 2, Filter: "n > 1"}}, "a2 a3"},
		"half of those that do":   {[]Source{{Input: a, Weight: weight(0.5), Filter: "n > 2"}}, "a3"},
		"two in turn, under":      {[]Source{{Input: a}, {Input: b}}, "a0 b0 a1 b1 a2 b2 a3 b3"},
		"two in turn, over":       {[]Source{{Input: a}, {Input: b}}, "a0 b0 a1 b1 a2 b2 a3 b3 a4 b0"},
		"files twice in a source": {[]Source{{Input: append(b[:1:1], b[0]), MaxSamples: 6}}, "b0 b1 b2 b3 b0 b1"},
	} {
		p := Params{Sources: c.sources, Tokenizer: tokenizer, Seed: 1234}
		if strings.HasSuffix(name, ", under") {
			p.Mix = mixUnder
		}
		if strings.HasSuffix(name, ", over") {
			p.Mix = mixOver
		}
		if got, _ := wrote(t, p); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestAPartOfASourceIsChosenBySeedAlone(t *testing.T) {
	t.Parallel()
	p := Params{Sources: []Source{{Input: numbered(t, "a", 40), Weight: weight(1.25)}}, Seed: 1, Tokenizer: newTokenizer(t)}
	first, _ := wrote(t, p)
	p.Workers = 3
	if again, _ := wrote(t, p); again != first {
		t.Errorf("the same seed gave\n%s\n%s", first, again)
	}
	all := strings.Fields(first)
	if len(all) != 50 {
		t.Errorf("%d records of 40, weight 1.25", len(all))
	}
	seen := map[string]int{}
	for i, s := range all {
		if seen[s]++; seen[s] > 2 || i < 40 && seen[s] > 1 {
			t.Errorf("%s is taken too often", s)
		}
	}
	p.Seed = 2
	if other, _ := wrote(t, p); other == first {
		t.Error("another seed chose the same records")
	}
}

// Every choice is as likely as any other: each of 5 records is in 2 of 5 choices.
func TestChoicesAreEven(t *testing.T) {
	t.Parallel()
	counts := make([]int, 5)
	for seed := range int64(3000) {
		s := newStream(&source{}, 0, 0.4, seed)
		part := part{want: 2, left: 5}
		taken := 0
		for i := range counts {
			if part.takes(s.rand) {
				counts[i]++
				taken++
			}
		}
		if taken != 2 {
			t.Fatalf("seed %d took %d", seed, taken)
		}
	}
	for i, n := range counts {
		if n < 1100 || n > 1300 {
			t.Errorf("record %d was chosen %d times of 3000", i, n)
		}
	}
}

func TestInterleavingFollowsWeights(t *testing.T) {
	t.Parallel()
	p := Params{Mix: mixUnder, Seed: 7, Tokenizer: newTokenizer(t),
		Sources: []Source{{Input: numbered(t, "a", 300), Weight: weight(3)}, {Input: numbered(t, "b", 300), Weight: weight(1)}}}
	got, _ := wrote(t, p)
	a, b := strings.Count(got, "a"), strings.Count(got, "b")
	if a != 300 || b < 70 || b > 130 {
		t.Errorf("%d of a and %d of b, weights 3 and 1", a, b)
	}
	p.Mix = mixOver
	got, _ = wrote(t, p)
	if a, b = strings.Count(got, "a"), strings.Count(got, "b"); b != 300 || a < 750 || a > 1050 {
		t.Errorf("over: %d of a and %d of b, weights 3 and 1", a, b)
	}
}

func TestFilteredRecordsAreCounted(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]Source{"by workers": {}, "by the reader": {MaxSamples: 100}} {
		s.Input, s.Filter, s.Map = numbered(t, "a", 6), "n % 2 == 1", map[string]string{"text": "text + '!'", "extra": "n"}
		got, m := wrote(t, Params{Sources: []Source{s}})
		if got != "a1! a3! a5!" || m.Records != 6 || m.Dropped[filtered] != 3 {
			t.Errorf("%s: %s, %d records, dropped %v", name, got, m.Records, m.Dropped)
		}
	}
	// What the stage says holds for sources that say nothing.
	got, _ := wrote(t, Params{Filter: "n < 2", Sources: []Source{{Input: numbered(t, "a", 3)}, {Input: numbered(t, "b", 3), Filter: "n == 2"}}})
	if got != "a0 a1 b2" {
		t.Errorf("stage and source: %s", got)
	}
}

func TestColumnsOfExpressionsMustBeThere(t *testing.T) {
	t.Parallel()
	p := Params{Style: "pretrain", Tokenizer: newTokenizer(t), Input: numbered(t, "a", 3), Filter: "(lang ?? 'en') == 'en'"}
	_, _, err := run(t, p)
	if want := `no column "lang"; the columns are text, n`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %s", err, want)
	}
	if hint := fault.HintOf(err); hint != "filter or map names it" {
		t.Errorf("hint %q: map_keys has nothing to do with it", hint)
	}
}

const mixed = `{"text": "one"}
{"text": "broken
{"text": 5}
{"text": "b` + "\xff" + `ad"}
{"text": "half \ud83d"}
{"text": "twice", "text": "keys"}
["no object"]
{"text": "two"}
`

func TestWrongRecordsAreLeftOutAndCounted(t *testing.T) {
	t.Parallel()
	var log events
	p := Params{Style: "pretrain", OutputPrefix: "data", Tokenizer: newTokenizer(t), Input: files(t, "data.jsonl", mixed), OnError: "skip", MaxErrors: 6}
	dir, err := runWith(t, &p, &log)
	if err != nil {
		t.Fatal(err)
	}
	m, err := corpus.ReadManifest(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := texts(t, openTokenizer(t, p.Tokenizer), filepath.Join(dir, "data_text_document")); !cmp.Equal(got, []string{"one", "two"}) {
		t.Errorf("documents %q", got)
	}
	want := map[string]int64{"broken JSON": 1, "wrong type": 1, "invalid UTF-8": 1, "lone surrogate": 1, "duplicate key": 1, "wrong shape": 1}
	if diff := cmp.Diff(want, m.Dropped); diff != "" || m.Records != 8 {
		t.Errorf("%d records, dropped (-want +got):\n%s", m.Records, diff)
	}
	examples := map[string]string{
		"broken JSON":    "data.jsonl:2: not JSON: byte 16: the text that opens at byte 9 has no end",
		"wrong type":     `data.jsonl:3: "text" is a number, want a text`,
		"invalid UTF-8":  "data.jsonl:4: byte 12 of the line (0xff) is not UTF-8",
		"lone surrogate": "data.jsonl:5: not JSON: byte 15: escape \\ud83d is half of a surrogate pair",
		"duplicate key":  `data.jsonl:6: not JSON: byte 18: key "text" stands twice in the object`,
		"wrong shape":    "data.jsonl:7: the record is a list, want an object",
	}
	if diff := cmp.Diff(examples, m.Examples); diff != "" {
		t.Errorf("examples (-want +got):\n%s", diff)
	}
	for _, e := range examples {
		if !strings.Contains(log.String(), e) {
			t.Errorf("the log does not tell %s", e)
		}
	}
	// One more than max_errors stops.
	p.MaxErrors = 5
	_, err = runStage(t, &p)
	if want := "6 of 7 records are wrong, more than max_errors (5); the last is data.jsonl:7"; err == nil || !strings.Contains(err.Error(), want) || fault.CodeOf(err) != fault.Data {
		t.Errorf("error %v, want %s", err, want)
	}
	// As a share.
	for most, fails := range map[float64]bool{0.75: false, 0.74: true} {
		p.MaxErrors = most
		if _, err = runStage(t, &p); (err != nil) != fails {
			t.Errorf("max_errors %g: %v", most, err)
		}
	}
	// Without it the first one stops.
	p.OnError = ""
	if _, err = runStage(t, &p); err == nil || !strings.Contains(err.Error(), examples["broken JSON"]) {
		t.Errorf("error %v", err)
	}
}

func TestFilesThatCannotBeReadOnAreNotSkipped(t *testing.T) {
	t.Parallel()
	table, err := os.ReadFile("record/testdata/chats.snappy.parquet")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"data.json":      `[{"text": "a"}, {"text": "b"`,
		"data.csv":       "text\na\n\"b",
		"data.jsonl.gz":  "\x1f\x8b\x08\x00",
		"data.parquet":   string(table[:len(table)-200]),
		"data.jsonl.zst": "\x28\xb5\x2f\xfd\x00",
	} {
		p := Params{Style: "pretrain", OutputPrefix: "data", Tokenizer: newTokenizer(t), Input: files(t, name, text), OnError: "skip", MaxErrors: 100}
		if _, err := runStage(t, &p); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// The same rows in every format make the same index.
func TestEveryFormatMakesTheSameIndex(t *testing.T) {
	t.Parallel()
	tokenizer := newTokenizer(t)
	index := func(path string) []byte {
		p := Params{Style: "sharegpt", Template: "default", OutputPrefix: "data", Tokenizer: tokenizer, Input: []artifact.Ref{{Path: path, Label: path}}, Filter: "len(conversations ?? []) > 0"}
		dir, err := runStage(t, &p)
		if err != nil {
			t.Fatal(path, err)
		}
		ids, err := os.ReadFile(filepath.Join(dir, "data_packed_input_ids_document.bin"))
		if err != nil || len(ids) == 0 {
			t.Fatal(path, len(ids), err)
		}
		return ids
	}
	want := index("record/testdata/chats.jsonl")
	found, _ := filepath.Glob("record/testdata/chats.*.*")
	if len(found) < 10 {
		t.Fatal(found)
	}
	for _, path := range found {
		if !bytes.Equal(want, index(path)) {
			t.Errorf("%s makes another index", path)
		}
	}
}

func TestColumnsAreRecognisedByTheirNames(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ style, record, want string }{
		"running text":         {"pretrain", `{"id": "1", "content": "hello"}`, "hello"},
		"question and answer":  {"alpaca", `{"question": "q", "answer": "a"}`, "q|a"},
		"prompt and response":  {"alpaca", `{"prompt": "q", "response": "a", "system": "s"}`, "s|q|a"},
		"with a context":       {"alpaca", `{"instruction": "q", "context": "c", "response": "a"}`, "q|c|a"},
		"input and output":     {"alpaca", `{"input": "q", "output": "a"}`, "q|a"},
		"no input":             {"alpaca", `{"instruction": "q", "output": "a"}`, "q|a"},
		"messages with roles":  {"sharegpt", `{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}`, "q|a"},
		"roles under the name": {"sharegpt", `{"conversations": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}`, "q|a"},
		"from, with users":     {"sharegpt", `{"dialog": [{"from": "user", "value": "q"}, {"from": "assistant", "value": "a"}]}`, "q|a"},
	} {
		var log events
		p := Params{Style: c.style, Tokenizer: newTokenizer(t), OutputPrefix: "data", Input: files(t, "data.jsonl", c.record)}
		field := "data_text_document"
		if c.style != "pretrain" {
			p.Template, field = "default", "data_packed_input_ids_document"
		}
		dir, err := runWith(t, &p, &log)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := strings.Join(texts(t, openTokenizer(t, p.Tokenizer), filepath.Join(dir, field)), "")
		at := 0
		for _, part := range strings.Split(c.want, "|") {
			i := strings.Index(got[at:], part)
			if i < 0 {
				t.Errorf("%s: %q lacks %q", name, got, part)
				break
			}
			at += i
		}
		// A missing input is no reason to look for other names.
		if name != "no input" && !strings.Contains(log.String(), "columns are recognised by their names") {
			t.Errorf("%s: no warning: %s", name, &log)
		}
	}
	for name, c := range map[string]struct{ style, record, compat, want string }{
		"two answers":       {"alpaca", `{"question": "q", "answer": "a", "response": "b"}`, "", "more than one column could be the response: response, answer; the columns are question, answer, response"},
		"two texts":         {"pretrain", `{"content": "q", "body": "a"}`, "", "more than one column could be the text: content, body; the columns are content, body"},
		"no known names":    {"alpaca", `{"x": "q", "y": "a"}`, "", `no column "instruction"; the columns are x, y`},
		"never with compat": {"pretrain", `{"content": "q"}`, "rc3", `text`},
	} {
		p := Params{Style: c.style, Compat: c.compat, Tokenizer: newTokenizer(t), Input: files(t, "data.jsonl", c.record)}
		if c.style != "pretrain" {
			p.Template = "default"
		}
		if _, _, err := run(t, p); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %s", name, err, c.want)
		}
	}
}

// Whatever the weights, sources yield what they promise, and every worker count the same.
func TestPropertyConcatTakesWhatWeightsSay(t *testing.T) {
	t.Parallel()
	data := numbered(t, "a", 23)
	rapid.Check(t, func(r *rapid.T) {
		w := rapid.Float64Range(0, 3).Draw(r, "weight")
		limit := rapid.Int64Range(0, 30).Draw(r, "limit")
		s := newStream(&source{files: []string{data[0].Path}, limit: limit}, 0, w, rapid.Int64().Draw(r, "seed"))
		defer s.close()
		n := 0
		for {
			if _, err := s.take(t.Context()); err != nil {
				break
			}
			n++
		}
		all := 23.0
		if limit > 0 {
			all = min(all, float64(limit))
		}
		if want := w * all; float64(n) < want-0.501 || float64(n) > want+0.501 {
			r.Fatalf("%d records, want about %g", n, want)
		}
	})
}

// events collects what a stage logs.
type events struct{ strings.Builder }

func (e *events) Emit(v event.Event) {
	if v.Log != nil {
		fmt.Fprintln(e, v.Log.Text, v.Log.Data)
	}
}

func runWith(t testing.TB, p *Params, log *events) (string, error) {
	t.Helper()
	root := t.TempDir()
	out := engine.Out{Root: root, Ports: map[string]string{"index": filepath.Join(root, "index")}, Notes: map[string]any{}}
	err := Stage{}.Run(t.Context(), engine.In{Params: p, Work: filepath.Join(t.TempDir(), "work"), CPU: 2, Events: event.Stage{Sink: log}}, out)
	return out.Path("index"), err
}
