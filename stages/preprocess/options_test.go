package preprocess

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belay-ml/belay/engine"
	"github.com/belay-ml/belay/engine/artifact"
	"github.com/belay-ml/belay/engine/enginetest"
	"github.com/belay-ml/belay/engine/event"
	"github.com/belay-ml/belay/stages/corpus"
)

// told runs the stage and gives what it logs, as level, text and data.
func told(t *testing.T, p Params) (logs []string, dir string) {
	t.Helper()
	if p.OutputPrefix == "" {
		p.OutputPrefix = "data"
	}
	root := t.TempDir()
	out := engine.Out{Root: root, Ports: map[string]string{"index": filepath.Join(root, "index")}, Notes: map[string]any{}}
	sink := &enginetest.Events{}
	in := engine.In{Params: &p, Work: filepath.Join(t.TempDir(), "work"), CPU: 2, Events: event.Stage{Sink: sink}}
	if err := (Stage{}).Run(context.Background(), in, out); err != nil {
		t.Fatal(err)
	}
	logs = []string{}
	for _, e := range sink.All() {
		if e.Log != nil {
			data, err := json.Marshal(e.Log.Data)
			if err != nil {
				t.Fatal(err)
			}
			logs = append(logs, fmt.Sprintf("%s: %s %s", e.Log.Level, e.Log.Text, data))
		}
	}
	return logs, out.Path("index")
}

// conversations are the samples of an index of instructions, with what is learned in braces.
func conversations(t *testing.T, tokenizer artifact.Ref, dir string) []string {
	t.Helper()
	d, err := corpus.OpenInstructions(filepath.Join(dir, "data"))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	tk := openTokenizer(t, tokenizer)
	var out []string
	for i := range d.Len() {
		s, err := d.At(i)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, learned(tk, s))
	}
	return out
}

func TestOptionsOfTheReferenceWithoutAnEffectAreTold(t *testing.T) {
	t.Parallel()
	p := Params{Style: "alpaca", Template: "default", Tokenizer: newTokenizer(t), OutputPrefix: "data"}
	p.Streaming, p.CacheDir, p.OverwriteCache, p.DatasetImpl, p.LogInterval, p.DivisibleBy, p.PadVocabSizeTo = true, "x", true, "mmap", 10, 128, 64000
	p.Compat, p.JSONKeys = "rc3", []string{"text"}
	p.Input = files(t, "data.jsonl", `{"instruction": "a", "input": "", "output": "b"}`+"\n")
	logs, _ := told(t, p)
	want := []string{`info: parameters have no effect on the data {"parameters":["streaming","cache_dir","overwrite_cache","dataset_impl","log_interval","make_vocab_size_divisible_by","pad_vocab_size_to","json_keys"]}`}
	if diff := cmp.Diff(want, logs); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestColumnsThatAreTakenByTheirNamesAreTold(t *testing.T) {
	t.Parallel()
	p := Params{Style: "alpaca", Template: "default", Tokenizer: newTokenizer(t)}
	p.Input = files(t, "data.jsonl", `{"instruction": "a", "output": "b", "system": "s", "extra": 1}`+"\n")
	logs, dir := told(t, p)
	want := []string{`info: columns are read by their names; map_keys with an empty name leaves one out {"columns":["system"]}`}
	if diff := cmp.Diff(want, logs); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"s\nHuman: a\nAssistant: {b<eos>}"}, conversations(t, p.Tokenizer, dir)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	p.MapKeys = map[string]string{"system": ""}
	if logs, _ := told(t, p); len(logs) > 0 {
		t.Errorf("with system left out: %q", logs)
	}
}

func TestDefectATemplateThatDoesNotFitTheTokenizerIsTold(t *testing.T) {
	t.Parallel()
	p := Params{Style: "alpaca", Template: "llama3", Tokenizer: newTokenizer(t), Input: files(t, "data.jsonl", `{"instruction": "a", "output": "b"}`+"\n")}
	logs, dir := told(t, p)
	want := []string{
		`warn: the template begins with the bos token and the tokenizer has none: it is left out {"template":"llama3"}`,
		`warn: the template needs tokens that the tokenizer lacks: the model must have embeddings for their ids {"first_id":260,"template":"llama3","tokens":["\u003c|eot_id|\u003e"],"vocab_size":261}`,
	}
	if diff := cmp.Diff(want, logs); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	m, err := corpus.ReadManifest(dir)
	if err != nil {
		t.Fatal(err)
	}
	if want := "<|start_header_id|>user<|end_header_id|>\n\na<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"; m.Sample[0].Text != want || m.VocabSize != 261 {
		t.Errorf("sample %q, vocabulary of %d", m.Sample[0].Text, m.VocabSize)
	}
	p.Compat = "rc3"
	if _, _, err := run(t, p); err == nil || !strings.Contains(err.Error(), "begins with the bos token") {
		t.Errorf("with compat: %v", err)
	}
}

func TestDefectAnUnknownSpeakerCanBePassedOver(t *testing.T) {
	t.Parallel()
	p := Params{Style: "sharegpt", Template: "default", Tokenizer: newTokenizer(t), OnError: "skip", MaxErrors: 10}
	p.Input = files(t, "data.jsonl", `{"conversations": [{"from": "human", "value": "a"}, {"from": "bot", "value": "b"}]}
{"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]}
`)
	dir, m, err := run(t, p)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Human: a\nAssistant: {b<eos>}"}, conversations(t, p.Tokenizer, dir)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if m.Records != 2 || len(m.Dropped) != 1 {
		t.Errorf("%d records, dropped %v", m.Records, m.Dropped)
	}
	p.OnError = ""
	if _, _, err := run(t, p); err == nil || !strings.HasSuffix(err.Error(), `data.jsonl:1: message 1 is from "bot", want one of function_call, gpt, human, observation (tags names other words)`) {
		t.Errorf("error %v", err)
	}
}

func TestLongConversationsAreCutByShareWhenAsked(t *testing.T) {
	t.Parallel()
	record := `{"instruction": "c", "output": "dd", "history": [["` + strings.Repeat("a", 20) + `", "b"]]}` + "\n"
	for _, c := range []struct {
		seqLength   int
		maskHistory bool
		want        string
		cut         int64
	}{
		{100, false, "Human: aaaaaaaaaaaaaaaaaaaa\nAssistant: {b<eos>}\nHuman: c\nAssistant: {dd<eos>}", 0},
		{55, false, "Human: aaaaaaaaaaaaaaaaaaaa\nAssistant: {b<eos>}\nHuman: c\nAss{d}", 1},
		{30, false, "Human: aaaaaaaaaaaaaaaaaaaa\nA{b}", 1},
		{30, true, "Humanb\nHuman: c\nAssistant: {dd<eos>}", 1},
	} {
		p := Params{Style: "alpaca", Template: "default", Tokenizer: newTokenizer(t), Input: files(t, "data.jsonl", record), SeqLength: c.seqLength, OnLong: "proportional"}
		p.MaskHistory = c.maskHistory
		dir, m, err := run(t, p)
		if err != nil {
			t.Fatal(err)
		}
		got := conversations(t, p.Tokenizer, dir)
		if diff := cmp.Diff([]string{c.want}, got); diff != "" {
			t.Errorf("seq_length %d (-want +got):\n%s", c.seqLength, diff)
		}
		if m.Truncated != c.cut || m.Lengths.Longest > c.seqLength {
			t.Errorf("seq_length %d: %d truncated, the longest has %d", c.seqLength, m.Truncated, m.Lengths.Longest)
		}
	}
}

func TestWhatIsLearnedFollowsTheParameters(t *testing.T) {
	t.Parallel()
	p := Params{Style: "alpaca", Template: "default", Tokenizer: newTokenizer(t), Input: files(t, "data.jsonl", `{"instruction": "c", "output": "d", "history": [["a", "b"]]}`+"\n")}
	for want, l := range map[string]Learning{
		"Human: a\nAssistant: {b<eos>}\nHuman: c\nAssistant: {d<eos>}": {},
		"Human: a\nAssistant: b<eos>\nHuman: c\nAssistant: {d<eos>}":   {MaskHistory: true},
		"{Human: a\nAssistant: b<eos>\nHuman: c\nAssistant: d<eos>}":   {TrainOnPrompt: true},
	} {
		p.Learning = l
		dir, _, err := run(t, p)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{want}, conversations(t, p.Tokenizer, dir)); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", l, diff)
		}
	}
}

func TestOptionsThatDoNotGoTogetherAreRefused(t *testing.T) {
	t.Parallel()
	tk := newTokenizer(t)
	in := files(t, "data.jsonl", twoRecords)
	alpaca := func(change func(*Params)) Params {
		p := Params{Style: "alpaca", Template: "qwen", Tokenizer: tk, Input: in, OutputPrefix: "data"}
		change(&p)
		return p
	}
	for want, p := range map[string]Params{
		"train_on_prompt means nothing with style pretrain":                     {Style: "pretrain", Tokenizer: tk, Input: in, Learning: Learning{TrainOnPrompt: true}},
		"mask_history means nothing with style alpaca_pairwise":                 alpaca(func(p *Params) { p.Style, p.MaskHistory = "alpaca_pairwise", true }),
		"mask_history cannot be had with compat rc3":                            alpaca(func(p *Params) { p.Compat, p.MaskHistory = "rc3", true }),
		"train_on_prompt and mask_history exclude each other":                   alpaca(func(p *Params) { p.TrainOnPrompt, p.MaskHistory = true, true }),
		"on_long proportional means nothing with style general":                 {Style: "general", Tokenizer: tk, Input: in, OnLong: "proportional", SeqLength: 8},
		"on_long proportional would cut the answers that style alpaca_pairwise": alpaca(func(p *Params) { p.Style, p.OnLong, p.SeqLength = "alpaca_pairwise", "proportional", 8 }),
		"hf_datasets_params is not read":                                        alpaca(func(p *Params) { p.HFDatasetsParams = "x.json" }),
		"dataset_dir is input here":                                             alpaca(func(p *Params) { p.DatasetDir = "data" }),
		"tokenizer is missing":                                                  alpaca(func(p *Params) { p.Tokenizer = artifact.Ref{} }),
		"tokenizer_type BertWordPieceCase is for BERT models":                   alpaca(func(p *Params) { p.TokenizerType = "BertWordPieceCase" }),
		"tokenizer_type GPT2BPETokenizer needs vocab_file and merge_file":       alpaca(func(p *Params) { p.TokenizerType = "GPT2BPETokenizer" }),
		"vocab_file and merge_file mean nothing without tokenizer_type":         alpaca(func(p *Params) { p.VocabFile = in[0] }),
		"tokenizer means nothing with tokenizer_type GPT2BPETokenizer":          alpaca(func(p *Params) { p.TokenizerType, p.VocabFile, p.MergeFile = "GPT2BPETokenizer", in[0], in[0] }),
		"style llamafactory needs dataset":                                      alpaca(func(p *Params) { p.Style = "llamafactory" }),
		"dataset means nothing with style alpaca":                               alpaca(func(p *Params) { p.Dataset = []string{"a"} }),
		"map_keys and tags mean nothing with style llamafactory": alpaca(func(p *Params) {
			p.Style, p.Dataset, p.MapKeys = "llamafactory", []string{"a"}, map[string]string{"a": "b"}
		}),
		"interleave_probs means nothing without dataset": alpaca(func(p *Params) { p.InterleaveProbs = []float64{1} }),
		"interleave_probs means nothing without mix": alpaca(func(p *Params) {
			p.Style, p.Dataset, p.InterleaveProbs = "llamafactory", []string{"a", "b"}, []float64{.5, .5}
		}),
		"interleave_probs has 1 shares for 2 data sets": alpaca(func(p *Params) {
			p.Style, p.Dataset, p.InterleaveProbs, p.Mix = "llamafactory", []string{"a", "b"}, []float64{1}, mixOver
		}),
		"interleave_probs: want shares from 0 to 1 that make 1 together, have [2 0.5]": alpaca(func(p *Params) {
			p.Style, p.Dataset, p.InterleaveProbs, p.Mix = "llamafactory", []string{"a", "b"}, []float64{2, .5}, mixOver
		}),
		"mix interleave_over needs several sources": alpaca(func(p *Params) { p.Style, p.Dataset, p.Mix = "llamafactory", []string{"a"}, mixOver }),
	} {
		if _, _, err := run(t, p); err == nil || !strings.HasPrefix(err.Error(), "preprocess: "+want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// gpt2Files writes the vocabulary of newTokenizer as GPT-2's two files.
func gpt2Files(t *testing.T) (vocab, merges artifact.Ref) {
	t.Helper()
	ids := map[string]int{"<|endoftext|>": 256}
	tk := openTokenizer(t, newTokenizer(t))
	for id := range 256 {
		ids[tk.Token(int32(id))] = id
	}
	text, err := json.Marshal(ids)
	if err != nil {
		t.Fatal(err)
	}
	return file(t, "vocab.json", string(text)), file(t, "merges.txt", "#version: 0.2\n")
}

func TestMegatronsTokenizerTakesNoTextForASpecialToken(t *testing.T) {
	t.Parallel()
	p := Params{Style: "pretrain", AppendEOD: true, Input: files(t, "data.jsonl", `{"text": "a<|endoftext|>"}`+"\n")}
	p.TokenizerType = "GPT2BPETokenizer"
	p.VocabFile, p.MergeFile = gpt2Files(t)
	dir, m, err := run(t, p)
	if err != nil {
		t.Fatal(err)
	}
	x, err := corpus.Open(filepath.Join(dir, "data_text_document"))
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	if n := x.Tokens(); n != int64(len("a<|endoftext|>"))+1 || m.EOD != 256 {
		t.Errorf("%d ids, eod %d", n, m.EOD)
	}
	p.MergeFile.Path += ".gone"
	if _, _, err := run(t, p); err == nil || !strings.Contains(err.Error(), "merges.txt.gone") {
		t.Errorf("error %v", err)
	}
}

func TestTheSlowTokenizerIsTakenWhenAsked(t *testing.T) {
	t.Parallel()
	tk := newTokenizer(t)
	if err := os.WriteFile(filepath.Join(tk.Path, "tokenizer.model"), []byte("no model"), 0o644); err != nil {
		t.Fatal(err)
	}
	p := Params{Style: "pretrain", Tokenizer: tk, Input: files(t, "data.jsonl", `{"text": "a"}`+"\n")}
	if _, _, err := run(t, p); err != nil {
		t.Errorf("tokenizer.json is not read: %v", err)
	}
	p.NotUseFast = true
	if _, _, err := run(t, p); err == nil || !strings.Contains(err.Error(), "tokenizer.model") {
		t.Errorf("tokenizer.model is not read: %v", err)
	}
}
