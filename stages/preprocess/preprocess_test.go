package preprocess

import (
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/enginetest"
	"github.com/belay-ml/belay/engine/fault"
	"github.com/belay-ml/belay/models/tok"
	"github.com/belay-ml/belay/models/tok/bytebpe"
	"github.com/belay-ml/belay/models/tok/hfjson"
	"github.com/belay-ml/belay/models/tok/open"
	"github.com/belay-ml/belay/stages/corpus"
)

// newTokenizer writes a tokenizer with an id for each byte and the special tokens of ChatML.
func newTokenizer(t testing.TB) artifact.Ref {
	t.Helper()
	dir := t.TempDir()
	vocab, merges := bytebpe.Train(map[string]int{}, 256)
	err := hfjson.Write(dir, hfjson.Spec{Vocab: vocab, Merges: merges, Special: []string{"<eos>", "<pad>", "<|im_start|>", "<|im_end|>"}, EOS: "<eos>", PAD: "<pad>"})
	if err != nil {
		t.Fatal(err)
	}
	return artifact.Ref{Path: dir, Label: "tokenizer"}
}

func openTokenizer(t testing.TB, ref artifact.Ref) tok.Tokenizer {
	t.Helper()
	tk, err := open.Dir(ref.Path)
	if err != nil {
		t.Fatal(err)
	}
	return tk
}

func files(t testing.TB, name, text string) []artifact.Ref {
	t.Helper()
	return []artifact.Ref{file(t, name, text)}
}

func file(t testing.TB, name, text string) artifact.Ref {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return artifact.Ref{Path: path, Label: name}
}

// texts are the decoded sequences of an index.
func texts(t testing.TB, tk tok.Tokenizer, prefix string) []string {
	t.Helper()
	x, err := corpus.Open(prefix)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	out := []string{}
	for i := range x.Sequences() {
		ids, err := x.Append(nil, i)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, tk.Decode(ids, false))
	}
	return out
}

// learned writes a sample as text with what is learned in braces, and padding as dots.
func learned(tk tok.Tokenizer, s corpus.Instruction) string {
	var b strings.Builder
	for i, id := range s.IDs {
		switch {
		case s.Mask[i] == 0:
			b.WriteString(".")
		case s.Labels[i] == corpus.Ignored:
			b.WriteString(tk.Decode([]int32{id}, false))
		case s.Labels[i] == id:
			b.WriteString("{" + tk.Decode([]int32{id}, false) + "}")
		default:
			fmt.Fprintf(&b, "{%d?%d}", id, s.Labels[i])
		}
	}
	return strings.ReplaceAll(b.String(), "}{", "")
}

func run(t testing.TB, p Params) (dir string, m corpus.Manifest, err error) {
	t.Helper()
	if p.OutputPrefix == "" {
		p.OutputPrefix = "data"
	}
	if dir, err = runStage(t, &p); err != nil {
		return dir, m, err
	}
	m, err = corpus.ReadManifest(dir)
	return dir, m, err
}

// alpaca runs the stage on Alpaca records with a short template.
func alpaca(t testing.TB, records string, change func(*Params)) (samples []string, m corpus.Manifest, d *corpus.Instructions) {
	t.Helper()
	p := Params{Style: "alpaca", Template: "default", Tokenizer: newTokenizer(t), Input: files(t, "data.jsonl", records)}
	if change != nil {
		change(&p)
	}
	dir, m, err := run(t, p)
	if err != nil {
		t.Fatal(err)
	}
	if d, err = corpus.OpenInstructions(filepath.Join(dir, "data")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	tk := openTokenizer(t, p.Tokenizer)
	samples = []string{}
	for i := range d.Len() {
		s, err := d.At(i)
		if err != nil {
			t.Fatal(err)
		}
		samples = append(samples, learned(tk, s))
	}
	return samples, m, d
}

const twoRecords = `{"instruction": "a", "input": "", "output": "b"}
{"instruction": "cc", "input": "d", "output": "e"}
`

func TestSamplesLearnTheAnswerAndItsEnd(t *testing.T) {
	t.Parallel()
	got, m, _ := alpaca(t, twoRecords, nil)
	want := []string{"Human: a\nAssistant: {b<eos>}", "Human: cc\nd\nAssistant: {e<eos>}"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
	if m.Records != 2 || m.Samples != 2 || m.Trained != 4 || m.PAD == m.EOD {
		t.Errorf("manifest %+v", m)
	}
	if diff := cmp.Diff([]corpus.Piece{{Text: "Human: a\nAssistant: ", IDs: 20}, {Text: "b<eos>", IDs: 2, Trained: true}}, m.Sample); diff != "" {
		t.Errorf("rendered sample (-want +got):\n%s", diff)
	}
}

// The defects of the reference that belay does not share, one test each.

func TestDefectPackedLabelsAreLabels(t *testing.T) {
	t.Parallel()
	got, _, d := alpaca(t, twoRecords, func(p *Params) { p.Pack, p.SeqLength = true, 50 })
	want := []string{"Human: cc\nd\nAssistant: {e<eos>}Human: a\nAssistant: {b<eos>}..."}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("packs (-want +got):\n%s", diff)
	}
	s, err := d.At(0)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int32{25, 22}, s.Lengths); diff != "" {
		t.Errorf("lengths of the samples in the pack (-want +got):\n%s", diff)
	}
}

func TestDefectASampleOfExactlySeqLengthIsPacked(t *testing.T) {
	t.Parallel()
	got, m, _ := alpaca(t, twoRecords, func(p *Params) { p.Pack, p.SeqLength = true, 25 })
	if len(got) != 2 || len(m.Dropped) != 0 {
		t.Errorf("%d packs, dropped %v", len(got), m.Dropped)
	}
}

func TestDefectASampleOfExactlySeqLengthIsKept(t *testing.T) {
	t.Parallel()
	got, m, _ := alpaca(t, twoRecords, func(p *Params) { p.SeqLength = 25 })
	if len(got) != 2 || len(m.Dropped) != 0 {
		t.Errorf("%d samples, dropped %v", len(got), m.Dropped)
	}
}

func TestDefectADroppedSampleLeavesNoEmptyDocument(t *testing.T) {
	t.Parallel()
	got, m, _ := alpaca(t, twoRecords, func(p *Params) { p.SeqLength = 24 })
	if len(got) != 1 || m.Indexes[0].Documents != 1 {
		t.Errorf("%d samples in %d documents", len(got), m.Indexes[0].Documents)
	}
	if diff := cmp.Diff(map[string]int64{"longer than seq_length 24": 1}, m.Dropped); diff != "" {
		t.Errorf("dropped (-want +got):\n%s", diff)
	}
}

func TestLongSamplesAreCutWhenAsked(t *testing.T) {
	t.Parallel()
	got, m, _ := alpaca(t, twoRecords, func(p *Params) { p.SeqLength, p.OnLong = 24, "truncate" })
	if diff := cmp.Diff([]string{"Human: a\nAssistant: {b<eos>}", "Human: cc\nd\nAssistant: {e}"}, got); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
	if m.Truncated != 1 {
		t.Errorf("%d truncated", m.Truncated)
	}
	_, m, _ = alpaca(t, twoRecords, func(p *Params) { p.SeqLength, p.OnLong = 22, "truncate" })
	if diff := cmp.Diff(map[string]int64{"no answer within seq_length 22": 1}, m.Dropped); diff != "" {
		t.Errorf("dropped (-want +got):\n%s", diff)
	}
}

func TestDefectMappedHistoryIsUsed(t *testing.T) {
	t.Parallel()
	record := `{"instruction": "c", "input": "", "output": "d", "past": [["a", "b"]]}` + "\n"
	got, _, _ := alpaca(t, record, func(p *Params) { p.MapKeys = map[string]string{"history": "past"} })
	if diff := cmp.Diff([]string{"Human: a\nAssistant: {b<eos>}\nHuman: c\nAssistant: {d<eos>}"}, got); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
	got, _, _ = alpaca(t, record, func(p *Params) { p.MapKeys, p.Compat = map[string]string{"history": "past"}, "rc3" })
	if diff := cmp.Diff([]string{"Human: c\nAssistant: {d<eos>}"}, got); diff != "" {
		t.Errorf("with compat (-want +got):\n%s", diff)
	}
}

func TestDefectTheEndOfADocumentIsNotDoubled(t *testing.T) {
	t.Parallel()
	one := `{"instruction": "a", "input": "", "output": "b"}` + "\n"
	got, _, _ := alpaca(t, one, func(p *Params) { p.AppendEOD = true })
	if diff := cmp.Diff([]string{"Human: a\nAssistant: {b<eos>}"}, got); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
	got, _, _ = alpaca(t, one, func(p *Params) { p.AppendEOD, p.Compat = true, "rc3" })
	if diff := cmp.Diff([]string{"Human: a\nAssistant: {b<eos><eos>}"}, got); diff != "" {
		t.Errorf("with compat (-want +got):\n%s", diff)
	}
}

func TestDefectRecordsWithoutQuestionOrAnswerAreLeftOutWithAReason(t *testing.T) {
	t.Parallel()
	got, m, _ := alpaca(t, twoRecords+`{"instruction": "x", "input": "y", "output": null}
{"instruction": "x", "input": "y", "output": ""}
{"instruction": null, "input": "", "output": "z"}
{"instruction": "x", "input": null, "output": ["y", "z"]}
`, nil)
	if len(got) != 2 {
		t.Errorf("samples %q", got)
	}
	if diff := cmp.Diff(map[string]int64{"no response": 2, "no prompt": 1, "2 responses, want 1": 1}, m.Dropped); diff != "" {
		t.Errorf("dropped (-want +got):\n%s", diff)
	}
}

func TestDefectNullTextIsLeftOut(t *testing.T) {
	t.Parallel()
	p := Params{Style: "pretrain", Tokenizer: newTokenizer(t), AppendEOD: true, Input: files(t, "data.jsonl", `{"text": "a"}
{"text": null}
{"text": ""}
{"text": "b"}
`)}
	dir, m, err := run(t, p)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a<eos>", "b<eos>"}, texts(t, openTokenizer(t, p.Tokenizer), filepath.Join(dir, "data_text_document"))); diff != "" {
		t.Errorf("documents (-want +got):\n%s", diff)
	}
	if m.Dropped["no text"] != 2 {
		t.Errorf("dropped %v", m.Dropped)
	}
}

func TestDefectADropInOneColumnHitsTheSameRecordInAnother(t *testing.T) {
	t.Parallel()
	p := Params{Style: "pretrain", JSONKeys: []string{"a", "b"}, SeqLength: 4, Tokenizer: newTokenizer(t), Input: files(t, "data.jsonl", `{"a": "", "b": "one"}
{"a": "longer", "b": "two"}
{"a": "thr", "b": "tre"}
`)}
	dir, _, err := run(t, p)
	if err != nil {
		t.Fatal(err)
	}
	tk := openTokenizer(t, p.Tokenizer)
	got := [][]string{texts(t, tk, filepath.Join(dir, "data_a_document")), texts(t, tk, filepath.Join(dir, "data_b_document"))}
	if diff := cmp.Diff([][]string{{"thr"}, {"one", "tre"}}, got); diff != "" {
		t.Errorf("columns (-want +got):\n%s", diff)
	}
}

func TestDefectCellsThatReadNAAreText(t *testing.T) {
	t.Parallel()
	p := Params{Style: "pretrain", Tokenizer: newTokenizer(t), Input: files(t, "data.csv", "id,text\r\n1,\"a \"\"b\"\"\r\nc\"\r\n\r\n2,NA\r\n3,\"x,y\"")}
	dir, _, err := run(t, p)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a \"b\"\r\nc", "NA", "x,y"}, texts(t, openTokenizer(t, p.Tokenizer), filepath.Join(dir, "data_text_document"))); diff != "" {
		t.Errorf("documents (-want +got):\n%s", diff)
	}
}

func TestAFolderIsReadInNameOrderAndSaysWhatItLeavesOut(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put := func(name, text string) {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if strings.HasSuffix(name, ".gz") {
			z := gzip.NewWriter(f)
			z.Write([]byte(text))
			z.Close()
			return
		}
		f.WriteString(text)
	}
	put("c.jsonl", "\xef\xbb\xbf\n {\"text\": \"3\"}\n\n")
	put("a.jsonl", `[{"text": "1"}, {"text": "]\"}"}]`)
	put("b.jsonl.gz", `{"text": "2"}`)
	put("x.md", "no")
	put("d.txt", "4\n5\n")
	put("e.tsv", "other\ttext\n1\t6\n1\t\"7\t8\"\n")
	if err := os.MkdirAll(filepath.Join(dir, "sub", ".git"), 0o755); err != nil {
		t.Fatal(err)
	}
	put("sub/a.csv", "text\n\"9\n10\"\n")
	put("sub/.git/a.csv", "text\nno\n")
	p := Params{Style: "pretrain", Tokenizer: newTokenizer(t), Input: []artifact.Ref{{Path: dir}}}
	out, m, err := run(t, p)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"1", "]\"}", "2", "3", "4", "5", "6", "7\t8"}, texts(t, openTokenizer(t, p.Tokenizer), filepath.Join(out, "data_text_document"))); diff != "" {
		t.Errorf("documents (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([][]string{{"a.jsonl", "b.jsonl.gz", "c.jsonl", "d.txt", "e.tsv"}, {"sub/", "x.md"}}, [][]string{m.Files, m.LeftOut}); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	// A pattern reaches folders below.
	p.Input, p.Sources = nil, []Source{{Input: []artifact.Ref{{Path: dir}}, Files: "**/*.{csv,tsv}"}}
	if out, m, err = run(t, p); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"6", "7\t8", "9\n10"}, texts(t, openTokenizer(t, p.Tokenizer), filepath.Join(out, "data_text_document"))); diff != "" {
		t.Errorf("documents of the pattern (-want +got):\n%s", diff)
	}
}

func TestMistakesInTheInputAreNamedWithFileAndLine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, file, text, want string }{
		{"broken JSON", "data.jsonl", "{\"text\": \"a\"}\n\n{\"text\": \"b\"\n", "data.jsonl:3: not JSON: byte 12: want a comma or '}', have the end"},
		{"bytes that are not UTF-8", "data.jsonl", "{\"text\": \"a\"}\n{\"text\": \"\xff\"}\n", "data.jsonl:2: byte 11 of the line (0xff) is not UTF-8"},
		{"an empty record", "data.jsonl", "{\"text\": \"a\"}\n{}\n", "data.jsonl:2: the record is empty"},
		{"a record that is a list", "data.jsonl", "{\"text\": \"a\"}\n[1]\n", "data.jsonl:2: the record is a list, want an object"},
		{"a text that is a number", "data.jsonl", "{\"text\": 1}\n", "data.jsonl:1: \"text\" is a number, want a text"},
		{"a missing column", "data.jsonl", "{\"txt\": \"a\", \"id\": 1}\n", "read input: no column \"text\"; the columns are txt, id"},
		{"an empty file", "data.jsonl", "\n", "read input data.jsonl: no records"},
		{"nothing but empty texts", "data.txt", "\n\n", "none of the 2 records gave a sample: 2 no text"},
		{"an array without end", "data.json", "[{\"text\": \"a\"},\n{\"text\": \"b\"}", "data.json:2: the JSON array has no end after record 2"},
		{"an array of texts", "data.json", "[\"a\"]", "data.json:1: record 1 begins with '\"', want an object"},
		{"text after an array", "data.json", "[{\"text\": \"a\"}] x", "data.json:1: text after the JSON array: 'x'"},
		{"text that is not UTF-8", "data.txt", "a\nb\x80\n", "data.txt:2: byte 2 of the line (0x80) is not UTF-8"},
		{"a short row", "data.csv", "id,text\n1,a\n2\n", "data.csv:3: 1 cells, the header has 2 columns"},
		{"a long row", "data.csv", "id,text\n1,a\n2,b,c\n", "data.csv:3: 3 cells, the header has 2 columns"},
		{"an open quote", "data.csv", "id,text\n1,a\n2,\"b\n", "data.csv:3: the quoted cell has no end"},
		{"an unknown format", "data.xml", "", "data.xml: unknown format .xml, want .jsonl, .json, .txt, .csv, .tsv, .parquet or .arrow (all but .parquet also with .gz or .zst)"},
		{"a columnar file", "data.parquet", "", "read data.parquet: no Parquet file: it is too short"},
		{"a damaged archive", "data.jsonl.gz", "x", "open input: data.jsonl.gz: unexpected EOF"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir, _, err := run(t, Params{Style: "pretrain", Tokenizer: newTokenizer(t), Input: files(t, c.file, c.text)})
			if err == nil || !strings.HasSuffix(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
			if code := fault.CodeOf(err); code != fault.Data {
				t.Errorf("exit code %d, want %d", code, fault.Data)
			}
			if left, _ := os.ReadDir(dir); len(left) > 0 {
				t.Errorf("%v is left in the output", left)
			}
		})
	}
}

func TestTheFirstMistakeIsReportedForAnyNumberOfWorkers(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("{\"text\": \"a\"}\n", 3000) + "{\"text\": 1}\n" + strings.Repeat("x\n", 3000)
	for _, workers := range []int{1, 7} {
		_, _, err := run(t, Params{Style: "pretrain", Workers: workers, Tokenizer: newTokenizer(t), Input: files(t, "data.jsonl", text)})
		if want := `preprocess: data.jsonl:3001: "text" is a number, want a text`; err == nil || err.Error() != want {
			t.Errorf("%d workers: error %v, want %q", workers, err, want)
		}
	}
}

func TestTheStageKeepsItsPromisesToTheEngine(t *testing.T) {
	t.Parallel()
	source := func(r artifact.Ref) engine.Source { return engine.Source{Path: r.Path, As: r.Label} }
	tk, in := source(newTokenizer(t)), source(file(t, "data.jsonl", strings.Repeat(twoRecords, 200)))
	enginetest.Stage(t, Stage{},
		enginetest.Case{Name: "packed instructions", Values: map[string]any{
			"input": []any{in}, "tokenizer": tk, "style": "alpaca", "template": "qwen", "pack": true, "seq_length": 256,
		}},
		enginetest.Case{Name: "running text", Values: map[string]any{
			"input": []any{in}, "tokenizer": tk, "json_keys": []any{"instruction", "output"}, "append_eod": true,
		}},
	)
}

func TestParametersThatMeanNothingAreRefused(t *testing.T) {
	t.Parallel()
	tk := newTokenizer(t)
	in := file(t, "data.jsonl", twoRecords)
	for want, p := range map[string]Params{
		"style alpaca needs a template":                                         {Style: "alpaca"},
		"template qwen means nothing with style pretrain":                       {Style: "pretrain", Template: "qwen"},
		`no template "qwem": have alpaca, `:                                     {Style: "alpaca", Template: "qwem"},
		`unknown style "alpacka": want pretrain, alpaca, `:                      {Style: "alpacka"},
		"json_keys means nothing with style general":                            {Style: "general", JSONKeys: []string{"a"}},
		"map_keys means nothing with style pretrain":                            {Style: "pretrain", MapKeys: map[string]string{"a": "b"}},
		`map_keys: unknown key "prompts", want history, prompt, query, `:        {Style: "alpaca", Template: "qwen", MapKeys: map[string]string{"prompts": "b"}},
		`tags: unknown tag "role", want assistant_tag, `:                        {Style: "sharegpt", Template: "qwen", Tags: map[string]string{"role": "b"}},
		"pack needs seq_length":                                                 {Style: "alpaca", Template: "qwen", Pack: true},
		"split_sentences means nothing with style alpaca":                       {Style: "alpaca", Template: "qwen", Sentences: Sentences{SplitSentences: true}},
		"keep_newlines means nothing without split_sentences":                   {Style: "pretrain", Sentences: Sentences{KeepNewlines: true}},
		"pack means nothing with style pretrain":                                {Style: "pretrain", Pack: true, SeqLength: 8},
		"on_long drop needs seq_length":                                         {Style: "pretrain", OnLong: "drop"},
		"on_long drop cannot be had with compat rc3":                            {Style: "pretrain", OnLong: "drop", SeqLength: 8, Compat: "rc3"},
		`compat "rc2": want rc3 or nothing`:                                     {Style: "pretrain", Compat: "rc2"},
		`output_prefix "../x": want a file name without folders`:                {Style: "pretrain", OutputPrefix: "../x"},
		`json_keys: "../a" cannot name a file of its own`:                       {Style: "pretrain", JSONKeys: []string{"../a"}},
		"dtype auto cannot be had with style alpaca, whose labels are negative": {Style: "alpaca", Template: "qwen", DType: "auto"},
		"merge_group_keys joins indexes that exist":                             {Style: "pretrain", MergeGroupKeys: []string{"text"}},
	} {
		p.Tokenizer, p.Input = tk, []artifact.Ref{in}
		if _, _, err := run(t, p); err == nil || !strings.HasPrefix(err.Error(), "preprocess: "+want) {
			t.Errorf("error %v, want %q", err, want)
		} else if code := fault.CodeOf(err); code != fault.Recipe {
			t.Errorf("%v: exit code %d, want %d", err, code, fault.Recipe)
		}
	}
}

func TestAnyNumberOfWorkersWritesTheSameBytes(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&b, "{\"instruction\": \"q%d\", \"input\": \"%s\", \"output\": \"a%d\"}\n", i, strings.Repeat("x", i%37), i)
	}
	tk, in := newTokenizer(t), file(t, "data.jsonl", b.String())
	var first map[string]string
	for _, workers := range []int{1, 2, 9} {
		dir, _, err := run(t, Params{Style: "alpaca", Template: "qwen", Pack: true, SeqLength: 512, Tokenizer: tk, Input: []artifact.Ref{in}, Workers: workers})
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			text, _ := os.ReadFile(filepath.Join(dir, e.Name()))
			got[e.Name()] = string(text)
		}
		if len(got) != 9 {
			t.Fatalf("%d files", len(got))
		}
		if first == nil {
			first = got
		}
		for name := range first {
			if first[name] != got[name] {
				t.Errorf("%s differs with %d workers", name, workers)
			}
		}
	}
}

func TestTypeOfIDsFollowsTheVocabularyWhenAsked(t *testing.T) {
	t.Parallel()
	_, m, err := run(t, Params{Style: "pretrain", DType: "auto", Tokenizer: newTokenizer(t), Input: files(t, "data.txt", "ab\n")})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]corpus.IndexSummary{{Name: "data_text_document", DType: "uint16", Sequences: 1, Documents: 1, Tokens: 2}}, m.Indexes); diff != "" {
		t.Errorf("indexes (-want +got):\n%s", diff)
	}
}

func BenchmarkStage(b *testing.B) { benchmark(b, func(*Params) {}) }

func benchmark(b *testing.B, change func(*Params)) {
	var records strings.Builder
	words := strings.Fields("the quick brown fox jumps over a lazy dog while three men count stones by the river and write down the level of water")
	for i := range 4000 {
		fmt.Fprintf(&records, "{\"instruction\": \"%s\", \"input\": \"\", \"output\": \"%s\"}\n", strings.Join(words[:5+i%10], " "), strings.Repeat(strings.Join(words[i%9:], " ")+" ", 4))
	}
	in := file(b, "data.jsonl", records.String())
	p := Params{Style: "alpaca", Template: "qwen", Pack: true, SeqLength: 4096, Input: []artifact.Ref{in}, OutputPrefix: "data"}
	if dir := os.Getenv("BELAY_BENCH_TOKENIZER"); dir != "" {
		p.Tokenizer = artifact.Ref{Path: dir}
	} else {
		p.Tokenizer = newTokenizer(b)
	}
	if path := os.Getenv("BELAY_BENCH_RECORDS"); path != "" {
		p.Input = []artifact.Ref{{Path: path}}
	}
	change(&p)
	info, err := os.Stat(p.Input[0].Path)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(info.Size())
	for b.Loop() {
		if _, err := runStage(b, &p); err != nil {
			b.Fatal(err)
		}
	}
}
